"""Others who trade with an account's orders at the worst moment: just before a cancel is executed, or just after."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fnmatch import fnmatchcase

from workbench.twin.exchange import Exchange
from workbench.twin.faults import Fault
from workbench.twin.words import Order


class Rivals:
    """Everybody else on the exchange; which exchange is asked each time, since a restart makes a new one."""

    def __init__(self, exchange: Callable[[], Exchange]) -> None:
        self._exchange = exchange

    def targets(self, fault: Fault) -> list[Order]:
        """The open orders that a race is about, as they stand now."""
        orders = self._exchange().open_orders(fault.words("account"))
        return [each for each in orders if fnmatchcase(each.client_id, fault.words("client_id"))]

    def fill(self, targets: list[Order], fault: Fault, now: int) -> None:
        """Trades with each of them: the fault's quantity, at most what remained."""
        for each in targets:
            wanted = Decimal(fault.words("quantity") or each.remaining)
            quantity = min(wanted, each.remaining)
            self._exchange().trade_with(each.account, each.order_id, quantity, now=now, force=not self._is_open(each))

    def fill_ended(self, targets: list[Order], fault: Fault, now: int) -> None:
        """Trades with those of them that have ended since: late fills."""
        self.fill([each for each in targets if not self._is_open(each)], fault, now)

    def _is_open(self, order: Order) -> bool:
        return self._exchange().order(order.account, symbol=order.wanted.symbol, order_id=order.order_id).open
