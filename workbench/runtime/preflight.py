"""Preflight of the venues: everything a live run needs of them, asked before it is needed and changing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from workbench.connectors.venue import VenueConnector
from workbench.core.clock import SECOND
from workbench.core.errors import ConfigError, DataError, Refused, VenueUnavailable
from workbench.runtime.config import PAPER, Config, VenueConfig
from workbench.runtime.live import may_trade
from workbench.runtime.secrets import resolve
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach, counter, wanted_symbols

PATIENCE_S = 30.0  # for all that one venue is asked: who looks before he starts does not wait for longer
PORT_S = 3.0  # for a port to answer
SKEW_MS = 500  # a clock that is further off is alarming: requests are refused by their time

Finding = dict[str, Any]
Look = Callable[[Reach], Awaitable[str]]


def examine_venues(config: Config, state: StateFolder) -> list[Finding]:
    """Findings on every venue that is no simulation; none where there is no such venue."""
    names = [name for name, venue in config.venues.items() if venue.connector != PAPER]
    return asyncio.run(_all(config, state, names)) if names else []


async def _all(config: Config, state: StateFolder, names: Sequence[str]) -> list[Finding]:
    found = await asyncio.gather(*(_venue(config, state, each) for each in names))
    return [finding for here in found for finding in here]


async def _venue(config: Config, state: StateFolder, name: str) -> list[Finding]:
    settings = config.venues[name]
    findings = [await _finding(f"{name} credentials", _credentials(config, name))]
    for what, url in (("requests", settings.rest_url), ("streams", settings.stream_url)):
        if url:
            findings.append(await _finding(f"{name} port for {what}", _port(url)))
    if not all(each["ok"] for each in findings):
        return findings
    try:
        symbols = wanted_symbols(config).get(name, ())
        reach = counter(config, name, clock=SteadyClock(), folder=state.path / "doctor", symbols=symbols)
    except (ConfigError, Refused) as error:
        return [*findings, _failed(f"{name} connector", error)]
    try:
        return findings + [await _finding(f"{name} {what}", look) for what, look in _looks(settings, reach)]
    finally:
        await reach.connector.close()


def _looks(settings: VenueConfig, reach: Reach) -> Iterator[tuple[str, Awaitable[str]]]:
    """What is asked in turn; each is awaited before the next one is made."""
    yield "reachable", _reachable(reach)
    yield "clock", _clock(reach, settings)
    yield "key", _key(reach)
    yield "instruments", _instruments(reach)
    yield "limits", _limits(reach)


async def _finding(what: str, look: Awaitable[str]) -> Finding:
    try:
        return {"what": what, "ok": True, "found": await asyncio.wait_for(look, PATIENCE_S)}
    except TimeoutError:
        return {"what": what, "ok": False, "found": f"no answer within {PATIENCE_S:g} s"}
    except Exception as error:  # whatever a look meets is what it found; the others still have their say
        return _failed(what, error)


def _failed(what: str, error: Exception) -> Finding:
    return {"what": what, "ok": False, "found": str(error)}


async def _credentials(config: Config, name: str) -> str:
    reference = config.venues[name].credentials
    if reference is None:
        raise ConfigError(f"venues.{name}.credentials: trading needs a key")
    resolve(reference)
    own = config.watchdog.credentials
    if own is not None:
        resolve(own)
    return f"{reference}; the kill switch has {own or 'no key of its own'}"


async def _port(url: str) -> str:
    where = urlsplit(url)
    port = where.port or (443 if where.scheme in ("https", "wss") else 80)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(where.hostname, port), PORT_S)
    except (OSError, TimeoutError) as error:
        raise VenueUnavailable(f"{where.hostname}:{port}: {error or 'no answer'}") from None
    writer.close()
    return f"{where.hostname}:{port} answers"


async def _reachable(reach: Reach) -> str:
    await reach.connector.connect()
    return "yes"


async def _clock(reach: Reach, settings: VenueConfig) -> str:
    clock = SteadyClock()
    before = clock.now()
    theirs = await reach.connector.server_time()
    offset_ms = (theirs - (before + clock.now()) // 2) * 1_000 // SECOND
    said = f"{offset_ms:+d} ms from ours"
    if abs(offset_ms) > SKEW_MS:
        raise DataError(f"{said}, expected at most {SKEW_MS}; a request is good for {settings.recv_window_ms} ms")
    return said


async def _key(reach: Reach) -> str:
    await may_trade(reach)
    return "may trade, may not withdraw"


async def _instruments(reach: Reach) -> str:
    listed = await reach.connector.get_instruments()  # of those that are traded; one that is not listed is named
    return ", ".join(listed) or "no strategy trades here"


async def _limits(reach: Reach) -> str:
    if not isinstance(reach.connector, VenueConnector):
        return "not told"
    used = reach.connector.limiter.used()
    return ", ".join(f"{each.most} {each.name} in {each.window_ns // SECOND} s" for each, _ in used) or "none published"
