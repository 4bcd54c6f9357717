"""What may be left out of market data that nobody had time for, so that what is left still means the same.

The last quote and mark, the newest trades and bars, and every book as one update: whoever takes these stands where
he would stand had he taken all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

from workbench.core.events import Bar, BookUpdate, MarketDataEvent, MarketStale, MarkPrice, Quote

Numbered = tuple[int, MarketDataEvent]  # by arrival

Levels = dict[int, int]

_LAST_COUNTS = (Quote, MarkPrice)


def conflated(waiting: Iterable[Numbered], *, newest: int) -> deque[Numbered]:
    """The events worth keeping, in their order; of trades, bars and the like the `newest` of each instrument."""
    markets: dict[str, _Market] = {}
    kept: deque[Numbered] = deque()
    for arrival, event in reversed(list(waiting)):
        market = markets.setdefault(event.instrument.key, _Market(newest))
        if market.keeps(event):
            kept.appendleft((arrival, event))
    return deque((arrival, markets[event.instrument.key].merged(event)) for arrival, event in kept)


class _Market:
    """One instrument, seen from the newest event back."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._listed: dict[tuple[type, int], int] = {}  # trades, bars of each interval, ...: how many are kept
        self._last: set[type] = set()  # kinds of which only the last counts, once it is found
        self._void: set[str] = set()  # the kinds of data of which what is older was declared not to hold
        self._updates: list[BookUpdate] = []  # newest first
        self._whole = False  # a snapshot was found: nothing older counts

    def keeps(self, event: MarketDataEvent) -> bool:
        """Whether an event is needed, where all newer ones were asked about before."""
        if isinstance(event, BookUpdate):
            return not self._voided("book") and self._keeps_update(event)
        if isinstance(event, MarketStale):
            first = not self._voided(event.topic)
            self._void.add(event.topic)
            return first
        if isinstance(event, _LAST_COUNTS):
            first = not self._voided("quotes") and type(event) not in self._last
            self._last.add(type(event))
            return first
        return self._keeps_listed(event)

    def merged(self, event: MarketDataEvent) -> MarketDataEvent:
        """The event itself, or all updates of the book as the last one."""
        if not isinstance(event, BookUpdate) or len(self._updates) == 1:
            return event
        bids: Levels = {}
        asks: Levels = {}
        for update in reversed(self._updates):
            bids.update(update.bids_raw)
            asks.update(update.asks_raw)
        return msgspec.structs.replace(
            event,
            bids_raw=tuple(_standing(bids, gone=not self._whole, best_first=True)),
            asks_raw=tuple(_standing(asks, gone=not self._whole, best_first=False)),
            snapshot=self._whole,
        )

    def _voided(self, topic: str) -> bool:
        return "" in self._void or topic in self._void

    def _keeps_listed(self, event: MarketDataEvent) -> bool:
        kind = (type(event), event.interval_ns if isinstance(event, Bar) else 0)
        count = self._listed[kind] = self._listed.get(kind, 0) + 1
        return count <= self._newest

    def _keeps_update(self, event: BookUpdate) -> bool:
        if self._whole:
            return False
        self._updates.append(event)
        self._whole = event.snapshot
        return len(self._updates) == 1


def _standing(levels: Mapping[int, int], *, gone: bool, best_first: bool) -> list[tuple[int, int]]:
    """Levels sorted best first (bids from above); removals stay where the reader has a book to take them from."""
    return sorted(((price, size) for price, size in levels.items() if size or gone), reverse=best_first)
