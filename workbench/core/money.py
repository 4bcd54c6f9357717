"""Exact money: scaled integers inside, `Decimal` at the edge, and one door between them.

A scaled integer counts units of 10^-places. Nothing here reads or changes the thread's
decimal context, so no library can disturb it, and nothing here ever rounds in silence.
"""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, Inexact, InvalidOperation

from workbench.core.errors import DataError

MAX_PLACES = 18  # finest precision any venue quotes (wei); also what the database columns hold
MAX_DIGITS = 60  # refuses "1e999999" before it becomes a number of a million digits

# Ours alone, so that no library can disturb it; it raises rather than rounds.
_EXACT = Context(prec=200, Emin=-999, Emax=999, traps=[Inexact, InvalidOperation])
_POWERS = [10**places for places in range(MAX_DIGITS + 1)]
_UNITS = [Decimal((0, (1,), -places)) for places in range(MAX_DIGITS + 1)]
_CANONICAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?", re.ASCII)
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def dec(value: str | int | Decimal, what: str = "number") -> Decimal:
    """The one door to Decimal: text, int or finite Decimal in; exact Decimal out.

    Raises DataError for floats, bools, NaN, infinities and anything that is not a plain number.
    """
    if type(value) is Decimal:
        if not value.is_finite():
            raise DataError(f"{what}: expected a finite number, got {value}")
        number = value
    elif type(value) is int:
        number = Decimal(value)
    elif isinstance(value, str):
        if not _PLAIN.fullmatch(value.strip()):
            raise DataError(f"{what}: expected a number such as '0.5', got {value!r}")
        number = Decimal(value.strip())
    else:
        raise DataError(
            f"{what}: expected an exact number (text, int or Decimal), got "
            f"{type(value).__name__} {value!r}; write it as text, for example '{value}'"
        )
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) + abs(exponent) > MAX_DIGITS:
        raise DataError(f"{what}: {str(number)[:40]} has more than {MAX_DIGITS} digits")
    return number


def to_scaled(value: str | int | Decimal, places: int, what: str = "number") -> int:
    """`value` in units of 10^-places; raises DataError if that would lose a digit."""
    if type(value) is str and len(value) < MAX_DIGITS and (found := _CANONICAL.fullmatch(value)):
        fraction = found[3] or ""  # what journals and exchanges write: no need to go by way of Decimal
        if len(fraction) <= places:
            digits: int = int(found[2] + fraction) * 10 ** (places - len(fraction))
            return -digits if found[1] else digits
    shifted = _EXACT.scaleb(dec(value, what), places)
    scaled = int(shifted)
    if scaled != shifted:
        raise DataError(f"{what}: {value} has more than {places} decimal places")
    return scaled


def round_scaled(value: str | int | Decimal, places: int, *, up: bool) -> int:
    """`value` in units of 10^-places, digits beyond rounded to the next unit up or down."""
    shifted = _EXACT.scaleb(dec(value), places)
    return math.ceil(shifted) if up else math.floor(shifted)


def to_decimal(scaled: int, places: int) -> Decimal:
    """The exact Decimal of `scaled` units of 10^-places."""
    return _EXACT.multiply(Decimal(scaled), _UNITS[places])


def to_text(scaled: int, places: int) -> str:
    """Canonical text: no exponent, no trailing zero, no negative zero."""
    if scaled < 0:
        return f"-{to_text(-scaled, places)}"
    whole, rest = divmod(scaled, _POWERS[places])
    return f"{whole}.{str(rest).rjust(places, '0')}".rstrip("0") if rest else str(whole)


def canonical(value: Decimal) -> str:
    """The canonical text of any Decimal; equal numbers have equal text."""
    places = places_of(value)
    return to_text(to_scaled(value, places), places)


def places_of(value: Decimal) -> int:
    """How many decimal places `value` needs, trailing zeros not counted."""
    _, digits, exponent = dec(value).as_tuple()
    assert isinstance(exponent, int)
    places = max(0, -exponent)
    for digit in reversed(digits):
        if digit or places == 0:
            break
        places -= 1
    return places if any(digits) else 0
