"""What a fill does to the strategy's account, as machine code: `core/account.py` for one spot position."""

from __future__ import annotations

import math
from typing import Any

from workbench.compiled.desk_orders import refuse
from workbench.compiled.desk_requests import carry
from workbench.compiled.desk_wishes import equity_of, want_flat
from workbench.compiled.engine_log import DRAWDOWN, DRAWDOWN_OF_ALL, HALTED_BY_RISK, LOCKED_BY_RISK
from workbench.compiled.engine_state import (
    BASE_QUANTUM,
    CASH,
    CASH_QUANTUM,
    COST,
    DIVISOR,
    ENTRY_REST,
    ENTRY_WHOLE,
    FIGURE,
    FIGURE_2,
    FILL_NUMBER,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_TIME,
    HALTED,
    HEARD,
    LOCKED,
    MARK,
    MAX_DRAWDOWN,
    MULTIPLIER,
    NONE,
    PEAK,
    PORTFOLIO_DRAWDOWN,
    PRICE_UNIT,
    QUANTITY,
    TRADED_HIGH,
    TRADED_LOW,
    VALUE,
    minus,
    plus,
)
from workbench.compiled.machine import machine, small
from workbench.compiled.rulebook import (
    ENTRY_UNIT,
    closed_quantity,
    drawdown_exceeds,
    entry_scaled,
    notional,
    released_cost,
)
from workbench.compiled.wide import narrow, widen

_LARGEST = 2**62  # of cash and worth: so that their sum is one of 64 bits


@machine
def book_fill(book: Any, side: Any, price: Any, quantity: Any, fee: Any, fee_in_base: Any) -> None:
    """Moves position, cost and cash by a fill, and values the position at its last mark."""
    worth = notional(price, quantity, book[MULTIPLIER], book[DIVISOR])
    held, signed = book[QUANTITY], side * quantity
    closed = closed_quantity(held, signed)
    if closed:
        book[COST] -= released_cost(book[COST], held, closed)
    book[COST] = plus(book[COST], minus(worth, released_cost(worth, quantity, closed) if closed else 0))
    after = plus(held, signed)
    book[QUANTITY] = minus(after, fee * book[BASE_QUANTUM] if fee_in_base else 0)
    if book[COST] and (after == 0 or book[QUANTITY] == 0 or (after > 0) != (book[QUANTITY] > 0)):
        book[COST] = 0
    book[CASH] = minus(minus(book[CASH], side * worth), 0 if fee_in_base else fee * book[CASH_QUANTUM])
    value(book, book[MARK] if book[MARK] != 0 else price)
    _count(book, worth)


@machine
def value(book: Any, price: Any) -> None:
    """Values the position at a price; raises OverflowError where equity might not fit."""
    gross = notional(price, abs(book[QUANTITY]), book[MULTIPLIER], book[DIVISOR])
    book[VALUE] = gross if book[QUANTITY] >= 0 else -gross
    if gross > _LARGEST or abs(book[CASH]) > _LARGEST:
        raise OverflowError("equity is above 2^62")


@machine
def remember_fill(book: Any, price: Any, signed: Any, traded: Any) -> None:
    """What the kernel may ask of its last fill."""
    book[FILL_NUMBER] += 1
    book[FILL_PRICE], book[FILL_QUANTITY], book[FILL_TIME] = price, signed, traded


@machine
def note_entry(book: Any) -> None:
    """Notes the average price of the open quantity: whole units of price, and units of 10^-8 of one beyond."""
    if book[QUANTITY]:
        scaled = entry_scaled(book[COST], book[DIVISOR], book[QUANTITY], book[MULTIPLIER])
        whole = scaled // widen(ENTRY_UNIT)
        book[ENTRY_WHOLE], book[ENTRY_REST] = narrow(whole), narrow(scaled - whole * widen(ENTRY_UNIT))


@small
def entry_price(book: Any) -> Any:
    """The average price as noted, nan when flat; as `entry_price_of` of the kernel's views."""
    if book[QUANTITY] == 0:
        return math.nan
    return (float(book[ENTRY_WHOLE]) + float(book[ENTRY_REST]) / 1e8) / float(book[PRICE_UNIT])


@machine
def guard(book: Any, log: Any) -> None:
    """Compares equity with its peak; a breach locks the strategy, or halts everything, and flattens."""
    equity, peak = equity_of(book), book[PEAK]
    if equity > peak:
        book[PEAK] = equity
        return
    limit, limit_of_all = book[MAX_DRAWDOWN], book[PORTFOLIO_DRAWDOWN]
    if limit != NONE and not book[LOCKED] and drawdown_exceeds(equity, peak, limit):
        book[LOCKED] = 1
        _shut(book, log, DRAWDOWN, LOCKED_BY_RISK, equity, peak)
    if limit_of_all != NONE and not book[HALTED] and drawdown_exceeds(equity, peak, limit_of_all):
        book[HALTED] = 1
        _shut(book, log, DRAWDOWN_OF_ALL, HALTED_BY_RISK, equity, peak)


@machine
def _shut(book: Any, log: Any, rule: Any, action: Any, equity: Any, peak: Any) -> None:
    """Flattens for risk; a target the strategy insists on is refused once, so that the record tells why."""
    book[FIGURE], book[FIGURE_2] = equity, peak
    refuse(book, log, rule, action, 0)
    want_flat(book)
    carry(book, log)
    book[HEARD] = 0


@machine
def _count(book: Any, worth: Any) -> None:
    """Adds to the worth of all that traded, in two words."""
    total = book[TRADED_LOW] + worth  # both are below 2^62
    book[TRADED_HIGH] += total >> 62
    book[TRADED_LOW] = total & (_LARGEST - 1)
