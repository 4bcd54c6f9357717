"""`workbench run live`: strategies on real venues, in the foreground, until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import AsJson, ConfigFiles, StateOption, emit, log_to_stderr, state_of
from workbench.runtime.config import Config, StrategyConfig, load
from workbench.runtime.live import LiveRun
from workbench.runtime.live_plan import admitted
from workbench.runtime.on_venues import OnVenues
from workbench.runtime.plan import Plan
from workbench.runtime.release import find, verify
from workbench.runtime.service import SteadyClock
from workbench.runtime.venues import Reach, check_venues, reaches

RELEASES = Path("config/releases")

log = logging.getLogger(__name__)


def live(
    release: Annotated[str | None, typer.Option("--release", help="A release id or folder, and nothing else.")] = None,
    seconds: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.", min=0)] = None,
    new: Annotated[bool, typer.Option("--new", help="Put a run that is held here away under runs/ first.")] = False,
    config: ConfigFiles = [],  # noqa: B006 - typer reads it, nobody changes it
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Trades on the venues of the configuration; goes on where it was if it was stopped or killed.

    A run whose halt latch is set starts, opens nothing, and waits to be re-armed.
    """
    from workbench.data.store import Store  # SQLAlchemy takes a second to load; status and ledger do without
    from workbench.runtime.follow import Follower

    settings = load(config)
    if release is not None:
        settings = settings.model_copy(update={"strategies": [_seat(release)]})
    admitted(settings, RELEASES)  # before anything is written or asked: what is refused leaves nothing behind
    check_venues(settings)
    folder = state_of(state, settings.environment)
    log_to_stderr()
    halted = folder.halt_reason()
    if halted:
        log.warning("the halt latch is set: %s; the run opens nothing until it is re-armed", halted)
    follower = Follower(Store(settings.store.url or folder.database), folder.journal)
    clock = SteadyClock()

    def connect(wanted: Config, recorded: Plan | None) -> list[Reach]:
        instruments = recorded.instruments if recorded else ()
        return reaches(wanted, clock=clock, folder=folder.path, instruments=instruments)

    session = LiveRun(settings, folder, connect=connect, releases=RELEASES, clock=clock, sinks=[follower])
    try:
        asyncio.run(until_stopped(session, seconds, new=new))
    finally:
        follower.close()
    emit({**session.status(), "journal": str(folder.journal)} if session.engine else folder.status(), as_json=as_json)


def _seat(release: str) -> StrategyConfig:
    """A release alone, on the instruments that it was promoted for."""
    folder = find(release, RELEASES)
    return StrategyConfig(id=folder.name[:50], release=str(folder), symbols=list(verify(folder).instruments))


async def until_stopped(session: OnVenues, seconds: float | None, *, new: bool) -> None:
    """Runs until a signal, or for so many seconds."""
    running = asyncio.ensure_future(session.run(seconds=seconds, new=new))

    def stop() -> None:
        session.inbox.stop()
        if session.starting:
            running.cancel()  # nothing was sent yet, and a venue that does not answer would be waited for

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    with suppress(asyncio.CancelledError):
        await running
