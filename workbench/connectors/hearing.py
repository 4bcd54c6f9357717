"""From frames to events: what one connector hears of the market and of its account, in the order it came."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from workbench.connectors.account_link import AccountLink
from workbench.connectors.backlog import Backlog
from workbench.connectors.breaker import Circuit
from workbench.connectors.clock import VenueTime
from workbench.connectors.continuity import CONTINUITY, UNNUMBERED
from workbench.connectors.dialect import Dialect
from workbench.connectors.heard import (
    Heard,
    HeardBar,
    HeardBook,
    HeardEnd,
    HeardQuote,
    HeardSettled,
    HeardTrade,
)
from workbench.connectors.listening import Listening
from workbench.connectors.listings import Listings
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.open_orders import OpenOrders
from workbench.connectors.orderbook import BookState, OrderBook
from workbench.connectors.wire import Frame, Link, Topic
from workbench.connectors.wirelog import redacted
from workbench.core.clock import SECOND, Clock
from workbench.core.errors import DataError
from workbench.core.events import Event, MarketStale, OrderReport
from workbench.core.instrument import Instrument
from workbench.core.money import canonical
from workbench.core.venue import LinkState, TermsChanged, VenueLink

ANEW_PAUSE_NS = 5 * SECOND  # between two reconnects for a book that broke

_KINDS: dict[type, str] = {HeardTrade: "trades", HeardQuote: "quotes", HeardBook: "book", HeardBar: "bars"}

log = logging.getLogger(__name__)


class Deeds(Protocol):
    """What hearing leads to, none of which it waits for."""

    def reconnect(self, channel: str, reason: str) -> None:
        """Makes a channel anew."""

    def fetch_book(self, market_id: str) -> None:
        """Asks for the snapshot of a book, unless it is being asked for already."""

    def ask_settled(self, market_id: str, at: int) -> None:
        """Asks what was settled in a market at about `at`, by the venue's clock."""


