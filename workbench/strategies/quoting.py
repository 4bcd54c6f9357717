"""Two-sided quoting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from msgspec import Meta

from workbench.core import rules, strategy
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import Bar, FillEvent, MarketDataEvent, Quote, Quotes, Trade
from workbench.core.instrument import Instrument
from workbench.core.kernel import kernel, quotes
from workbench.core.kernel_views import LastFill, Market, TradeView
from workbench.core.money import dec, round_scaled, to_decimal, to_scaled
from workbench.core.prices import on_tick, raw_on_tick, tick_of
from workbench.core.strategy import Says, Strategy, hot

BPS = 10_000  # a whole
FINENESS: Mapping[type[MarketDataEvent], int] = {Bar: 1, Trade: 2, Quote: 3}  # what tells the market best


class TwoSidedQuotes(Strategy):
    """Bids and offers `size` around the middle, leaning against what it holds, never beyond `limit`.

    The middle is that of the best quotes; where there are none the last trade's price, and where
    there are no trades the bar's close. On spot it offers what it holds and no more.
    """

    class Parameters(strategy.Parameters, frozen=True, dict=True):
        half_spread: Annotated[int, Meta(ge=1, le=5000, extra=hot)] = 10
        skew: Annotated[int, Meta(ge=0, le=5000, extra=hot)] = 5  # how far a full position moves both quotes
        unit: Annotated[Literal["bps", "ticks"], Meta(extra=hot)] = "bps"  # of half_spread and skew
        size: Annotated[str, Meta(max_length=40, extra=hot)] = "0.01"
        limit: Annotated[str, Meta(max_length=40, extra=hot)] = "0.05"
        requote_ticks: Annotated[int, Meta(ge=1, le=1_000_000, extra=hot)] = 1

        def __post_init__(self) -> None:
            if not 0 < self.exact_size <= self.exact_limit:
                raise ConfigError(f"expected 0 < size <= limit, got size={self.size} and limit={self.limit}")

        @cached_property
        def exact_size(self) -> Decimal:
            return _exact(self.size, "size")

        @cached_property
        def exact_limit(self) -> Decimal:
            return _exact(self.limit, "limit")

    class State(strategy.State):
        quoted: int | None = None  # twice the middle it last quoted around
        fineness: int = 0  # of the best kind of data seen; coarser kinds are not listened to

    def set_parameters(self, params: Mapping[str, Any]) -> None:
        super().set_parameters(params)
        self.state.quoted = None

    def on_fill(self, event: FillEvent) -> None:
        self.state.quoted = None  # another position, other quotes

    def on_market_data(self, event: MarketDataEvent) -> Says:
        fineness = FINENESS.get(type(event), 0)
        if fineness < max(1, self.state.fineness):
            return None
        self.state.fineness = fineness
        best = _best(event)
        if best is None:
            self.state.quoted = None
            return Quotes(event.symbol)  # half a market has no middle
        middle, quoted = sum(best), self.state.quoted
        step = 2 * self.params.requote_ticks * tick_of(event.instrument)
        if quoted is not None and abs(middle - quoted) < step:
            return None
        self.state.quoted = middle
        return self._quotes(event.instrument, best)

    def _quotes(self, instrument: Instrument, best: tuple[int, int]) -> Quotes:
        """The quotes around the middle of `best` for the position held; they rest, they never take."""
        places, tick = instrument.quantity_places, tick_of(instrument)
        held = to_scaled(self.position(instrument.symbol), places)
        size = round_scaled(self.params.exact_size, places, up=False)
        limit = round_scaled(self.params.exact_limit, places, up=False)
        middle = sum(best)
        lean = self._distance(self.params.skew, middle, tick) * min(abs(held), limit) // limit
        centre = middle - (lean if held > 0 else -lean)
        half = self._distance(self.params.half_spread, middle, tick)
        bid, ask = min((centre - half) // 2, best[1] - tick), max(-((-centre - half) // 2), best[0] + tick)
        room = min(size, limit - held), min(size, held if instrument.is_spot else limit + held)
        return Quotes(
            instrument.symbol,
            bids=_level(on_tick(instrument, bid, rules.BUY), room[0], places),
            asks=_level(on_tick(instrument, ask, rules.SELL), room[1], places),
        )

    def _distance(self, units: int, middle: int, tick: int) -> int:
        """Twice a distance, to go with twice a middle."""
        return 2 * units * tick if self.params.unit == "ticks" else units * middle // BPS


def _best(event: MarketDataEvent) -> tuple[int, int] | None:
    """Best bid and ask as far as the event tells, raw; None where a side is empty."""
    if type(event) is Quote:
        return (event.bid_raw, event.ask_raw) if event.bid_raw and event.ask_raw else None
    price = event.price_raw if type(event) is Trade else event.close_raw  # type: ignore[attr-defined]
    return price, price


def _level(price: Decimal, quantity: int, places: int) -> tuple[tuple[Decimal, Decimal], ...]:
    return ((price, to_decimal(quantity, places)),) if quantity > 0 else ()


def _exact(text: str, what: str) -> Decimal:
    try:
        return dec(text, what)
    except DataError as error:
        raise ConfigError(str(error)) from None


def twice(units: int, middle: int, tick: int, ticks: bool) -> int:
    """Twice a distance of ticks or basis points, to go with twice a middle."""
    return 2 * units * tick if ticks else units * middle // BPS


@kernel(
    state={"quoted": 0, "fills": 0},  # twice the middle it last quoted around, 0 for none; fills that it knows of
    requires=lambda size, limit: 0 < size <= limit,
)
def two_sided_quotes(
    trade: TradeView,
    state: Any,
    position: int,
    last_fill: LastFill,
    market: Market,
    half_spread: Annotated[int, Meta(ge=1, le=5000, extra=hot)] = 10,
    skew: Annotated[int, Meta(ge=0, le=5000, extra=hot)] = 5,
    ticks: Annotated[bool, Meta(extra=hot)] = False,  # half_spread and skew count ticks, not basis points
    size: Annotated[float, Meta(gt=0, le=1e6, extra=hot)] = 0.01,
    limit: Annotated[float, Meta(gt=0, le=1e6, extra=hot)] = 0.05,
    requote_ticks: Annotated[int, Meta(ge=1, le=1_000_000, extra=hot)] = 1,
    short: Annotated[
        bool, Meta(extra=hot)
    ] = False,  # offers more than it holds, where the instrument can be sold short
) -> Any:
    """`TwoSidedQuotes` on trades as a kernel."""
    if last_fill.number != state.fills:  # another position, other quotes
        state.fills, state.quoted = last_fill.number, 0
    middle = 2 * trade.price_raw
    if state.quoted != 0 and abs(middle - state.quoted) < 2 * requote_ticks * market.tick:
        return math.nan
    state.quoted = middle
    most = round(limit * market.quantity_scale)
    each = round(size * market.quantity_scale)
    lean = twice(skew, middle, market.tick, ticks) * min(abs(position), most) // most
    centre = middle - (lean if position > 0 else -lean)
    half = twice(half_spread, middle, market.tick, ticks)
    bid = min((centre - half) // 2, trade.price_raw - market.tick)
    ask = max(-((-centre - half) // 2), trade.price_raw + market.tick)
    return quotes(
        raw_on_tick(bid, market.tick, rules.BUY),
        max(0, min(each, most - position)),
        raw_on_tick(ask, market.tick, rules.SELL),
        max(0, min(each, position + most if short else position)),
    )
