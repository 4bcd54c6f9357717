"""Stored market data in the order a run takes it, at once or paced by a clock."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from workbench.core.clock import SECOND, Clock
from workbench.core.events import Command, Event, FundingRate, MarketDataEvent, MarkPrice
from workbench.runtime.inbox import Inbox

_AFTER = {MarkPrice: 1, FundingRate: 2}  # of one instant funding is settled last: at its mark, on all that traded

BREATH = 256  # events between two breaths of a feed that never waits, so that others get their turn


def merged(feeds: Sequence[Iterator[MarketDataEvent]]) -> Iterator[MarketDataEvent]:
    """Several streams as one: by time, then symbol (prices, marks, funding), then each stream's own order."""
    if len(feeds) == 1:
        return feeds[0]
    return heapq.merge(
        *feeds,
        key=lambda event: (event.ts_init, event.instrument.key, _AFTER.get(type(event), 0), event.sequence),
    )


async def paced(rows: Iterator[MarketDataEvent], *, speed: float, clock: Clock, inbox: Inbox) -> AsyncIterator[Event]:
    """Each row when it is due at `speed` times real time (0: at once), commands in between, until told to stop.

    A command is learned of at the time of the data, so that its orders meet the rows that follow; one
    that was put into the inbox is never dropped.
    """
    origin: tuple[int, int] | None = None
    reached: int | None = None
    for count, row in enumerate(rows):
        if count % BREATH == 0:
            await asyncio.sleep(0)
        if origin is None:
            origin = (row.ts_init, clock.now())
            reached = row.ts_init
        while not inbox.stopping:
            due = origin[1] + int((row.ts_init - origin[0]) / speed) if speed else 0
            wait = (due - clock.now()) / SECOND if speed else 0.0
            command = await inbox.next(wait)
            if command is not None:
                yield _learned(command, reached)
            elif wait <= 0:
                break
        if inbox.stopping:
            break
        yield row
        reached = row.ts_init
    while (command := await inbox.next(0.0)) is not None:
        yield _learned(command, reached)


def _learned(command: Command, at: int | None) -> Command:
    return command if at is None else msgspec.structs.replace(command, ts_init=at)
