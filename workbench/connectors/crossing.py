"""How our orders meet one market event: at once, then stops, then what rests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workbench.connectors.book import Market, Offer, Pool, WorkingOrder
from workbench.connectors.collateral import Collateral
from workbench.connectors.holdings import Holdings, fee_of
from workbench.connectors.liquidity import Liquidity
from workbench.connectors.profile import Profile
from workbench.connectors.tape import Stamp, Tape
from workbench.core import rules
from workbench.core.events import Event, MarketDataEvent
from workbench.core.money import to_text
from workbench.core.order import ACKNOWLEDGED, EXPIRED, FILLED, FINAL, PARTIALLY_FILLED, OrderStatus, TimeInForce

Step = tuple[int, int, Pool]  # price, quantity, and where the quantity is taken from


class Crossing:
    """Matches the working orders of one market with what an event offers; says what came of it."""

    def __init__(self, *, holdings: Holdings, profile: Profile, tape: Tape) -> None:
        self._holdings, self._profile, self._tape = holdings, profile, tape
        self.collateral: Collateral | None = None  # what a perpetual's position is held on

    def meet(self, market: Market, liquidity: Liquidity, event: MarketDataEvent) -> list[Event]:
        """Reports and fills of one event, in the order of the worse path."""
        orders = [each for each in market.working.values() if each.active_at <= liquidity.moment]
        if not orders:
            return []
        said: list[Event] = []
        opened = Stamp(liquidity.moment, max(event.ts_init, liquidity.moment), event)
        inside = Stamp(event.ts_event, max(event.ts_init, event.ts_event), event)
        for order in orders:
            if not order.waiting and (order.price is None or order.arriving):
                self._arrive(market, order, liquidity, opened, said)
        resting = [each for each in orders if not (each.waiting or each.arriving or each.price is None)]
        for order in orders:
            if order.waiting and order.stop is not None and liquidity.triggers(order.sign, order.stop):
                self._trigger(market, order, liquidity, inside, said)
        if self.collateral is not None:
            said += self.collateral.passed(market, event)
        for order, offers in _fillable(resting, liquidity):
            self._trade(market, order, offers, inside, said, maker=True)
        return said

    def end(self, market: Market, order: WorkingOrder, status: OrderStatus, at: int, *, reason: str = "") -> None:
        """Ends an order and releases what it reserved."""
        order.status, order.reason, order.updated = status, reason, at
        order.arriving = order.waiting = False
        self._holdings.reserve(order, remaining=0)
        del market.working[order.request.order_id]

    def _arrive(
        self, market: Market, order: WorkingOrder, liquidity: Liquidity, stamp: Stamp, said: list[Event]
    ) -> None:
        """An order that wants to trade at once meets the market; the rest of a limit rests from here on."""
        offers = liquidity.taking(order.sign)
        if offers is None:
            order.arriving = order.arriving and _may_cross(market, order)
            return
        order.arriving = False
        self._trade(market, order, self._slipped(market, order, offers), stamp, said, maker=False)

    def _trigger(
        self, market: Market, order: WorkingOrder, liquidity: Liquidity, stamp: Stamp, said: list[Event]
    ) -> None:
        """A stop becomes an order that takes; a stop-limit beyond its limit rests from the next event on."""
        assert order.stop is not None
        offers = liquidity.stopping(order.sign, order.stop)
        if self.collateral is not None:  # on its way to the stop, price may pass where the venue closes the position
            said += self.collateral.call(market, next((price for price, _ in offers or ()), order.stop), stamp)
            if order.status in FINAL:
                return
        order.waiting = False
        order.updated = stamp.ts_event
        if order.price is not None:
            said.append(self._tape.report(order, ACKNOWLEDGED, stamp, reason="stop triggered"))
        if offers is None:
            order.arriving = order.price is not None
            return
        self._trade(market, order, self._slipped(market, order, offers), stamp, said, maker=False)

    def _slipped(self, market: Market, order: WorkingOrder, offers: Iterable[Offer]) -> Iterator[Offer]:
        """What a taker pays: slipped to the tick against it, never beyond its limit."""
        for price, pool in offers:
            worse = rules.slipped_price(price, market.terms.tick, order.sign, self._profile.slippage_rate)
            if order.price is None:
                yield worse, pool
            elif rules.crosses(order.sign, order.price, price):
                yield rules.limited_price(order.sign, worse, order.price), pool
            else:
                return

    def _trade(
        self,
        market: Market,
        order: WorkingOrder,
        offers: Iterable[Offer],
        stamp: Stamp,
        said: list[Event],
        *,
        maker: bool,
    ) -> None:
        """Trades against the offers as far as size, balance and position allow, and ends what cannot go on."""
        rate = self._profile.maker_rate if maker else self._profile.taker_rate
        steps, short = self._plan(market, order, offers, rate)
        in_force = order.request.time_in_force
        if in_force is TimeInForce.FOK and sum(quantity for _, quantity, _ in steps) < order.remaining:
            steps = []
        for price, quantity, pool in steps:
            pool.left -= quantity
            said.append(self._fill(order, stamp, price=price, quantity=quantity, rate=rate, maker=maker))
        if not order.remaining:
            self.end(market, order, FILLED, stamp.ts_event)
        elif short or (in_force is not TimeInForce.GTC):
            reason = _expiry(market, order, short=short)
            said.append(self._tape.report(order, EXPIRED, stamp, reason=reason))
            self.end(market, order, EXPIRED, stamp.ts_event, reason=reason)

    def _plan(self, market: Market, order: WorkingOrder, offers: Iterable[Offer], rate: int) -> tuple[list[Step], bool]:
        """What would trade, and whether balance or position, not the market, ended it."""
        purse, wanted, steps = self._holdings.purse(order), order.remaining, []
        for price, pool in offers:
            there = rules.bounded_by_volume(wanted, pool.left, rules.RATE, market.terms.lot)
            if not there:
                continue
            covered = purse.covers(there, price=price, rate=rate)
            if covered:
                steps.append((price, covered, pool))
                purse.spend(covered, price=price, rate=rate)
            if covered < there:
                return steps, True
            wanted -= covered
            if not wanted:
                break
        return steps, False

    def _fill(self, order: WorkingOrder, stamp: Stamp, *, price: int, quantity: int, rate: int, maker: bool) -> Event:
        position = self._holdings.position(order.request.instrument.key)
        fee = fee_of(position, side=order.sign, price=price, quantity=quantity, rate=rate)
        fill = self._tape.fill(order, stamp, price=price, quantity=quantity, fee=fee, maker=maker)
        self._holdings.book(fill, order.request.strategy_id)
        order.filled += quantity
        order.status, order.updated = PARTIALLY_FILLED, stamp.ts_event
        self._holdings.reserve(order, remaining=order.remaining)
        return fill


def _may_cross(market: Market, order: WorkingOrder) -> bool:
    """Whether a limit that has not met a quote yet could still take from the one that stands."""
    reference = market.reference(order.sign)
    if order.request.time_in_force is not TimeInForce.GTC:
        return True  # it waits for the quote that decides it
    return reference is not None and order.price is not None and rules.crosses(order.sign, order.price, reference)


def _fillable(resting: list[WorkingOrder], liquidity: Liquidity) -> list[tuple[WorkingOrder, list[Offer]]]:
    """The limits that price traded through, by price and time; the losing side only where both could fill."""
    found: list[tuple[WorkingOrder, list[Offer]]] = []
    for order in resting:
        if order.price is not None and order.status not in FINAL:
            offers = liquidity.through(order.sign, order.price)
            if offers:
                found.append((order, offers))
    if liquidity.losing_side and len({order.sign for order, _ in found}) > 1:
        found = [each for each in found if each[0].sign == liquidity.losing_side]
    found.sort(key=lambda each: -each[0].sign * (each[0].price or 0))
    return found


def _expiry(market: Market, order: WorkingOrder, *, short: bool) -> str:
    """Why the rest of an order ends, with its figures."""
    places = market.instrument.quantity_places
    filled = f"{to_text(order.filled, places)} of {to_text(order.quantity, places)} filled"
    if not short:
        return f"{order.request.time_in_force.upper()}: {filled}"
    bound = "position to reduce" if order.request.reduce_only else "balance"
    return f"no {bound} for more: {filled}"
