"""One order that waits beside an average, as a kernel and as a class; `bare.make` is the same without an engine."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from tests.benchmarks.bare import AWAY, REQUOTE, SIZE, WINDOW
from workbench.core import strategy
from workbench.core.events import FillEvent, MarketDataEvent, Quotes
from workbench.core.kernel import kernel, quotes
from workbench.core.kernel_views import TradeView
from workbench.core.strategy import Says, Strategy


@kernel(state={"average": 0.0, "seen": 0, "resting": 0, "held": 0})
def maker(
    trade: TradeView,
    state: Any,
    position: int,
    window: int = WINDOW,
    away: int = AWAY,
    requote: int = REQUOTE,
    size: int = SIZE,
) -> Any:
    """`Maker` as a kernel."""
    price = trade.price_raw
    if position != state.held:
        state.held, state.resting = position, 0
    state.seen += 1
    state.average = float(price) if state.seen == 1 else state.average + (price - state.average) * 2.0 / (window + 1.0)
    if state.seen < window:
        return math.nan
    if position != 0:
        wanted = max(math.floor(state.average) + 1 + away, price + 1)
        wanted += 1 - wanted % 2
    else:
        wanted = min(math.floor(state.average) - away, price - 1)
        wanted -= 1 - wanted % 2
    if state.resting != 0 and abs(wanted - state.resting) < requote:
        return math.nan
    state.resting = wanted
    if position != 0:
        return quotes(0, 0, wanted, size)
    return quotes(wanted, size, 0, 0)


class Maker(Strategy):
    """Flat it bids below the average, and offers above it what it holds."""

    class Parameters(strategy.Parameters, frozen=True):
        window: int = WINDOW
        away: int = AWAY
        requote: int = REQUOTE
        size: int = SIZE

    class State(strategy.State):
        average: float = 0.0
        seen: int = 0
        resting: int = 0
        held: bool = False

    def on_fill(self, event: FillEvent) -> None:
        self.state.held, self.state.resting = not self.state.held, 0

    def on_market_data(self, event: MarketDataEvent) -> Says:
        state, params, price = self.state, self.params, event.price_raw  # type: ignore[attr-defined]
        state.seen += 1
        if state.seen == 1:
            state.average = float(price)
        else:
            state.average += (price - state.average) * 2.0 / (params.window + 1.0)
        if state.seen < params.window:
            return None
        if state.held:
            wanted = max(math.floor(state.average) + 1 + params.away, price + 1)
            wanted += 1 - wanted % 2
        else:
            wanted = min(math.floor(state.average) - params.away, price - 1)
            wanted -= 1 - wanted % 2
        if state.resting and abs(wanted - state.resting) < params.requote:
            return None
        state.resting = wanted
        level = ((Decimal(wanted).scaleb(-2), Decimal(params.size).scaleb(-8)),)
        return Quotes(event.symbol, asks=level) if state.held else Quotes(event.symbol, bids=level)
