"""What accounts own and owe: totals, locks, orders, trades and positions, in whole numbers."""

from __future__ import annotations

from collections import defaultdict, deque

import msgspec

from workbench.twin.amounts import of_money
from workbench.twin.ticket import Ticket
from workbench.twin.words import Balance, FundingPaid, OwnTrade, Problem, Refusal

HOUSE = "house"  # collects commissions, takes what liquidations leave, and alone may owe
KEPT = 200_000  # final orders, trades and funding remembered per account: days of trading by one program


class Position(msgspec.Struct):
    """Net contracts of a perpetual, signed, and the money they were entered for, signed alike."""

    quantity: int = 0
    cost: int = 0


class Account:
    """One account; `locked` counts the spot orders, `working` the notional of open orders per perpetual and side."""

    def __init__(self, name: str, *, bnb_fees: bool = False, crowd: bool = False) -> None:
        self.name, self.bnb_fees, self.crowd = name, bnb_fees, crowd
        self.total: dict[str, int] = {}
        self.locked: dict[str, int] = {}
        self.working: dict[tuple[str, bool], int] = {}
        self.positions: defaultdict[str, Position] = defaultdict(Position)
        self.open: dict[int, Ticket] = {}
        self.orders: dict[int, Ticket] = {}
        self.trades: deque[OwnTrade] = deque(maxlen=KEPT)
        self.funding: deque[FundingPaid] = deque(maxlen=KEPT)
        self.touched: dict[str, None] = {}  # assets since the last report, in order
        self._open_clients: dict[str, int] = {}
        self._by_client: dict[tuple[str, str], int] = {}

    def add(self, asset: str, amount: int) -> None:
        """Changes what the account has of an asset."""
        self.total[asset] = self.total.get(asset, 0) + amount
        self.locked.setdefault(asset, 0)
        self.touched[asset] = None

    def unlocked(self, asset: str) -> int:
        """What no spot order has locked."""
        return self.total.get(asset, 0) - self.locked.get(asset, 0)

    def has_open_client(self, client_id: str) -> bool:
        """Whether an open order carries this client id."""
        return client_id in self._open_clients

    def register(self, ticket: Ticket) -> None:
        """Takes a new order in, forgetting the oldest final one beyond the limit."""
        self.open[ticket.order_id] = self.orders[ticket.order_id] = ticket
        self._open_clients[ticket.client_id] = ticket.order_id
        self._by_client[ticket.symbol, ticket.client_id] = ticket.order_id
        if len(self.orders) > KEPT:
            oldest = next((each for each in self.orders.values() if not each.open), None)
            if oldest is not None:
                self._forget(oldest)

    def close(self, ticket: Ticket) -> None:
        """An order is open no more; its client id may be used again."""
        del self.open[ticket.order_id], self._open_clients[ticket.client_id]

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Ticket:
        """The order with this id, or the newest with this client id; raises Refusal(UNKNOWN_ORDER)."""
        if order_id is None and client_id is not None:
            order_id = self._by_client.get((symbol, client_id))
        found = self.orders.get(order_id) if order_id is not None else None
        mismatch = found is not None and client_id is not None and found.client_id != client_id
        if found is None or found.symbol != symbol or mismatch:
            raise Refusal(Problem.UNKNOWN_ORDER)
        return found

    def _forget(self, ticket: Ticket) -> None:
        del self.orders[ticket.order_id]
        if self._by_client.get((ticket.symbol, ticket.client_id)) == ticket.order_id:
            del self._by_client[ticket.symbol, ticket.client_id]


def balance(account: Account, asset: str, margin: int) -> Balance:
    """What the account holds of an asset; `margin` is bound by perpetuals and counts as locked."""
    locked = account.locked.get(asset, 0) + margin
    return Balance(asset=asset, free=of_money(account.total.get(asset, 0) - locked), locked=of_money(locked))
