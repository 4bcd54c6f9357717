"""Margin terms in integers, and how what befalls a whole account is shared among its strategies."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from workbench.core import rules
from workbench.core.clock import MINUTE
from workbench.core.instrument import Instrument
from workbench.core.money import to_scaled

MARK_LIFE_NS = MINUTE  # venues say a mark every few seconds; after a minute without one the last price says more


class Bracket(msgspec.Struct, frozen=True, gc=False):
    """One margin tier in cash units and parts of 10^8; see `rules.maintenance_margin`."""

    above: int
    leverage: int
    rate: int
    deduction: int


class MarginTerms(msgspec.Struct, frozen=True):
    """What margin an instrument's positions need."""

    brackets: tuple[Bracket, ...]

    @classmethod
    def of(cls, instrument: Instrument, cash_places: int) -> MarginTerms:
        """The terms for cash in units of 10^-cash_places."""
        found: list[Bracket] = []
        for tier in instrument.margin_tiers:
            above = to_scaled(tier.above, cash_places, f"{instrument.key} tier above")
            rate = to_scaled(tier.maintenance, 8, f"{instrument.key} maintenance")
            before = found[-1] if found else Bracket(0, 1, rate, 0)
            deduction = before.deduction + above * (rate - before.rate) // rules.RATE
            found.append(Bracket(above, tier.max_leverage, rate, deduction))
        return cls(tuple(found))

    def initial(self, worth: int) -> int:
        """What an account must own to open a position of `worth`."""
        return rules.initial_margin(worth, self._bracket(worth).leverage)

    def maintenance(self, worth: int) -> int:
        """What an account must own to keep it."""
        bracket = self._bracket(worth)
        return rules.maintenance_margin(worth, bracket.rate, bracket.deduction)

    def _bracket(self, worth: int) -> Bracket:
        found = self.brackets[0]
        for bracket in self.brackets[1:]:
            if worth <= bracket.above:
                break
            found = bracket
        return found


def shared_amount(amount: int, held: Mapping[str, int]) -> dict[str, int]:
    """An account's `amount` by strategy, pro rata to the signed quantities that they hold together.

    What division leaves goes to the largest holder, and all of it where they are flat together: the parts
    add up to `amount`. Equal holders take turns by name. Raises ValueError where there is nobody.
    """
    net = sum(held.values())
    shares = {name: amount * quantity // net if net else 0 for name, quantity in sorted(held.items())}
    shares[_by_size(held)[0]] += amount - sum(shares.values())
    return {name: share for name, share in shares.items() if share}


def shared_lots(quantity: int, held: Mapping[str, int], lot: int) -> dict[str, int]:
    """How much of a closed `quantity` each holder loses: whole lots pro rata, the rest from the largest on.

    `held` is what each holds of the closed side, all above 0; nobody loses more than that, so that the
    parts add up to `quantity` or to all there is.
    """
    total = sum(held.values())
    closed = min(quantity, total)
    shares = {name: rules.floor_to(closed * size // total, lot) for name, size in held.items()}
    left = closed - sum(shares.values())
    for name in _by_size(held):
        more = min(left, held[name] - shares[name])
        shares[name] += more
        left -= more
    return {name: share for name, share in shares.items() if share}


def _by_size(held: Mapping[str, int]) -> list[str]:
    """The holders, largest first, equal ones by name."""
    return sorted(held, key=lambda name: (-abs(held[name]), name))
