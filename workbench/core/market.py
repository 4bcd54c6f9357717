"""What the market does: the events that connectors see, and what every event is.

`core/events.py` has the rest and offers these names too.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workbench.core.instrument import Instrument
from workbench.core.money import to_decimal
from workbench.core.order import Side


class Event(msgspec.Struct, frozen=True, gc=False):
    """A fact. It is made once and never changed."""

    source: str
    sequence: int
    ts_event: int
    ts_init: int

    @property
    def id(self) -> str:
        """Unique in its run; equal ids are the same fact."""
        return f"{self.source}/{self.sequence}"


class Consequence(Event, frozen=True, kw_only=True):
    """A fact that another fact led to."""

    cause: str = ""


class MarketDataEvent(Event, frozen=True, gc=False):
    """Something the market did to one instrument."""

    instrument: Instrument

    @property
    def symbol(self) -> str:
        """The unified symbol, such as `BTC/USDT`."""
        return self.instrument.symbol


class Bar(MarketDataEvent, frozen=True, gc=False):
    """A finished candle; `ts_event` is its close, open + interval. Volume is in base currency."""

    interval_ns: int
    open_raw: int
    high_raw: int
    low_raw: int
    close_raw: int
    volume_raw: int

    @property
    def open(self) -> Decimal:
        return to_decimal(self.open_raw, self.instrument.price_places)

    @property
    def high(self) -> Decimal:
        return to_decimal(self.high_raw, self.instrument.price_places)

    @property
    def low(self) -> Decimal:
        return to_decimal(self.low_raw, self.instrument.price_places)

    @property
    def close(self) -> Decimal:
        return to_decimal(self.close_raw, self.instrument.price_places)

    @property
    def volume(self) -> Decimal:
        return to_decimal(self.volume_raw, self.instrument.quantity_places)


class Trade(MarketDataEvent, frozen=True, gc=False):
    """One trade between others; `aggressor` is the side that took, None where the venue does not say."""

    price_raw: int
    quantity_raw: int
    aggressor: Side | None = None
    trade_id: str = ""

    @property
    def price(self) -> Decimal:
        return to_decimal(self.price_raw, self.instrument.price_places)

    @property
    def quantity(self) -> Decimal:
        return to_decimal(self.quantity_raw, self.instrument.quantity_places)


class Quote(MarketDataEvent, frozen=True, gc=False):
    """The best bid and ask and what stands there."""

    bid_raw: int
    ask_raw: int
    bid_quantity_raw: int
    ask_quantity_raw: int

    @property
    def bid(self) -> Decimal:
        return to_decimal(self.bid_raw, self.instrument.price_places)

    @property
    def ask(self) -> Decimal:
        return to_decimal(self.ask_raw, self.instrument.price_places)


class BookUpdate(MarketDataEvent, frozen=True, gc=False):
    """Order book levels as (price_raw, quantity_raw), best first; quantity 0 removes a level.

    A snapshot replaces the whole book.
    """

    bids_raw: tuple[tuple[int, int], ...]
    asks_raw: tuple[tuple[int, int], ...]
    snapshot: bool = False


class MarkPrice(MarketDataEvent, frozen=True, gc=False):
    """What a venue values a perpetual at, for margin and liquidation."""

    price_raw: int

    @property
    def price(self) -> Decimal:
        return to_decimal(self.price_raw, self.instrument.price_places)


class FundingRate(MarketDataEvent, frozen=True, gc=False):
    """The rate that a perpetual's funding is settled at, at `ts_event`: a fraction of the position's worth.

    Longs pay a positive rate, shorts receive it. `rate_raw` counts units of 10^-18.
    """

    rate_raw: int

    @property
    def rate(self) -> Decimal:
        return to_decimal(self.rate_raw, self.instrument.rate_places)


class MarketStale(MarketDataEvent, frozen=True, gc=False):
    """What was known of this market no longer holds: a sequence broke, or nothing came for too long.

    Nothing is opened on it until its next data event, of the kind `topic` where one is named.
    """

    reason: str = ""
    topic: str = ""  # trades, quotes, book, bars; empty: any of them tells that the market is there again
