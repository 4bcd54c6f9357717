"""What the desk does about its wishes, as machine code: the requests of `trading/desk.py`, in the same order."""

from __future__ import annotations

from typing import Any

from workbench.compiled.desk_orders import cancel, send_amendment, send_new
from workbench.compiled.desk_wishes import quote_at
from workbench.compiled.engine_log import (
    FLATTENED,
    NOTHING_TO_PROTECT,
    QUOTE_CHANGED,
    QUOTE_WITHDRAWN,
    REPLACED_QUOTES,
    REPLACED_TARGET,
    SHRINKS,
    STOP_CHANGED,
    TARGET_CHANGED,
)
from workbench.compiled.engine_state import (
    ACKNOWLEDGED,
    AMEND_PENDING,
    AMENDABLE,
    AMENDED,
    ASK,
    ASKED,
    ASKED_QUANTITY,
    ASKED_STOP,
    BID,
    CANCEL_PENDING,
    CLOSE_AGAIN_AT,
    DESIRED,
    DIVISOR,
    ENTRY,
    FILLED,
    FLATTEN,
    FLATTEN_RETRY_NS,
    FLATTEN_WISH,
    LIMIT,
    LIMIT_ORDER,
    LOT,
    MADE,
    MARK,
    MARKET_ORDER,
    MIN_NOTIONAL,
    MIN_QUANTITY,
    MULTIPLIER,
    NONE,
    NUMBER,
    PARTIALLY_FILLED,
    PRICE,
    PROTECTION,
    QUANTITY,
    QUOTE_PRICE,
    QUOTE_SIZE,
    QUOTES,
    QUOTES_WISHED,
    ROLES,
    SAID,
    SIDE,
    STATUS,
    STOP,
    STOP_ORDER,
    STOP_PRICE,
    TOTAL,
    WISH,
    living,
    minus,
    opposed,
    order_at,
    plus,
)
from workbench.compiled.machine import machine
from workbench.compiled.rulebook import floor_to, notional

_TO_CLOSE, _TO_FOLLOW, _TO_QUOTE = range(3)  # which orders stand in the way


@machine
def carry(book: Any, log: Any) -> None:
    """Sends what the desk asks for, as far as the gate lets it."""
    if not _content(book):
        if book[FLATTEN_WISH]:
            _close_out(book, log)
        else:
            _follow_target(book, log)
            _protect(book, log)
            _quote(book, log)
    if living(book, FLATTEN):
        book[CLOSE_AGAIN_AT] = book[order_at(FLATTEN) + MADE] + FLATTEN_RETRY_NS


@machine
def _content(book: Any) -> Any:
    """Whether there is nothing to ask for."""
    if book[WISH] or book[FLATTEN_WISH] or book[STOP] != NONE:
        return False
    if book[QUOTES_WISHED] or book[QUOTES_WISHED + quote_at(ASK)]:
        return False
    return not _any_in_the_way(book, _TO_QUOTE if book[SAID] == QUOTES else _TO_FOLLOW, True)


@machine
def _in_the_way(role: Any, of: Any, protection_too: Any) -> Any:
    """Whether orders of a role stand in the way of closing, of a target, or of quotes."""
    if of == _TO_CLOSE:
        return role != FLATTEN
    if of == _TO_QUOTE:
        return role not in (BID, ASK)
    return role in (BID, ASK, FLATTEN) or (protection_too and role == PROTECTION)


@machine
def _any_in_the_way(book: Any, of: Any, protection_too: Any) -> Any:
    found = False
    for role in range(ROLES):
        found = found or (living(book, role) and _in_the_way(role, of, protection_too))
    return found


@machine
def _take_back(book: Any, log: Any, of: Any, reason: Any) -> None:
    """Cancels the orders that stand in the way and wait for no answer, the oldest first."""
    before = 0
    for _ in range(ROLES):
        oldest = _next_oldest(book, of, before)
        if oldest < 0:
            return
        before = book[order_at(oldest) + NUMBER]
        if not _leaving(book, oldest):
            cancel(book, log, oldest, reason)


