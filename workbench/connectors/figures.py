"""Text of a venue as exact figures of an instrument; what cannot be one is doubtful."""

from __future__ import annotations

from functools import lru_cache

from workbench.connectors.heard import Level
from workbench.connectors.quarantine import Doubt, Doubtful
from workbench.core.clock import SECOND
from workbench.core.errors import DataError
from workbench.core.instrument import Instrument
from workbench.core.money import MAX_DIGITS, dec, to_scaled

FUTURE = 5 * SECOND  # beyond what an estimated clock offset and a jittery venue explain
REMEMBERED = 1 << 14  # numbers read lately, some 4 MB: a market says the same prices and sizes again and again

_POWERS: list[int] = [10**places for places in range(MAX_DIGITS + 1)]

Levels = tuple[tuple[int, int], ...]  # price and quantity in units of the instrument


def moment(at: int, received: int, offset: int) -> int:
    """When it happened by the venue's clock, estimated where it does not say; raises Doubtful for the future."""
    now = received + offset
    if at > now + FUTURE:
        raise Doubtful(Doubt.FUTURE, f"time: {at - now} ns after its receipt, expected at most {FUTURE}")
    return at or now


def levels(said: tuple[Level, ...], instrument: Instrument) -> Levels:
    """Levels in units of the instrument, in the order they were said; raises Doubtful for what cannot stand."""
    price_places, quantity_places = instrument.price_places, instrument.quantity_places
    found = tuple([(scaled(price, price_places), scaled(quantity, quantity_places)) for price, quantity in said])
    for price_raw, quantity_raw in found:
        if price_raw <= 0:
            raise Doubtful(Doubt.PRICE, f"a level's price: expected more than 0, got {price_raw} units")
        if quantity_raw < 0:
            raise Doubtful(Doubt.SIZE, f"a level's quantity: expected 0 or more, got {quantity_raw} units")
    return found


def parted(said: tuple[Level, ...], instrument: Instrument) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """The levels whose price the instrument can tell, and those whose price is too fine for it."""
    fitting, fine = [], []
    for level in said:
        try:
            scaled(level[0], instrument.price_places)
            fitting.append(level)
        except Doubtful as doubtful:
            if doubtful.doubt is not Doubt.TOO_FINE:
                raise
            fine.append(level)
    return tuple(fitting), tuple(fine)


def standing(price: str, quantity: str, instrument: Instrument) -> tuple[int, int]:
    """One side of a quote; (0, 0) where it is empty."""
    price_raw = scaled(price, instrument.price_places) if price else 0
    if price_raw == 0:
        return 0, 0
    quantity_raw = scaled(quantity, instrument.quantity_places)
    if price_raw < 0:
        raise Doubtful(Doubt.PRICE, f"price: expected 0 or more, got {price}")
    if quantity_raw < 0:
        raise Doubtful(Doubt.SIZE, f"quantity: expected 0 or more, got {quantity}")
    return price_raw, quantity_raw


def scaled(value: str | int, places: int) -> int:
    """`value` in units of 10^-places, trailing zeros beyond them dropped; raises Doubtful if that loses a digit."""
    return _of_text(value, places) if type(value) is str else _of_number(value, places)


@lru_cache(maxsize=REMEMBERED)
def _of_text(text: str, places: int) -> int:
    if len(text) < MAX_DIGITS and text.isascii():
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if digits.isdigit():  # what venues write, nearly always
            missing = places - len(fraction)
            if missing >= 0:
                return int(digits) * _POWERS[missing]
            kept, lost = divmod(int(digits), _POWERS[-missing])
            if not lost:
                return kept
    return _of_number(text, places)


def _of_number(value: str | int, places: int) -> int:
    try:
        number = dec(value)
    except DataError as problem:
        raise Doubtful(Doubt.UNREADABLE, str(problem)) from None
    try:
        return to_scaled(number, places)
    except DataError as problem:
        raise Doubtful(Doubt.TOO_FINE, str(problem)) from None
