"""One market's order book as its venue tells it: nothing is shown unless every difference is known to be there."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from workbench.connectors.continuity import Continuity, Step
from workbench.connectors.figures import Levels, levels, moment, parted
from workbench.connectors.heard import HeardBook, Level
from workbench.connectors.normalize import Normaliser
from workbench.connectors.quarantine import Doubt, Doubtful
from workbench.connectors.side import Side
from workbench.core.events import BookUpdate, MarketStale
from workbench.core.instrument import Instrument

WAITING = 5_000  # differences kept for a snapshot: minutes of a busy market, and older ones serve no snapshot
DEEPEST = 50_000  # levels a side; whole books of the largest markets have about 27,000


class BookState(StrEnum):
    """How far a book can be believed."""

    SYNCING = "syncing"  # no snapshot yet
    LIVE = "live"
    STALE = "stale"  # it was live and broke: empty until the next snapshot joins


class _Change(msgspec.Struct, frozen=True):
    """A snapshot or difference in units of the instrument.

    `between` has the levels of either side whose price lies between two steps of the instrument: orders from
    before the tick grew. `heard` is then without them.
    """

    heard: HeardBook
    bids: Levels
    asks: Levels
    at: int
    between: tuple[tuple[Level, ...], tuple[Level, ...]] = ((), ())


_NOTHING = HeardBook(market_id="", bids=(), asks=(), at=0)


class OrderBook:
    """The book of `market_id`; events are numbered, and doubtful words counted, by `normaliser`.

    `depth` is how many levels a side the venue keeps up to date, 0 for all: what falls below is dropped.
    """

    def __init__(self, market_id: str, normaliser: Normaliser, continuity: Continuity, *, depth: int = 0) -> None:
        self.market_id = market_id
        self.instrument: Instrument = normaliser.listed[market_id]
        self.state = BookState.SYNCING
        self._normaliser, self._continuity = normaliser, continuity
        self._depth = min(depth or DEEPEST, DEEPEST)
        self._bids, self._asks = Side(-1, continuity.proof), Side(1, continuity.proof)
        self._held = _NOTHING  # the last message in the book
        self._waiting: deque[_Change] = deque(maxlen=WAITING)

    @property
    def wants_snapshot(self) -> bool:
        """Whether a snapshot is needed: asked for, or where it comes in the stream by subscribing anew."""
        return self.state is not BookState.LIVE

    @property
    def bids(self) -> Levels:
        """(price, quantity) in units of the instrument, best first; empty unless live."""
        return tuple(self._bids)

    @property
    def asks(self) -> Levels:
        """(price, quantity) in units of the instrument, best first; empty unless live."""
        return tuple(self._asks)

    @property
    def best(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """The best bid and ask as (price, quantity), None for an empty side."""
        return self._bids.best(), self._asks.best()

    def take(self, heard: HeardBook, *, received: int, clock_offset_ns: int) -> list[BookUpdate | MarketStale]:
        """What this changes: a whole book when it goes live, differences after, MarketStale when it breaks.

        A snapshot that was asked for is ignored while the book is live, and where it is older than the first
        difference that waits: then a newer one is wanted. What is doubtful is quarantined and breaks the book, but for
        levels between two steps of the price that are not the best: those are quarantined alone.
        """
        asked_for = heard.snapshot and not self._continuity.in_stream
        if asked_for and self.state is BookState.LIVE:
            return []
        try:
            change = self._read(heard, received, clock_offset_ns)
            if heard.snapshot:
                return self._join(change, received)
            if self.state is BookState.LIVE:
                return self._follow(change, received)
        except Doubtful as doubtful:
            self._normaliser.quarantine.put(doubtful, heard, received)
            return self.reset(f"{doubtful.doubt}: {doubtful}", received=received, clock_offset_ns=clock_offset_ns)
        self._wait(change)
        return []

    def reset(self, reason: str, *, received: int, clock_offset_ns: int = 0) -> list[BookUpdate | MarketStale]:
        """Forgets every level and all that waits; says so if the book was live."""
        self._waiting.clear()
        return self._break(reason, received + clock_offset_ns, received)

    def _read(self, heard: HeardBook, received: int, offset: int) -> _Change:
        at = moment(heard.at, received, offset)
        try:
            return _Change(heard, levels(heard.bids, self.instrument), levels(heard.asks, self.instrument), at)
        except Doubtful as doubtful:
            if doubtful.doubt is not Doubt.TOO_FINE:
                raise
            self._normaliser.quarantine.put(doubtful, heard, received)
        (bids, fine_bids), (asks, fine_asks) = (parted(each, self.instrument) for each in (heard.bids, heard.asks))
        fitting = msgspec.structs.replace(heard, bids=bids, asks=asks)
        return _Change(
            fitting, levels(bids, self.instrument), levels(asks, self.instrument), at, (fine_bids, fine_asks)
        )

    def _wait(self, change: _Change) -> None:
        """Keeps a difference for a snapshot that is asked for; one that comes in the stream comes after it."""
        if not self._continuity.in_stream:
            self._waiting.append(change)

    def _join(self, snapshot: _Change, received: int) -> list[BookUpdate | MarketStale]:
        """Starts the book from a snapshot and the differences that waited for it."""
        self._empty()
        self._apply(snapshot)
        at = snapshot.at
        while self._waiting:
            step = self._continuity.step(self._held, self._waiting[0].heard)
            if step is Step.GAP:
                self._empty()
                return []
            change = self._waiting.popleft()
            if step is Step.NEXT:
                self._apply(change)
                at = change.at
        self._trim()
        self._verify()
        self.state = BookState.LIVE
        return [self._told(self.bids, self.asks, at=at, received=received, snapshot=True)]

    def _follow(self, change: _Change, received: int) -> list[BookUpdate | MarketStale]:
        """Takes a difference into the live book."""
        step = self._continuity.step(self._held, change.heard)
        if step is Step.OLD:
            return []
        if step is Step.GAP:
            missing = f"gap: {_ids(change.heard)} does not follow {_ids(self._held)}"
            self._wait(change)
            return self._break(missing, change.at, received)
        self._apply(change)
        gone_bids, gone_asks = self._trim()
        self._verify()
        return [
            self._told(
                change.bids + gone_bids, change.asks + gone_asks, at=change.at, received=received, snapshot=False
            )
        ]

    def _apply(self, change: _Change) -> None:
        self._bids.set(change.bids, change.heard.bids)
        self._asks.set(change.asks, change.heard.asks)
        for side, between in zip((self._bids, self._asks), change.between, strict=True):
            side.set_between(between, self.instrument.price_places)
        self._held = change.heard

    def _trim(self) -> tuple[Levels, Levels]:
        """Drops what is deeper than the venue keeps up to date; gives it as levels of quantity 0."""
        return self._bids.trim(self._depth), self._asks.trim(self._depth)

    def _verify(self) -> None:
        """Raises Doubtful where the book crosses itself, cannot show its best, or is not what the checksum says."""
        if self._bids.hides_best() or self._asks.hides_best():
            raise Doubtful(Doubt.TOO_FINE, "the best level lies between two steps of the instrument's price")
        bid, ask = self.best
        if bid and ask and bid[0] >= ask[0]:
            raise Doubtful(Doubt.CROSSED, f"bid {bid[0]} is not below ask {ask[0]}, in units of the price")
        proof, checksum = self._continuity.proof, self._held.checksum
        if proof is None or not checksum:  # 0 is what a venue says that has stopped to compute it
            return
        found = proof.of(self._bids.texts(proof.depth), self._asks.texts(proof.depth))
        if found != checksum & 0xFFFF_FFFF:  # some venues say it signed
            raise Doubtful(Doubt.CHECKSUM, f"checksum: the venue says {checksum}, the book here gives {found}")

    def _break(self, reason: str, at: int, received: int) -> list[BookUpdate | MarketStale]:
        self._empty()
        if self.state is not BookState.LIVE:
            return []
        self.state = BookState.STALE
        normaliser = self._normaliser
        number = normaliser.numbering.next(received)
        return [MarketStale(normaliser.source, number, at, received, self.instrument, reason, "book")]

    def _empty(self) -> None:
        self._bids.clear()
        self._asks.clear()
        self._held = _NOTHING

    def _told(self, bids: Levels, asks: Levels, *, at: int, received: int, snapshot: bool) -> BookUpdate:
        return self._normaliser.update(self.instrument, bids, asks, at=at, received=received, snapshot=snapshot)


def _ids(heard: HeardBook) -> str:
    """A message's update ids, for a sentence about a gap."""
    return f"{heard.first or heard.previous}..{heard.last}"
