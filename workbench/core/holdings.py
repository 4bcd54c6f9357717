"""What trades do to the assets of an account, in units of 10^-54: for whoever compares with a venue or tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.core.account import Booked, Position
from workbench.core.instrument import Instrument

PLACES = 54  # price x quantity x contract size at 18 places each: every amount is exact
_SCALES: list[int] = [10 ** (PLACES - places) for places in range(PLACES + 1)]
ROUNDING = 10 ** (PLACES - 6)  # a perpetual's realised profit may differ by the venue's rounding of its entry price


def units(raw: int, places: int) -> int:
    """A scaled integer of `places` in units of 10^-54."""
    return raw * _SCALES[places]


def moves(fill: Booked, position_of: Callable[[Instrument], Position], cash_places: int) -> Mapping[str, int]:
    """What a trade does to each asset; a perpetual's position is the account's whole one, and is moved with it."""
    instrument = fill.instrument
    moved: dict[str, int] = {}
    if instrument.is_spot:
        worth = units(fill.price_raw * fill.quantity_raw, instrument.price_places + instrument.quantity_places)
        add(moved, instrument.base, fill.side.sign * units(fill.quantity_raw, instrument.quantity_places))
        add(moved, instrument.quote, -fill.side.sign * worth)
        add(moved, fill.fee_currency, -_fee(fill, instrument))
        return moved
    add(moved, instrument.quote, units(position_of(instrument).book(fill), cash_places))
    if fill.fee_currency != instrument.quote:
        add(moved, fill.fee_currency, -_fee(fill, instrument))
    return moved


def add(amounts: dict[str, int], asset: str, amount: int) -> None:
    """Moves one asset's amount."""
    amounts[asset] = amounts.get(asset, 0) + amount


def _fee(fill: Booked, instrument: Instrument) -> int:
    return units(fill.fee_raw, instrument.fee_places)
