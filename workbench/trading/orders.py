"""From a desk's requests to orders at the gate, and from the venue's word to the next step of an order."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any

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
from workbench.core.memory import Plain
from workbench.core.order import (
    ACKNOWLEDGED,
    AMEND_PENDING,
    CANCEL_PENDING,
    CANCEL_REJECTED,
    DENIED,
    FILLED,
    FINAL,
    NEVER_ACCEPTED,
    PARTIALLY_FILLED,
    REJECTED,
    SUBMITTED,
    UNKNOWN,
    OrderStatus,
    may_move,
)
from workbench.risk.gate import Gate
from workbench.risk.limits import REJECTIONS, View
from workbench.trading.desk import Amend, Cancel, Desk, New
from workbench.trading.facts import Facts
from workbench.trading.portfolio import Portfolio

_WAITING = frozenset({CANCEL_PENDING, AMEND_PENDING, UNKNOWN})
_GIVEN_UP = frozenset({NEVER_ACCEPTED, REJECTED})  # a venue that lists one has it after all
_NOT_THERE = frozenset({NEVER_ACCEPTED, REJECTED, UNKNOWN, CANCEL_REJECTED})


class Orders:
    """Every order of a run: its id, its review, its place on a desk, its life."""

    def __init__(self, portfolio: Portfolio, *, ledger: Ledger, gate: Gate, view: View, facts: Facts) -> None:
        self._portfolio = portfolio
        self._ledger = ledger
        self._gate = gate
        self._view = view
        self.facts = self._facts = facts
        self._intents = 0

    def state(self) -> Plain:
        """How many orders were meant so far: the next one's id follows from it."""
        return {"intents": self._intents}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        self._intents = state["intents"]

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
            desk.orders[request.role, request.level] = self._ledger.orders[order.order_id]
            self._step(order.order_id, SUBMITTED, order.id)
            self._facts.send(verdict)
            return
        rule, why = verdict
        refusal = self._refuse(order, rule, why)
        self._step(order.order_id, DENIED, refusal, reason=rule)

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
            self._step(request.order_id, AMEND_PENDING, amend.id)
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
        if state.status in FINAL or state.status is CANCEL_PENDING:
            return
        cancel = self._cancellation(state.order, reason, cause)
        if may_move(state.status, CANCEL_PENDING):
            self._step(order_id, CANCEL_PENDING, cancel.id)
        self._facts.send(cancel)

    def take_back(self, reason: str, cause: str, *, account: str | None = None) -> None:
        """Cancels what may open, everywhere or on one account; what protects or closes stays."""
        for order_id, state in list(self._ledger.living.items()):
            mine = account is None or state.order.instrument.account_key == account
            if mine and not state.order.role.reduces:
                self.cancel(order_id, reason, cause)

    def hold_back(self, state: OrderState, cause: str) -> None:
        """An order that turns out to stand although nothing may be opened any more is taken back like the others.

        It was unknown, or not there yet, when they were.
        """
        why = self._gate.halted or self._gate.stopping
        stands = state.status in (ACKNOWLEDGED, PARTIALLY_FILLED)
        if why and stands and not state.order.role.reduces:
            self.cancel(state.order.order_id, why, cause)

    def _cancellation(self, order: OrderEvent, reason: str, cause: str) -> CancelEvent:
        return self._facts.add(
            CancelEvent,
            cause,
            order_id=order.order_id,
            strategy_id=order.strategy_id,
            instrument=order.instrument,
            reason=reason,
        )

    def report(self, report: OrderReport) -> Desk | None:
        """Takes a venue's word on an order; returns the desk it concerns."""
        state = self._ledger.orders.get(report.order_id)
        if state is None:
            self._stranger(report)
            return None
        self._ledger.apply(report)
        new = self._told(report, state)
        if new is None:
            return None
        if not may_move(state.status, new):
            what = f"order is {state.status}, the venue says {new}"
            self._facts.risk(report.id, "venue_inconsistency", RiskAction.DENIED, what, order_id=report.order_id)
            return None
        if new is REJECTED:
            self._view.rejections.setdefault(report.instrument.key, deque(maxlen=REJECTIONS)).append(self._view.now)
        desk = self._step(report.order_id, new, report.id, reason=report.reason)
        return None if new is CANCEL_REJECTED else desk  # asking again at once would ask for ever

    def _told(self, report: OrderReport, state: OrderState) -> OrderStatus | None:
        """The status that a report moves its order to; None if it moves nothing."""
        new = report.status
        if state.status in _GIVEN_UP and new not in _NOT_THERE:
            self._resurrected(report)
            return None
        if new is ACKNOWLEDGED:
            if state.status is CANCEL_PENDING:
                return None  # the acknowledgement was overtaken by our cancel
            terms = (report.quantity_raw, report.price_raw, report.stop_raw)
            if state.status is AMEND_PENDING and terms == (None, None, None):
                return None  # of the order, not of what was asked to change since
            if state.filled_raw:
                new = PARTIALLY_FILLED
        if new is state.status or new is FILLED or state.status in FINAL:
            return None  # nothing new; and only fills fill an order
        if new is state.ends_as:
            return None  # it ends once the fills that the venue owes are booked
        return new

    def _resurrected(self, report: OrderReport) -> None:
        """An order that was proven absent is there after all: it is taken back, and nothing is opened meanwhile."""
        was = self._ledger.orders[report.order_id].status
        why = f"order {report.order_id} is {was} as far as could be known, the venue says {report.status}"
        self._gate.reducing.setdefault(report.instrument.key, why)
        event = self._facts.risk(report.id, "late_acceptance", RiskAction.REDUCING, why, order_id=report.order_id)
        if report.status not in FINAL:
            order = self._ledger.orders[report.order_id].order
            self._facts.send(self._cancellation(order, "accepted too late", event.id))

    def fill(self, fill: FillEvent) -> tuple[OrderState, Desk] | None:
        """Books a fill that is not known yet, whatever the order's status; None if it is nobody's."""
        state = self._ledger.order_of(fill)
        if state is None:
            self._ledger.apply(fill)
            self._noted(fill.id, "external_fill", f"a trade of an order this run never sent: {_named(fill)}")
            return None
        if state.status is DENIED:
            self._halt_for(fill.id, "denied_order", f"a fill for an order that was never sent: {state.order.order_id}")
            return None
        self._ledger.apply(fill)
        return self.filled(fill, state)

    def filled(self, fill: FillEvent, state: OrderState) -> tuple[OrderState, Desk]:
        """The step that a fill which is booked by now leads to."""
        old, order_id = state.status, state.order.order_id
        new = old
        if old not in FINAL:
            if state.filled_raw >= state.quantity_raw:
                new = FILLED
            elif state.ends_as is not None and not state.owed_raw:
                new = state.ends_as  # the venue ended it before; this was the last of it
            elif old not in _WAITING:
                new = PARTIALLY_FILLED
        desk = self._desk(state)
        self._step(order_id, new, fill.id)
        if state.filled_raw > state.quantity_raw:
            what = f"order {order_id} of {state.quantity_raw} is filled by {state.filled_raw}"
            self._halt_for(fill.id, "overfill", what)
        return state, desk

    def _stranger(self, report: OrderReport) -> None:
        """Somebody else's order on our account: told once, never touched."""
        name = report.venue_order_id or report.order_id
        known = name in self._ledger.strangers
        self._ledger.apply(report)
        if not known and report.status not in FINAL:
            self._noted(report.id, "external_order", f"an order this run never sent: {_named(report)}")

    def _noted(self, cause: str, rule: str, what: str) -> None:
        self._facts.risk(cause, rule, RiskAction.NOTED, what)

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
        if new is DENIED:
            return None  # it never had a place
        desk = self._desk(state)
        if new in FINAL:
            desk.ended(state)
        return desk

    def _desk(self, state: OrderState) -> Desk:
        order = state.order
        return self._portfolio.traders[order.strategy_id].desks[order.instrument.key]


def _named(word: OrderReport | FillEvent) -> str:
    """An order of others, as well as it can be named."""
    return word.order_id or word.venue_order_id


def client_order_id(account: str, run_id: str, intent: int) -> str:
    """32 hex digits that no other intent of any run on the account shares; every venue accepts them."""
    return hashlib.blake2b(f"{account}|{run_id}|{intent}".encode(), digest_size=16).hexdigest()
