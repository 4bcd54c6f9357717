"""What the desk wants, as machine code: opinions become wishes as in `trading/portfolio.py` and `trading/desk.py`."""

from __future__ import annotations

from typing import Any

from workbench.compiled.engine_state import (
    AMENDED,
    ASK,
    ASKED,
    BID,
    CAP,
    CASH,
    DESIRED,
    DIVISOR,
    ENTRY,
    EXPIRES,
    FIGURE,
    FLATTEN_WISH,
    HEARD,
    LIMIT,
    LOT,
    MARK,
    MULTIPLIER,
    NONE,
    QUANTITY,
    QUOTE_PRICE,
    QUOTE_SIZE,
    QUOTE_WIDTH,
    QUOTES,
    QUOTES_WISHED,
    REBALANCE_BAND,
    SAID,
    SAID_A,
    SAID_B,
    SAID_C,
    SAID_D,
    STOP,
    TARGET,
    TICK,
    VALUE,
    WISH,
    aligned,
    living,
    minus,
    plus,
)
from workbench.compiled.machine import machine
from workbench.compiled.rulebook import drift_exceeds, floor_to, notional, passive_price, sized_quantity

_BUY, _SELL = 1, -1


@machine
def equity_of(book: Any) -> Any:
    """Cash and what the position is worth at its last mark."""
    return plus(book[CASH], book[VALUE])


@machine
def is_news(book: Any, kind: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Whether the opinion asks for anything that is not wanted already."""
    same = book[HEARD] and kind == book[SAID] and a == book[SAID_A] and b == book[SAID_B]
    return not (same and c == book[SAID_C] and d == book[SAID_D]) or _drifted(book, kind, a)


@machine
def want(book: Any, kind: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Takes a new opinion; whether it asked to go below nothing, which spot cannot."""
    if kind == QUOTES:
        _want_quotes(book, a, b, c, d)
        return False
    if _moves_stop_only(book, a, b, d) and not _drifted(book, kind, a):
        book[SAID_C] = c
        _protect_at(book, c)
        return False
    desired = _sized(book, a)
    short = desired < 0
    if short:
        book[FIGURE] = desired
        desired = 0
    _want_target(book, a, b, c, d, desired)
    return short


@machine
def want_flat(book: Any) -> None:
    """Close everything, whatever the strategy thinks; stands until the position is closed."""
    book[DESIRED], book[EXPIRES] = 0, NONE
    book[LIMIT] = book[STOP] = NONE
    _forget_quotes(book)
    book[WISH] = book[FLATTEN_WISH] = 1


@machine
def say(book: Any, kind: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Remembers an opinion as the one that stands."""
    book[SAID], book[HEARD] = kind, 1
    book[SAID_A], book[SAID_B], book[SAID_C], book[SAID_D] = a, b, c, d


@machine
def _want_target(book: Any, ppm: Any, limit: Any, stop: Any, until: Any, desired: Any) -> None:
    say(book, TARGET, ppm, limit, stop, until)
    book[DESIRED] = desired
    book[EXPIRES] = until if until != 0 else NONE
    _forget_quotes(book)
    book[WISH], book[FLATTEN_WISH], book[AMENDED], book[ASKED] = 1, 0, 0, 0
    side = _BUY if desired > book[QUANTITY] else _SELL
    book[LIMIT] = NONE if limit == 0 else passive_price(limit, book[TICK], side)
    _protect_at(book, stop)


@machine
def _protect_at(book: Any, stop: Any) -> None:
    against = _BUY if book[DESIRED] >= 0 else _SELL
    book[STOP] = NONE if stop == 0 else passive_price(stop, book[TICK], against)


@machine
def _want_quotes(book: Any, bid: Any, bid_size: Any, ask: Any, ask_size: Any) -> None:
    """A new pair of resting orders; one that is not said again is taken back."""
    book[STOP], book[LIMIT], book[WISH], book[FLATTEN_WISH] = NONE, NONE, 0, 0
    book[EXPIRES] = NONE
    say(book, QUOTES, bid, bid_size, ask, ask_size)
    _forget_quotes(book)
    _want_quote(book, BID, _BUY, bid, bid_size)
    _want_quote(book, ASK, _SELL, ask, ask_size)


@machine
def _want_quote(book: Any, role: Any, side: Any, price: Any, size: Any) -> None:
    at = quote_at(role)
    if size != 0:
        book[at + QUOTES_WISHED] = 1
        book[at + QUOTE_PRICE] = passive_price(price, book[TICK], side)
        book[at + QUOTE_SIZE] = floor_to(max(0, size), book[LOT])
    elif living(book, role):
        book[at + QUOTES_WISHED], book[at + QUOTE_PRICE], book[at + QUOTE_SIZE] = 1, 0, 0


@machine
def quote_at(role: Any) -> Any:
    """How much further on the wish for a quote of this role stands than that for a bid."""
    return (role - BID) * QUOTE_WIDTH


@machine
def _forget_quotes(book: Any) -> None:
    book[QUOTES_WISHED] = 0
    book[QUOTES_WISHED + quote_at(ASK)] = 0


@machine
def _moves_stop_only(book: Any, ppm: Any, limit: Any, until: Any) -> Any:
    same = book[HEARD] and book[SAID] == TARGET and ppm == book[SAID_A]
    return same and limit == book[SAID_B] and until == book[SAID_D]


@machine
def _drifted(book: Any, kind: Any, ppm: Any) -> Any:
    """Whether the position is further from a standing target than the budget's band lets it drift."""
    if book[REBALANCE_BAND] == NONE or kind != TARGET or not _standing(book):
        return False
    drift = abs(minus(_sized(book, ppm), book[QUANTITY]))
    worth = notional(book[MARK], drift, book[MULTIPLIER], book[DIVISOR])
    return drift_exceeds(worth, _base(book), book[REBALANCE_BAND])


@machine
def _standing(book: Any) -> Any:
    """Whether a position stands for the target and nothing is under way: only then is there drift to chase."""
    lapsed = book[EXPIRES] == NONE and book[SAID] == TARGET and book[SAID_D] != 0
    return aligned(book[DESIRED], book[QUANTITY]) and not living(book, ENTRY) and not lapsed


@machine
def _sized(book: Any, ppm: Any) -> Any:
    return sized_quantity(ppm, _base(book), book[MARK], book[MULTIPLIER], book[DIVISOR], book[LOT])


@machine
def _base(book: Any) -> Any:
    """What the strategy sizes from: its equity at the last mark, capped by its budget."""
    equity = equity_of(book)
    return equity if book[CAP] == NONE or equity < book[CAP] else book[CAP]
