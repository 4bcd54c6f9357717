"""What a connector has heard and nobody has taken yet: everything of the account, and of the market what still counts.

As long as the reader keeps up, events come out in the order they came. When he falls behind, market data is
conflated; what concerns orders, fills and links is kept, on disk if need be.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path

from workbench.connectors.conflation import Numbered, conflated
from workbench.connectors.spill import Spill
from workbench.core.events import Event, MarketDataEvent

BOUND = 65_536  # market events waiting: several seconds of the busiest hour of one venue
KEPT_IN_MEMORY = 10_000  # other events waiting: more than any account does while a reader stalls
NEWEST = 1_000  # trades, and bars of one interval, that conflation keeps of an instrument
_CHUNK = 1_000  # events read from disk at once


class Backlog:
    """A queue with one reader; putting and taking cost the same however much waits.

    Order, fill and link events, and whatever else is not market data, all come out, in the order they came.
    Market data is conflated when `bound` events of it wait; `conflated` counts what that left out, by kind.
    """

    def __init__(self, bound: int = BOUND, spill: Path | None = None, *, in_memory: int = KEPT_IN_MEMORY) -> None:
        self._bound, self._in_memory = bound, in_memory
        self._market: deque[Numbered] = deque()
        self._full_at = bound
        self._kept: deque[tuple[int, Event]] = deque()
        self._spill = Spill(spill)
        self._arrivals = 0
        self._left_out: Counter[str] = Counter()
        self._spilled = 0
        self._news = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._market) + len(self._kept) + len(self._spill)

    @property
    def conflated(self) -> Mapping[str, int]:
        """How many market events were left out or merged into others so far, by kind."""
        return dict(self._left_out)

    @property
    def spilled(self) -> int:
        """How many events went by way of the disk so far."""
        return self._spilled

    def put(self, event: Event) -> None:
        """Takes an event in; after `close` it is ignored."""
        if self._closed:
            return
        self._arrivals += 1
        if not isinstance(event, MarketDataEvent):
            self._keep(event)
        else:
            self._market.append((self._arrivals, event))
            if len(self._market) >= self._full_at:
                self._conflate()
        self._news.set()

    def get_nowait(self) -> Event | None:
        """The next event; None if there is none now."""
        if not self._kept and len(self._spill):
            self._kept.extend(self._spill.take(min(_CHUNK, self._in_memory)))
        if self._kept and (not self._market or self._kept[0][0] < self._market[0][0]):
            return self._kept.popleft()[1]
        return self._market.popleft()[1] if self._market else None

    async def get(self) -> Event | None:
        """The next event, once there is one; None after `close`, when all that waited is taken."""
        while (event := self.get_nowait()) is None:
            if self._closed:
                self._spill.close()
                return None
            self._news.clear()
            await self._news.wait()
        return event

    def close(self) -> None:
        """Nothing more comes; what waits can still be taken."""
        self._closed = True
        self._news.set()

    def _keep(self, event: Event) -> None:
        if len(self._spill) or len(self._kept) >= self._in_memory:
            self._spill.put(self._arrivals, event)
            self._spilled += 1
        else:
            self._kept.append((self._arrivals, event))

    def _conflate(self) -> None:
        before = Counter(type(event).__name__ for _, event in self._market)
        self._market = conflated(self._market, newest=NEWEST)
        before.subtract(type(event).__name__ for _, event in self._market)
        self._left_out.update({kind: count for kind, count in before.items() if count})
        # At least as many must come before the next time as this time cost: so each event pays for itself once.
        self._full_at = max(self._bound, 2 * len(self._market))