@machine
def _next_oldest(book: Any, of: Any, before: Any) -> Any:
    """The role of the oldest order in the way that is younger than number `before`; -1 for none."""
    oldest, number = -1, 0
    for role in range(ROLES):
        its = book[order_at(role) + NUMBER]
        found = living(book, role) and _in_the_way(role, of, False) and its > before
        if found and (oldest < 0 or its < number):
            oldest, number = role, its
    return oldest


@machine
def _leaving(book: Any, role: Any) -> Any:
    status = book[order_at(role) + STATUS]
    return status in (CANCEL_PENDING, AMEND_PENDING)


@machine
def _amendable(book: Any, role: Any) -> Any:
    status = book[order_at(role) + STATUS]
    return status in (ACKNOWLEDGED, PARTIALLY_FILLED)


@machine
def _remaining(book: Any, role: Any) -> Any:
    at = order_at(role)
    return max(0, book[at + TOTAL] - book[at + FILLED])


@machine
def take_back(book: Any, log: Any, role: Any, reason: Any) -> None:
    """Cancels the order of a role where there is one and no answer of it is awaited."""
    if living(book, role) and not _leaving(book, role):
        cancel(book, log, role, reason)


@machine
def _close_out(book: Any, log: Any) -> None:
    if _any_in_the_way(book, _TO_CLOSE, False):
        _take_back(book, log, _TO_CLOSE, FLATTENED)
        return
    if living(book, FLATTEN):
        return
    held = book[QUANTITY]
    quantity = floor_to(abs(held), book[LOT])
    if not _worth_sending(book, quantity, NONE):
        book[WISH] = book[FLATTEN_WISH] = 0
    elif book[WISH]:
        book[WISH] = 0
        send_new(book, log, FLATTEN, -1 if held > 0 else 1, MARKET_ORDER, quantity, NONE, NONE, 1, 0)


@machine
def _follow_target(book: Any, log: Any) -> None:
    if not book[WISH]:
        return
    if _any_in_the_way(book, _TO_FOLLOW, False):
        _take_back(book, log, _TO_FOLLOW, REPLACED_QUOTES)
        return
    delta = minus(book[DESIRED], book[QUANTITY])
    if living(book, ENTRY):
        _revise(book, log, delta)
    elif opposed(delta, book[QUANTITY]) and living(book, PROTECTION):
        book[ASKED] = 0  # whatever becomes of it, a position that stays is protected anew
        take_back(book, log, PROTECTION, SHRINKS)
    else:
        book[WISH] = 0
        quantity = floor_to(abs(delta), book[LOT])
        if _worth_sending(book, quantity, NONE):
            kind = MARKET_ORDER if book[LIMIT] == NONE else LIMIT_ORDER
            send_new(book, log, ENTRY, 1 if delta > 0 else -1, kind, quantity, book[LIMIT], NONE, 0, 0)


@machine
def _revise(book: Any, log: Any, delta: Any) -> None:
    """A living entry order meets a new wish: amend it where that is enough, else take it back first."""
    at = order_at(ENTRY)
    if _leaving(book, ENTRY):
        return
    rest = floor_to(abs(delta), book[LOT])
    if book[AMENDED] and _amendable(book, ENTRY):
        book[WISH] = 0  # the amendment is through, or refused: either way it was carried
        return
    side_stays = (delta > 0) == (book[at + SIDE] > 0) and delta != 0
    goes_on = side_stays and _worth_sending(book, rest, NONE)
    changeable = book[at + PRICE] != NONE and book[LIMIT] != NONE and _amendable(book, ENTRY)
    if not (goes_on and changeable):
        take_back(book, log, ENTRY, TARGET_CHANGED)
        return
    total = plus(book[at + FILLED], rest)
    if total == book[at + TOTAL] and book[LIMIT] == book[at + PRICE]:
        book[WISH] = 0
    elif book[AMENDABLE]:
        book[AMENDED] = 1  # the wish stands until the venue answers: a fill may overtake the amendment
        send_amendment(book, log, ENTRY, total, book[LIMIT], NONE)
    else:
        take_back(book, log, ENTRY, TARGET_CHANGED)


