"""Positions and strategy accounts: what a fill does to quantity, cost, cash and equity, to the last unit."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from workbench.core import rules
from workbench.core.errors import InvariantError
from workbench.core.events import FillEvent, Liquidation
from workbench.core.instrument import Instrument, Terms
from workbench.core.money import to_decimal

Booked = FillEvent | Liquidation  # what moves a position, ordered here or by the venue


class Position(msgspec.Struct):
    """One strategy's position in one instrument.

    `quantity` is signed; `cost` is what the open quantity cost (long) or brought in (short);
    `realised` is before fees; `value` is what the position adds to equity at `mark`: its worth on
    spot, its unrealised profit on a perpetual. All but quantity and mark are cash units.
    """

    instrument: Instrument
    terms: Terms
    quantity: int = 0
    cost: int = 0
    realised: int = 0
    fees: int = 0
    funding: int = 0  # received less paid
    mark: int = 0
    value: int = 0

    def book(self, fill: Booked) -> int:
        """Takes the fill in; returns what it does to cash."""
        terms, price = self.terms, fill.price_raw
        signed = fill.quantity_raw * fill.side.sign
        fee_in_cash, fee_in_base = self._fee(fill)
        worth = rules.notional(price, fill.quantity_raw, terms.multiplier, terms.divisor)
        closed = rules.closed_quantity(self.quantity, signed)
        closed_worth = worth if closed == fill.quantity_raw else worth * closed // fill.quantity_raw
        gained = 0
        if closed:
            released = rules.released_cost(self.cost, self.quantity, closed)
            gained = closed_worth - released if self.quantity > 0 else released - closed_worth
            self.cost -= released
        self.cost += worth - closed_worth
        self.realised += gained
        self.fees += fee_in_cash
        self._hold(self.quantity + signed, fee_in_base)
        if self.instrument.is_spot:
            return -worth * fill.side.sign - fee_in_cash
        return gained - fee_in_cash

    def _hold(self, quantity: int, fee_in_base: int) -> None:
        """Takes the fee out of what is held; where that ends the position, what is left of its cost is lost with it."""
        self.quantity = quantity - fee_in_base
        if self.cost and quantity * self.quantity <= 0:
            self.realised += self.cost if quantity < 0 else -self.cost
            self.cost = 0

    def _fee(self, fill: Booked) -> tuple[int, int]:
        """The fee in cash units and in base units; a fee in a third currency is neither."""
        instrument, terms = self.instrument, self.terms
        if fill.fee_currency == instrument.quote:
            return fill.fee_raw * terms.cash_quantum, 0
        if fill.fee_currency == instrument.base and instrument.is_spot:
            return 0, fill.fee_raw * terms.base_quantum
        return 0, 0

    def worth(self, price: int) -> int:
        """What the position adds to equity at `price`."""
        terms, quantity = self.terms, self.quantity
        if quantity < 0:
            gross = rules.notional(price, -quantity, terms.multiplier, terms.divisor)
            return -gross if self.instrument.is_spot else self.cost - gross
        gross = rules.notional(price, quantity, terms.multiplier, terms.divisor)
        return gross if self.instrument.is_spot else gross - self.cost

    def exposure(self, price: int) -> int:
        """The absolute notional of the position at `price`."""
        return rules.notional(price, abs(self.quantity), self.terms.multiplier, self.terms.divisor)

    def unrealised(self) -> int:
        """Profit of the open quantity at the last mark, before fees."""
        if not self.instrument.is_spot:
            return self.value
        return self.value - self.cost if self.quantity >= 0 else self.value + self.cost

    def entry_price(self) -> Decimal | None:
        """The average price of the open quantity, rounded down to 10^-(price_places + 8); None when flat."""
        if not self.quantity:
            return None
        extra = 10**8
        raw = self.cost * self.terms.divisor * extra // (abs(self.quantity) * self.terms.multiplier)
        return to_decimal(raw, self.instrument.price_places + 8)


class Account(msgspec.Struct):
    """One strategy's money: cash, positions, and equity kept current with every mark and fill."""

    strategy_id: str
    started_with: int
    cash: int
    equity: int
    peak: int
    positions: dict[str, Position] = {}

    @classmethod
    def open(cls, strategy_id: str, cash: int) -> Account:
        return cls(strategy_id, cash, cash, cash, cash)

    def mark(self, position: Position, price: int) -> bool:
        """Values `position` at `price`; True if equity changed."""
        position.mark = price
        if not position.quantity:
            return False
        value = position.worth(price)
        self.equity += value - position.value
        position.value = value
        return True

    def book(self, position: Position, fill: Booked) -> None:
        """Books a fill and values the position at its last mark, or at the fill where there is none."""
        self.cash += position.book(fill)
        value = position.worth(position.mark or fill.price_raw)
        position.value = value
        self.equity = self.cash + sum(each.value for each in self.positions.values())

    def fund(self, position: Position, amount: int) -> None:
        """Books what the position received (negative: paid) as funding."""
        position.funding += amount
        self.cash += amount
        self.equity += amount

    def balance(self) -> None:
        """Raises InvariantError unless equity = start + realised + unrealised - fees + funding, to the last unit."""
        parts = self.positions.values()
        expected = self.started_with
        expected += sum(each.realised + each.unrealised() - each.fees + each.funding for each in parts)
        if self.equity != expected:
            raise InvariantError(f"account {self.strategy_id}: equity {self.equity} is not {expected}")
