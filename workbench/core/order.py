"""The life of an order: a table, and one function that walks it.

A living order may be ended by its venue at any time, so the table lists only the steps between
living states. Status and fill ledger are two things: a fill that arrives after the end books all
the same (see `core/ledger.py`), and the status stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from workbench.core.errors import IllegalTransition


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    sign: int  # +1 for buy, -1 for sell: the rule book's side

    def __init__(self, value: str) -> None:
        self.sign = 1 if value == "buy" else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class TimeInForce(StrEnum):
    GTC = "gtc"  # until cancelled
    IOC = "ioc"  # what fills at once, the rest expires
    FOK = "fok"  # all at once or nothing


class Role(StrEnum):
    """Why an order exists; one strategy has at most one living order per instrument and role."""

    ENTRY = "entry"  # takes the position to its target
    STOP = "stop"  # protects the position
    FLATTEN = "flatten"  # risk or an operator closes the position
    BID = "bid"
    ASK = "ask"

    @property
    def reduces(self) -> bool:
        """Whether it only ever protects or closes what is held: neither a halt nor a stop takes it back."""
        return self in (Role.STOP, Role.FLATTEN)


class OrderStatus(StrEnum):
    PENDING = "pending"  # wanted, not yet approved
    SUBMITTED = "submitted"  # approved and on its way
    ACKNOWLEDGED = "acknowledged"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_PENDING = "cancel_pending"
    CANCEL_REJECTED = "cancel_rejected"  # the order lives on
    AMEND_PENDING = "amend_pending"
    UNKNOWN = "unknown"  # its fate is open; it counts at its worst until there is evidence
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # by the venue
    DENIED = "denied"  # by us, before the wire
    NEVER_ACCEPTED = "never_accepted"  # proven never to have reached the book


# The same as plain names: a lookup in an enumeration's class costs more than what an order does with it.
BUY, SELL = Side
ENTRY, STOP, FLATTEN, BID, ASK = Role
PENDING, SUBMITTED, ACKNOWLEDGED, PARTIALLY_FILLED, CANCEL_PENDING, CANCEL_REJECTED, *_OTHERS = OrderStatus
AMEND_PENDING, UNKNOWN, FILLED, CANCELLED, EXPIRED, REJECTED, DENIED, NEVER_ACCEPTED = _OTHERS

_S = OrderStatus

FINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.DENIED, _S.NEVER_ACCEPTED})

_OPEN = frozenset({_S.ACKNOWLEDGED, _S.PARTIALLY_FILLED, _S.CANCEL_PENDING, _S.AMEND_PENDING, _S.UNKNOWN})

STEPS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING: frozenset({_S.SUBMITTED}),
    _S.SUBMITTED: _OPEN,  # a fill may outrun the acknowledgement
    _S.ACKNOWLEDGED: _OPEN - {_S.ACKNOWLEDGED},
    _S.PARTIALLY_FILLED: _OPEN - {_S.ACKNOWLEDGED},
    _S.CANCEL_PENDING: frozenset({_S.CANCEL_REJECTED, _S.PARTIALLY_FILLED, _S.UNKNOWN}),
    _S.CANCEL_REJECTED: _OPEN,
    _S.AMEND_PENDING: _OPEN - {_S.AMEND_PENDING},
    _S.UNKNOWN: _OPEN - {_S.UNKNOWN} | {_S.CANCEL_REJECTED},
}

_ENDINGS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING: frozenset({_S.DENIED}),  # before the wire only we can end it
    _S.SUBMITTED: FINAL - {_S.DENIED},
    _S.UNKNOWN: FINAL - {_S.DENIED},
    _S.CANCEL_PENDING: FINAL - {_S.DENIED},  # it may have been unknown when we asked
}
_ENDED_BY_VENUE = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})

_NEXT = {old: steps | _ENDINGS.get(old, _ENDED_BY_VENUE) for old, steps in STEPS.items()}

assert STEPS.keys() == set(OrderStatus) - FINAL, "every living status has a row"


def may_move(old: OrderStatus, new: OrderStatus) -> bool:
    """Whether the life cycle has a step from `old` to `new`; nothing leaves a final status."""
    return new in _NEXT.get(old, ())


def move(order_id: str, old: OrderStatus, new: OrderStatus) -> OrderStatus:
    """`new`, or IllegalTransition naming the order and the step."""
    if not may_move(old, new):
        raise IllegalTransition(f"order {order_id}: {old} -> {new} is not a step of its life cycle")
    return new
