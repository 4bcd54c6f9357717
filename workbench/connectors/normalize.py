"""From what was heard to what is believed: exact scaled integers in core events, or quarantine.

Public words that cannot be true are held back and counted. Private words - orders, fills, funding - are
never held back: one that cannot be read is an error, since money depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbench.connectors.account_words import event_of
from workbench.connectors.figures import Levels, levels, moment, scaled, standing
from workbench.connectors.heard import (
    Heard,
    HeardBar,
    HeardBook,
    HeardFill,
    HeardFunding,
    HeardMark,
    HeardOrder,
    HeardQuote,
    HeardTrade,
)
from workbench.connectors.quarantine import Doubt, Doubtful, Quarantine
from workbench.core.errors import DataError
from workbench.core.events import (
    Bar,
    BookUpdate,
    Event,
    MarkPrice,
    Quote,
    Trade,
)
from workbench.core.instrument import Instrument


class Numbering:
    """Sequences of one source's events: they grow for ever and stay close to the nanosecond of receipt."""

    __slots__ = ("last",)

    def __init__(self, after: int = 0) -> None:
        self.last = after

    def next(self, received: int) -> int:
        """The next sequence: `received`, or one more than the last where that is not later."""
        self.last = received if received > self.last else self.last + 1
        return self.last


