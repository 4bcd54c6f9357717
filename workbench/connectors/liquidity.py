"""What one market event offers our orders: to take at once, to trigger stops, to fill what rests.

An order meets an event only if it was at the venue by the event's `moment`: for a bar its open,
since the order must have been there for all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from workbench.connectors.book import Market, Offer, Pool
from workbench.core import rules
from workbench.core.events import Bar, BookUpdate, MarketDataEvent, Quote, Trade


class Liquidity(Protocol):
    """One event as our orders meet it; a side is +1 for buy and -1 for sell."""

    moment: int
    losing_side: int  # which resting side fills where both could; 0: both may

    def taking(self, side: int) -> Iterable[Offer] | None:
        """What an order can take at once, best first; None if nothing can be taken on such an event."""

    def triggers(self, side: int, stop: int) -> bool:
        """Whether the event touches a stop."""

    def stopping(self, side: int, stop: int) -> Iterable[Offer] | None:
        """What a stop that this event triggers can take; None if nothing can be taken on such an event."""

    def through(self, side: int, limit: int) -> list[Offer]:
        """What fills a limit that rests; empty unless price trades strictly through it."""


def liquidity_of(market: Market, event: MarketDataEvent, share: int) -> Liquidity | None:
    """The liquidity of an event, bounded by our share of its volume; None for events that offer none."""
    if type(event) is Bar:
        return _BarLiquidity(event, share, market.terms.lot)
    if type(event) is Trade:
        return _TradeLiquidity(event, share, market)
    if type(event) is Quote:
        bids = ((event.bid_raw, Pool(event.bid_quantity_raw)),) if event.bid_raw else ()
        asks = ((event.ask_raw, Pool(event.ask_quantity_raw)),) if event.ask_raw else ()
        return _QuoteLiquidity(event.ts_event, bids, asks)
    if type(event) is BookUpdate:
        return _QuoteLiquidity(event.ts_event, market.bids, market.asks)
    return None


class _BarLiquidity:
    """Takes at the open, stops at the worse of open and stop; all share one bound of the volume."""

    def __init__(self, bar: Bar, share: int, lot: int) -> None:
        self.moment = bar.ts_event - bar.interval_ns
        self.losing_side = rules.BUY if bar.close_raw <= bar.open_raw else rules.SELL
        self._bar = bar
        self._pool = Pool(rules.bounded_by_volume(bar.volume_raw, bar.volume_raw, share, lot))

    def taking(self, side: int) -> Iterable[Offer]:
        return ((self._bar.open_raw, self._pool),)

    def triggers(self, side: int, stop: int) -> bool:
        return rules.stop_triggers(side, stop, self._bar.low_raw, self._bar.high_raw)

    def stopping(self, side: int, stop: int) -> Iterable[Offer]:
        return ((rules.worse_price(side, self._bar.open_raw, stop), self._pool),)

    def through(self, side: int, limit: int) -> list[Offer]:
        bar = self._bar
        return [(limit, self._pool)] if rules.resting_fills(side, limit, bar.low_raw, bar.high_raw) else []


class _TradeLiquidity:
    """Takes at the trade's price; where quotes are known they are what is taken from instead."""

    losing_side = 0

    def __init__(self, trade: Trade, share: int, market: Market) -> None:
        self.moment = trade.ts_event
        self._price = trade.price_raw
        self._pool = Pool(rules.bounded_by_volume(trade.quantity_raw, trade.quantity_raw, share, market.terms.lot))
        self._quoted = market.quoted

    def taking(self, side: int) -> Iterable[Offer] | None:
        return None if self._quoted else ((self._price, self._pool),)

    def triggers(self, side: int, stop: int) -> bool:
        return rules.stop_triggers(side, stop, self._price, self._price)

    def stopping(self, side: int, stop: int) -> Iterable[Offer] | None:
        return self.taking(side)

    def through(self, side: int, limit: int) -> list[Offer]:
        return [(limit, self._pool)] if rules.resting_fills(side, limit, self._price, self._price) else []


class _QuoteLiquidity:
    """Takes what stands on the opposite side, level by level."""

    losing_side = 0

    def __init__(self, moment: int, bids: Iterable[Offer], asks: Iterable[Offer]) -> None:
        self.moment = moment
        self._bids, self._asks = bids, asks

    def taking(self, side: int) -> Iterable[Offer]:
        return self._asks if side > 0 else self._bids

    def triggers(self, side: int, stop: int) -> bool:
        return any(rules.stop_triggers(side, stop, price, price) for price, _ in islice(self.taking(side), 1))

    def stopping(self, side: int, stop: int) -> Iterable[Offer]:
        return self.taking(side)

    def through(self, side: int, limit: int) -> list[Offer]:
        found: list[Offer] = []
        for price, pool in self.taking(side):
            if not rules.resting_fills(side, limit, price, price):
                break
            found.append((limit, pool))
        return found
