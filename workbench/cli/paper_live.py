"""`workbench run paper` on venues: their living market data, orders that meet a simulated venue, and no key."""

from __future__ import annotations

import asyncio
from typing import Any

from workbench.cli.live import RELEASES, until_stopped
from workbench.cli.output import err
from workbench.runtime.config import Config
from workbench.runtime.live_plan import papered
from workbench.runtime.paper import profile_of
from workbench.runtime.paper_live import LivePaperRun
from workbench.runtime.plan import Plan
from workbench.runtime.seats import named
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach, reaches


def paper_on_venues(settings: Config, folder: StateFolder, *, seconds: float | None, new: bool) -> dict[str, Any]:
    """Papers until it is stopped or the time is over, with the database following; returns the last status."""
    from workbench.data.store import Store  # SQLAlchemy takes a second to load
    from workbench.runtime.follow import Follower

    settings = named(settings, RELEASES)
    papered(settings, RELEASES)  # before anything is written or asked: what is refused leaves nothing behind
    follower = Follower(Store(settings.store.url or folder.database), folder.journal)
    clock = SteadyClock()

    def connect(wanted: Config, recorded: Plan | None) -> list[Reach]:
        instruments = recorded.instruments if recorded else ()
        return reaches(wanted, clock=clock, folder=folder.path, orders=False, instruments=instruments)

    session = LivePaperRun(settings, folder, connect=connect, releases=RELEASES, clock=clock, sinks=[follower])
    try:
        asyncio.run(until_stopped(session, seconds, new=new))
    finally:
        follower.close()
    assumed = "\n  ".join(("Assumptions of the simulated venue:", *profile_of(settings).assumptions()))
    err.print(assumed, highlight=False)
    return session.status() if session.engine else folder.status()
