"""Channel breakout."""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta

from workbench.core import strategy
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, MarketDataEvent
from workbench.core.indicators import Extremes
from workbench.core.kernel import kernel
from workbench.core.kernel_views import BarView
from workbench.core.strategy import Says, Strategy, hot


class DonchianBreakout(Strategy):
    """Long on a close above the highest high of the last `entry` bars, out on one below the lowest low of `exit`.

    With `short` the mirror image too, on instruments that can be sold short. All comparisons are of
    integers, and with bars before this one.
    """

    class Parameters(strategy.Parameters, frozen=True):
        entry: Annotated[int, Meta(ge=1, le=4000)] = 55
        exit: Annotated[int, Meta(ge=1, le=4000)] = 20
        short: Annotated[bool, Meta(extra=hot)] = False

        def __post_init__(self) -> None:
            if self.exit > self.entry:
                raise ConfigError(f"exit must not be longer than entry, got exit={self.exit} and entry={self.entry}")

    class State(strategy.State):
        entry: Extremes
        exit: Extremes
        channel: tuple[int, int] = (0, 0)  # highest and lowest of the `entry` bars before the next one
        way_out: tuple[int, int] = (0, 0)  # the same of the `exit` bars
        side: int | None = None  # 1 long, 0 flat, -1 short; None until it first decides

    def new_state(self) -> State:
        return self.State(entry=Extremes.of(self.params.entry), exit=Extremes.of(self.params.exit))

    def warmup(self) -> int:
        return int(self.params.entry) + 1

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        state, channel, way_out = self.state, self.state.channel, self.state.way_out
        known = state.entry.ready  # and so is the shorter exit
        state.channel = state.entry.update(event.high_raw, event.low_raw)
        state.way_out = state.exit.update(event.high_raw, event.low_raw)
        if not known:
            return None
        if state.side is None:
            state.side = self._held(event.symbol)
        state.side = self._side(event.close_raw, channel, way_out)
        return self.target(event, float(state.side))

    def _side(self, close: int, channel: tuple[int, int], way_out: tuple[int, int]) -> int:
        side: int = self.state.side
        if close > channel[0]:
            return 1
        if close < channel[1] and self.params.short:
            return -1
        left = close < way_out[1] if side > 0 else close > way_out[0]
        return 0 if left or (side < 0 and not self.params.short) else side

    def _held(self, symbol: str) -> int:
        """The side it is on already: a state that is built anew takes up what is held."""
        held = self.position(symbol)
        return (held > 0) - (held < 0)


@kernel(
    state={
        "entry": Extremes.sized("entry"),
        "exit": Extremes.sized("exit"),
        "top": 0,  # of the `entry` bars before the next one
        "bottom": 0,
        "ceiling": 0,  # of the `exit` bars
        "floor": 0,
        "side": 0,  # 1 long, 0 flat, -1 short
        "decided": False,
    },
    requires=lambda entry, exit: exit <= entry,  # noqa: A006 - what it is
    warmup=lambda entry: entry + 1,
)
def donchian(
    bar: BarView,
    state: Any,
    position: int,
    entry: Annotated[int, Meta(ge=1, le=4000)] = 55,
    exit: Annotated[int, Meta(ge=1, le=4000)] = 20,  # noqa: A002 - what it is
    short: Annotated[bool, Meta(extra=hot)] = False,
) -> float:
    """`DonchianBreakout` as a kernel."""
    known = state.entry.ready  # and so is the shorter exit
    top, bottom, ceiling, floor = state.top, state.bottom, state.ceiling, state.floor
    state.top, state.bottom = state.entry.update(bar.high_raw, bar.low_raw)
    state.ceiling, state.floor = state.exit.update(bar.high_raw, bar.low_raw)
    if not known:
        return math.nan
    if not state.decided:  # a state that is built anew takes up what is held
        state.decided = True
        state.side = 1 if position > 0 else -1 if position < 0 else 0
    if bar.close_raw > top:
        state.side = 1
    elif bar.close_raw < bottom and short:
        state.side = -1
    else:
        left = bar.close_raw < floor if state.side > 0 else bar.close_raw > ceiling
        if left or (state.side < 0 and not short):
            state.side = 0
    return float(state.side)
