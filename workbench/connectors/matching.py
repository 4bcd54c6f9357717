"""The simulated venue: what a real one would have done with our orders, on data that happened.

It is a function of what it is fed: no clock, no randomness, no I/O. `Profile` says what trading
costs; see `Profile.assumptions` for everything the simulation takes for granted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from workbench.connectors.admission import amended_prices, refused_amendment, refused_order
from workbench.connectors.book import Market, WorkingOrder
from workbench.connectors.collateral import Collateral
from workbench.connectors.crossing import Crossing
from workbench.connectors.holdings import Holdings
from workbench.connectors.liquidity import liquidity_of
from workbench.connectors.profile import Profile
from workbench.connectors.tape import Stamp, Tape
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import (
    AmendEvent,
    ApprovedOrder,
    Bar,
    CancelEvent,
    Event,
    FundingRate,
    MarketDataEvent,
    OrderEvent,
    OrderReport,
    TermsChanged,
)
from workbench.core.instrument import Instrument
from workbench.core.money import dec
from workbench.core.order import ACKNOWLEDGED, CANCEL_REJECTED, CANCELLED, FINAL, REJECTED, OrderStatus, OrderType

__all__ = ["Profile", "SimulatedVenue"]


class SimulatedVenue:
    """One account on a venue that exists in market data only; all strategies share its balances.

    `cash` is what it starts with by asset. Everything it says carries `source` and its own
    sequence from 1, so equal feeds give equal bytes. Raises ConfigError for instruments named twice
    or a negative balance. `shares` divides the cash among strategies; without it they share it all.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        cash: dict[str, Decimal],
        profile: Profile,
        shares: Mapping[str, Decimal] | None = None,
        source: str = "venue",
    ) -> None:
        self._holdings = Holdings(instruments, cash=cash, profile=profile, shares=shares or {})
        self._markets: dict[str, Market] = {}
        for each in instruments:
            if each.key in self._markets:
                raise ConfigError(f"simulated venue: {each.key} is listed twice")
            terms = self._holdings.position(each.key).terms
            self._markets[each.key] = Market(each, terms, self._holdings.places(each.quote))
        self._profile = profile
        self._tape = Tape(source)
        self._crossing = Crossing(holdings=self._holdings, profile=profile, tape=self._tape)
        self._collateral = Collateral(
            self._markets.values(), holdings=self._holdings, profile=profile, tape=self._tape, end=self._cancelled
        )
        if any(each.margined for each in self._markets.values()):
            self._crossing.collateral = self._collateral
        self._orders: dict[str, WorkingOrder] = {}  # final ones too: an order id is never taken twice

    def on_market(self, event: MarketDataEvent) -> list[Event]:
        """The reports and fills this market event leads to; they reach the strategy before it does."""
        market = self._markets.get(event.instrument.key)
        if market is None:
            return []
        if market.margined:
            return self._on_perpetual(market, event)
        if type(event) is Bar:
            market.last = event.close_raw
        else:
            market.note(event)
        if not market.working and not market.pending:
            return []
        return self._meet(market, event)

    def place(self, approved: ApprovedOrder, now: int) -> list[Event]:
        """What the venue says to a new order or an amendment that is sent at `now` (UTC ns).

        An order never fills here: it meets the market events that happen once it has arrived.
        """
        request = approved.request
        if isinstance(request, AmendEvent):
            return self._send(request, now)
        stamp = Stamp(now + self._profile.latency_ns, now, request)
        known = self._orders.get(request.order_id)
        if known is not None:  # the order that has this id stands as it is: a refusal would seem to end it
            return [
                self._tape.report(
                    known, known.status, stamp, reason=f"not placed: order id {request.order_id} was used before"
                )
            ]
        order = self._orders[request.order_id] = _working(request, stamp.ts_event)
        market = self._markets.get(request.instrument.key)
        reason = self._refused(order, market)
        if market is None or reason:
            order.status, order.reason = REJECTED, reason
            return [self._reply(request, REJECTED, stamp, reason)]
        order.venue_order_id = self._tape.order_number()
        self._holdings.reserve(order, remaining=order.quantity)
        market.working[request.order_id] = order
        return [self._tape.report(order, ACKNOWLEDGED, stamp)]

    def cancel(self, cancel: CancelEvent, now: int) -> list[Event]:
        """What the venue says to a cancel that is sent at `now` (UTC ns).

        With latency it is on its way until market data passes its arrival; the answer comes then.
        """
        return self._send(cancel, now)

    def change_terms(self, change: TermsChanged) -> None:
        """From now on orders are taken in these steps; what is too fine for the instrument changes nothing."""
        market = self._markets.get(change.instrument.key)
        if market is None:
            return
        names = ("tick", "lot", "min_quantity", "min_notional")
        figures = {name: dec(getattr(change, name), name) for name in names}
        try:
            changed = msgspec.structs.replace(market.instrument, **figures)
            market.terms = changed.terms(self._holdings.places(changed.quote))
        except DataError:
            return
        self._holdings.position(changed.key).terms = market.terms

    def open_orders(self) -> list[OrderReport]:
        """Every living order as it stands, by instrument and time priority; answers, not events: sequence 0."""
        return [self._tape.snapshot(each) for market in self._markets.values() for each in market.working.values()]

    def order(self, order_id: str) -> OrderReport | None:
        """An order as it stands, final or not; None if it never came here."""
        order = self._orders.get(order_id)
        return self._tape.snapshot(order) if order else None

    def balances(self) -> dict[str, Decimal]:
        """Total balance by asset, what open orders reserve included."""
        return self._holdings.balances()

    def positions(self) -> dict[str, int]:
        """The signed quantity of each instrument that its fills, less fees in base, add up to."""
        return self._holdings.positions()

    def _on_perpetual(self, market: Market, event: MarketDataEvent) -> list[Event]:
        """Where positions are held on margin, prices reach them at the open, on the way, and at their worst."""
        if type(event) is FundingRate:
            return self._collateral.settle(event, market)
        market.note(event)
        said = self._meet(market, event) if market.working or market.pending else []
        return said + self._collateral.passed(market, event)

    def _refused(self, order: WorkingOrder, market: Market | None) -> str:
        """Why a new order is refused; empty if the venue takes it."""
        if market is None:
            return f"unknown instrument {order.request.instrument.key}; listed are {', '.join(sorted(self._markets))}"
        return refused_order(order.request, market) or self._uncovered(market, order, order.price, order.quantity)

    def _uncovered(self, market: Market, order: WorkingOrder, price: int | None, remaining: int) -> str:
        """Why neither balance nor margin carries an order with these terms; empty if they do."""
        return self._holdings.uncovered(order, price=price, remaining=remaining) or self._collateral.uncovered(
            market, order, price=price, remaining=remaining
        )

    def _meet(self, market: Market, event: MarketDataEvent) -> list[Event]:
        liquidity = liquidity_of(market, event, self._profile.volume_share)
        if liquidity is None:
            return []
        said = self._deliver(market, liquidity.moment, event)
        if market.margined:
            stamp = Stamp(liquidity.moment, max(event.ts_init, liquidity.moment), event)
            said += self._collateral.opened(market, event, stamp)
        said += self._crossing.meet(market, liquidity, event)
        if liquidity.moment < event.ts_event:
            said += self._deliver(market, event.ts_event, event)
        return said

    def _send(self, request: AmendEvent | CancelEvent, now: int) -> list[Event]:
        """Applies a request at once, or lets it travel where there is latency and an order to reach."""
        arrival = now + self._profile.latency_ns
        order = self._orders.get(request.order_id)
        if self._profile.latency_ns and order is not None and order.status not in FINAL:
            self._markets[order.request.instrument.key].pending.append((arrival, request))
            return []
        return [self._apply(request, Stamp(arrival, now, request))]

    def _deliver(self, market: Market, until: int, event: Event) -> list[Event]:
        """Applies the requests that arrived by `until`."""
        said: list[Event] = []
        while market.pending and market.pending[0][0] <= until:
            arrival, request = market.pending.pop(0)
            said.append(self._apply(request, Stamp(arrival, max(event.ts_init, arrival), request)))
        return said

    def _apply(self, request: AmendEvent | CancelEvent, stamp: Stamp) -> Event:
        order = self._orders.get(request.order_id)
        if isinstance(request, AmendEvent):
            return self._amend(request, order, stamp)
        if order is None or order.status in FINAL:
            reason = f"the order is {order.status}" if order else f"unknown order {request.order_id}"
            return self._reply(request, CANCEL_REJECTED, stamp, reason)
        return self._cancelled(order, stamp, request.reason)

    def _amend(self, amend: AmendEvent, order: WorkingOrder | None, stamp: Stamp) -> Event:
        """Changes price, stop and total quantity together, or reports the order as it stays."""
        if order is None:
            return self._reply(amend, REJECTED, stamp, f"unknown order {amend.order_id}")
        if order.status in FINAL:
            return self._tape.report(order, order.status, stamp, reason=f"not amended: the order is {order.status}")
        if 0 < amend.quantity_raw <= order.filled:
            return self._cancelled(order, stamp, "amended to no more than is filled")
        market = self._markets[order.request.instrument.key]
        price, _ = amended_prices(order, amend)
        reason = refused_amendment(order, amend, market) or self._uncovered(
            market, order, price, amend.quantity_raw - order.filled
        )
        if reason:
            return self._tape.report(order, ACKNOWLEDGED, stamp, reason=f"not amended: {reason}")
        self._change(market, order, amend, stamp.ts_event)
        return self._tape.report(order, ACKNOWLEDGED, stamp, reason="amended")

    def _change(self, market: Market, order: WorkingOrder, amend: AmendEvent, at: int) -> None:
        price, stop = amended_prices(order, amend)
        if (price, stop) != (order.price, order.stop) or amend.quantity_raw > order.quantity:
            market.working[amend.order_id] = market.working.pop(amend.order_id)  # the back of the queue
        if (price, stop) != (order.price, order.stop):
            order.active_at = at
            order.arriving = price is not None and not (order.waiting or order.request.post_only)
        order.price, order.stop, order.quantity, order.updated = price, stop, amend.quantity_raw, at
        self._holdings.reserve(order, remaining=order.remaining)

    def _cancelled(self, order: WorkingOrder, stamp: Stamp, reason: str) -> Event:
        market = self._markets[order.request.instrument.key]
        self._crossing.end(market, order, CANCELLED, stamp.ts_event, reason=reason)
        return self._tape.report(order, CANCELLED, stamp, reason=reason)

    def _reply(
        self, request: OrderEvent | AmendEvent | CancelEvent, status: OrderStatus, stamp: Stamp, reason: str
    ) -> Event:
        return self._tape.reply(request, status, stamp, reason=reason)


def _working(request: OrderEvent, active_at: int) -> WorkingOrder:
    waiting = request.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    return WorkingOrder(
        request=request,
        sign=request.side.sign,
        quantity=request.quantity_raw,
        price=request.price_raw,
        stop=request.stop_raw,
        active_at=active_at,
        updated=active_at,
        waiting=waiting,
        arriving=request.order_type is OrderType.LIMIT and not request.post_only,
    )
