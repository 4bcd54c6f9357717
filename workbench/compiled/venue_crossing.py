"""How orders meet a market event, as machine code: `connectors/liquidity.py` and `connectors/crossing.py`."""

from __future__ import annotations

from typing import Any

from workbench.compiled.engine_log import SHORT_OF_BALANCE, SHORT_OF_POSITION
from workbench.compiled.engine_state import (
    ACTIVE_AT,
    ARRIVING,
    ASK_POOL,
    AT_VENUE,
    BID_POOL,
    EXPIRED,
    LOT,
    MAKER_RATE,
    NONE,
    RANK,
    REDUCE_ONLY,
    ROLES,
    SIDE,
    SLIPPAGE_RATE,
    TAKER_RATE,
    TICK,
    VENUE_FILLED,
    VENUE_PRICE,
    VENUE_STOP,
    VENUE_TOTAL,
    VOLUME_SHARE,
    WAITING,
    order_at,
)
from workbench.compiled.machine import machine
from workbench.compiled.rulebook import (
    bounded_by_volume,
    crosses,
    limited_price,
    slipped_price,
    stop_triggers,
    worse_price,
)
from workbench.compiled.venue_account import charge, covered, remaining_at_venue, reserve
from workbench.compiled.venue_desk import deliver, end, report, tell_fill
from workbench.core.rules import RATE

BAR, TRADE, QUOTE = range(3)


@machine
def meet_bar(book: Any, opened: Any, closed: Any, first: Any, high: Any, low: Any, last: Any, volume: Any) -> None:
    """Our orders meet a bar: takers at its open, stops on the way, and what price traded through at the end."""
    deliver(book, opened)
    book[BID_POOL] = bounded_by_volume(volume, volume, book[VOLUME_SHARE], book[LOT])
    losing = 1 if last <= first else -1
    _meet(book, BAR, opened, closed, first, first, low, high, losing)
    deliver(book, closed)


@machine
def meet_trade(book: Any, at: Any, price: Any, quantity: Any) -> None:
    """Our orders meet a trade of others."""
    deliver(book, at)
    book[BID_POOL] = bounded_by_volume(quantity, quantity, book[VOLUME_SHARE], book[LOT])
    _meet(book, TRADE, at, at, price, price, price, price, 0)


@machine
def meet_quote(book: Any, at: Any, bid: Any, bid_quantity: Any, ask: Any, ask_quantity: Any) -> None:
    """Our orders meet the best bid and ask; 0 is an empty side."""
    deliver(book, at)
    book[BID_POOL], book[ASK_POOL] = bid_quantity, ask_quantity
    _meet(book, QUOTE, at, at, bid, ask, 0, 0, 0)


@machine
def _meet(
    book: Any, kind: Any, moment: Any, at: Any, to_sell: Any, to_buy: Any, low: Any, high: Any, losing: Any
) -> None:
    """Takers, then stops, then what rests; `to_sell` and `to_buy` are what can be taken at once, 0 for nothing."""
    rank = 0
    for _ in range(ROLES):
        role = _next(book, rank, moment)
        if role < 0:
            break
        rank = book[order_at(role) + RANK]
        if _takes(book, role):
            _arrive(book, kind, role, to_buy if book[order_at(role) + SIDE] > 0 else to_sell, moment)
    resting = 0  # a set of roles, decided before any stop has triggered
    for role in range(ROLES):
        if _rests(book, role, moment):
            resting |= 1 << role
    rank = 0
    for _ in range(ROLES):
        role = _next(book, rank, moment)
        if role < 0:
            break
        rank = book[order_at(role) + RANK]
        if book[order_at(role) + WAITING]:
            _trigger(book, kind, role, to_sell, to_buy, low, high, at)
    _fill_resting(book, kind, resting, to_sell, to_buy, low, high, losing, at)


@machine
def _next(book: Any, rank: Any, moment: Any) -> Any:
    """The role of the first order behind `rank` that was at the venue by `moment`; -1 for none."""
    found, its = -1, 0
    for role in range(ROLES):
        at = order_at(role)
        behind = book[at + AT_VENUE] and book[at + RANK] > rank and book[at + ACTIVE_AT] <= moment
        if behind and (found < 0 or book[at + RANK] < its):
            found, its = role, book[at + RANK]
    return found


@machine
def _takes(book: Any, role: Any) -> Any:
    at = order_at(role)
    return not book[at + WAITING] and (book[at + VENUE_PRICE] == NONE or book[at + ARRIVING] != 0)


@machine
def _rests(book: Any, role: Any, moment: Any) -> Any:
    at = order_at(role)
    there = book[at + AT_VENUE] and book[at + ACTIVE_AT] <= moment
    return there and not (book[at + WAITING] or book[at + ARRIVING] or book[at + VENUE_PRICE] == NONE)


