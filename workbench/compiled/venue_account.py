"""The simulated account as machine code: what orders reserve, what they may spend, and what it is refused for.

The same as `connectors/holdings.py` and `connectors/admission.py` for one strategy in one spot instrument.
"""

from __future__ import annotations

from typing import Any

from workbench.compiled.engine_log import (
    NO_PRICE,
    NO_REASON,
    NO_STOP_PRICE,
    TOO_FEW,
    TOO_SMALL,
    WOULD_CROSS,
)
from workbench.compiled.engine_state import (
    ASK_PRICE,
    BASE_QUANTUM,
    BID_PRICE,
    CASH_QUANTUM,
    DIVISOR,
    FEE_IN_BASE,
    FIGURE,
    FIGURE_2,
    LAST,
    LOT,
    MAKER_RATE,
    MIN_NOTIONAL,
    MIN_QUANTITY,
    MULTIPLIER,
    NONE,
    POST_ONLY,
    QUOTED,
    REDUCE_ONLY,
    RESERVED,
    RESERVED_BASE,
    RESERVED_CASH,
    SIDE,
    TAKER_RATE,
    VENUE_CASH,
    VENUE_FILLED,
    VENUE_PRICE,
    VENUE_QUANTITY,
    VENUE_TOTAL,
    minus,
    order_at,
    plus,
)
from workbench.compiled.machine import machine
from workbench.compiled.rulebook import covered_quantity, crosses, fee, floor_to, notional


@machine
def refused_terms(book: Any, role: Any, quantity: Any, price: Any, stop: Any) -> Any:
    """Why these figures break the instrument's terms, or the balance does not cover them; NO_REASON if they do not.

    A desk sends whole lots on the tick: prices can only be too low here, sizes only too small.
    """
    if price != NONE and price <= 0:
        book[FIGURE] = price
        return NO_PRICE
    if stop != NONE and stop <= 0:
        book[FIGURE] = stop
        return NO_STOP_PRICE
    if quantity < book[MIN_QUANTITY]:
        book[FIGURE] = quantity
        return TOO_FEW
    at = order_at(role)
    reference = _reference(book, book[at + SIDE])
    if book[at + POST_ONLY] and reference != NONE and crosses(book[at + SIDE], price, reference):
        book[FIGURE], book[FIGURE_2] = price, reference
        return WOULD_CROSS
    valued = price if price != NONE else stop if stop != NONE else reference
    if not book[at + REDUCE_ONLY] and valued != NONE:
        worth = notional(valued, quantity, book[MULTIPLIER], book[DIVISOR])
        if worth < book[MIN_NOTIONAL]:
            book[FIGURE] = worth
            return TOO_SMALL
    return NO_REASON


@machine
def uncovered(book: Any, role: Any, price: Any, remaining: Any) -> Any:
    """Whether the free balance does not cover an order of a role with these terms."""
    book[FIGURE], book[FIGURE_2] = _need(book, role, price, remaining), free(book, role)
    return book[FIGURE] > max(0, book[FIGURE_2])


@machine
def reserve(book: Any, role: Any, remaining: Any) -> None:
    """Sets what the order of a role reserves to what `remaining` needs; 0 releases it."""
    at = order_at(role)
    need = _need(book, role, book[at + VENUE_PRICE], remaining)
    asset = RESERVED_CASH if book[at + SIDE] > 0 else RESERVED_BASE
    book[asset] = plus(book[asset], minus(need, book[at + RESERVED]))
    book[at + RESERVED] = need


@machine
def free(book: Any, role: Any) -> Any:
    """What the order of a role may spend: all that others do not reserve."""
    at = order_at(role)
    if book[at + SIDE] > 0:
        return plus(minus(book[VENUE_CASH], book[RESERVED_CASH]), book[at + RESERVED])
    return plus(minus(book[VENUE_QUANTITY], book[RESERVED_BASE]), book[at + RESERVED])


@machine
def covered(book: Any, role: Any, wanted: Any, price: Any, rate: Any) -> Any:
    """How much of `wanted` the order of a role may trade at `price`."""
    at = order_at(role)
    if book[at + SIDE] < 0:
        return max(0, min(wanted, floor_to(free(book, role), book[LOT])))
    if book[at + REDUCE_ONLY]:
        return 0
    in_cash = 0 if book[FEE_IN_BASE] else rate
    return covered_quantity(
        wanted, free(book, role), price, book[MULTIPLIER], book[DIVISOR], in_cash, book[CASH_QUANTUM], book[LOT]
    )


@machine
def charge(book: Any, role: Any, price: Any, quantity: Any, rate: Any) -> Any:
    """Moves the account by a trade; returns its fee in the smallest units, and whether they are base."""
    at = order_at(role)
    worth = notional(price, quantity, book[MULTIPLIER], book[DIVISOR])
    if book[at + SIDE] > 0 and book[FEE_IN_BASE]:
        taken = fee(quantity, rate, book[BASE_QUANTUM])
        book[VENUE_CASH] = minus(book[VENUE_CASH], worth)
        book[VENUE_QUANTITY] = plus(book[VENUE_QUANTITY], minus(quantity, taken))
        return taken // book[BASE_QUANTUM], 1
    taken = fee(worth, rate, book[CASH_QUANTUM])
    book[VENUE_CASH] = minus(minus(book[VENUE_CASH], book[at + SIDE] * worth), taken)
    book[VENUE_QUANTITY] = plus(book[VENUE_QUANTITY], book[at + SIDE] * quantity)
    return taken // book[CASH_QUANTUM], 0


@machine
def remaining_at_venue(book: Any, role: Any) -> Any:
    """What the order of a role has not traded yet."""
    at = order_at(role)
    return book[at + VENUE_TOTAL] - book[at + VENUE_FILLED]


@machine
def _reference(book: Any, side: Any) -> Any:
    """The price an order of this side would trade at as far as is known; NONE if nothing is."""
    if book[QUOTED]:
        return book[ASK_PRICE] if side > 0 else book[BID_PRICE]
    return book[LAST]


@machine
def _need(book: Any, role: Any, price: Any, remaining: Any) -> Any:
    """How much of what it spends an order must set aside."""
    at = order_at(role)
    if book[at + REDUCE_ONLY]:
        return 0
    if book[at + SIDE] < 0:
        return remaining
    if price == NONE or remaining == 0:
        return 0
    worth = notional(price, remaining, book[MULTIPLIER], book[DIVISOR])
    rate = 0 if book[FEE_IN_BASE] else max(0, max(book[MAKER_RATE], book[TAKER_RATE]))
    return plus(worth, fee(worth, rate, book[CASH_QUANTUM]))
