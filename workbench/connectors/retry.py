"""Asks again, later each time: for questions only, since asking changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from workbench.connectors.wire import NotSent
from workbench.core.errors import VenueUnavailable

TRIES = 4  # with the pauses below a blip of three seconds is bridged; longer is an outage, which others handle
FIRST_S = 0.25
MOST_S = 8.0

T = TypeVar("T")


def pause_s(tries: int, chance: float) -> float:
    """How long to wait after `tries` failures: doubling, capped, and spread by `chance` in [0, 1)."""
    return float(min(MOST_S, FIRST_S * 2 ** min(tries - 1, 16)) * (0.5 + chance / 2))


async def retried(
    attempt: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]],
    random: Callable[[], float],
    tries: int = TRIES,
) -> T:
    """What `attempt` returns; VenueUnavailable is tried again, what was never sent and a clear no are not."""
    for failures in range(1, tries):
        try:
            return await attempt()
        except NotSent:
            raise
        except VenueUnavailable:
            await sleep(pause_s(failures, random()))
    return await attempt()
