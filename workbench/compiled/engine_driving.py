"""What the driver asks between its cold calls: when orders must be woken, and what the position is worth."""

from __future__ import annotations

from typing import Any

from numba import types

from workbench.compiled.engine_account import value
from workbench.compiled.engine_state import (
    ARRIVING,
    ASK_PRICE,
    AT_VENUE,
    BID_PRICE,
    EXPIRES,
    LARGEST_HELD,
    LAST,
    MAX_DRAWDOWN,
    MULTIPLIER,
    NO_OPINION,
    NONE,
    PORTFOLIO_DRAWDOWN,
    QUANTITY,
    QUOTED,
    QUOTES,
    ROLES,
    SIDE,
    SIZE,
    TARGET,
    VALUE,
    VENUE_PRICE,
    VENUE_STOP,
    WAITING,
    WAKE_HIGH,
    WAKE_LOW,
    WAY_FIRST,
    WAY_LAST,
    order_at,
)
from workbench.compiled.machine import machine, small
from workbench.compiled.wide import high_product
from workbench.core.rules import PPM

MOST, LEAST = 2**63 - 1, -(2**63)
ROOM_BITS = 61  # of size x price, which is not checked any further
_CAREFUL = 1.0 - 1e-9  # a float may say too early that a drawdown is due to be looked at, never too late

UNHEARD = -2  # what no kernel says: any opinion is news
NOBODY_BIDS, NOBODY_OFFERS = 1, 2


def inverse_of(divisor: int) -> tuple[int, int]:
    """What to multiply with, and how far to shift, instead of dividing by `divisor`: exact for ROOM_BITS."""
    shift = (divisor - 1).bit_length()
    return -(-(2 ** (ROOM_BITS + shift)) // divisor), shift


@machine
def watch_out(book: Any) -> None:
    """Notes how low and how high prices may go before an order of ours meets them, and the size to value by."""
    low, high = LEAST, MOST
    if book[WAY_FIRST] < book[WAY_LAST]:
        low = MOST
    for role in range(ROLES):
        at = order_at(role)
        if not book[at + AT_VENUE]:
            continue
        buys = book[at + SIDE] > 0
        if book[at + WAITING]:
            low, high = _around_stop(book[at + VENUE_STOP], buys, book[QUOTED], low, high)
        elif book[at + VENUE_PRICE] == NONE or book[at + ARRIVING]:
            low = MOST
        elif buys:
            low = max(low, book[at + VENUE_PRICE])
        else:
            high = min(high, book[at + VENUE_PRICE])
    book[WAKE_LOW], book[WAKE_HIGH] = low, high
    held = abs(book[QUANTITY])
    book[SIZE] = held * book[MULTIPLIER] if held < book[LARGEST_HELD] else -1


@machine
def _around_stop(stop: Any, buys: Any, quoted: Any, low: Any, high: Any) -> Any:
    if quoted:
        return MOST, high  # a stop looks at the other side than a limit does
    if buys:
        return low, min(high, stop - 1)
    return max(low, stop + 1), high


@machine
def worth_of(book: Any, price: Any) -> Any:
    """What the position is worth at a price, however large it is."""
    value(book, price)
    return book[VALUE]


@small
def divided(product: Any, inverse: Any, shift: Any) -> Any:
    """A product of ROOM_BITS at most, 0 or more, over what `inverse_of` inverted."""
    return types.int64(high_product(types.uint64(product) << types.uint64(64 - ROOM_BITS), inverse) >> shift)


@small
def place_of(row: Any) -> Any:
    """Where a row stands: a place that no one counts from the end."""
    return types.uint64(row)


@small
def until(book: Any) -> Any:
    """The instant at which the standing target lapses."""
    return MOST if book[EXPIRES] == NONE else book[EXPIRES]


@small
def tolerated(book: Any) -> Any:
    """The fraction of its peak that equity may lose before risk looks at it; above 1 where no limit is set."""
    least = 2.0
    for limit in (book[MAX_DRAWDOWN], book[PORTFOLIO_DRAWDOWN]):
        if limit != NONE:
            least = min(least, float(limit) / PPM * _CAREFUL)
    return least


@small
def watched(book: Any) -> Any:
    """Whether a drawdown limit is set."""
    return book[MAX_DRAWDOWN] != NONE or book[PORTFOLIO_DRAWDOWN] != NONE


@small
def means_something(kind: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Whether an opinion's figures can be: prices above 0 or none, sizes from 0 on."""
    if kind <= NO_OPINION:
        return kind == NO_OPINION
    if kind == TARGET:
        return b >= 0 and c >= 0
    return b >= 0 and d >= 0 and not (b > 0 and a <= 0) and not (d > 0 and c <= 0)


@small
def in_one_way(kind: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The same figures for the same opinion: a quote of no size has no price."""
    if kind == QUOTES:
        return (a if b else 0), b, (c if d else 0), d
    return a, b, c, d


@small
def note_price(book: Any, price: Any) -> None:
    """The venue's last price."""
    book[LAST] = price


@small
def note_quote(book: Any, bid: Any, ask: Any) -> None:
    """The venue's best prices; 0 is an empty side."""
    book[QUOTED] = 1
    book[BID_PRICE] = bid if bid != 0 else NONE
    book[ASK_PRICE] = ask if ask != 0 else NONE


@small
def one_sided(bid: Any, ask: Any) -> Any:
    """Which side of the best prices is empty; 0 for neither."""
    if bid != 0 and ask != 0:
        return 0
    return NOBODY_OFFERS if bid != 0 else NOBODY_BIDS
