"""From a desk's requests to orders at the gate, and from the venue's word to the next step of an order."""

from __future__ import annotations

import hashlib

from workbench.core.events import (
    AmendEvent,
    ApprovedOrder,
    CancelEvent,
    FillEvent,
    OrderEvent,
    OrderReport,
    OrderUpdate,
    RiskAction,
)
from workbench.core.ledger import Ledger, OrderState
from workbench.core.order import FINAL, OrderStatus, may_move
from workbench.risk.gate import Gate
from workbench.risk.limits import View
from workbench.trading.desk import Amend, Cancel, Desk, Level, New
from workbench.trading.facts import Facts

_WAITING = frozenset({OrderStatus.CANCEL_PENDING, OrderStatus.AMEND_PENDING, OrderStatus.UNKNOWN})


class Orders:
    """Every order of a run: its id, its review, its place on a desk, its life."""

    def __init__(self, ledger: Ledger, gate: Gate, view: View, facts: Facts) -> None:
        self._ledger = ledger
        self._gate = gate
        self._view = view
        self._facts = facts
        self._places: dict[str, tuple[Desk, Level]] = {}
        self._intents = 0

    def carry(self, desk: Desk, cause: str) -> None:
        """Sends what the desk asks for, as far as the gate lets it."""
        if desk.content:
            return
        for request in desk.requests():
            match request:
                case New():
                    self._new(desk, request, cause)
                case Amend():
                    self._amend(desk, request, cause)
                case Cancel():
                    self.cancel(request.order_id, request.reason, cause)

    def _new(self, desk: Desk, request: New, cause: str) -> None:
        account = desk.instrument.account
        self._intents += 1
        order = self._facts.add(
            OrderEvent,
            cause,
            order_id=client_order_id(account, self._ledger.started.run_id, self._intents),
            strategy_id=desk.account.strategy_id,
            role=request.role,
            instrument=desk.instrument,
            side=request.side,
            order_type=request.order_type,
            quantity_raw=request.quantity,
            price_raw=request.price,
            stop_raw=request.stop,
            post_only=request.post_only,
            reduce_only=request.reduce_only,
        )
        verdict = self._gate.review(order, self._view)
        if isinstance(verdict, ApprovedOrder):
            level = (request.role, request.level)
            desk.orders[level] = self._ledger.orders[order.order_id]
            self._places[order.order_id] = (desk, level)
            self._step(order.order_id, OrderStatus.SUBMITTED, order.id)
            self._facts.send(verdict)
            return
        rule, why = verdict
        refusal = self._refuse(order, rule, why)
        self._step(order.order_id, OrderStatus.DENIED, refusal, reason=rule)

    def _amend(self, desk: Desk, request: Amend, cause: str) -> None:
        amend = self._facts.add(
            AmendEvent,
            cause,
            order_id=request.order_id,
            strategy_id=desk.account.strategy_id,
            instrument=desk.instrument,
            quantity_raw=request.quantity,
            price_raw=request.price,
            stop_raw=request.stop,
        )
        verdict = self._gate.review(amend, self._view)
        if isinstance(verdict, ApprovedOrder):
            self._step(request.order_id, OrderStatus.AMEND_PENDING, amend.id)
            self._facts.send(verdict)
        else:
            self._refuse(amend, *verdict)

    def _refuse(self, request: OrderEvent | AmendEvent, rule: str, why: str) -> str:
        return self._facts.risk(
            request.id, rule, RiskAction.DENIED, why, strategy_id=request.strategy_id, order_id=request.order_id
        ).id

    def cancel(self, order_id: str, reason: str, cause: str) -> None:
        """Takes an order back; nothing stands in its way, and asking twice asks once."""
        state = self._ledger.orders[order_id]
        if state.status in FINAL or state.status is OrderStatus.CANCEL_PENDING:
            return
        order = state.order
        cancel = self._facts.add(
            CancelEvent,
            cause,
            order_id=order_id,
            strategy_id=order.strategy_id,
            instrument=order.instrument,
            reason=reason,
        )
        if may_move(state.status, OrderStatus.CANCEL_PENDING):
            self._step(order_id, OrderStatus.CANCEL_PENDING, cancel.id)
        self._facts.send(cancel)

    def report(self, report: OrderReport) -> Desk | None:
        """Takes a venue's word on an order; returns the desk it concerns."""
        state = self._ledger.orders.get(report.order_id)
        if state is None:
            self._stranger(report.id, report.order_id, "a report")
            return None
        self._ledger.apply(report)
        new = report.status
        if new is OrderStatus.ACKNOWLEDGED:
            if state.status is OrderStatus.CANCEL_PENDING:
                return None  # the acknowledgement was overtaken by our cancel
            if state.filled_raw:
                new = OrderStatus.PARTIALLY_FILLED
        if new is state.status or new is OrderStatus.FILLED or state.status in FINAL:
            return None  # nothing new; and only fills fill an order
        if not may_move(state.status, new):
            what = f"order is {state.status}, the venue says {new}"
            self._facts.risk(report.id, "venue_inconsistency", RiskAction.DENIED, what, order_id=report.order_id)
            return None
        desk = self._step(report.order_id, new, report.id, reason=report.reason)
        return None if new is OrderStatus.CANCEL_REJECTED else desk  # asking again at once would ask for ever

    def fill(self, fill: FillEvent) -> tuple[OrderState, Desk] | None:
        """Books a fill once, whatever the order's status; None if it was booked before or is nobody's."""
        state = self._ledger.orders.get(fill.order_id)
        if state is None or fill.order_id not in self._places:
            self._stranger(fill.id, fill.order_id, "a fill")
            return None
        if self._ledger.knows(fill):
            return None
        self._ledger.apply(fill)
        old = state.status
        new = old
        if old not in FINAL:
            if state.filled_raw >= state.quantity_raw:
                new = OrderStatus.FILLED
            elif old not in _WAITING:
                new = OrderStatus.PARTIALLY_FILLED
        desk, _ = self._places[fill.order_id]
        self._step(fill.order_id, new, fill.id)
        if state.filled_raw > state.quantity_raw:
            what = f"order {fill.order_id} of {state.quantity_raw} is filled by {state.filled_raw}"
            self._halt_for(fill.id, "overfill", what)
        return state, desk

    def _stranger(self, cause: str, order_id: str, what: str) -> None:
        self._halt_for(cause, "unknown_order", f"{what} for an order this run never sent: {order_id}")

    def _halt_for(self, cause: str, rule: str, what: str) -> None:
        self._gate.halted = self._gate.halted or what
        self._facts.risk(cause, rule, RiskAction.HALTED, what)

    def _step(self, order_id: str, new: OrderStatus, cause: str, *, reason: str = "") -> Desk | None:
        state = self._ledger.orders[order_id]
        self._facts.add(
            OrderUpdate,
            cause,
            order_id=order_id,
            old=state.status,
            new=new,
            instrument=state.order.instrument,
            filled_raw=state.filled_raw,
            reason=reason,
        )
        if order_id not in self._places:
            return None
        desk, level = self._places[order_id]
        if new in FINAL:
            desk.ended(level, state)
        return desk


def client_order_id(account: str, run_id: str, intent: int) -> str:
    """32 hex digits that no other intent of any run on the account shares; every venue accepts them."""
    return hashlib.blake2b(f"{account}|{run_id}|{intent}".encode(), digest_size=16).hexdigest()
