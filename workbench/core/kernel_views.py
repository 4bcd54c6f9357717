"""What a kernel sees of the market and of its own trading: plain numbers by name.

Names that end in `_raw` are scaled integers of the instrument; the same name without the ending is
the float, raw / 10^places. Times are UTC nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workbench.core.instrument import Instrument
from workbench.core.market import Bar, BookUpdate, MarketDataEvent, Quote, Trade
from workbench.core.money import to_scaled

NAN = float("nan")

Raws = tuple[int, ...]


class Market(msgspec.Struct, frozen=True, gc=False):
    """The instrument's steps as raw integers, and how many raw units make 1."""

    tick: int
    lot: int
    price_scale: int
    quantity_scale: int

    @classmethod
    def of(cls, instrument: Instrument) -> Market:
        return cls(
            to_scaled(instrument.tick, instrument.price_places),
            to_scaled(instrument.lot, instrument.quantity_places),
            10**instrument.price_places,
            10**instrument.quantity_places,
        )


class LastFill(msgspec.Struct, frozen=True, gc=False):
    """The last fill of its own: `number` counts them from 1, `quantity_raw` is signed, more than 0 for bought."""

    number: int = 0
    price_raw: int = 0
    quantity_raw: int = 0
    time: int = 0


def _price(raw: str) -> property:
    return property(lambda view: float(getattr(view, raw)) / float(view.market.price_scale))


def _quantity(raw: str) -> property:
    return property(lambda view: float(getattr(view, raw)) / float(view.market.quantity_scale))


class BarView(msgspec.Struct, frozen=True, gc=False):
    """A finished bar; `time` is its close."""

    time: int
    interval_ns: int
    open_raw: int
    high_raw: int
    low_raw: int
    close_raw: int
    volume_raw: int
    market: Market

    open = _price("open_raw")
    high = _price("high_raw")
    low = _price("low_raw")
    close = _price("close_raw")
    volume = _quantity("volume_raw")


class TradeView(msgspec.Struct, frozen=True, gc=False):
    """A trade of others; `side` is the aggressor's, +1 buy, -1 sell, 0 unknown."""

    time: int
    price_raw: int
    quantity_raw: int
    side: int
    market: Market

    price = _price("price_raw")
    quantity = _quantity("quantity_raw")


class QuoteView(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask and what stands there; 0 where a side is empty."""

    time: int
    bid_raw: int
    bid_quantity_raw: int
    ask_raw: int
    ask_quantity_raw: int
    market: Market

    bid = _price("bid_raw")
    bid_quantity = _quantity("bid_quantity_raw")
    ask = _price("ask_raw")
    ask_quantity = _quantity("ask_quantity_raw")


def _bar(bar: Bar) -> Raws:
    return (
        bar.ts_event,
        bar.interval_ns,
        bar.open_raw,
        bar.high_raw,
        bar.low_raw,
        bar.close_raw,
        bar.volume_raw,
    )


def _trade(trade: Trade) -> Raws:
    side = 0 if trade.aggressor is None else trade.aggressor.sign
    return trade.ts_event, trade.price_raw, trade.quantity_raw, side


def _quote(quote: Quote) -> Raws:
    return quote.ts_event, quote.bid_raw, quote.bid_quantity_raw, quote.ask_raw, quote.ask_quantity_raw


def _book(book: BookUpdate) -> Raws | None:
    if not book.snapshot:
        return None  # a change of single levels does not tell what is best
    bid, ask = (side[0] if side else (0, 0) for side in (book.bids_raw, book.asks_raw))
    return book.ts_event, bid[0], bid[1], ask[0], ask[1]


class Hears(msgspec.Struct, frozen=True):
    """One kind of event that a kernel may think about: how it looks, and the order of its numbers in a step."""

    view: type[msgspec.Struct]
    readers: Mapping[type[MarketDataEvent], Callable[[Any], Raws | None]]

    @property
    def raws(self) -> tuple[str, ...]:
        """The names of its integers, in the order in which a step takes them."""
        return self.view.__struct_fields__[:-1]

    @property
    def floats(self) -> tuple[str, ...]:
        """The names of its floats; each is the raw of the same name over its scale."""
        return tuple(raw.removesuffix("_raw") for raw in self.raws if raw.endswith("_raw"))


EVENTS: Mapping[str, Hears] = {
    "bar": Hears(BarView, {Bar: _bar}),
    "trade": Hears(TradeView, {Trade: _trade}),
    "quote": Hears(QuoteView, {Quote: _quote}),
    "top": Hears(QuoteView, {Quote: _quote, BookUpdate: _book}),
}


def scale_of(name: str) -> str:
    """The field of `Market` that an event's raw of this name counts in."""
    return "quantity_scale" if "quantity" in name or "volume" in name else "price_scale"


class Own(msgspec.Struct, frozen=True, gc=False):
    """What a kernel may read of its own trading: a signed raw position, its average price, its last fill."""

    position: int = 0
    entry_price: float = NAN
    last_fill: LastFill = LastFill()


FLAT = Own()


def entry_price_of(raw: int, places: int) -> float:
    """An average price in units of 10^-(places + 8), rounded down, as the float that every engine makes of it.

    Whole units and the rest are converted one after the other, so that 64 bits are enough to say it.
    """
    whole, rest = divmod(raw, 10**8)
    return (float(whole) + float(rest) / 1e8) / float(10**places)
