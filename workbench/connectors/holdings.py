"""What the simulated account holds: balances by asset, what orders reserve of them, and positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from workbench.connectors.book import WorkingOrder
from workbench.connectors.profile import Profile
from workbench.core import rules
from workbench.core.account import Position
from workbench.core.errors import ConfigError
from workbench.core.events import FillEvent, FundingEvent, Liquidation, OrderEvent
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.margin import shared_amount, shared_lots
from workbench.core.money import places_of, to_decimal, to_scaled, to_text


class Holdings:
    """Balances in units of 10^-places of their asset; spot balances never go below zero.

    `shares` says how much of the cash is whose, by strategy: nobody buys with another's share.
    Raises ConfigError for a negative balance and DataError for one that is no exact number.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        cash: Mapping[str, Decimal],
        profile: Profile,
        shares: Mapping[str, Decimal],
    ) -> None:
        self._profile = profile
        self._places = {asset: places_of(amount) for asset, amount in cash.items()}
        for each in instruments:
            self._places[each.quote] = max(each.cash_places, self._places.get(each.quote, 0))
            if each.is_spot:
                self._places[each.base] = max(each.quantity_places, self._places.get(each.base, 0))
        self._total = {asset: to_scaled(cash.get(asset, 0), places, asset) for asset, places in self._places.items()}
        self._reserved = dict.fromkeys(self._places, 0)
        self._positions = {each.key: Position(each, each.terms(self._places[each.quote])) for each in instruments}
        self._base_units = {
            each.key: 10 ** (self._places[each.base] - each.quantity_places) for each in instruments if each.is_spot
        }
        self._shared = next(iter(cash), "")  # the one currency that shares are in
        self._shares = {name: to_scaled(amount, self._places[self._shared], name) for name, amount in shares.items()}
        self._reserved_of = dict.fromkeys(shares, 0)
        self._owners: dict[str, dict[str, int]] = {each.key: {} for each in instruments if not each.is_spot}
        self.locked: Callable[[str], int] | None = None  # how much of an asset is margin; None where nothing is
        for asset, total in self._total.items():
            if total < 0:
                raise ConfigError(f"cash of the simulated venue: expected 0 or more {asset}, got {cash[asset]}")

    def position(self, key: str) -> Position:
        """The account's position in an instrument, from its fills."""
        return self._positions[key]

    def places(self, asset: str) -> int:
        """How many decimal places the balance of an asset is kept in."""
        return self._places[asset]

    def total(self, asset: str) -> int:
        """The balance of an asset, what orders reserve included."""
        return self._total[asset]

    def reserved(self, asset: str) -> int:
        """What orders reserve of an asset."""
        return self._reserved[asset]

    def positions(self) -> dict[str, int]:
        """The signed quantity of every instrument, from its fills."""
        return {key: position.quantity for key, position in self._positions.items()}

    def balances(self) -> dict[str, Decimal]:
        """Total balance by asset, what orders reserve included."""
        return {asset: to_decimal(total, self._places[asset]) for asset, total in self._total.items()}

    def uncovered(self, order: WorkingOrder, *, price: int | None, remaining: int) -> str:
        """Why the free balance does not cover an order with these terms; empty if it does."""
        asset, need = self._need(order.request, price, remaining)
        free = self._free(asset, order)
        if need <= max(0, free):
            return ""
        places = self._places[asset]
        return f"insufficient balance: needs {to_text(need, places)} {asset}, free are {to_text(free, places)}"

    def reserve(self, order: WorkingOrder, *, remaining: int) -> None:
        """Sets what the order reserves to what `remaining` needs; 0 releases it."""
        asset, need = self._need(order.request, order.price, remaining)
        self._reserved[asset] += need - order.reserved
        if asset == self._shared and order.request.strategy_id in self._shares:
            self._reserved_of[order.request.strategy_id] += need - order.reserved
        order.reserved = need

    def purse(self, order: WorkingOrder) -> Purse:
        """What the order may trade at most, given what others reserve and what it may reduce."""
        request, remaining = order.request, order.remaining
        instrument, position = request.instrument, self._positions[request.instrument.key]
        if not instrument.is_spot:
            may = rules.closed_quantity(position.quantity, order.sign * remaining) if request.reduce_only else remaining
            return Purse(position, may, None)
        if order.sign > 0:
            return Purse(position, 0 if request.reduce_only else remaining, self._free(instrument.quote, order))
        free = self._free(instrument.base, order) // self._base_units[instrument.key]
        return Purse(position, max(0, min(remaining, rules.floor_to(free, position.terms.lot))), None)

    def book(self, fill: FillEvent, strategy_id: str) -> None:
        """Moves balances, the strategy's share and the position by a fill."""
        instrument = fill.instrument
        position = self._positions[instrument.key]
        before = position.quantity
        moved = position.book(fill)
        self._total[instrument.quote] += moved
        if instrument.quote == self._shared and strategy_id in self._shares:
            self._shares[strategy_id] += moved
        if instrument.is_spot:
            self._total[instrument.base] += (position.quantity - before) * self._base_units[instrument.key]
        else:
            self._own(instrument.key, strategy_id, fill.quantity_raw * fill.side.sign)

    def fund(self, event: FundingEvent) -> None:
        """Moves the balance by a funding, and the shares of those who hold the position."""
        key = event.instrument.key
        amount = event.amount_raw * self._positions[key].terms.cash_quantum
        self._total[event.instrument.quote] += amount
        self._share(event.instrument, shared_amount(amount, self._owners[key]))

    def liquidate(self, event: Liquidation) -> None:
        """Moves balance, position and shares by a trade that the venue made."""
        key, sign = event.instrument.key, event.side.sign
        position = self._positions[key]
        moved = position.book(event)
        self._total[event.instrument.quote] += moved
        held = {name: -size * sign for name, size in self._owners[key].items() if size * sign < 0}
        parts = shared_lots(event.quantity_raw, held, position.terms.lot)
        self._share(event.instrument, shared_amount(moved, parts))
        for name, size in parts.items():
            self._own(key, name, size * sign)

    def _own(self, key: str, strategy_id: str, signed: int) -> None:
        """Remembers whose the position is, as far as it is anybody's."""
        owners = self._owners[key]
        owners[strategy_id] = owners.get(strategy_id, 0) + signed
        if not owners[strategy_id]:
            del owners[strategy_id]

    def _share(self, instrument: Instrument, amounts: Mapping[str, int]) -> None:
        for name, amount in amounts.items():
            if instrument.quote == self._shared and name in self._shares:
                self._shares[name] += amount

    def _free(self, asset: str, order: WorkingOrder) -> int:
        """What the order may spend of an asset: all but what others reserve, and of cash only its own share."""
        free, strategy_id = self._total[asset] - self._reserved[asset], order.request.strategy_id
        if self.locked is not None and order.request.instrument.is_spot:
            free -= self.locked(asset)
        if asset == self._shared and strategy_id in self._shares:
            free = min(free, self._shares[strategy_id] - self._reserved_of[strategy_id])
        return free + order.reserved

    def _need(self, request: OrderEvent, price: int | None, remaining: int) -> tuple[str, int]:
        """The asset an order spends and how much of it must be set aside."""
        instrument, terms = request.instrument, self._positions[request.instrument.key].terms
        if not instrument.is_spot or request.reduce_only:
            return instrument.quote, 0
        if request.side.sign < 0:
            return instrument.base, remaining * self._base_units[instrument.key]
        if price is None:
            return instrument.quote, 0  # a buy without a limit is sized by the cash there is when it fills
        worth = rules.notional(price, remaining, terms.multiplier, terms.divisor)
        rate = max(0, self._profile.maker_rate, self._profile.taker_rate)
        if instrument.fee_currency is FeeCurrency.RECEIVED:
            rate = 0
        return instrument.quote, worth + rules.fee(worth, rate, terms.cash_quantum)


