"""Strategies that tests seat by name: each touches another part of the trading floor, all deterministic."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from workbench.core import strategy
from workbench.core.events import Bar, MarketDataEvent, Quotes, Target
from workbench.core.strategy import Says, Strategy


class Guarded(Strategy):
    """Turns long every so many bars, with a protective stop under the close; lets the target lapse."""

    class Parameters(strategy.Parameters, frozen=True):
        every: Annotated[int, Meta(ge=2)] = 12
        stop: str = "0.985"

    class State(strategy.State):
        count: int = 0

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        self.state.count += 1
        phase = self.state.count % self.params.every
        if phase == 1:
            return self.target(event, 0.8, stop=event.close * Decimal(self.params.stop))
        if phase == self.params.every // 2:
            until = event.ts_event + 3 * event.interval_ns
            return self.target(event, 0.3, limit=event.close * Decimal("1.01"), valid_until=until)
        return None


class Maker(Strategy):
    """Quotes both sides around every third close."""

    class Parameters(strategy.Parameters, frozen=True):
        size: str = "0.01"
        width: str = "0.004"

    class State(strategy.State):
        count: int = 0

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Bar:
            return None
        self.state.count += 1
        if self.state.count % 3:
            return None
        size, width = Decimal(self.params.size), Decimal(self.params.width)
        held = self.position(event.symbol)
        asks = ((event.close * (1 + width), min(size, held)),) if held > 0 else ()
        bids = ((event.close * (1 - width), size), (event.close * (1 - 2 * width), size)) if held < 5 * size else ()
        return Quotes(event.symbol, bids, asks)


class Faulty(Strategy):
    """Buys, and breaks at its hundredth bar."""

    class State(strategy.State):
        count: int = 0

    def on_market_data(self, event: MarketDataEvent) -> Says:
        self.state.count += 1
        if self.state.count == 100:
            raise RuntimeError("a hundred")
        return Target(event.symbol, 500_000)
