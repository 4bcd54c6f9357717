"""The gate as machine code: it refuses what `risk/gate.py` and `risk/limits.py` refuse, in their order."""

from __future__ import annotations

from typing import Any

from workbench.compiled.engine_log import (
    ALLOWED_SYMBOLS,
    COLLAR,
    COVERED,
    EMPTY_BOOK,
    HALT,
    LOCK,
    NO_RULE,
    ORDER_NOTIONAL,
    POSITION_NOTIONAL,
    REDUCES_ONLY,
    REJECTED_OFTEN,
    SENT_OFTEN,
    STALE_DATA,
)
from workbench.compiled.engine_state import (
    ALLOWED,
    ASKED_TOTAL,
    COVERED_SPOT,
    DIVISOR,
    FIGURE,
    FIGURE_2,
    FILLED,
    FLATTEN,
    FRESH_UNTIL,
    HALTED,
    KIND,
    LOCKED,
    MARK,
    MARKET_ORDER,
    MAX_DATA_AGE,
    MAX_ORDER_NOTIONAL,
    MAX_ORDERS,
    MAX_POSITION_NOTIONAL,
    MAX_REJECTIONS,
    MULTIPLIER,
    NONE,
    NOW,
    ONE_SIDED,
    PRICE_COLLAR,
    PROTECTION,
    QUANTITY,
    RATE_WINDOW_NS,
    RECENT,
    RECENT_FIRST,
    RECENT_LAST,
    REDUCE_ONLY,
    REFUSED,
    REFUSED_FIRST,
    REFUSED_LAST,
    REJECTIONS_KEPT,
    ROLES,
    SIDE,
    TOTAL,
    living,
    minus,
    opposed,
    order_at,
    plus,
)
from workbench.compiled.machine import machine
from workbench.compiled.rulebook import collar_exceeds, notional


@machine
def review(book: Any, role: Any, quantity: Any, price: Any, stop: Any, amends: Any) -> Any:
    """The rule that refuses an order of a role, or an amendment of it; NO_RULE where it may go out."""
    if role == FLATTEN and not amends:
        book[FIGURE] = 0
        return NO_RULE if _reduces(book, role, quantity, amends) else REDUCES_ONLY
    rule = _latched(book, role, quantity, amends)
    if rule == NO_RULE:
        rule = _limited(book, role, quantity, price, stop, amends)
    if rule == NO_RULE and book[MAX_ORDERS] != NONE:
        book[RECENT + book[RECENT_LAST] % book[MAX_ORDERS]] = book[NOW]
        book[RECENT_LAST] += 1
    return rule


@machine
def closed(book: Any) -> Any:
    """The latch that keeps the strategy from opening anything."""
    if book[HALTED]:
        return HALT
    return LOCK if book[LOCKED] else NO_RULE


@machine
def refused_by_venue(book: Any) -> None:
    """Remembers when the venue refused an order; the newest are enough."""
    book[REFUSED + book[REFUSED_LAST] % REJECTIONS_KEPT] = book[NOW]
    book[REFUSED_LAST] += 1
    book[REFUSED_FIRST] = max(book[REFUSED_FIRST], book[REFUSED_LAST] - REJECTIONS_KEPT)


@machine
def _latched(book: Any, role: Any, quantity: Any, amends: Any) -> Any:
    at = order_at(role)
    latch = closed(book)
    if latch == NO_RULE and not amends and book[at + KIND] == MARKET_ORDER and book[ONE_SIDED]:
        if _reduces(book, role, quantity, amends):
            return NO_RULE
        book[FIGURE] = book[ONE_SIDED]
        return EMPTY_BOOK
    if latch == NO_RULE and not amends and (book[at + REDUCE_ONLY] or role == PROTECTION):
        book[FIGURE] = 1
        return NO_RULE if _reduces(book, role, quantity, amends) else REDUCES_ONLY
    return latch


@machine
def _reduces(book: Any, role: Any, quantity: Any, amends: Any) -> Any:
    at, held = order_at(role), book[QUANTITY]
    done = book[at + FILLED] if amends else 0
    return opposed(held, book[at + SIDE]) and quantity - done <= abs(held)


