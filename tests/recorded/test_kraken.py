"""Kraken as it was recorded, in the first version of its socket: every book update is proved by its checksum."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.recorded.books import normaliser
from tests.recorded.files import Line, frames, recorded
from workbench.connectors.continuity import CONTINUITY
from workbench.connectors.dialects.kraken_market import hear
from workbench.connectors.heard import Heard, HeardBook, HeardQuote, HeardTrade
from workbench.connectors.orderbook import BookState, OrderBook
from workbench.core.events import BookUpdate, MarketStale

pytestmark = recorded

DEPTH = 1_000  # what the recording asked for


@pytest.fixture(scope="module")
def heard() -> list[tuple[Line, Heard]]:
    return [(line, word) for line in frames("KRAKEN") for word in hear(line.message)]


def test_every_frame_is_read(heard):
    assert sum(1 for _ in frames("KRAKEN")) == 4_430
    assert Counter(type(word) for _, word in heard) == {HeardBook: 4_279, HeardTrade: 10, HeardQuote: 18}


def test_every_update_of_every_book_is_what_its_checksum_says(heard):
    told = [(line, word) for line, word in heard if isinstance(word, HeardBook)]
    believed = normaliser((word.market_id for _, word in told), "kraken")
    books = {name: OrderBook(name, believed, CONTINUITY["kraken"], depth=DEPTH) for name in believed.listed}
    shown: dict[str, dict[str, dict[int, int]]] = {name: {"bids": {}, "asks": {}} for name in books}
    for line, word in told:
        for event in books[word.market_id].take(word, received=line.received, clock_offset_ns=0):
            assert not isinstance(event, MarketStale), event
            mirror(shown[word.market_id], event)
    assert sum(1 for _, word in told if word.checksum) == 4_269
    assert believed.quarantine.total == 0
    assert len(books) == 10
    for name, book in books.items():
        assert book.state is BookState.LIVE
        assert len(book.bids) <= DEPTH
        assert len(book.asks) <= DEPTH
        assert shown[name] == {"bids": dict(book.bids), "asks": dict(book.asks)}


def mirror(sides: dict[str, dict[int, int]], event: BookUpdate) -> None:
    """Keeps a book from events alone, as whoever listens must be able to."""
    for side, levels in (("bids", event.bids_raw), ("asks", event.asks_raw)):
        held = {} if event.snapshot else sides[side]
        sides[side] = {price: size for price, size in {**held, **dict(levels)}.items() if size}


def test_nothing_else_that_was_said_is_doubted(heard):
    believed = normaliser((word.market_id for _, word in heard), "kraken")
    told = [(line, word) for line, word in heard if not isinstance(word, HeardBook)]
    events = [each for line, word in told for each in believed.take(word, received=line.received, clock_offset_ns=0)]
    assert believed.quarantine.total == 0
    assert len(events) == len(told)