class Hearing:
    """One account's ear: synchronous, so that what is heard first comes out first. Events go to `backlog`."""

    def __init__(
        self,
        dialect: Dialect,
        listings: Listings,
        *,
        venue: str,
        account: str,
        backlog: Backlog,
        deeds: Deeds,
        clock: Clock,
        time: VenueTime,
        listening: Listening,
        random: Callable[[], float],
        grace_ns: int,
    ) -> None:
        self._dialect, self._listings = dialect, listings
        self._venue, self._account = venue, account
        self._backlog, self._deeds = backlog, deeds
        self._clock, self._time, self._random = clock, time, random
        source = venue if account == "main" else f"{venue}/{account}"
        self.numbering = Numbering()
        self.normaliser = Normaliser(listings.by_market, source=source, numbering=self.numbering)
        self.listening = listening
        self.open_orders = OpenOrders()
        self.account_link = AccountLink(self._say, grace_ns=grace_ns)
        self._books: dict[str, OrderBook] = {}
        self._book_anew_at: dict[str, int] = {}  # channel -> when it was last made anew for a book
        self._generations: dict[str, int] = {}
        self._private: set[str] = set()
        self._private_down: set[str] = set()  # of these: the account is heard whole only while there are none
        self.unreadable = 0  # frames so far

    # --- what came in -----------------------------------------------------------------------------

    def link(self, link: Link) -> None:
        """A connection came up or went down."""
        if link.private:
            self._private.add(link.channel)
        if not link.up:
            self._lost(link.channel, link.reason or "connection lost", link.received)
        elif self._generations.get(link.channel) != link.generation or link.private:
            self._anew(link.channel, link.generation, link.received)

    def frame(self, frame: Frame) -> None:
        """A message of a stream; one that cannot be read is counted, and on the account's channel asked about."""
        known = self._generations.get(frame.channel, frame.generation)
        if frame.generation > known:
            self._anew(frame.channel, frame.generation, frame.received)
        self._generations.setdefault(frame.channel, frame.generation)
        ghost = frame.generation < known and frame.channel not in self._private
        if ghost:
            return  # from before the reconnect: of the account still true, of the market no more
        try:
            for heard in self._dialect.hear(frame.message):
                self._take(heard, frame.channel, frame.received)
        except Exception as problem:  # one message must not end the others
            self._not_understood(frame.channel, problem, frame.received)

    def answered(self, heards: Iterable[Heard], received: int) -> None:
        """What an answer to a request says of the account."""
        for heard in heards:
            try:
                self._pass_on(self._events(heard, received))
            except DataError as problem:
                self._not_understood("answer", problem, received)

    def snapshot(self, heard: HeardBook, received: int) -> None:
        """A book's snapshot that was asked for."""
        self._pass_on(self._book_events(heard, received))

    def breaker(self, circuit: Circuit, reason: str) -> None:
        """The breaker opened or closed."""
        self.account_link.breaker(circuit, reason, self._clock.now())

    def tick(self, now: int) -> None:
        """Time passes: what is silent is called stale, and what is silent for long connected anew."""
        self.account_link.tick(now)
        for silent in self.listening.silent(now):
            self._stale(silent.instrument, silent.reason, now, topic=silent.topic)
        for channel, reason in self.listening.due(now).items():
            self._deeds.reconnect(channel, reason)
        for market_id in self._books:
            self._complete(market_id, now)

    # --- what is listened to ----------------------------------------------------------------------

    def listen(self, topic: Topic, instrument: Instrument) -> bool:
        """Notes a topic that is to be subscribed; False if it is already."""
        if topic.kind == "book" and topic.market_id not in self._books:
            continuity = CONTINUITY.get(self._dialect.name, UNNUMBERED)
            self._books[topic.market_id] = OrderBook(
                topic.market_id, self.normaliser, continuity, depth=topic.depth if self._dialect.book_in_stream else 0
            )
        return self.listening.add(topic, instrument, self._clock.now())

    def wants_book(self, market_id: str) -> bool:
        """Whether a book waits for a snapshot that has to be asked for."""
        return not self._dialect.book_in_stream and self._books[market_id].wants_snapshot

    # --- what it means ----------------------------------------------------------------------------

    def _take(self, heard: Heard, channel: str, received: int) -> None:
        if isinstance(heard, HeardEnd):
            self._deeds.reconnect(channel, heard.reason)
            return
        if isinstance(heard, HeardSettled):
            self._deeds.ask_settled(heard.market_id, heard.at)
            return
        kind = _KINDS.get(type(heard))
        if kind is not None:
            self.listening.heard(kind, getattr(heard, "market_id", ""), channel, received)
        if isinstance(heard, HeardBook):
            if heard.market_id in self._books:
                self._pass_on(self._book_events(heard, received))
                self._complete(heard.market_id, received)
        else:
            self._pass_on(self._events(heard, received))

    def _events(self, heard: Heard, received: int) -> list[Event]:
        events = self.normaliser.take(heard, received=received, clock_offset_ns=self._time.offset_ns)
        return [named(each) if isinstance(each, OrderReport) else each for each in events]

    def _book_events(self, heard: HeardBook, received: int) -> Iterable[Event]:
        book = self._books[heard.market_id]
        return book.take(heard, received=received, clock_offset_ns=self._time.offset_ns)

    def _pass_on(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, OrderReport):
                self.open_orders.hear(event)
            self._backlog.put(event)

    def _complete(self, market_id: str, now: int) -> None:
        """Gets a book what it needs to be whole, while its channel is up: a snapshot taken before would not fit."""
        book, channel = self._books[market_id], self.listening.channel_of("book", market_id)
        if self.listening.is_down(channel):
            return
        if self.wants_book(market_id):
            self._deeds.fetch_book(market_id)
        elif book.state is BookState.STALE and channel and now - self._book_anew_at.get(channel, 0) >= ANEW_PAUSE_NS:
            self._book_anew_at[channel] = now
            self._deeds.reconnect(channel, f"the book of {market_id} broke")

    # --- what happened to the connections ---------------------------------------------------------

    def _anew(self, channel: str, generation: int, now: int) -> None:
        known = self._generations.get(channel)
        self._generations[channel] = generation
        private = channel in self._private
        self.listening.came_up(channel, now, self._random(), public=not private)
        if private:
            self._private_down.discard(channel)
            if not self._private_down:
                self.account_link.came_up(now)
        elif known is not None and known != generation:
            self._void(channel, "connected anew: something may be missing", now)

    def _lost(self, channel: str, reason: str, now: int) -> None:
        self.listening.went_down(channel)
        if channel in self._private:
            self._private_down.add(channel)
            self.account_link.went_down(reason, now)
        else:
            self._void(channel, reason, now)

    def terms_changed(self, instrument: Instrument, listed: Instrument) -> None:
        """The venue trades an instrument in other steps or with other minimums."""
        now = self._clock.now()
        self._backlog.put(
            TermsChanged(
                self.normaliser.source,
                self.numbering.next(now),
                now,
                now,
                instrument=instrument,
                tick=canonical(listed.tick),
                lot=canonical(listed.lot),
                min_quantity=canonical(listed.min_quantity),
                min_notional=canonical(listed.min_notional),
            )
        )

    def _void(self, channel: str, reason: str, now: int) -> None:
        """What was known of the markets of a channel no longer holds."""
        for instrument in self.listening.on(channel):
            self._stale(instrument, reason, now)
        for book in self._books.values():
            if self.listening.channel_of("book", book.market_id) in (channel, ""):
                book.reset(reason, received=now, clock_offset_ns=self._time.offset_ns)

    def _stale(self, instrument: Instrument, reason: str, now: int, *, topic: str = "") -> None:
        at = now + self._time.offset_ns
        source = self.normaliser.source
        self._backlog.put(MarketStale(source, self.numbering.next(now), at, now, instrument, reason, topic))

    def _say(self, state: LinkState, reason: str, now: int) -> None:
        log.log(logging.WARNING if state is LinkState.DOWN else logging.INFO, "%s: %s: %s", self._venue, state, reason)
        self._backlog.put(
            VenueLink(
                self.normaliser.source,
                self.numbering.next(now),
                now,
                now,
                venue=self._venue,
                account=self._account,
                state=state,
                reason=reason,
            )
        )

    def _not_understood(self, channel: str, problem: Exception, now: int) -> None:
        self.unreadable += 1
        log.warning("%s %s: cannot read message %d: %s", self._venue, channel, self.unreadable, redacted(str(problem)))
        if channel in self._private or channel == "answer":
            self.account_link.doubt(f"cannot read a message of the account: {problem}", now)


def named(report: OrderReport) -> OrderReport:
    """The report of an order without a client id, which others made, under the venue's id."""
    if report.order_id:
        return report
    return msgspec.structs.replace(report, order_id=report.venue_order_id)
