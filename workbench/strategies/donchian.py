"""Channel breakout."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from workbench.core import strategy
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, MarketDataEvent
from workbench.core.indicators import Extremes
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
        channel: tuple[int, int] | None = None  # highest and lowest of the `entry` bars before the next one
        way_out: tuple[int, int] | None = None  # the same of the `exit` bars
        side: int | None = None  # 1 long, 0 flat, -1 short; None until it first decides

    def new_state(self) -> State:
        return self.State(entry=Extremes(self.params.entry), exit=Extremes(self.params.exit))

    def warmup(self) -> int:
        return int(self.params.entry) + 1

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        state, channel, way_out = self.state, self.state.channel, self.state.way_out
        state.channel = state.entry.update(event.high_raw, event.low_raw)
        state.way_out = state.exit.update(event.high_raw, event.low_raw)
        if channel is None or way_out is None:
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
