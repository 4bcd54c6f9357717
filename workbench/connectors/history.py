"""What a venue is asked: an order, the open ones, own trades, positions, and how the market went."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from workbench.connectors.clock import VenueTime
from workbench.connectors.dialect import Dialect, Listed
from workbench.connectors.heard import Heard, HeardOrder
from workbench.connectors.hearing import named
from workbench.connectors.listings import Listings
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.traffic import Traffic
from workbench.connectors.wire import Answer, Call
from workbench.core.clock import interval_ns
from workbench.core.errors import DataError, VenueRejected
from workbench.core.events import Bar, Event, FillEvent, FundingEvent, Liquidation, OrderReport, Trade
from workbench.core.ports import Settled, VenuePosition

PAGES = 10_000  # of one question: ten million rows of the usual thousand, which no answer is worth more than

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)
Ask = Callable[[Listed, int, str], Call | None]
Read = Callable[[Answer], tuple[Sequence[Heard], str]]


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
        try:
            return await self._order(order_id, listed)
        except VenueRejected as refused:
            self._bear(refused, symbol)
            return None

    async def _order(self, order_id: str, listed: Listed) -> OrderReport | None:
        for call in self._dialect.order(order_id, listed):
            answer, heard = await self._ask_order(call, listed)
            if isinstance(heard, Call):
                answer, heard = await self._ask_order(heard, listed)
                heard = msgspec.structs.replace(heard, order_id=order_id) if isinstance(heard, HeardOrder) else None
            if heard is not None:
                return self._report(heard, answer)
        return None

    def _bear(self, refused: VenueRejected, symbol: str) -> None:
        """Raises a refusal, but one that is to be expected: a market that is listed no more may be forgotten too."""
        if self._listings.listed(symbol):
            raise refused
        log.warning("%s: nothing is told of %s, which is not listed any more: %s", self._source, symbol, refused)

    async def _ask_order(self, call: Call, listed: Listed) -> tuple[Answer, HeardOrder | Call | None]:
        return await self._traffic.ask(call, lambda came: (came, self._dialect.read_order(came, listed)))

    async def open_orders(self) -> list[OrderReport]:
        """All open orders, but those in markets that are not listed."""
        found = []
        pages = deque(self._dialect.open_orders())
        while pages:
            answer, heards = await self._traffic.ask(
                pages.popleft(), lambda came: (came, self._dialect.read_open_orders(came))
            )
            for heard in heards:
                if heard.market_id in self._listings.by_market:
                    found.append(self._report(heard, answer))
                else:
                    log.warning("%s: an open order in %s, which is not listed", self._source, heard.market_id)
            further = self._dialect.further_open_orders(answer)
            pages.extend([further] if heards and further else ())
        return found

    async def my_trades(self, symbol: str, since: int) -> list[FillEvent]:
        """Own fills from `since` (UTC ns) on, oldest first, each once."""
        trades = await self._own(symbol, since, self._dialect.my_trades, self._dialect.read_my_trades)
        found: dict[tuple[str, str, str], FillEvent] = {}
        for fill in trades:
            if isinstance(fill, FillEvent):
                found.setdefault((fill.trade_id, fill.venue_order_id, fill.side), fill)
        return sorted(found.values(), key=lambda fill: fill.ts_event)

    async def settlements(self, symbol: str, since: int) -> list[Settled]:
        """What the venue did to a perpetual's position by itself since `since` (UTC ns), oldest first; none on spot."""
        if self._listings.of(symbol).instrument.is_spot:
            return []
        funding = await self._own(symbol, since, self._dialect.funding, self._dialect.read_funding)
        trades = await self._own(symbol, since, self._dialect.my_trades, self._dialect.read_my_trades)
        settled = [each for each in (*funding, *trades) if isinstance(each, (FundingEvent, Liquidation))]
        return sorted(settled, key=lambda event: event.ts_event)

    async def _own(self, symbol: str, since: int, ask: Ask, read: Read) -> list[Event]:
        """Every page of what befell this account in a market since then."""
        listed, found, after = self._listings.of(symbol), list[Event](), ""
        for _ in range(PAGES):
            call = ask(listed, since, after)
            if call is None:
                return found
            try:
                answer, (heards, further) = await self._traffic.ask(call, lambda came: (came, read(came)))
            except VenueRejected as refused:
                self._bear(refused, symbol)
                return found
            found += [each for each in self._events(heards, answer, Event) if each.ts_event >= since]
            if further in ("", after):
                return found
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
        since = start if self._listings.listed(symbol) else end  # a market that is gone makes no bars
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
