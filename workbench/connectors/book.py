"""What the simulated venue knows of one instrument: last price, quotes, order book, our orders."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

import msgspec

from workbench.core import rules
from workbench.core.events import (
    AmendEvent,
    Bar,
    BookUpdate,
    CancelEvent,
    MarketDataEvent,
    MarkPrice,
    OrderEvent,
    Quote,
    Trade,
)
from workbench.core.instrument import Instrument, Terms
from workbench.core.margin import MARK_LIFE_NS
from workbench.core.order import OrderStatus

DEPTH = 1_000  # levels kept per side: what venues send in a full snapshot; no order of ours reaches deeper


class Pool(msgspec.Struct):
    """A size that our orders trade against; what one takes is gone for the others."""

    left: int


Offer = tuple[int, Pool]  # a price, and the size to be had there


class WorkingOrder(msgspec.Struct, kw_only=True):
    """An order at the venue, with the terms in force after amendments.

    `waiting` is a stop that has not triggered; `arriving` a limit that has not met the market yet
    and takes if it crosses. `reserved` counts units of the asset that it may spend.
    """

    request: OrderEvent
    sign: int
    quantity: int
    price: int | None
    stop: int | None
    active_at: int
    updated: int
    waiting: bool
    arriving: bool
    venue_order_id: str = ""
    filled: int = 0
    reserved: int = 0
    status: OrderStatus = OrderStatus.ACKNOWLEDGED
    reason: str = ""

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled


class Market:
    """One instrument's market; `working` holds our living orders in time priority."""

    __slots__ = (
        "ask",
        "asks",
        "bid",
        "bids",
        "cash_places",
        "instrument",
        "last",
        "margined",
        "mark",
        "marked_until",
        "pending",
        "quoted",
        "settled",
        "terms",
        "working",
    )

    def __init__(self, instrument: Instrument, terms: Terms, cash_places: int) -> None:
        self.instrument, self.terms, self.cash_places = instrument, terms, cash_places
        self.margined = not instrument.is_spot
        self.last: int | None = None
        self.mark: int | None = None  # the venue's own, while it is fresh
        self.marked_until = 0
        self.settled = 0  # the time of the last funding
        self.bid: int | None = None
        self.ask: int | None = None
        self.quoted = False
        self.bids, self.asks = Levels(rules.BUY), Levels(rules.SELL)
        self.working: dict[str, WorkingOrder] = {}
        self.pending: list[tuple[int, AmendEvent | CancelEvent]] = []  # what is on its way, by arrival time

    def note(self, event: MarketDataEvent) -> None:
        """Remembers what a trade, quote, book update or mark says; a mark that is too old is forgotten."""
        if self.mark is not None and event.ts_event > self.marked_until:
            self.mark = None
        if type(event) is Trade:
            self.last = event.price_raw
        elif type(event) is Quote:
            self.bid, self.ask = event.bid_raw or None, event.ask_raw or None
            self.quoted = True
        elif type(event) is BookUpdate:
            self.bids.update(event.bids_raw, replace=event.snapshot)
            self.asks.update(event.asks_raw, replace=event.snapshot)
            self.bid, self.ask = self.bids.best(), self.asks.best()
            self.quoted = True
        elif type(event) is Bar:
            self.last = event.close_raw
        elif type(event) is MarkPrice:
            self.mark, self.marked_until = event.price_raw, event.ts_event + MARK_LIFE_NS

    def reference(self, side: int) -> int | None:
        """The price an order of this side would trade at as far as is known; None if nothing is."""
        if self.quoted:
            return self.ask if side > 0 else self.bid
        return self.last

    def value(self, quantity: int) -> int:
        """What a position of this sign is valued at: the mark, else what closing it would trade at; 0 if unknown."""
        return self.mark or self.reference(-quantity) or self.last or 0


class Levels:
    """One side of an order book, best first, at most DEPTH levels."""

    __slots__ = ("_pools", "_ranks", "_sign")

    def __init__(self, side: int) -> None:
        self._sign = -side  # rank = sign * price puts the best level first on either side
        self._ranks: list[int] = []
        self._pools: dict[int, Pool] = {}

    def update(self, levels: Iterable[tuple[int, int]], *, replace: bool) -> None:
        """Sets the size of each price level; size 0 removes it."""
        if replace:
            self._ranks.clear()
            self._pools.clear()
        for price, quantity in levels:
            self._set(price * self._sign, quantity)
        for rank in self._ranks[DEPTH:]:
            del self._pools[rank]
        del self._ranks[DEPTH:]

    def best(self) -> int | None:
        """The best price, or None if this side is empty."""
        return self._ranks[0] * self._sign if self._ranks else None

    def __iter__(self) -> Iterator[Offer]:
        """Every level, best first."""
        for rank in self._ranks:
            yield rank * self._sign, self._pools[rank]

    def _set(self, rank: int, quantity: int) -> None:
        if quantity > 0:
            if rank not in self._pools:
                insort(self._ranks, rank)
            self._pools[rank] = Pool(quantity)
        elif rank in self._pools:
            del self._pools[rank]
            del self._ranks[bisect_left(self._ranks, rank)]