@machine
def _limited(book: Any, role: Any, quantity: Any, price: Any, stop: Any, amends: Any) -> Any:
    if not book[ALLOWED]:
        return ALLOWED_SYMBOLS
    if book[MAX_DATA_AGE] != NONE and book[NOW] - book[FRESH_UNTIL] > book[MAX_DATA_AGE]:
        book[FIGURE] = book[NOW] - book[FRESH_UNTIL]
        return STALE_DATA
    if book[MAX_ORDER_NOTIONAL] != NONE and _worth(book, quantity, price, stop) > book[MAX_ORDER_NOTIONAL]:
        book[FIGURE] = _worth(book, quantity, price, stop)
        return ORDER_NOTIONAL
    if book[MAX_POSITION_NOTIONAL] != NONE and _position_too_large(book, role, quantity, price, stop, amends):
        return POSITION_NOTIONAL
    if book[PRICE_COLLAR] != NONE and (_far(book, price) or _far(book, stop)):
        return COLLAR
    if book[COVERED_SPOT] and _uncovered(book, role, quantity, amends):
        return COVERED
    return _too_often(book)


@machine
def _worth(book: Any, quantity: Any, price: Any, stop: Any) -> Any:
    own = price if price != NONE and price != 0 else stop if stop != NONE else 0
    return notional(max(own, book[MARK]), quantity, book[MULTIPLIER], book[DIVISOR])


@machine
def _worst_position(book: Any, role: Any, quantity: Any, amends: Any) -> Any:
    """The signed position if the request and every living one on its side fill."""
    at = order_at(role)
    side = book[at + SIDE]
    total = plus(book[QUANTITY], side * quantity)
    if amends:
        total = minus(total, side * book[at + FILLED])
    for other in range(ROLES):
        its = order_at(other)
        if other != role and living(book, other) and book[its + SIDE] == side:
            worst = max(book[its + TOTAL], book[its + ASKED_TOTAL]) - book[its + FILLED]
            total = plus(total, side * max(0, worst))
    return total


@machine
def _position_too_large(book: Any, role: Any, quantity: Any, price: Any, stop: Any, amends: Any) -> Any:
    worst = _worst_position(book, role, quantity, amends)
    if worst * book[order_at(role) + SIDE] <= 0:
        return False  # it reduces, and does not cross to the other side
    book[FIGURE] = _worth(book, abs(worst), price, stop)
    return book[FIGURE] > book[MAX_POSITION_NOTIONAL]


@machine
def _far(book: Any, price: Any) -> Any:
    """Whether a price is too far from the mark, or there is no mark to hold it against."""
    if price == NONE:
        return False
    book[FIGURE], book[FIGURE_2] = price, book[MARK]
    return book[MARK] == 0 or collar_exceeds(price, book[MARK], book[PRICE_COLLAR])


@machine
def _uncovered(book: Any, role: Any, quantity: Any, amends: Any) -> Any:
    if book[order_at(role) + SIDE] > 0:
        return False
    book[FIGURE] = -_worst_position(book, role, quantity, amends)
    return book[FIGURE] > 0


@machine
def _too_often(book: Any) -> Any:
    """Whether the venue refused, or we sent, too much in the last minute."""
    since = book[NOW] - RATE_WINDOW_NS
    if book[MAX_REJECTIONS] != NONE:
        while (
            book[REFUSED_FIRST] < book[REFUSED_LAST] and book[REFUSED + book[REFUSED_FIRST] % REJECTIONS_KEPT] <= since
        ):
            book[REFUSED_FIRST] += 1
        book[FIGURE] = book[REFUSED_LAST] - book[REFUSED_FIRST]
        if book[FIGURE] and book[FIGURE] >= book[MAX_REJECTIONS]:
            return REJECTED_OFTEN
    if book[MAX_ORDERS] != NONE:
        kept = book[MAX_ORDERS]
        while book[RECENT_FIRST] < book[RECENT_LAST] and book[RECENT + book[RECENT_FIRST] % kept] <= since:
            book[RECENT_FIRST] += 1
        book[FIGURE] = book[RECENT_LAST] - book[RECENT_FIRST]
        if book[FIGURE] >= kept:
            return SENT_OFTEN
    return NO_RULE
