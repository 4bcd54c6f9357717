"""What the simulated venue says: reports and fills, numbered and stamped in one place."""

from __future__ import annotations

from workbench.connectors.book import WorkingOrder
from workbench.core.events import (
    AmendEvent,
    CancelEvent,
    Event,
    FillEvent,
    FundingEvent,
    Liquidation,
    OrderEvent,
    OrderReport,
)
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus, Side


class Stamp:
    """When something happened, when it is learned of (UTC ns), and what led to it."""

    __slots__ = ("cause", "ts_event", "ts_init")

    def __init__(self, ts_event: int, ts_init: int, cause: Event) -> None:
        self.ts_event, self.ts_init, self.cause = ts_event, ts_init, cause


class Tape:
    """Numbers everything the venue says: events from 1, trades T1, T2, ..., orders V1, V2, ..."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._events = self._trades = self._orders = 0

    def order_number(self) -> str:
        """The venue's next order id."""
        self._orders += 1
        return f"V{self._orders}"

    def reply(
        self, request: OrderEvent | AmendEvent | CancelEvent, status: OrderStatus, stamp: Stamp, *, reason: str
    ) -> OrderReport:
        """A report on a request about no living order."""
        return self._report(request.order_id, status, request.instrument, stamp, reason, None)

    def report(self, order: WorkingOrder, status: OrderStatus, stamp: Stamp, *, reason: str = "") -> OrderReport:
        """A report on an order with the terms in force."""
        request = order.request
        return self._report(request.order_id, status, request.instrument, stamp, reason, order)

    def _report(
        self,
        order_id: str,
        status: OrderStatus,
        instrument: Instrument,
        stamp: Stamp,
        reason: str,
        order: WorkingOrder | None,
    ) -> OrderReport:
        self._events += 1
        return OrderReport(
            self._source,
            self._events,
            stamp.ts_event,
            stamp.ts_init,
            cause=stamp.cause.id,
            order_id=order_id,
            status=status,
            instrument=instrument,
            reason=reason,
            venue_order_id=order.venue_order_id if order else "",
            quantity_raw=order.quantity if order else None,
            price_raw=order.price if order else None,
            stop_raw=order.stop if order else None,
        )

    def fill(
        self, order: WorkingOrder, stamp: Stamp, *, price: int, quantity: int, fee: tuple[int, str], maker: bool
    ) -> FillEvent:
        """A trade of an order."""
        self._events += 1
        self._trades += 1
        return FillEvent(
            self._source,
            self._events,
            stamp.ts_event,
            stamp.ts_init,
            cause=stamp.cause.id,
            order_id=order.request.order_id,
            trade_id=f"T{self._trades}",
            instrument=order.request.instrument,
            side=order.request.side,
            quantity_raw=quantity,
            price_raw=price,
            fee_raw=fee[0],
            fee_currency=fee[1],
            maker=maker,
            venue_order_id=order.venue_order_id,
        )

    def funding(self, instrument: Instrument, stamp: Stamp, *, amount: int, name: str) -> FundingEvent:
        """What a position received (negative: paid), in units of 10^-fee_places."""
        self._events += 1
        return FundingEvent(
            self._source,
            self._events,
            stamp.ts_event,
            stamp.ts_init,
            cause=stamp.cause.id,
            instrument=instrument,
            amount_raw=amount,
            funding_id=name,
        )

    def liquidation(
        self, instrument: Instrument, stamp: Stamp, *, side: Side, quantity: int, price: int, fee: int
    ) -> Liquidation:
        """A trade of the venue's own making."""
        self._events += 1
        self._trades += 1
        return Liquidation(
            self._source,
            self._events,
            stamp.ts_event,
            stamp.ts_init,
            cause=stamp.cause.id,
            instrument=instrument,
            trade_id=f"T{self._trades}",
            side=side,
            quantity_raw=quantity,
            price_raw=price,
            fee_raw=fee,
            fee_currency=instrument.quote,
        )

    def snapshot(self, order: WorkingOrder) -> OrderReport:
        """Where an order stands, as an answer rather than an event: its sequence is 0 and counts nothing."""
        request = order.request
        return OrderReport(
            self._source,
            0,
            order.updated,
            order.updated,
            cause=request.id,
            order_id=request.order_id,
            status=order.status,
            instrument=request.instrument,
            venue_order_id=order.venue_order_id,
            reason=order.reason,
            quantity_raw=order.quantity,
            price_raw=order.price,
            stop_raw=order.stop,
        )
