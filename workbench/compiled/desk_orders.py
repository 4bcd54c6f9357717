"""Orders as machine code: from a wish to a request that passed the gate, step by step of an order's life."""

from __future__ import annotations

from typing import Any

from workbench.compiled.engine_log import (
    AMEND_ROW,
    BY_RULE,
    MADE_ROW,
    NO_REASON,
    NO_RULE,
    REFUSED_BY_RISK,
    RISK_ROW,
    STEP_ROW,
    note,
)
from workbench.compiled.engine_state import (
    AMEND_PENDING,
    AMENDED,
    ASKED_TOTAL,
    CANCEL_PENDING,
    DENIED,
    ENTRY,
    FIGURE,
    FIGURE_2,
    FIGURE_3,
    FILLED,
    FILLED_UP,
    FLATTEN_WISH,
    KIND,
    MADE,
    NONE,
    NOW,
    NUMBER,
    ORDERS,
    PENDING,
    POST_ONLY,
    PRICE,
    PROTECTION,
    QUANTITY,
    REDUCE_ONLY,
    REFUSALS,
    REQUEST_WIDTH,
    SENT,
    SENT_FIRST,
    SENT_LAST,
    SENT_SIZE,
    SIDE,
    STATUS,
    STOP_PRICE,
    SUBMITTED,
    TOTAL,
    WISH,
    order_at,
)
from workbench.compiled.machine import machine
from workbench.compiled.risk_gate import review

NEW, AMEND, CANCEL = range(3)
_LARGEST = 2**62


@machine
def send_new(
    book: Any, log: Any, role: Any, side: Any, kind: Any, quantity: Any, price: Any, stop: Any, reduces: Any, rests: Any
) -> None:
    """An order of a role that has none is made, reviewed, and sent or denied."""
    if quantity > _LARGEST:
        raise OverflowError("an order's quantity is above 2^62")
    at = order_at(role)
    book[ORDERS] += 1
    book[at + NUMBER], book[at + STATUS] = book[ORDERS], PENDING
    book[at + SIDE], book[at + KIND], book[at + TOTAL] = side, kind, quantity
    book[at + PRICE], book[at + STOP_PRICE] = price, stop
    book[at + FILLED], book[at + ASKED_TOTAL], book[at + MADE] = 0, 0, book[NOW]
    book[at + REDUCE_ONLY], book[at + POST_ONLY] = reduces, rests
    note(book, log, MADE_ROW, book[ORDERS], role, side, kind, quantity, price, stop, 0)
    rule = review(book, role, quantity, price, stop, False)
    if rule == NO_RULE:
        step(book, log, role, SUBMITTED, NO_REASON, 0, 0)
        _send(book, NEW, role, quantity, price, stop, NO_REASON)
        return
    refuse(book, log, rule, REFUSED_BY_RISK, book[ORDERS])
    step(book, log, role, DENIED, BY_RULE, rule, 0)


@machine
def send_amendment(book: Any, log: Any, role: Any, quantity: Any, price: Any, stop: Any) -> None:
    """A change of a resting order is reviewed, and sent or refused; `quantity` is its total."""
    if quantity > _LARGEST:
        raise OverflowError("an order's quantity is above 2^62")
    at = order_at(role)
    book[at + ASKED_TOTAL] = quantity
    note(book, log, AMEND_ROW, book[at + NUMBER], quantity, price, stop, 0, 0, 0, 0)
    rule = review(book, role, quantity, price, stop, True)
    if rule == NO_RULE:
        step(book, log, role, AMEND_PENDING, NO_REASON, 0, 0)
        _send(book, AMEND, role, quantity, price, stop, NO_REASON)
        return
    refuse(book, log, rule, REFUSED_BY_RISK, book[at + NUMBER])
    if book[at + STATUS] != AMEND_PENDING and book[at + STATUS] != CANCEL_PENDING:
        book[at + ASKED_TOTAL] = 0  # the amendment never left


@machine
def cancel(book: Any, log: Any, role: Any, reason: Any) -> None:
    """Takes a living order back; asking twice asks once."""
    if book[order_at(role) + STATUS] == CANCEL_PENDING:
        return
    step(book, log, role, CANCEL_PENDING, NO_REASON, 0, 0)
    _send(book, CANCEL, role, 0, NONE, NONE, reason)


@machine
def refuse(book: Any, log: Any, rule: Any, action: Any, order: Any) -> None:
    """Writes down that risk stepped in, with the figures it left."""
    book[REFUSALS] += 1
    note(book, log, RISK_ROW, order, rule, action, book[FIGURE], book[FIGURE_2], book[FIGURE_3], 0, 0)


@machine
def step(book: Any, log: Any, role: Any, new: Any, reason: Any, first: Any, second: Any) -> None:
    """An order takes a step of its life; one that ends leaves the desk."""
    at = order_at(role)
    old = book[at + STATUS]
    if new == old:
        return
    book[at + STATUS] = new
    if new != CANCEL_PENDING and new != AMEND_PENDING:
        book[at + ASKED_TOTAL] = 0
    note(book, log, STEP_ROW, book[at + NUMBER], old, new, book[at + FILLED], reason, first, second, 0)
    if FILLED_UP <= new < DENIED:
        _ended(book, role, new)


@machine
def _ended(book: Any, role: Any, status: Any) -> None:
    """An order of the desk is over."""
    if role == ENTRY and book[AMENDED] and status != FILLED_UP:
        book[WISH] = 0  # only what a fill overtook is asked for again
    stopped_out = role == PROTECTION and book[order_at(role) + FILLED] and not book[QUANTITY]
    if stopped_out and not book[FLATTEN_WISH]:
        book[WISH] = 0  # nothing that was wanted before is bought back


@machine
def _send(book: Any, what: Any, role: Any, quantity: Any, price: Any, stop: Any, reason: Any) -> None:
    """Keeps a request for the venue."""
    last = book[SENT_LAST]
    if last - book[SENT_FIRST] >= SENT_SIZE:
        raise OverflowError("one event leads to more requests than are kept")
    at = SENT + last % SENT_SIZE * REQUEST_WIDTH
    book[at], book[at + 1], book[at + 2] = what, role, book[order_at(role) + NUMBER]
    book[at + 3], book[at + 4], book[at + 5], book[at + 6] = quantity, price, stop, reason
    book[SENT_LAST] = last + 1