class Purse:
    """The bounds of one order while it trades: a quantity and, for a spot buy, cash."""

    __slots__ = ("_cash", "_position", "_quantity")

    def __init__(self, position: Position, quantity: int, cash: int | None) -> None:
        self._position, self._quantity, self._cash = position, quantity, cash

    def covers(self, wanted: int, *, price: int, rate: int) -> int:
        """How much of `wanted` the order may trade at `price`."""
        within = min(wanted, self._quantity)
        if self._cash is None:
            return within
        terms, rate = self._position.terms, self._cash_rate(rate)
        return rules.covered_quantity(
            within, self._cash, price, terms.multiplier, terms.divisor, rate, terms.cash_quantum, terms.lot
        )

    def spend(self, quantity: int, *, price: int, rate: int) -> None:
        """Takes what trading `quantity` at `price` uses up."""
        self._quantity -= quantity
        if self._cash is not None:
            terms = self._position.terms
            worth = rules.notional(price, quantity, terms.multiplier, terms.divisor)
            self._cash -= worth + rules.fee(worth, self._cash_rate(rate), terms.cash_quantum)

    def _cash_rate(self, rate: int) -> int:
        """The fee rate that is paid in cash on a buy."""
        return 0 if self._position.instrument.fee_currency is FeeCurrency.RECEIVED else rate


def fee_of(position: Position, *, side: int, price: int, quantity: int, rate: int) -> tuple[int, str]:
    """The fee of a trade in units of 10^-fee_places, and its currency."""
    instrument, terms = position.instrument, position.terms
    if side > 0 and instrument.is_spot and instrument.fee_currency is FeeCurrency.RECEIVED:
        return rules.fee(quantity, rate, terms.base_quantum) // terms.base_quantum, instrument.base
    worth = rules.notional(price, quantity, terms.multiplier, terms.divisor)
    return rules.fee(worth, rate, terms.cash_quantum) // terms.cash_quantum, instrument.quote
