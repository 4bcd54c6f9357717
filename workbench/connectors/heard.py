"""What a venue said, taken out of its own words but not yet believed: exact text, its ids, its clock.

A dialect makes these; `normalize.py` checks them and turns them into events. Times are UTC nanoseconds by the
venue's clock, 0 where it gives none. Numbers are text (or int) exactly as the venue wrote them.
"""

from __future__ import annotations

import msgspec

from workbench.core.order import OrderStatus, Side

Level = tuple[str, str]  # price, quantity; quantity 0 removes the level


class HeardTrade(msgspec.Struct, frozen=True, gc=False):
    """A public trade; `sequence` is what must grow from one to the next, None where the venue numbers nothing."""

    market_id: str
    price: str
    quantity: str
    at: int
    aggressor: Side | None = None
    trade_id: str = ""
    sequence: int | None = None


class HeardQuote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask; a price of 0 or '' is an empty side."""

    market_id: str
    bid: str
    bid_quantity: str
    ask: str
    ask_quantity: str
    at: int
    sequence: int | None = None


class HeardBook(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot or a difference of an order book.

    Continuity is what the venue offers: a range of update ids (`first` to `last`), the id of the update before
    (`previous`), a `checksum`, or any of them together; None where it does not.
    """

    market_id: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: int
    snapshot: bool = False
    first: int | None = None
    last: int | None = None
    previous: int | None = None
    checksum: int | None = None


class HeardBar(msgspec.Struct, frozen=True, kw_only=True):
    """A candle; `start` is its open, `closed` False while it is being built."""

    market_id: str
    start: int
    interval_ns: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    closed: bool
    at: int = 0


class HeardMark(msgspec.Struct, frozen=True, gc=False):
    """A perpetual's mark price."""

    market_id: str
    price: str
    at: int


class HeardOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says of an order of this account, ours or not; `order_id` is its client id, '' if it has none."""

    market_id: str
    order_id: str
    venue_order_id: str
    status: OrderStatus
    at: int
    quantity: str | None = None
    price: str | None = None
    stop: str | None = None
    filled: str | None = None
    reason: str = ""
    sequence: int | None = None  # what grows with each report of this account


class HeardFill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of an order of this account; `order_id` '' where the venue names it by `venue_order_id` only."""

    market_id: str
    order_id: str
    venue_order_id: str
    trade_id: str
    side: Side
    quantity: str
    price: str
    fee: str  # what was charged; negative is a rebate
    fee_currency: str
    maker: bool
    at: int
    forced: bool = False  # a liquidation, which nobody here ordered


class HeardFunding(msgspec.Struct, frozen=True, kw_only=True):
    """Funding settled: what the account received (negative: paid)."""

    market_id: str
    amount: str
    currency: str
    funding_id: str
    at: int


class HeardSettled(msgspec.Struct, frozen=True, kw_only=True):
    """Something was settled on a perpetual, such as funding; how much, the stream does not say: it is to be asked.

    `market_id` is '' where the stream does not say on which either.
    """

    market_id: str
    at: int


class HeardBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The account's total of one asset changed; `external` where a transfer did it.

    A venue that tells only by how much it changed has `total` '' and says so in `change`.
    """

    asset: str
    total: str
    at: int
    external: bool = False
    change: str = ""


class HeardEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The venue announces that this stream ends or its connection will: connect anew at once."""

    reason: str


Heard = (
    HeardTrade
    | HeardQuote
    | HeardBook
    | HeardBar
    | HeardMark
    | HeardOrder
    | HeardFill
    | HeardFunding
    | HeardSettled
    | HeardBalance
    | HeardEnd
)
