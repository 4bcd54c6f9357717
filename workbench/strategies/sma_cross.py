"""Moving average cross, long only."""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta

from workbench.core import strategy
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, MarketDataEvent
from workbench.core.indicators import Sma
from workbench.core.kernel import kernel
from workbench.core.kernel_views import BarView
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
        return self.State(fast=Sma.of(self.params.fast), slow=Sma.of(self.params.slow))

    def warmup(self) -> int:
        return int(self.params.slow)

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        state, close, params = self.state, event.close_raw, self.params
        fast, slow = state.fast.update(close), state.slow.update(close)
        if not state.slow.ready:
            return None
        return self.target(event, 1.0 if fast * params.slow > slow * params.fast else 0.0)


@kernel(state={"fast": Sma.sized("fast"), "slow": Sma.sized("slow")}, requires=lambda fast, slow: fast < slow)
def sma_cross(
    bar: BarView,
    state: Any,
    fast: Annotated[int, Meta(ge=1, le=5000)] = 20,
    slow: Annotated[int, Meta(ge=2, le=5000)] = 50,
) -> float:
    """`SmaCross` as a kernel."""
    fast_sum, slow_sum = state.fast.update(bar.close_raw), state.slow.update(bar.close_raw)
    if not state.slow.ready:
        return math.nan
    return 1.0 if fast_sum * slow > slow_sum * fast else 0.0
