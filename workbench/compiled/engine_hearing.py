"""What the engine hears, as machine code: reports and fills, opinions and marks, as in `trading/engine.py`."""

from __future__ import annotations

from typing import Any

from workbench.compiled.desk_orders import cancel, refuse, step
from workbench.compiled.desk_requests import carry, take_back
from workbench.compiled.desk_wishes import is_news, say, want, want_flat
from workbench.compiled.engine_account import book_fill, guard, remember_fill
from workbench.compiled.engine_log import (
    FILL_ROW,
    HALT_TAKES_BACK,
    LAPSED,
    NAKED,
    NO_REASON,
    NO_RULE,
    NO_SHORT_SPOT,
    NOTED,
    REFUSED_BY_RISK,
    TERMS_ROW,
    note,
    note_trade,
)
from workbench.compiled.engine_state import (
    ACKNOWLEDGED,
    AMEND_PENDING,
    BID,
    CANCEL_PENDING,
    CASH,
    CLOSE_AGAIN_AT,
    ENTRY,
    EXPIRES,
    FIGURE,
    FIGURE_2,
    FIGURE_3,
    FILLED,
    FILLED_UP,
    FLATTEN,
    FLATTEN_WISH,
    HALTED,
    HEARD,
    NONE,
    NOW,
    NUMBER,
    PARTIALLY_FILLED,
    POST,
    POST_FIRST,
    POST_LAST,
    POST_SIZE,
    POST_WIDTH,
    PRICE,
    PROTECTION,
    QUANTITY,
    QUOTES,
    REJECTED,
    SAID,
    SIDE,
    STATUS,
    STOP_PRICE,
    TOTAL,
    WISH,
    living,
    order_at,
)
from workbench.compiled.machine import machine
from workbench.compiled.risk_gate import closed, refused_by_venue
from workbench.compiled.venue_desk import FILL, take_requests


@machine
def hear_all(book: Any, log: Any) -> None:
    """Takes what was sent to the venue, and all that it says, one by one, until nothing is under way here."""
    take_requests(book)
    while book[POST_FIRST] < book[POST_LAST]:
        at = POST + book[POST_FIRST] % POST_SIZE * POST_WIDTH
        book[POST_FIRST] += 1
        lapse(book, log)
        role = book[at + 1]
        if book[order_at(role) + NUMBER] == book[at + 2] and living(book, role):
            if book[at] == FILL:
                _hear_fill(book, log, at)
            else:
                _hear_report(book, log, at)
        take_requests(book)
    book[POST_FIRST] = book[POST_LAST] = 0  # where it was written last the processor has it at hand


@machine
def lapse(book: Any, log: Any) -> None:
    """A target whose time is over: what has not traded is no longer wanted."""
    if book[EXPIRES] == NONE or book[EXPIRES] > book[NOW]:
        return
    book[EXPIRES], book[WISH] = NONE, 0
    take_back(book, log, ENTRY, LAPSED)


@machine
def hear_opinion(book: Any, log: Any, kind: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """What the strategy says, unless it asks for nothing new."""
    if not is_news(book, kind, a, b, c, d):
        return
    latch = closed(book)
    if latch != NO_RULE:
        say(book, kind, a, b, c, d)
        refuse(book, log, latch, REFUSED_BY_RISK, 0)
        return
    if want(book, kind, a, b, c, d):
        refuse(book, log, NO_SHORT_SPOT, REFUSED_BY_RISK, 0)
    lapse(book, log)  # it may have been too late when it was said
    carry(book, log)


@machine
def look(book: Any, log: Any) -> None:
    """After a mark that moved equity: drawdowns, and a position that should be closed by now."""
    guard(book, log)
    again = not living(book, FLATTEN) and book[CLOSE_AGAIN_AT] <= book[NOW]
    if book[FLATTEN_WISH] and again:
        want_flat(book)
        carry(book, log)


@machine
def _hear_fill(book: Any, log: Any, post: Any) -> None:
    """Books a fill; the order takes its step, the strategy learns of it, risk looks at it, the desk goes on."""
    role, quantity, price = book[post + 1], book[post + 3], book[post + 4]
    fee, fee_in_base, maker, traded = book[post + 5], book[post + 6], book[post + 7], book[post + 8]
    at = order_at(role)
    signed = book[at + SIDE] * quantity
    book_fill(book, book[at + SIDE], price, quantity, fee, fee_in_base)
    book[at + FILLED] += quantity
    number = book[at + NUMBER]
    note_trade(book, log, FILL_ROW, number, price, signed, fee, maker, traded, book[CASH], fee_in_base)
    status = book[at + STATUS]
    if book[at + FILLED] >= book[at + TOTAL]:
        step(book, log, role, FILLED_UP, NO_REASON, 0, 0)
    elif status != CANCEL_PENDING and status != AMEND_PENDING:
        step(book, log, role, PARTIALLY_FILLED, NO_REASON, 0, 0)
    if role >= BID and book[SAID] == QUOTES:
        book[HEARD] = 0  # the same quotes said again ask for what was filled
    remember_fill(book, price, signed, traded)
    guard(book, log)
    carry(book, log)


@machine
def _hear_report(book: Any, log: Any, post: Any) -> None:
    """The venue's word on an order moves it, as far as it is news; the desk goes on from there."""
    role, reported, reason = book[post + 1], book[post + 3], book[post + 7]
    at = order_at(role)
    before = book[at + STATUS]
    if reported != REJECTED:
        _take_terms(book, log, role, post)
    new = _told(book, role, reported)
    if new != before:
        if new == REJECTED:
            refused_by_venue(book)
        step(book, log, role, new, reason, book[post + 8], book[post + 9])
    _hold_back(book, log, role)
    if new == before:
        return
    ended_by_venue = role == PROTECTION and new >= FILLED_UP and before != CANCEL_PENDING
    if ended_by_venue and book[QUANTITY] and not book[FLATTEN_WISH]:
        book[FIGURE], book[FIGURE_2], book[FIGURE_3] = reason, book[post + 8], book[post + 9]
        refuse(book, log, NAKED, NOTED, book[at + NUMBER])
        want_flat(book)
    carry(book, log)


@machine
def _take_terms(book: Any, log: Any, role: Any, post: Any) -> None:
    at = order_at(role)
    total, price, stop = book[post + 4], book[post + 5], book[post + 6]
    if total == book[at + TOTAL] and price == book[at + PRICE] and stop == book[at + STOP_PRICE]:
        return
    book[at + TOTAL] = total
    if price != NONE:
        book[at + PRICE] = price
    if stop != NONE:
        book[at + STOP_PRICE] = stop
    note(book, log, TERMS_ROW, book[at + NUMBER], total, price, stop, 0, 0, 0, 0)


@machine
def _told(book: Any, role: Any, reported: Any) -> Any:
    """The status that a report moves its order to: the one it has where it moves nothing."""
    at = order_at(role)
    status = book[at + STATUS]
    if reported != ACKNOWLEDGED:
        return reported
    if status == CANCEL_PENDING:
        return status  # the acknowledgement was overtaken by our cancel
    return PARTIALLY_FILLED if book[at + FILLED] else ACKNOWLEDGED


@machine
def _hold_back(book: Any, log: Any, role: Any) -> None:
    """An order that turns out to stand although nothing may be opened any more is taken back like the others."""
    status = book[order_at(role) + STATUS]
    stands = status in (ACKNOWLEDGED, PARTIALLY_FILLED)
    if book[HALTED] and stands and role not in (PROTECTION, FLATTEN):
        cancel(book, log, role, HALT_TAKES_BACK)
