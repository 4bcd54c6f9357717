"""Exponential moving average cross, long only, under a protective stop."""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta

from workbench.core import rules, strategy
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, FillEvent, MarketDataEvent
from workbench.core.indicators import Atr, Ema
from workbench.core.kernel import kernel, target
from workbench.core.kernel_views import BarView, LastFill, Market
from workbench.core.prices import on_tick, raw_on_tick, tick_of
from workbench.core.strategy import Says, Strategy, hot


class EmaCross(Strategy):
    """Long while the fast average of closes is above the slow one, under a stop that rests at the venue.

    The stop starts `stop_atr` average true ranges below the close and, with `trail`, follows it up.
    Once stopped out, it waits for the averages to cross anew.
    """

    class Parameters(strategy.Parameters, frozen=True):
        fast: Annotated[int, Meta(ge=1, le=1000)] = 12
        slow: Annotated[int, Meta(ge=2, le=1000)] = 26
        atr: Annotated[int, Meta(ge=1, le=1000)] = 14
        stop_atr: Annotated[float, Meta(gt=0, le=100, extra=hot)] = 3.0
        trail: Annotated[bool, Meta(extra=hot)] = True
        exposure: Annotated[float, Meta(gt=0, le=1, extra=hot)] = 1.0

        def __post_init__(self) -> None:
            if self.fast >= self.slow:
                raise ConfigError(f"fast must be shorter than slow, got fast={self.fast} and slow={self.slow}")

    class State(strategy.State):
        fast: Ema
        slow: Ema
        atr: Atr
        stop_raw: int | None = None  # while it wants to be long
        stopped_out: bool = False

    def new_state(self) -> State:
        params = self.params
        return self.State(fast=Ema.of(params.fast), slow=Ema.of(params.slow), atr=Atr.of(params.atr))

    def warmup(self) -> int:
        return 5 * int(max(self.params.slow, self.params.atr))  # what came before weighs less than 0.01 by then

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        state, close = self.state, float(event.close_raw)
        fast, slow = state.fast.update(close), state.slow.update(close)
        atr = state.atr.update(float(event.high_raw), float(event.low_raw), close)
        if not (state.slow.ready and state.atr.ready):
            return None
        if fast <= slow:
            state.stop_raw, state.stopped_out = None, False
        if fast <= slow or state.stopped_out:
            return self.target(event, 0.0)
        state.stop_raw = self._stop(event, atr)
        return self.target(event, self.params.exposure, stop=on_tick(event.instrument, state.stop_raw, rules.BUY))

    def on_fill(self, event: FillEvent) -> None:
        wants = self.state.stop_raw is not None
        if wants and self.position(event.symbol) < event.instrument.lot:  # sold, and not because it asked to
            self.state.stop_raw, self.state.stopped_out = None, True

    def _stop(self, bar: Bar, atr: float) -> int:
        """Where the stop belongs after this bar; it never comes down."""
        standing: int | None = self.state.stop_raw
        if standing is not None and not self.params.trail:
            return standing
        distance: int = max(tick_of(bar.instrument), round(self.params.stop_atr * atr))
        fresh = bar.close_raw - distance
        return fresh if standing is None else max(standing, fresh)


@kernel(
    state={
        "fast": Ema.sized("fast"),
        "slow": Ema.sized("slow"),
        "atr": Atr.sized("atr"),
        "wants": False,  # to be long, with its stop at `stop`
        "stop": 0,
        "stopped_out": False,
        "fills": 0,  # of its own that it knows of
    },
    requires=lambda fast, slow: fast < slow,
    warmup=lambda slow, atr: 5 * max(slow, atr),  # what came before weighs less than 0.01 by then
)
def ema_cross(
    bar: BarView,
    state: Any,
    position: int,
    last_fill: LastFill,
    market: Market,
    fast: Annotated[int, Meta(ge=1, le=1000)] = 12,
    slow: Annotated[int, Meta(ge=2, le=1000)] = 26,
    atr: Annotated[int, Meta(ge=1, le=1000)] = 14,
    stop_atr: Annotated[float, Meta(gt=0, le=100, extra=hot)] = 3.0,
    trail: Annotated[bool, Meta(extra=hot)] = True,
    exposure: Annotated[float, Meta(gt=0, le=1, extra=hot)] = 1.0,
) -> Any:
    """`EmaCross` as a kernel."""
    close = float(bar.close_raw)
    fast_mean, slow_mean = state.fast.update(close), state.slow.update(close)
    true_range = state.atr.update(float(bar.high_raw), float(bar.low_raw), close)
    if last_fill.number != state.fills:
        state.fills = last_fill.number
        if state.wants and position < market.lot:  # sold, and not because it asked to
            state.wants, state.stopped_out = False, True
    if not (state.slow.ready and state.atr.ready):
        return math.nan
    if fast_mean <= slow_mean:
        state.wants, state.stopped_out = False, False
    if fast_mean <= slow_mean or state.stopped_out:
        return 0.0
    fresh = bar.close_raw - max(market.tick, round(stop_atr * true_range))
    if not state.wants:
        state.stop = fresh
    elif trail:
        state.stop = max(state.stop, fresh)  # it never comes down
    state.wants = True
    return target(exposure, stop=raw_on_tick(state.stop, market.tick, rules.BUY))
