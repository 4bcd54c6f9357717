"""Exact amounts of the exchange: prices, quantities and rates count 10^-8, money counts 10^-24.

A price times a quantity times a contract size is then a whole number of money units, whatever their digits.
Nothing here looks at the thread's decimal context.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

from workbench.core.money import to_scaled

ONE = 10**8  # of a price, a quantity or a rate
MONEY_PLACES = 24
GRAIN = 10**16  # money in 10^-8 of an asset, to which commissions, margins and funding are rounded

_EXACT = Context(prec=200, Emin=-999, Emax=999, traps=[Inexact, InvalidOperation])
_EIGHT = Decimal(-8)
_ZERO = Decimal("0.00000000")


def units(value: Decimal, what: str) -> int:
    """`value` in 10^-8; raises DataError for a float or a finer number."""
    return to_scaled(value, 8, what)


def money(value: Decimal, what: str) -> int:
    """`value` in 10^-24; raises DataError for a float or a finer number."""
    return to_scaled(value, MONEY_PLACES, what)


def of_units(scaled: int) -> Decimal:
    """The Decimal of a price, quantity or rate, with eight places."""
    return _EXACT.scaleb(Decimal(scaled), _EIGHT) if scaled else _ZERO


def of_money(scaled: int) -> Decimal:
    """The Decimal of an amount of money: eight places, more only where it has more digits."""
    whole, finer = divmod(scaled, GRAIN)
    if not finer:
        return of_units(whole)
    places = MONEY_PLACES
    while scaled % 10 == 0:
        scaled, places = scaled // 10, places - 1
    return _EXACT.scaleb(Decimal(scaled), Decimal(-places))


def half_up(numerator: int, denominator: int) -> int:
    """The fraction as the nearest whole number, halves away from zero; the denominator is positive."""
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return rounded if numerator >= 0 else -rounded


def times_rate(amount: int, rate: int) -> int:
    """Money times a rate of 10^-8, to eight places half up."""
    return half_up(amount * rate, ONE * GRAIN) * GRAIN
