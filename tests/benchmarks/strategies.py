"""Strategies that trade for the sake of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Annotated, ClassVar

from msgspec import Meta

from workbench.core import strategy
from workbench.core.events import MarketDataEvent, Quote, Quotes, Target
from workbench.core.strategy import Says, Strategy

SIZE = Decimal("0.001")


class Flips(Strategy):
    """Wants another position in a market at each `every`th quote that it hears, of all its markets together.

    Several of them, each with a `first` of its own, do not wait for each other's orders.
    """

    class Parameters(strategy.Parameters, frozen=True):
        every: Annotated[int, Meta(ge=1)] = 200
        first: Annotated[int, Meta(ge=0)] = 0

    class State(strategy.State):
        heard: int = 0

    several = True
    thinks: ClassVar[Callable[[MarketDataEvent], None]] = staticmethod(lambda _: None)  # told of what it acts on

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Quote:
            return None
        self.state.heard += 1
        if self.state.heard % self.params.every != self.params.first:
            return None
        self.thinks(event)
        lots = Random(self.state.heard).randint(1, 3)
        held = self.position(event.symbol)
        return Target(event.symbol, quantity=SIZE * (lots if lots * SIZE != held else lots + 1))


class Ladder(Strategy):
    """So many bids, far below the first price that it hears: nobody takes them."""

    class Parameters(strategy.Parameters, frozen=True):
        bids: Annotated[int, Meta(ge=1, le=190)] = 100

    class State(strategy.State):
        first: int = 0

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if type(event) is not Quote:
            return None
        self.state.first = self.state.first or int(event.bid)
        top = self.state.first * 9 // 10
        return Quotes(event.symbol, tuple((Decimal(top - step), SIZE) for step in range(self.params.bids)))
