"""The ledger: orders, fills, positions and cash as a fold over recorded events.

The engine, the database and every command that reads a journal use this one fold, so what a run
believes and what its journal tells are the same by construction. Status moves only by
`OrderUpdate`; quantities and cash move only by `FillEvent`, each exactly once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from workbench.core import rules
from workbench.core.account import Account, Position
from workbench.core.errors import ConfigError, InvariantError
from workbench.core.events import (
    Event,
    FillEvent,
    OrderEvent,
    OrderReport,
    OrderUpdate,
    RiskAction,
    RiskEvent,
    RunStarted,
)
from workbench.core.instrument import Instrument
from workbench.core.money import to_scaled, to_text
from workbench.core.order import FINAL, OrderStatus, move

FillKey = tuple[str, str, str, str]  # instrument key (venue, account, symbol), order, trade, side


class OrderState(msgspec.Struct):
    """Where one order stands; `quantity_raw` and prices are those in force after amendments."""

    order: OrderEvent
    quantity_raw: int
    price_raw: int | None
    stop_raw: int | None
    status: OrderStatus = OrderStatus.PENDING
    filled_raw: int = 0
    spent: int = 0  # cash units of all its fills, before fees
    venue_order_id: str = ""
    reason: str = ""
    updated: int = 0

    @property
    def remaining_raw(self) -> int:
        return max(0, self.quantity_raw - self.filled_raw)

    @property
    def living(self) -> bool:
        return self.status not in FINAL


class Ledger:
    """Folds events; `apply` takes each recorded event once, in order. All amounts are exact."""

    def __init__(self, started: RunStarted) -> None:
        self.started = started
        self.instruments = {each.key: each for each in started.instruments}
        self.cash_places = max((each.cash_places for each in started.instruments), default=8)
        self.terms = {each.key: each.terms(self.cash_places) for each in started.instruments}
        for each in started.instruments:
            if each.quote != started.base_currency:
                raise ConfigError(
                    f"{each.key} is quoted in {each.quote}; this run values everything in "
                    f"{started.base_currency} and has no conversion"
                )
        self.accounts = {
            strategy: Account.open(strategy, to_scaled(cash, self.cash_places, f"cash of {strategy}"))
            for strategy, cash in started.cash.items()
        }
        self.orders: dict[str, OrderState] = {}
        self.living: dict[str, OrderState] = {}
        self.fills: list[FillEvent] = []
        self.refusals: list[RiskEvent] = []
        self.fees: dict[str, int] = {}  # currency -> units of 10^-18, so that venues of any precision add up
        self._booked: set[FillKey] = set()
        self._digest = hashlib.sha256()
        self._doors: dict[type[Event], Callable[[Any], None]] = {
            FillEvent: self._book,
            OrderUpdate: self._update,
            OrderEvent: self._open,
            OrderReport: self._report,
            RiskEvent: self._risk,
        }

    def position(self, strategy_id: str, key: str) -> Position:
        """The strategy's position in an instrument, flat if it never traded."""
        positions = self.accounts[strategy_id].positions
        if key not in positions:
            positions[key] = Position(self.instruments[key], self.terms[key])
        return positions[key]

    def net(self, key: str) -> int:
        """The signed quantity all strategies together hold of an instrument."""
        return sum(a.positions[key].quantity for a in self.accounts.values() if key in a.positions)

    def knows(self, fill: FillEvent) -> bool:
        """Whether this very fill is booked already."""
        return fill_key(fill) in self._booked

    def apply(self, event: Event) -> None:
        """Takes one recorded event in; events that move nothing are let through."""
        door = self._doors.get(type(event))
        if door is not None:
            door(event)

    def _open(self, order: OrderEvent) -> None:
        state = OrderState(order, order.quantity_raw, order.price_raw, order.stop_raw, updated=order.ts_event)
        self.orders[order.order_id] = self.living[order.order_id] = state
        self._note(
            f"order|{order.strategy_id}|{order.instrument.key}|{order.side}|{order.order_type}|"
            f"{order.quantity_raw}|{order.price_raw}|{order.stop_raw}|{order.ts_event}"
        )

    def _risk(self, event: RiskEvent) -> None:
        self.refusals.append(event)
        if event.action is not RiskAction.REARMED:
            self._note(f"risk|{event.strategy_id}|{event.rule}|{event.action}|{event.ts_event}")

    def _book(self, fill: FillEvent) -> None:
        key = fill_key(fill)
        state = self.orders.get(fill.order_id)
        if state is None or key in self._booked:
            return  # a fill nobody here ordered is the engine's to raise; a second delivery is nothing
        self._booked.add(key)
        self.fills.append(fill)
        strategy_id = state.order.strategy_id
        position = self.position(strategy_id, fill.instrument.key)
        self.accounts[strategy_id].book(position, fill)
        state.filled_raw += fill.quantity_raw
        terms = position.terms
        state.spent += rules.notional(fill.price_raw, fill.quantity_raw, terms.multiplier, terms.divisor)
        fee = fill.fee_raw * 10 ** (18 - fill.instrument.fee_places)
        self.fees[fill.fee_currency] = self.fees.get(fill.fee_currency, 0) + fee
        self._note(
            f"fill|{strategy_id}|{fill.instrument.key}|{fill.side}|{fill.quantity_raw}|{fill.price_raw}|"
            f"{fill.fee_raw}|{fill.fee_currency}|{fill.ts_event}|{self.accounts[strategy_id].cash}"
        )

    def _update(self, update: OrderUpdate) -> None:
        state = self.orders[update.order_id]
        if state.status is not update.old:
            raise InvariantError(f"order {update.order_id}: is {state.status}, an update says it was {update.old}")
        if update.new is not update.old:
            state.status = move(update.order_id, update.old, update.new)
            state.updated = update.ts_event
            state.reason = update.reason or state.reason
            if not state.living:
                self.living.pop(update.order_id, None)
                strategy_id, key = state.order.strategy_id, update.instrument.key
                self._note(f"end|{strategy_id}|{key}|{update.new}|{state.filled_raw}")

    def _report(self, report: OrderReport) -> None:
        state = self.orders.get(report.order_id)
        if state is None:
            return
        state.venue_order_id = report.venue_order_id or state.venue_order_id
        if report.quantity_raw is not None:
            state.quantity_raw = report.quantity_raw
        if report.price_raw is not None:
            state.price_raw = report.price_raw
        if report.stop_raw is not None:
            state.stop_raw = report.stop_raw

    def _note(self, what: str) -> None:
        self._digest.update(what.encode() + b"\n")

    def digest(self) -> str:
        """What happened to orders, fills, refusals and cash, without ids: equal for equal trading."""
        final = self._digest.copy()
        for strategy, account in sorted(self.accounts.items()):
            final.update(f"cash|{strategy}|{account.cash}\n".encode())
        return final.hexdigest()

    def cash_text(self, amount: int) -> str:
        """Cash units as canonical text."""
        return to_text(amount, self.cash_places)


def fill_key(fill: FillEvent) -> FillKey:
    """What makes a fill itself: one venue, account and symbol may use a trade id for two orders or sides."""
    return (fill.instrument.key, fill.order_id, fill.trade_id, fill.side)


def instrument_table(started: RunStarted) -> dict[str, Instrument]:
    """The instruments of a run by key, as the codec needs them."""
    return {each.key: each for each in started.instruments}
