"""A strategy that says or raises the one thing it is told to, at one bar; seated by name beside good ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from workbench.core import strategy
from workbench.core.events import MarketDataEvent, Quotes, Target
from workbench.core.strategy import Strategy

AT = 20  # the bar at which it speaks


class Wordless(Exception):
    """An error whose own text is broken."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


SAID: dict[str, Callable[[str], Any]] = {
    "text": lambda symbol: Target(symbol, None, "0.01", None, "1"),  # type: ignore[arg-type]
    "ints": lambda symbol: Target(symbol, None, 1, 1),  # type: ignore[arg-type]
    "lists": lambda symbol: Quotes(symbol, [[Decimal(1000), "0.01"]], []),  # type: ignore[arg-type]
    "a late date": lambda symbol: Target(symbol, 1000, valid_until=2**80),
}
WRONG: dict[str, Callable[[str], Any]] = {
    "NaN": lambda symbol: Target(symbol, 1000, None, Decimal("NaN")),
    "a float": lambda symbol: Target(symbol, 1000, None, 20000.5),  # type: ignore[arg-type]
    "a float time": lambda symbol: Target(symbol, 1000, valid_until=1e18),  # type: ignore[arg-type]
    "a numpy int": lambda symbol: Target(symbol, np.int64(1000)),  # type: ignore[arg-type]
    "no levels": lambda symbol: Quotes(symbol, None),  # type: ignore[arg-type]
    "a list for a symbol": lambda symbol: Target([symbol], 1000),  # type: ignore[arg-type]
}
RAISED: dict[str, Callable[[], BaseException]] = {
    "an address": lambda: ValueError(f"bad state {object()}"),
    "no words": Wordless,
    "half a letter": lambda: ValueError("\ud800"),
    "a novel": lambda: ValueError("x" * 20_000_000),
    "an exit": lambda: SystemExit(3),
}


class Stranger(Strategy):
    """Silent but for the one bar."""

    class Parameters(strategy.Parameters, frozen=True):
        what: str = ""

    class State(strategy.State):
        count: int = 0

    def on_market_data(self, event: MarketDataEvent) -> Any:
        self.state.count += 1
        if self.state.count != AT:
            return None
        what, symbol = self.params.what, event.instrument.symbol
        if what == "an exit":
            sys.exit(3)
        if what in RAISED:
            raise RAISED[what]()
        return {**SAID, **WRONG}[what](symbol) if what else None


class Exact(Strategy):
    """Holds a quantity of many digits from its second bar on."""

    class State(strategy.State):
        count: int = 0

    def on_market_data(self, event: MarketDataEvent) -> Any:
        self.state.count += 1
        return Target(event.instrument.symbol, None, Decimal("0.123456")) if self.state.count == 2 else None


class AllIn(Strategy):
    """Puts everything it has in, or asks for more than it can pay."""

    class Parameters(strategy.Parameters, frozen=True):
        quantity: str = ""

    def on_market_data(self, event: MarketDataEvent) -> Any:
        if self.params.quantity:
            return Target(event.instrument.symbol, None, Decimal(self.params.quantity))
        return self.target(event, 1.0)
