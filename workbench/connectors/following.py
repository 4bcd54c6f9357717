"""What hearing leads to and does not wait for: a channel made anew, a book's snapshot, what a settlement came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from workbench.connectors.chores import Chores
from workbench.connectors.dialect import Dialect
from workbench.connectors.hearing import Hearing
from workbench.connectors.history import History
from workbench.connectors.listings import Listings
from workbench.connectors.retry import pause_s
from workbench.connectors.traffic import Traffic
from workbench.connectors.wire import Wire
from workbench.core.clock import MINUTE, SECOND, Clock
from workbench.core.events import Event

BOOK_DEPTH = 1_000  # levels a side of a snapshot: what lies deeper is not seen until a difference tells of it
SNAPSHOTS = 10  # tries for one book before it is left to the next tick
BOOK_CALM_NS = 10 * SECOND  # a book that was asked for longer ago than this broke anew, and is asked for at once
BOOK_PAUSE_S = 4.0  # at most, between two snapshots of a book that breaks all the time: they cost what orders need
SETTLING_NS = MINUTE  # how long before its word of a settlement a venue may have booked it


class Following:
    """The deeds of one connector's hearing; `put` takes the events that were asked for.

    `symbols` are the unified symbols whose settlements are asked for where a venue does not say which it settled.
    """

    hearing: Hearing  # whose deeds these are, and what answers questions: both are made after it
    history: History

    def __init__(
        self,
        wire: Wire,
        dialect: Dialect,
        listings: Listings,
        traffic: Traffic,
        *,
        symbols: Sequence[str],
        chores: Chores,
        put: Callable[[Event], None],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._wire, self._dialect, self._listings, self._traffic = wire, dialect, listings, traffic
        self._symbols = symbols
        self._chores, self._put = chores, put
        self._clock, self._sleep, self._random = clock, sleep, random
        self._asked: dict[str, tuple[int, int]] = {}  # market id -> when its book was asked for, how often in a row

    def reconnect(self, channel: str, reason: str) -> None:
        """Makes a channel anew, unless that is under way."""
        self._chores.start(f"reconnect {channel}", lambda: self._wire.reconnect(channel, reason))

    def fetch_book(self, market_id: str) -> None:
        """Asks for a book's snapshot until it fits, unless that is under way."""
        self._chores.start(f"book {market_id}", lambda: self._fetch_book(market_id))

    def ask_settled(self, market_id: str, at: int) -> None:
        """Asks what was settled in a market at about `at` (UTC ns of the venue), unless that is under way."""
        self._chores.start(f"settled {market_id}", lambda: self._ask_settled(market_id, at))

    async def _fetch_book(self, market_id: str) -> None:
        listed = self._listings.of(self._listings.by_market[market_id].symbol)
        await self._sleep(self._book_pause_s(market_id))
        for tries in range(1, SNAPSHOTS + 1):
            answer = await self._traffic.ask(self._dialect.book(listed, BOOK_DEPTH), lambda whole: whole)
            self.hearing.snapshot(self._dialect.read_book(answer, market_id), answer.received)
            if not self.hearing.wants_book(market_id):
                return
            await self._sleep(pause_s(tries, self._random()))  # it was older than what is waiting for it

    def _book_pause_s(self, market_id: str) -> float:
        """How long to wait before a book is asked for again: not at all, unless it broke soon after it was whole."""
        now = self._clock.now()
        last, row = self._asked.get(market_id, (0, 0))
        row = row + 1 if now - last < BOOK_CALM_NS else 0
        pause = min(BOOK_PAUSE_S, pause_s(row, self._random())) if row else 0.0
        self._asked[market_id] = now + round(pause * SECOND), row
        return pause

    async def _ask_settled(self, market_id: str, at: int) -> None:
        known = self._listings.by_market.get(market_id)
        symbols = self._symbols if not market_id else [known.symbol] if known else ()
        for symbol in symbols:
            for event in await self.history.settlements(symbol, at - SETTLING_NS):
                self._put(event)