@machine
def _arrive(book: Any, kind: Any, role: Any, price: Any, at: Any) -> None:
    """An order that wants to trade at once meets the market; the rest of a limit rests from here on."""
    book[order_at(role) + ARRIVING] = 0
    if price:
        _take(book, kind, role, price, at)


@machine
def _trigger(book: Any, kind: Any, role: Any, to_sell: Any, to_buy: Any, low: Any, high: Any, at: Any) -> None:
    """A stop that the event touches becomes an order that takes."""
    order = order_at(role)
    side, stop = book[order + SIDE], book[order + VENUE_STOP]
    price = to_buy if side > 0 else to_sell
    if kind == QUOTE:
        if price == 0 or not stop_triggers(side, stop, price, price):
            return
    elif not stop_triggers(side, stop, low, high):
        return
    book[order + WAITING] = 0
    _take(book, kind, role, worse_price(side, price, stop) if kind == BAR else price, at)


@machine
def _take(book: Any, kind: Any, role: Any, price: Any, at: Any) -> None:
    """Trades as a taker: slipped to the tick against it, never beyond its limit."""
    order = order_at(role)
    side, limit = book[order + SIDE], book[order + VENUE_PRICE]
    worse = slipped_price(price, book[TICK], side, book[SLIPPAGE_RATE])
    if limit != NONE:
        if not crosses(side, limit, price):
            return
        worse = limited_price(side, worse, limit)
    _trade(book, kind, role, worse, book[TAKER_RATE], 0, at)


@machine
def _fill_resting(
    book: Any, kind: Any, resting: Any, to_sell: Any, to_buy: Any, low: Any, high: Any, losing: Any, at: Any
) -> None:
    """The limits that price traded through, by price and time; the losing side only where both could fill."""
    buys = sells = 0
    for role in range(ROLES):
        if resting >> role & 1 and _through(book, kind, role, to_sell, to_buy, low, high):
            if book[order_at(role) + SIDE] > 0:
                buys |= 1 << role
            else:
                sells |= 1 << role
    both = buys != 0 and sells != 0 and losing != 0
    chosen = buys if both and losing > 0 else sells if both else buys | sells
    while chosen:
        role = _best(book, chosen)
        chosen &= ~(1 << role)
        _trade(book, kind, role, book[order_at(role) + VENUE_PRICE], book[MAKER_RATE], 1, at)


@machine
def _through(book: Any, kind: Any, role: Any, to_sell: Any, to_buy: Any, low: Any, high: Any) -> Any:
    """Whether price traded strictly through a resting limit."""
    at = order_at(role)
    side, limit = book[at + SIDE], book[at + VENUE_PRICE]
    if kind != QUOTE:
        return low < limit if side > 0 else high > limit
    return (to_buy != 0 and to_buy < limit) if side > 0 else (to_sell != 0 and to_sell > limit)


@machine
def _best(book: Any, roles: Any) -> Any:
    """Of a set of roles the one to fill first: buys from the highest, then sells from the lowest, then by time."""
    best = -1
    for role in range(ROLES):
        if roles >> role & 1 and (best < 0 or _before(book, role, best)):
            best = role
    return best


@machine
def _before(book: Any, role: Any, other: Any) -> Any:
    its, others = order_at(role), order_at(other)
    first = -book[its + SIDE] * book[its + VENUE_PRICE]
    second = -book[others + SIDE] * book[others + VENUE_PRICE]
    return first < second or (first == second and book[its + RANK] < book[others + RANK])


@machine
def _trade(book: Any, kind: Any, role: Any, price: Any, rate: Any, maker: Any, at: Any) -> None:
    """Trades as far as size, balance and position allow, and ends what cannot go on."""
    order = order_at(role)
    pool = ASK_POOL if kind == QUOTE and book[order + SIDE] > 0 else BID_POOL
    there = bounded_by_volume(remaining_at_venue(book, role), book[pool], RATE, book[LOT])
    quantity = covered(book, role, there, price, rate) if there else 0
    if quantity:
        book[pool] -= quantity
        fee, fee_in_base = charge(book, role, price, quantity, rate)
        book[order + VENUE_FILLED] += quantity
        reserve(book, role, remaining_at_venue(book, role))
        tell_fill(book, role, quantity, price, fee, fee_in_base, maker, at)
    if remaining_at_venue(book, role) == 0:
        end(book, role)
    elif quantity < there:
        reason = SHORT_OF_POSITION if book[order + REDUCE_ONLY] else SHORT_OF_BALANCE
        report(book, role, EXPIRED, reason, book[order + VENUE_FILLED], book[order + VENUE_TOTAL])
        end(book, role)
