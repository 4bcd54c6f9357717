"""A strategy that keeps changing its mind, as its seed says: targets, limits, stops and quotes around the market."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from workbench.core import strategy
from workbench.core.events import BookUpdate, MarketDataEvent, Opinion, Quote, Quotes, Target, Trade
from workbench.core.strategy import Says, Strategy, hot

STEP = Decimal("0.002")  # of base currency
STEPS = 10  # most that is wanted: more than the limit allows, so that risk has to say no
FAR = Decimal(60)  # from the middle of the market, of what may rest for long


class Restless(Strategy):
    """At each event, one chance in `patience` that another opinion is said; none while `calm`."""

    class Parameters(strategy.Parameters, frozen=True):
        seed: int = 0
        patience: Annotated[int, Meta(ge=1, extra=hot)] = 4
        calm: Annotated[bool, Meta(extra=hot)] = False

    class State(strategy.State):
        heard: int = 0

    several = True

    def on_market_data(self, event: MarketDataEvent) -> Says:
        middle = _middle(event)
        if middle is None or self.params.calm:
            return None
        self.state.heard += 1
        dice = random.Random(f"{self.params.seed}/{self.state.heard}/{event.symbol}")
        if dice.randrange(self.params.patience):
            return None
        return dice.choice(_OPINIONS)(event.symbol, middle, dice, self.position(event.symbol))


def _middle(event: MarketDataEvent) -> Decimal | None:
    if isinstance(event, Quote):
        return (event.bid + event.ask) / 2 if event.bid_raw and event.ask_raw else None
    if isinstance(event, Trade):
        return event.price
    if isinstance(event, BookUpdate) and event.bids_raw and event.asks_raw and event.snapshot:
        raw = (event.bids_raw[0][0] + event.asks_raw[0][0]) // 2
        return Decimal(raw).scaleb(-event.instrument.price_places)
    return None


def _at_market(symbol: str, middle: Decimal, dice: random.Random, held: Decimal) -> Opinion:
    return Target(symbol, quantity=_size(dice))


def _at_a_price(symbol: str, middle: Decimal, dice: random.Random, held: Decimal) -> Opinion:
    return Target(symbol, quantity=_size(dice), limit=_price(middle, dice))


def _protected(symbol: str, middle: Decimal, dice: random.Random, held: Decimal) -> Opinion:
    return Target(symbol, quantity=_size(dice), stop=_price(middle - FAR, dice))


def _for_a_moment(symbol: str, middle: Decimal, dice: random.Random, held: Decimal) -> Opinion:
    return Target(symbol, quantity=_size(dice), limit=_price(middle, dice), stop=_price(middle - 2 * FAR, dice))


def _flat(symbol: str, middle: Decimal, dice: random.Random, held: Decimal) -> Opinion:
    return Target(symbol, quantity=Decimal(0))


def _both_sides(symbol: str, middle: Decimal, dice: random.Random, held: Decimal) -> Opinion:
    levels = range(1, dice.randint(1, 2) + 1)
    bids = tuple((_price(middle - level * FAR, dice), STEP * dice.randint(1, 3)) for level in levels)
    asks = tuple((_price(middle + level * FAR, dice), held / len(levels)) for level in levels if held > 0)
    return Quotes(symbol, bids=bids, asks=asks)


def _size(dice: random.Random) -> Decimal:
    return STEP * dice.randint(0, STEPS)


def _price(around: Decimal, dice: random.Random) -> Decimal:
    return around + Decimal(dice.randint(-4_000, 4_000)) / 100


_OPINIONS: tuple[Callable[[str, Decimal, random.Random, Decimal], Opinion], ...] = (
    _at_market,
    _at_market,
    _at_a_price,
    _at_a_price,
    _protected,
    _for_a_moment,
    _both_sides,
    _both_sides,
    _flat,
)
