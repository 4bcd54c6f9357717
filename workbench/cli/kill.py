"""`workbench kill`: the kill switch, a program of its own."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from workbench.cli.output import AsJson, ConfigFiles, StateOption, emit, log_to_stderr, state_of
from workbench.cli.root import app
from workbench.core.errors import ConfigError, VenueUnavailable
from workbench.core.ports import ExchangeConnector
from workbench.runtime.closing import Closing
from workbench.runtime.closings import Closings
from workbench.runtime.config import Config, load
from workbench.runtime.kill import Connect, Switch, VenueKill, kill
from workbench.runtime.mailbox import Mailbox
from workbench.runtime.ours import Ours
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import counter, named_venues

log = logging.getLogger(__name__)


@app.command("kill")
def pull(
    flatten: Annotated[bool, typer.Option("--flatten", help="Close our positions at the market as well.")] = False,
    drill: Annotated[bool, typer.Option("--drill", help="All but the latch and the cancels, with times.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every order of the account.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is what the latch says.")] = "kill",
    seconds: Annotated[float | None, typer.Option("--for", help="Give up after so many seconds.", min=0)] = None,
    config: ConfigFiles = [],  # noqa: B006 - typer reads it, nobody changes it
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Sets the halt latch, then takes back every order of ours at every venue until two lists show none.

    Protective stops stay, unless positions are closed. It needs no run to be alive and no configuration where one ran;
    where the journal cannot be read, every order but those that wait for a stop price counts as ours. It tries until a
    venue can be reached or it is told to stop, and ends with 7 where it could not verify.
    """
    log_to_stderr()
    began = time.monotonic()
    folder, settings, problem = _meant(config, state)
    latched = "drill" if drill else _latch(folder, reason, closing=flatten)
    latched_s = round(time.monotonic() - began, 4)
    if problem is not None:
        raise problem
    ours = Ours(folder.journal)
    ours.read()
    switch = Switch(everything=everything, flatten=flatten, drill=drill)
    venues = [_venue(each, settings, folder, ours, switch) for each in named_venues(settings)]
    verified = asyncio.run(_until_stopped(venues, seconds))
    document = {
        "drill": drill,
        "latched": latched,
        "latched_s": latched_s,
        "ours": ours.unknown or "the journal",
        "verified": verified,
        "seconds": round(time.monotonic() - began, 4),
        "venues": {each.name: msgspec.to_builtins(each.done) for each in venues},
    }
    emit(document, as_json=as_json)
    if not verified:
        left = "; ".join(
            f"{each.name}: {each.done.error or 'not done yet'}" for each in venues if not each.done.verified
        )
        raise VenueUnavailable(f"kill: not verified: {left}")


def _meant(config: list[Path], state: Path | None) -> tuple[StateFolder, Config, ConfigError | None]:
    """The state directory, whatever is wrong with the configuration: the latch comes first."""
    try:
        settings = load(config)
    except ConfigError as error:
        return state_of(state), Config(), error
    folder = state_of(state, settings.environment)
    if not config:
        try:
            settings = load([folder.venues])
        except ConfigError:
            return folder, settings, ConfigError(f"{folder.path}: no live run was here; name its --config")
    return folder, settings, None


def _latch(folder: StateFolder, reason: str, *, closing: bool) -> str:
    """Sets the latch; a disk that takes nothing must not keep orders open. A re-arming that waits is void now."""
    try:
        folder.halt(reason, closing=closing)
        Mailbox(folder.commands).withdraw_all("rearm")
    except OSError as error:
        log.critical("the halt latch could not be set: %s", error)
        return f"not set: {error}"
    return reason


def _venue(name: str, settings: Config, folder: StateFolder, ours: Ours, switch: Switch) -> VenueKill:
    clock = SteadyClock()
    closings = Closings(folder.closings)
    closing = Closing(name, ours.reader, closings=closings, clock=clock) if switch.flatten else None
    connect = _connect(name, settings, folder, ours, clock)
    return VenueKill(name, connect, ours=ours, switch=switch, closing=closing, clock=clock)


def _connect(name: str, settings: Config, folder: StateFolder, ours: Ours, clock: SteadyClock) -> Connect:
    """Connections to one venue, with the switch's own key while that works."""
    watchdog = settings.watchdog.credentials
    if watchdog is None:
        log.warning("%s: no key of its own (watchdog.credentials): the switch uses the run's", name)

    def connect(own_key: bool) -> ExchangeConnector:
        more: dict[str, Any] = {"clock": clock, "folder": folder.path / "kill", "instruments": ours.instruments}
        if watchdog is not None and not own_key:
            try:
                return counter(settings, name, credentials=watchdog, **more).connector
            except ConfigError as error:
                log.warning("%s: the switch uses the run's key: %s", name, error)
        return counter(settings, name, **more).connector

    return connect


async def _until_stopped(venues: list[VenueKill], seconds: float | None) -> bool:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    return await kill(venues, stopped=stopped, seconds=seconds)
