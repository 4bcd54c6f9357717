"""When a waiting stop goes live: at its stop price, or a trailing distance from the best price since."""

from __future__ import annotations

from workbench.twin.ticket import Ticket
from workbench.twin.words import OrderKind

WHOLE = 10_000  # basis points
_LOSSES = frozenset({OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT})


def touched(ticket: Ticket, price: int) -> bool:
    """Whether a trade at `price` reaches the stop price."""
    rising = ticket.buy is (ticket.wanted.kind in _LOSSES)
    return price >= ticket.stop if rising else price <= ticket.stop


def follow(ticket: Ticket, price: int) -> bool:
    """Lets a waiting stop see a trade at `price`; whether that triggers it."""
    bips = ticket.wanted.trailing_bips
    if bips is None:
        return touched(ticket, price)
    if not ticket.extreme:
        if not ticket.stop or touched(ticket, price):
            ticket.extreme = price
        return False
    if ticket.buy:
        ticket.extreme = min(ticket.extreme, price)
        return price * WHOLE >= ticket.extreme * (WHOLE + bips)
    ticket.extreme = max(ticket.extreme, price)
    return price * WHOLE <= ticket.extreme * (WHOLE - bips)
