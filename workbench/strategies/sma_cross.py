"""Moving average cross, long only."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from workbench.core import strategy
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, MarketDataEvent
from workbench.core.indicators import Sma
from workbench.core.strategy import Says, Strategy


class SmaCross(Strategy):
    """Long while the fast average of closes is above the slow one; flat otherwise.

    The averages are exact integer sums, so that a tie is a tie.
    """

    class Parameters(strategy.Parameters, frozen=True):
        fast: Annotated[int, Meta(ge=1, le=5000)] = 20
        slow: Annotated[int, Meta(ge=2, le=5000)] = 50

        def __post_init__(self) -> None:
            if self.fast >= self.slow:
                raise ConfigError(f"fast must be shorter than slow, got fast={self.fast} and slow={self.slow}")

    class State(strategy.State):
        fast: Sma
        slow: Sma

    def new_state(self) -> State:
        return self.State(fast=Sma(self.params.fast), slow=Sma(self.params.slow))

    def warmup(self) -> int:
        return int(self.params.slow)

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        close, params = event.close_raw, self.params
        fast, slow = self.state.fast.update(close), self.state.slow.update(close)
        if fast is None or slow is None:
            return None
        return self.target(event, 1.0 if fast * params.slow > slow * params.fast else 0.0)
