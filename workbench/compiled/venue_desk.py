"""The simulated venue's door as machine code: orders, amendments and cancels as `connectors/matching.py` takes them."""

from __future__ import annotations

from typing import Any

from workbench.compiled.desk_orders import AMEND, NEW
from workbench.compiled.engine_log import (
    AMENDED_AS_ASKED,
    AMENDED_AWAY,
    NO_REASON,
    NOT_AMENDED,
    NOT_COVERED,
    TAKES_AT_MARKET,
)
from workbench.compiled.engine_state import (
    ACKNOWLEDGED,
    ACTIVE_AT,
    ARRIVING,
    AT_VENUE,
    CANCELLED,
    FIGURE,
    FIGURE_2,
    KIND,
    LATENCY,
    LIMIT_ORDER,
    NONE,
    NOW,
    NUMBER,
    POST,
    POST_FIRST,
    POST_LAST,
    POST_ONLY,
    POST_SIZE,
    POST_WIDTH,
    PRICE,
    PRIORITY,
    RANK,
    REJECTED,
    REQUEST_WIDTH,
    RESERVED,
    SENT,
    SENT_FIRST,
    SENT_LAST,
    SENT_SIZE,
    STOP_ORDER,
    STOP_PRICE,
    TOTAL,
    VENUE_FILLED,
    VENUE_PRICE,
    VENUE_STOP,
    VENUE_TOTAL,
    WAITING,
    WAY,
    WAY_FIRST,
    WAY_LAST,
    WAY_SIZE,
    order_at,
    plus,
)
from workbench.compiled.machine import machine
from workbench.compiled.venue_account import refused_terms, remaining_at_venue, reserve, uncovered

REPORT, FILL = 0, 1  # what a piece of post is


@machine
def take_requests(book: Any) -> None:
    """Takes everything that was sent: new orders at once, the rest at once or after the latency."""
    while book[SENT_FIRST] < book[SENT_LAST]:
        at = SENT + book[SENT_FIRST] % SENT_SIZE * REQUEST_WIDTH
        book[SENT_FIRST] += 1
        if book[at] == NEW:
            _place(book, book[at + 1])
        elif book[LATENCY]:
            _let_travel(book, at)
        else:
            _apply(book, at, book[NOW])
    book[SENT_FIRST] = book[SENT_LAST] = 0


@machine
def deliver(book: Any, until: Any) -> None:
    """Applies the requests that arrived by `until`."""
    while book[WAY_FIRST] < book[WAY_LAST]:
        at = WAY + book[WAY_FIRST] % WAY_SIZE * REQUEST_WIDTH
        arrival = book[at + 6]
        if arrival > until:
            return
        book[WAY_FIRST] += 1
        _apply(book, at, arrival)


@machine
def end(book: Any, role: Any) -> None:
    """Ends the order of a role and releases what it reserved."""
    at = order_at(role)
    book[at + ARRIVING] = book[at + WAITING] = book[at + AT_VENUE] = 0
    reserve(book, role, 0)


@machine
def report(book: Any, role: Any, status: Any, reason: Any, first: Any, second: Any) -> None:
    """Says where the order of a role stands, with the terms in force."""
    at = order_at(role)
    _post(
        book,
        REPORT,
        role,
        status,
        book[at + VENUE_TOTAL],
        book[at + VENUE_PRICE],
        book[at + VENUE_STOP],
        reason,
        first,
        second,
    )


@machine
def tell_fill(
    book: Any, role: Any, quantity: Any, price: Any, fee: Any, fee_in_base: Any, maker: Any, traded: Any
) -> None:
    """Says that the order of a role traded."""
    _post(book, FILL, role, quantity, price, fee, fee_in_base, maker, traded, 0)


