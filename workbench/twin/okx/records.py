"""What each account traded, numbered, and what each order's trades came to: the figures that OKX's rows carry."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import msgspec

from workbench.twin.accounts import KEPT
from workbench.twin.exchange import Exchange
from workbench.twin.okx.formats import total
from workbench.twin.words import Event, Execution, Happened, OwnTrade

ALGOS = 10_000  # stop orders whose kind is remembered: far more than an account may have open


class Fill(msgspec.Struct, frozen=True):
    """A trade of an account and its number, which grows from one to the next."""

    bill: int
    trade: OwnTrade


class Fills(msgspec.Struct):
    """The trades of one order so far; a negative fee is a rebate."""

    fee: Decimal = Decimal(0)
    last: OwnTrade | None = None

    def add(self, trade: OwnTrade) -> None:
        """One more."""
        self.fee, self.last = total(self.fee, trade.commission), trade


class Records:
    """Hears every trade from now on, and begins with what the accounts have traded before.

    Chosen leverages, and which stops were trigger orders, are forgotten when the exchange restarts.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.leverage: dict[tuple[str, str], int] = {}  # that an account chose for a symbol
        self._fills: dict[str, deque[Fill]] = {}
        self._bills: dict[str, int] = {}
        self._orders: dict[int, Fills] = {}
        self._triggers: dict[int, None] = {}
        self._triggering = False
        for account in exchange.accounts:
            for trade in exchange.truth(account).trades:
                self._add(trade)
        exchange.listen(self._hear)

    def fills(self, account: str) -> list[Fill]:
        """The account's trades, newest first."""
        return list(reversed(self._fills.get(account, ())))

    def of_order(self, order_id: int) -> Fills:
        """What an order's trades came to."""
        return self._orders.get(order_id) or Fills()

    @contextmanager
    def placing(self, *, trigger: bool) -> Iterator[None]:
        """The stop that is entered meanwhile was asked for as a trigger order, or was not."""
        self._triggering = trigger
        try:
            yield
        finally:
            self._triggering = False

    def is_trigger(self, order_id: int) -> bool:
        """Whether a stop was asked for as a trigger order."""
        return order_id in self._triggers

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Execution):
            return
        if event.trade is not None:
            self._add(event.trade)
        elif self._triggering and event.what is Happened.NEW:
            self._note_trigger(event.order.order_id)

    def _note_trigger(self, order_id: int) -> None:
        self._triggers[order_id] = None
        if len(self._triggers) > ALGOS:
            del self._triggers[next(iter(self._triggers))]

    def _add(self, trade: OwnTrade) -> None:
        bill = self._bills[trade.account] = self._bills.get(trade.account, 0) + 1
        self._fills.setdefault(trade.account, deque(maxlen=KEPT)).append(Fill(bill, trade))
        self._orders.setdefault(trade.order_id, Fills()).add(trade)
        if len(self._orders) > KEPT:
            del self._orders[next(iter(self._orders))]
