"""What would happen to an order on the book as it stands: a plan that changes nothing."""

from __future__ import annotations

import msgspec

from workbench.twin.book import OrderBook
from workbench.twin.ticket import Ticket
from workbench.twin.words import SelfTrade

_ENDS_TAKER = frozenset({SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH})


class Meeting(msgspec.Struct, frozen=True):
    """Two orders meet: they trade `quantity`, or self-trade prevention keeps them from it."""

    maker: Ticket
    quantity: int
    prevented: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The meetings of an order in their order; `cost` is the money of the trades among them.

    `complete` says that nothing of the order would be left, `barred` that prevention would end it.
    """

    meetings: tuple[Meeting, ...]
    quantity: int
    cost: int
    complete: bool
    barred: bool


def plan(book: OrderBook, taker: Ticket, *, contract: int, lot: int, funds: int | None = None) -> Plan:
    """How `taker` would be worked now; `funds` is the money it may spend or get at most."""
    meetings: list[Meeting] = []
    own: set[int] = set()
    by_money = taker.budget is not None
    left = 0 if by_money else taker.remaining
    money = taker.budget - taker.spent if taker.budget is not None else funds
    quantity = cost = 0
    complete, barred = not by_money and left == 0, False
    for maker, size in book.queue(buy=not taker.buy, limit=None if taker.by_market else taker.price):
        if complete:
            break
        if maker.account == taker.account and taker.stp is not SelfTrade.NONE:
            if maker.order_id in own:
                continue
            own.add(maker.order_id)
            decrement = taker.stp is SelfTrade.DECREMENT
            prevented = min(left, maker.remaining) if decrement else maker.remaining
            meetings.append(Meeting(maker, prevented, prevented=True))
            left -= prevented if decrement else 0
            barred = taker.stp in _ENDS_TAKER
            complete = not by_money and left == 0
            if barred or complete:
                break
            continue
        each = maker.price * contract
        part = size if by_money else min(left, size)
        if money is not None:
            part = min(part, (money - cost) // each // lot * lot)
        if part > 0:
            meetings.append(Meeting(maker, part))
            quantity, cost, left = quantity + part, cost + part * each, left - part
        complete = part < size if by_money else left == 0
        if complete or part < size:
            break
    return Plan(meetings=tuple(meetings), quantity=quantity, cost=cost, complete=complete, barred=barred)