@machine
def _post(book: Any, what: Any, role: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> None:
    last = book[POST_LAST]
    if last - book[POST_FIRST] >= POST_SIZE:
        raise OverflowError("one event leads to more reports than are kept")
    at = POST + last % POST_SIZE * POST_WIDTH
    book[at], book[at + 1], book[at + 2] = what, role, book[order_at(role) + NUMBER]
    book[at + 3], book[at + 4], book[at + 5], book[at + 6] = a, b, c, d
    book[at + 7], book[at + 8], book[at + 9] = e, f, g
    book[POST_LAST] = last + 1


@machine
def _place(book: Any, role: Any) -> None:
    """A new order: refused, or at the venue once its latency is over; it fills on a later event."""
    at = order_at(role)
    book[at + VENUE_TOTAL], book[at + VENUE_FILLED], book[at + RESERVED] = book[at + TOTAL], 0, 0
    book[at + VENUE_PRICE], book[at + VENUE_STOP] = book[at + PRICE], book[at + STOP_PRICE]
    reason = refused_terms(book, role, book[at + TOTAL], book[at + PRICE], book[at + STOP_PRICE])
    if reason == NO_REASON and uncovered(book, role, book[at + PRICE], book[at + TOTAL]):
        reason = NOT_COVERED
    if reason != NO_REASON:
        report(book, role, REJECTED, reason, book[FIGURE], book[FIGURE_2])
        return
    book[at + AT_VENUE], book[at + ACTIVE_AT] = 1, plus(book[NOW], book[LATENCY])
    book[at + WAITING] = book[at + KIND] == STOP_ORDER
    book[at + ARRIVING] = book[at + KIND] == LIMIT_ORDER and not book[at + POST_ONLY]
    _to_the_back(book, at)
    reserve(book, role, book[at + TOTAL])
    report(book, role, ACKNOWLEDGED, NO_REASON, 0, 0)


@machine
def _let_travel(book: Any, request: Any) -> None:
    last = book[WAY_LAST]
    if last - book[WAY_FIRST] >= WAY_SIZE:
        raise OverflowError("more requests are on their way than are kept")
    at = WAY + last % WAY_SIZE * REQUEST_WIDTH
    for column in range(6):
        book[at + column] = book[request + column]
    book[at + 2] = book[request + 2] * 32 + book[request + 6]  # the order's number, and the reason of a cancel
    book[at + 6] = plus(book[NOW], book[LATENCY])
    book[WAY_LAST] = last + 1


@machine
def _apply(book: Any, request: Any, arrived: Any) -> None:
    """An amendment or a cancel reaches its order; what reaches an order that is over changes nothing."""
    what, role, number, reason = book[request], book[request + 1], book[request + 2], book[request + 6]
    if book[LATENCY]:
        number, reason = number // 32, number % 32
    at = order_at(role)
    if book[at + NUMBER] != number or not book[at + AT_VENUE]:
        return  # it had ended, which was said before
    if what == AMEND:
        _amend(book, role, book[request + 3], book[request + 4], book[request + 5], arrived)
    else:
        end(book, role)
        report(book, role, CANCELLED, reason, 0, 0)


@machine
def _amend(book: Any, role: Any, quantity: Any, new_price: Any, new_stop: Any, arrived: Any) -> None:
    """Changes price, stop and total quantity together, or says that the order stays as it is."""
    at = order_at(role)
    if 0 < quantity <= book[at + VENUE_FILLED]:
        end(book, role)
        report(book, role, CANCELLED, AMENDED_AWAY, 0, 0)
        return
    price = book[at + VENUE_PRICE] if new_price == NONE else new_price
    stop = book[at + VENUE_STOP] if new_stop == NONE else new_stop
    refused = _refused_amendment(book, role, quantity, price, stop)
    if refused != NO_REASON:
        report(book, role, ACKNOWLEDGED, NOT_AMENDED + refused, book[FIGURE], book[FIGURE_2])
        return
    moved = price != book[at + VENUE_PRICE] or stop != book[at + VENUE_STOP]
    if moved or quantity > book[at + VENUE_TOTAL]:
        _to_the_back(book, at)
    if moved:
        book[at + ACTIVE_AT] = arrived
        book[at + ARRIVING] = price != NONE and not (book[at + WAITING] or book[at + POST_ONLY])
    book[at + VENUE_PRICE], book[at + VENUE_STOP], book[at + VENUE_TOTAL] = price, stop, quantity
    reserve(book, role, remaining_at_venue(book, role))
    report(book, role, ACKNOWLEDGED, AMENDED_AS_ASKED, 0, 0)


@machine
def _refused_amendment(book: Any, role: Any, quantity: Any, price: Any, stop: Any) -> Any:
    at = order_at(role)
    if book[at + VENUE_PRICE] == NONE and not book[at + WAITING]:
        return TAKES_AT_MARKET
    reason = refused_terms(book, role, quantity, price, stop)
    if reason == NO_REASON and uncovered(book, role, price, quantity - book[at + VENUE_FILLED]):
        return NOT_COVERED
    return reason


@machine
def _to_the_back(book: Any, at: Any) -> None:
    """The order stands behind all others from here on."""
    book[PRIORITY] += 1
    book[at + RANK] = book[PRIORITY]
