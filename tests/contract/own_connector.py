"""A connector as a stranger would write it: one market, filled at the next price, nothing that is not needed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal

from workbench.core.events import FillEvent, MarketDataEvent, OrderEvent, OrderReport, Quote, Trade
from workbench.core.instrument import Instrument
from workbench.core.money import to_decimal, to_scaled
from workbench.core.order import OrderStatus, OrderType
from workbench.core.ports import CancelResult, ExchangeConnector, OrderResult, Outcome

MARKETS = {"spot": "BTC/USDT", "perpetual": "BTC/USDT:USDT"}


def ticks(instrument: Instrument, count: int = 2_000, seed: int = 11) -> Iterator[MarketDataEvent]:
    """Quotes around a random walk, with trades between them."""
    chance, middle, size = random.Random(seed), 20_000, 10**instrument.quantity_places
    for number in range(1, count):
        at = number * 10**9
        middle += 5 * chance.choice((-1, 0, 1))
        if number % 3:
            yield Quote("md", number, at, at, instrument, middle - 5, middle + 5, size, size)
        else:
            yield Trade("md", number, at, at, instrument, middle, size)


class BarterConnector(ExchangeConnector):
    """Spot at the price of the next trade, for a fixed fee."""

    venue = "barter"

    def __init__(self) -> None:
        self.instrument = Instrument(venue="barter", symbol="BTC/USDT", tick=Decimal("0.5"), lot=Decimal("0.01"))
        self.fee = Decimal("0.25")
        self.orders: dict[str, OrderEvent] = {}
        self.open: dict[str, OrderEvent] = {}
        self.fills: list[FillEvent] = []
        self.waiting: list[OrderReport | FillEvent] = []
        self.seen: MarketDataEvent | None = None
        self.closed = False
        self._said = 0

    async def connect(self):
        self.closed = False

    async def close(self):
        self.closed = True

    async def stream(self):
        for event in ticks(self.instrument):
            if isinstance(event, Trade):
                self.seen = event
                for each in self.told(event, [*self._take(), *self.trade(event)]):
                    yield each
                for each in self._take():
                    yield each

    def told(self, event, said):
        return [*said, event]

    def _take(self):
        taken, self.waiting = self.waiting, []
        return taken

    def trade(self, event):
        """Fills every market order that waits at the price of this trade."""
        done = [order for order in self.open.values() if order.order_type is OrderType.MARKET]
        for order in done:
            del self.open[order.order_id]
            self.fills.append(self._fill(order, event))
        return self.fills[-len(done) :] if done else []

    def _fill(self, order, event):
        return FillEvent(
            *self._stamp(event.ts_event),
            cause=event.id,
            order_id=order.order_id,
            trade_id=f"B{self._said}",
            instrument=self.instrument,
            side=order.side,
            quantity_raw=order.quantity_raw,
            price_raw=event.price_raw,
            fee_raw=to_scaled(self.fee, self.instrument.fee_places),
            fee_currency="USDT",
        )

    async def place_order(self, order):
        request = order.request
        if self.known(request.order_id):
            return OrderResult(Outcome.REJECTED, request.order_id, evidence="this id is taken")
        self.orders[request.order_id] = self.open[request.order_id] = request
        self.acknowledge(request)
        return OrderResult(Outcome.ACCEPTED, request.order_id, f"B-{request.order_id}")

    def known(self, order_id):
        return order_id in self.orders

    def acknowledge(self, request):
        self.waiting.append(self._report(request, OrderStatus.ACKNOWLEDGED))

    async def cancel_order(self, cancel):
        order = self.open.pop(cancel.order_id, None)
        if order is None:
            return CancelResult(Outcome.REJECTED, cancel.order_id, "no such order is open")
        self.waiting.append(self._report(order, OrderStatus.CANCELLED))
        return CancelResult(Outcome.ACCEPTED, cancel.order_id)

    async def get_open_orders(self):
        return [self._report(each, OrderStatus.ACKNOWLEDGED) for each in self.open.values()]

    async def get_positions(self):
        return []  # spot: balances say it all

    async def get_balances(self):
        balances = {"USDT": Decimal(1_000_000), "BTC": Decimal(0)}
        for fill in self.fills:
            balances["USDT"] -= fill.price * fill.quantity * fill.side.sign + fill.fee
            balances["BTC"] += to_decimal(fill.quantity_raw * fill.side.sign, self.instrument.quantity_places)
        return balances

    async def get_instruments(self):
        return {self.instrument.key: self.instrument}

    def _report(self, order, status):
        now = self.seen.ts_event if self.seen else 0
        return OrderReport(
            *self._stamp(now),
            cause=order.id,
            order_id=order.order_id,
            status=status,
            instrument=self.instrument,
            quantity_raw=order.quantity_raw,
            price_raw=order.price_raw,
        )

    def _stamp(self, now):
        self._said += 1
        return "barter", self._said, now, now