class Normaliser:
    """Turns the words of one venue into events of the listed instruments; times are UTC nanoseconds.

    `listed` maps the venue's own symbols; `numbering` is shared by all that speak as `source`.
    """

    def __init__(self, listed: Mapping[str, Instrument], *, source: str, numbering: Numbering) -> None:
        self.listed, self.source, self.numbering = listed, source, numbering
        self.quarantine = Quarantine()
        self._last: dict[tuple[type, str, int], int] = {}  # per stream: what its next sequence must exceed
        self._public: dict[type, Callable[[Any, int, int], Event | None]] = {
            HeardTrade: self._trade,
            HeardQuote: self._quote,
            HeardBook: self._book,
            HeardBar: self._bar,
            HeardMark: self._mark,
        }

    def take(self, heard: Heard, *, received: int, clock_offset_ns: int) -> list[Event]:
        """The events that this means: none if it is quarantined, a bar still being built, or not of a market.

        `clock_offset_ns` is how far the venue's clock is ahead of ours. A book is taken as it is said, without
        asking whether anything is missing: `OrderBook` asks. Raises DataError for private words it cannot read.
        """
        public = self._public.get(type(heard))
        if public is None:
            return self._owned(heard, received, clock_offset_ns)
        try:
            event = public(heard, received, clock_offset_ns)
        except Doubtful as doubtful:
            self.quarantine.put(doubtful, heard, received)
            return []
        return [] if event is None else [event]

    # --- what the market says ---------------------------------------------------------------------

    def _trade(self, heard: HeardTrade, received: int, offset: int) -> Trade:
        instrument = self.instrument(heard)
        at = moment(heard.at, received, offset)
        price = scaled(heard.price, instrument.price_places)
        quantity = scaled(heard.quantity, instrument.quantity_places)
        if price <= 0:
            raise Doubtful(Doubt.PRICE, f"price: expected more than 0, got {heard.price}")
        if quantity <= 0:
            raise Doubtful(Doubt.SIZE, f"quantity: expected more than 0, got {heard.quantity}")
        if heard.sequence is not None:
            self._grow((HeardTrade, heard.market_id, 0), heard.sequence)
        number = self.numbering.next(received)
        return Trade(self.source, number, at, received, instrument, price, quantity, heard.aggressor, heard.trade_id)

    def _quote(self, heard: HeardQuote, received: int, offset: int) -> Quote:
        instrument = self.instrument(heard)
        at = moment(heard.at, received, offset)
        bid, bid_quantity = standing(heard.bid, heard.bid_quantity, instrument)
        ask, ask_quantity = standing(heard.ask, heard.ask_quantity, instrument)
        if bid >= ask > 0:
            raise Doubtful(Doubt.CROSSED, f"bid {heard.bid} is not below ask {heard.ask}")
        if heard.sequence is not None:
            self._grow((HeardQuote, heard.market_id, 0), heard.sequence)
        number = self.numbering.next(received)
        return Quote(self.source, number, at, received, instrument, bid, ask, bid_quantity, ask_quantity)

    def _book(self, heard: HeardBook, received: int, offset: int) -> BookUpdate:
        instrument = self.instrument(heard)
        at = moment(heard.at, received, offset)
        bids, asks = levels(heard.bids, instrument), levels(heard.asks, instrument)
        if heard.snapshot and bids and asks and max(bids)[0] >= min(asks)[0]:
            raise Doubtful(Doubt.CROSSED, f"bid {max(bids)[0]} is not below ask {min(asks)[0]}, in units of the price")
        return self.update(instrument, bids, asks, at=at, received=received, snapshot=heard.snapshot)

    def _bar(self, heard: HeardBar, received: int, offset: int) -> Bar | None:
        if not heard.closed:
            return None
        instrument = self.instrument(heard)
        close_at = moment(heard.start + heard.interval_ns, received, offset)
        places = instrument.price_places
        opened, high, low, close = (scaled(getattr(heard, name), places) for name in ("open", "high", "low", "close"))
        volume = scaled(heard.volume, instrument.quantity_places)
        if low <= 0:
            raise Doubtful(Doubt.PRICE, f"low: expected more than 0, got {heard.low}")
        if volume < 0:
            raise Doubtful(Doubt.SIZE, f"volume: expected 0 or more, got {heard.volume}")
        if not (low <= opened <= high and low <= close <= high):
            raise Doubtful(Doubt.SHAPE, f"open {heard.open} or close {heard.close} beyond {heard.low} to {heard.high}")
        self._grow((HeardBar, heard.market_id, heard.interval_ns), heard.start)
        number = self.numbering.next(received)
        return Bar(
            self.source,
            number,
            close_at,
            received,
            instrument,
            heard.interval_ns,
            opened,
            high,
            low,
            close,
            volume,
        )

    def _mark(self, heard: HeardMark, received: int, offset: int) -> MarkPrice:
        instrument = self.instrument(heard)
        at = moment(heard.at, received, offset)
        price = scaled(heard.price, instrument.price_places)
        if price <= 0:
            raise Doubtful(Doubt.PRICE, f"mark price: expected more than 0, got {heard.price}")
        return MarkPrice(self.source, self.numbering.next(received), at, received, instrument, price)

    def _grow(self, stream: tuple[type, str, int], sequence: int) -> None:
        last = self._last.get(stream)
        if last is not None and sequence <= last:
            raise Doubtful(Doubt.REPEATED, f"sequence: expected more than {last}, got {sequence}")
        self._last[stream] = sequence

    # --- what order books share -------------------------------------------------------------------

    def instrument(self, heard: Any) -> Instrument:
        """The instrument it speaks of; raises Doubtful if that is not listed."""
        found = self.listed.get(heard.market_id)
        if found is None:
            raise Doubtful(Doubt.UNLISTED, f"{heard.market_id}: {self.source} lists no such market")
        return found

    def update(
        self, instrument: Instrument, bids: Levels, asks: Levels, *, at: int, received: int, snapshot: bool
    ) -> BookUpdate:
        """A numbered book update, its levels sorted best first; of a price said twice the last word counts."""
        best_bids = tuple(sorted(dict(bids).items(), reverse=True))
        best_asks = tuple(sorted(dict(asks).items()))
        number = self.numbering.next(received)
        return BookUpdate(self.source, number, at, received, instrument, best_bids, best_asks, snapshot)

    # --- what concerns the account ----------------------------------------------------------------

    def _owned(self, heard: Heard, received: int, offset: int) -> list[Event]:
        if not isinstance(heard, HeardOrder | HeardFill | HeardFunding):
            return []  # a balance or the end of a stream: for who watches over the account and the connection
        instrument = self.listed.get(heard.market_id)
        if instrument is None:
            raise DataError(f"{self.source} lists no market {heard.market_id!r}, which {heard} is about")
        stamp = (self.source, self.numbering.next(received), heard.at or received + offset, received)
        return [event_of(heard, instrument, stamp)]
