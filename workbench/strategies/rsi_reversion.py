"""Mean reversion on the relative strength index, with limit orders."""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta

from workbench.core import rules, strategy
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, FillEvent, MarketDataEvent, Target
from workbench.core.indicators import Rsi
from workbench.core.kernel import kernel, target
from workbench.core.kernel_views import BarView, LastFill, Market
from workbench.core.prices import on_tick, raw_on_tick
from workbench.core.strategy import Says, Strategy, hot

BPS = 10_000  # a whole


class RsiReversion(Strategy):
    """Buys what fell too fast, below the close, and sells it once the index has recovered, above the close.

    Each limit order stands for `patience` bars; then the index is asked again. A `premium_bps` of 0
    sells at market.
    """

    class Parameters(strategy.Parameters, frozen=True):
        window: Annotated[int, Meta(ge=2, le=1000)] = 14
        oversold: Annotated[float, Meta(gt=0, lt=100, extra=hot)] = 30.0
        recovered: Annotated[float, Meta(gt=0, lt=100, extra=hot)] = 55.0
        discount_bps: Annotated[int, Meta(ge=0, le=5000, extra=hot)] = 20
        premium_bps: Annotated[int, Meta(ge=0, le=5000, extra=hot)] = 10
        patience: Annotated[int, Meta(ge=1, le=1000, extra=hot)] = 3
        exposure: Annotated[float, Meta(gt=0, le=1, extra=hot)] = 1.0

        def __post_init__(self) -> None:
            if self.oversold >= self.recovered:
                raise ConfigError(
                    f"oversold must be below recovered, got oversold={self.oversold} and recovered={self.recovered}"
                )

    class State(strategy.State):
        rsi: Rsi
        until: int = 0  # when the order it asked for lapses, in UTC ns

    def new_state(self) -> State:
        return self.State(rsi=Rsi.of(self.params.window))

    def warmup(self) -> int:
        return 5 * int(self.params.window)  # what came before weighs less than 0.01 by then

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        state, params = self.state, self.params
        index = state.rsi.update(float(event.close_raw))
        if not state.rsi.ready or event.ts_event < state.until:
            return None
        holds = self.position(event.symbol) >= event.instrument.lot
        if holds and index > params.recovered:
            return self._ask(event, 0.0, rules.SELL, params.premium_bps)
        if not holds and index < params.oversold:
            return self._ask(event, params.exposure, rules.BUY, params.discount_bps)
        return None

    def on_fill(self, event: FillEvent) -> None:
        self.state.until = 0  # the order did its work; the next bar may ask for something else

    def _ask(self, bar: Bar, exposure: float, side: int, bps: int) -> Target:
        """A target with a limit `bps` better than the close, good for a while."""
        if not bps and side == rules.SELL:
            return self.target(bar, exposure)
        self.state.until = bar.ts_event + self.params.patience * bar.interval_ns
        raw = bar.close_raw * (BPS - side * bps) // BPS
        return self.target(bar, exposure, limit=on_tick(bar.instrument, raw, side), valid_until=self.state.until)


@kernel(
    state={"rsi": Rsi.sized("window"), "until": 0, "fills": 0},  # when its order lapses; fills that it knows of
    requires=lambda oversold, recovered: oversold < recovered,
    warmup=lambda window: 5 * window,  # what came before weighs less than 0.01 by then
)
def rsi_reversion(
    bar: BarView,
    state: Any,
    position: int,
    last_fill: LastFill,
    market: Market,
    window: Annotated[int, Meta(ge=2, le=1000)] = 14,
    oversold: Annotated[float, Meta(gt=0, lt=100, extra=hot)] = 30.0,
    recovered: Annotated[float, Meta(gt=0, lt=100, extra=hot)] = 55.0,
    discount_bps: Annotated[int, Meta(ge=0, le=5000, extra=hot)] = 20,
    premium_bps: Annotated[int, Meta(ge=0, le=5000, extra=hot)] = 10,
    patience: Annotated[int, Meta(ge=1, le=1000, extra=hot)] = 3,
    exposure: Annotated[float, Meta(gt=0, le=1, extra=hot)] = 1.0,
) -> Any:
    """`RsiReversion` as a kernel."""
    index = state.rsi.update(float(bar.close_raw))
    if last_fill.number != state.fills:  # the order did its work; this bar may ask for something else
        state.fills, state.until = last_fill.number, 0
    if not state.rsi.ready or bar.time < state.until:
        return math.nan
    holds = position >= market.lot
    lapses = bar.time + patience * bar.interval_ns
    if holds and index > recovered:
        if premium_bps == 0:
            return 0.0
        state.until = lapses
        raw = bar.close_raw * (BPS + premium_bps) // BPS
        return target(0.0, limit=raw_on_tick(raw, market.tick, rules.SELL), valid_until=lapses)
    if not holds and index < oversold:
        state.until = lapses
        raw = bar.close_raw * (BPS - discount_bps) // BPS
        return target(exposure, limit=raw_on_tick(raw, market.tick, rules.BUY), valid_until=lapses)
    return math.nan
