"""What a venue is asked: an order, the open ones, own trades, positions, and how the market went."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeVar

from workbench.connectors.clock import VenueTime
from workbench.connectors.dialect import Dialect
from workbench.connectors.heard import Heard, HeardOrder
from workbench.connectors.hearing import named
from workbench.connectors.listings import Listings
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.traffic import Traffic
from workbench.connectors.wire import Answer
from workbench.core.clock import interval_ns
from workbench.core.errors import DataError
from workbench.core.events import Bar, Event, FillEvent, OrderReport, Trade
from workbench.core.ports import VenuePosition

PAGES = 10_000  # of one question: ten million rows of the usual thousand, which no answer is worth more than

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)


class History:
    """Questions and their answers as events of `source`; they are asked again where that may help.

    Every one raises VenueUnavailable where no readable answer came: that is never the same as nothing found.
    """

    def __init__(
        self,
        traffic: Traffic,
        dialect: Dialect,
        listings: Listings,
        time: VenueTime,
        *,
        numbering: Numbering,
        source: str,
    ) -> None:
        self._traffic, self._dialect, self._listings, self._time = traffic, dialect, listings, time
        self._numbering, self._source = numbering, source

    async def order(self, order_id: str, symbol: str) -> OrderReport | None:
        """An order by client id, wherever the venue keeps it; None if it knows it nowhere."""
        listed = self._listings.of(symbol)
        for call in self._dialect.order(order_id, listed):
            answer, heard = await self._traffic.ask(call, lambda came: (came, self._dialect.read_order(came, listed)))
            if heard is not None:
                return self._report(heard, answer)
        return None

    async def open_orders(self) -> list[OrderReport]:
        """All open orders, but those in markets that are not listed."""
        found = []
        for call in self._dialect.open_orders():
            answer, heards = await self._traffic.ask(call, lambda came: (came, self._dialect.read_open_orders(came)))
            for heard in heards:
                if heard.market_id in self._listings.by_market:
                    found.append(self._report(heard, answer))
                else:
                    log.warning("%s: an open order in %s, which is not listed", self._source, heard.market_id)
        return found

    async def my_trades(self, symbol: str, since: int) -> list[FillEvent]:
        """Own fills from `since` (UTC ns) on, oldest first, each once."""
        listed = self._listings.of(symbol)
        found: dict[tuple[str, str, str], FillEvent] = {}
        after = ""
        for _ in range(PAGES):
            call = self._dialect.my_trades(listed, since, after)
            answer, (heards, further) = await self._traffic.ask(
                call, lambda came: (came, self._dialect.read_my_trades(came))
            )
            for fill in self._events(heards, answer, FillEvent):
                if fill.ts_event >= since:
                    found.setdefault((fill.trade_id, fill.venue_order_id, fill.side), fill)
            if further in ("", after):
                return sorted(found.values(), key=lambda fill: fill.ts_event)
            after = further
        raise DataError(f"{self._source} own trades of {symbol}: expected an end within {PAGES} pages")

    async def positions(self) -> list[VenuePosition]:
        """The positions of perpetuals, by instrument; none where the venue has no such thing."""
        call = self._dialect.positions()
        if call is None:
            return []
        held = await self._traffic.ask(call, self._dialect.read_positions)
        found = []
        for market_id, (quantity, entry) in sorted(held.items()):
            instrument = self._listings.by_market.get(market_id)
            if instrument is None:
                log.warning("%s: a position of %s in %s, which is not listed", self._source, quantity, market_id)
            elif quantity:
                found.append(VenuePosition(instrument, quantity, entry))
        return found

    async def bars(self, symbol: str, interval: str, start: int, end: int) -> list[Bar]:
        """Finished bars whose open lies in [start, end), oldest first, each once."""
        listed, length = self._listings.of(symbol), interval_ns(interval)
        found: dict[int, Bar] = {}
        since = start
        for _ in range(PAGES):
            if since >= end:
                break
            call = self._dialect.bars(listed, interval, since, end)
            answer, heards = await self._traffic.ask(
                call, lambda came: (came, self._dialect.read_bars(came, listed, interval))
            )
            found |= {bar.ts_event - length: bar for bar in self._events(heards, answer, Bar)}
            further = max((each.start + length for each in heards), default=since)
            if further <= since:
                break
            since = further
        return [bar for opened, bar in sorted(found.items()) if start <= opened < end]

    async def trades(self, symbol: str, start: int, end: int) -> list[Trade]:
        """Public trades in [start, end), in the venue's order."""
        listed = self._listings.of(symbol)
        found: list[Trade] = []
        after = ""
        for _ in range(PAGES):
            call = self._dialect.trades(listed, start, end, after)
            answer, (heards, further) = await self._traffic.ask(
                call, lambda came: (came, self._dialect.read_trades(came, listed))
            )
            trades = self._events(heards, answer, Trade)
            found += [trade for trade in trades if start <= trade.ts_event < end]
            past = bool(trades) and trades[-1].ts_event >= end
            if past or further in ("", after):
                return found
            after = further
        raise DataError(f"{self._source} trades of {symbol}: expected an end within {PAGES} pages")

    def _report(self, heard: HeardOrder, answer: Answer) -> OrderReport:
        (report,) = self._events([heard], answer, OrderReport)
        return named(report)

    def _events(self, heards: Sequence[Heard], answer: Answer, kind: type[E]) -> list[E]:
        """Events of a page; a page is complete in itself, so nothing heard before it counts as its repetition."""
        normaliser = Normaliser(self._listings.by_market, source=self._source, numbering=self._numbering)
        events = [
            event
            for heard in heards
            for event in normaliser.take(heard, received=answer.received, clock_offset_ns=self._time.offset_ns)
        ]
        return [event for event in events if isinstance(event, kind)]
