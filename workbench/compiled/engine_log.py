"""What the compiled engine writes down: one row a fact, in the order in which they came about."""

from __future__ import annotations

from typing import Any

from workbench.compiled.engine_state import LOGGED, LOGGING, NOW
from workbench.compiled.machine import machine

# Level of the log: nothing, what traded, everything.
SILENT, TRADES, FACTS = 0, 1, 2

WIDTH = 10
ROOM = 2048  # rows that one event cannot lead to: the log is emptied before there are fewer

# Rows: what it is, when it was said (UTC ns), the number of its order, and seven figures.
WHAT, TIME, ORDER, A, B, C, D, E, F, G = range(WIDTH)

MADE_ROW = 1  # role, side, kind, quantity, price, stop
STEP_ROW = 2  # old status, new status, filled, reason, two figures
FILL_ROW = 3  # price, signed quantity, fee, 1 as maker, when it traded, cash after it, 1 where the fee is in base
RISK_ROW = 4  # rule, action, wording, three figures
AMEND_ROW = 5  # total asked for, price, stop
TERMS_ROW = 6  # total, price and stop in force by the venue's word

# Rules by number, in the order in which a refusal looks for them.
(
    NO_RULE,
    HALT,
    LOCK,
    EMPTY_BOOK,
    REDUCES_ONLY,
    ALLOWED_SYMBOLS,
    STALE_DATA,
    ORDER_NOTIONAL,
    POSITION_NOTIONAL,
    COLLAR,
    COVERED,
    REJECTED_OFTEN,
    SENT_OFTEN,
    NO_SHORT_SPOT,
    DRAWDOWN,
    DRAWDOWN_OF_ALL,
    NAKED,
) = range(17)

NOTED, REFUSED_BY_RISK, LOCKED_BY_RISK, HALTED_BY_RISK = range(4)

# Why an order took a step.
(
    NO_REASON,
    LAPSED,
    FLATTENED,
    REPLACED_QUOTES,
    SHRINKS,
    TARGET_CHANGED,
    NOTHING_TO_PROTECT,
    STOP_CHANGED,
    REPLACED_TARGET,
    QUOTE_CHANGED,
    QUOTE_WITHDRAWN,
    HALT_TAKES_BACK,
    AMENDED_AWAY,
    AMENDED_AS_ASKED,
    TAKES_AT_MARKET,
    SHORT_OF_BALANCE,
    SHORT_OF_POSITION,
    NO_PRICE,
    NO_STOP_PRICE,
    TOO_FEW,
    TOO_SMALL,
    WOULD_CROSS,
    NOT_COVERED,
    BY_RULE,
) = range(24)
NOT_AMENDED = 32  # and why: one of the above


@machine
def note(book: Any, log: Any, what: Any, order: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> None:
    """Adds a row, where everything is written down."""
    if book[LOGGING] >= FACTS:
        put(book, log, what, order, a, b, c, d, e, f, g)


@machine
def note_trade(
    book: Any, log: Any, what: Any, order: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any
) -> None:
    """Adds a row, where what traded is written down."""
    if book[LOGGING] >= TRADES:
        put(book, log, what, order, a, b, c, d, e, f, g)


@machine
def put(book: Any, log: Any, what: Any, order: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> None:
    """Adds a row."""
    at = book[LOGGED]
    if at >= len(log):
        raise OverflowError("one event leads to more than the log has room for")
    log[at, WHAT], log[at, TIME], log[at, ORDER] = what, book[NOW], order
    log[at, A], log[at, B], log[at, C], log[at, D] = a, b, c, d
    log[at, E], log[at, F], log[at, G] = e, f, g
    book[LOGGED] = at + 1
