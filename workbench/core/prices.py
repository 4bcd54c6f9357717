"""From a raw price that was thought of to one that can be said: exact, positive and on the tick."""

from __future__ import annotations

from decimal import Decimal

from workbench.core import rules
from workbench.core.instrument import Instrument
from workbench.core.money import to_decimal, to_scaled


def tick_of(instrument: Instrument) -> int:
    """The instrument's tick in raw units."""
    return to_scaled(instrument.tick, instrument.price_places)


def raw_on_tick(raw: int, tick: int, side: int) -> int:
    """`raw` moved to the tick, down for rules.BUY and up for rules.SELL, and at least one tick."""
    return max(tick, rules.passive_price(raw, tick, side))


def on_tick(instrument: Instrument, raw: int, side: int) -> Decimal:
    """`raw` moved to the tick, down for rules.BUY and up for rules.SELL, as an exact price of at least one tick."""
    return to_decimal(raw_on_tick(raw, tick_of(instrument), side), instrument.price_places)