@machine
def _protect(book: Any, log: Any) -> None:
    """Keeps the protective stop equal to what the target keeps of the position; asks once for each size."""
    held, entry = book[QUANTITY], order_at(ENTRY)
    if book[STOP] == NONE:
        book[ASKED] = 0
        take_back(book, log, PROTECTION, NOTHING_TO_PROTECT)
        return
    shrinks = living(book, ENTRY) and opposed(book[entry + SIDE], held)
    quantity = floor_to(max(0, abs(held) - (_remaining(book, ENTRY) if shrinks else 0)), book[LOT])
    wanted = not opposed(held, book[DESIRED])
    if not (wanted and _worth_sending(book, quantity, book[STOP])):
        book[ASKED] = 0
        take_back(book, log, PROTECTION, NOTHING_TO_PROTECT)
    elif book[ASKED] and quantity == book[ASKED_QUANTITY] and book[STOP] == book[ASKED_STOP]:
        return  # it rests, or it was refused: then only a change asks again
    elif not living(book, PROTECTION):
        if not book[WISH]:
            _ask_for_stop(book, quantity)
            send_new(book, log, PROTECTION, -1 if held > 0 else 1, STOP_ORDER, quantity, NONE, book[STOP], 1, 0)
    elif _amendable(book, PROTECTION):
        _revise_stop(book, log, quantity)


@machine
def _ask_for_stop(book: Any, quantity: Any) -> None:
    book[ASKED], book[ASKED_QUANTITY], book[ASKED_STOP] = 1, quantity, book[STOP]


@machine
def _revise_stop(book: Any, log: Any, quantity: Any) -> None:
    at = order_at(PROTECTION)
    _ask_for_stop(book, quantity)
    if _remaining(book, PROTECTION) == quantity and book[at + STOP_PRICE] == book[STOP]:
        return
    if not book[AMENDABLE]:
        book[ASKED] = 0  # placed anew once the old one is gone: what it locks would not cover both
        take_back(book, log, PROTECTION, STOP_CHANGED)
    else:
        send_amendment(book, log, PROTECTION, plus(book[at + FILLED], quantity), NONE, book[STOP])


@machine
def _quote(book: Any, log: Any) -> None:
    if book[SAID] == QUOTES:
        _take_back(book, log, _TO_QUOTE, REPLACED_TARGET)
    _quote_side(book, log, ASK, -1)
    _quote_side(book, log, BID, 1)


@machine
def _quote_side(book: Any, log: Any, role: Any, side: Any) -> None:
    wish, at = quote_at(role), order_at(role)
    rests = living(book, role)
    if not book[wish + QUOTES_WISHED] or (rests and not _amendable(book, role)):
        return  # nothing is wished, or the order is on its way somewhere and the wish waits
    price, quantity = book[wish + QUOTE_PRICE], book[wish + QUOTE_SIZE]
    wanted = _worth_sending(book, quantity, price)
    changed = rests and (book[at + PRICE] != price or _remaining(book, role) != quantity)
    if wanted and changed and not book[AMENDABLE]:
        take_back(book, log, role, QUOTE_CHANGED)
        return  # the wish waits until the old one is gone
    book[wish + QUOTES_WISHED] = 0
    if not rests:
        if wanted:
            send_new(book, log, role, side, LIMIT_ORDER, quantity, price, NONE, 0, 1)
    elif not wanted:
        take_back(book, log, role, QUOTE_WITHDRAWN)
    elif changed:
        send_amendment(book, log, role, plus(book[at + FILLED], quantity), price, NONE)


@machine
def _worth_sending(book: Any, quantity: Any, price: Any) -> Any:
    """Whether the venue would take an order of this size at the price, or at the mark."""
    at = price if price != NONE and price != 0 else book[LIMIT] if book[LIMIT] != NONE else 0
    at = at if at != 0 else book[MARK]
    worth = notional(at, quantity, book[MULTIPLIER], book[DIVISOR])
    return quantity > 0 and quantity >= book[MIN_QUANTITY] and worth >= book[MIN_NOTIONAL]
