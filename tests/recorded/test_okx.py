"""OKX as it was recorded: every book update is proved by its checksum."""

from __future__ import annotations

from collections import Counter

from tests.recorded.books import follow, normaliser
from tests.recorded.files import Line, frames, recorded
from workbench.connectors.continuity import CONTINUITY
from workbench.connectors.dialects.okx_market import hear
from workbench.connectors.heard import Heard, HeardBook, HeardQuote, HeardTrade
from workbench.connectors.orderbook import BookState, OrderBook
from workbench.connectors.quarantine import Doubt

pytestmark = recorded


def heard() -> list[tuple[Line, Heard]]:
    return [(line, word) for line in frames("OKX") for word in hear(line.message)]


def test_every_frame_is_read():
    assert sum(1 for _ in frames("OKX")) == 410
    assert Counter(type(word) for _, word in heard()) == {HeardBook: 290, HeardTrade: 74, HeardQuote: 28}


def test_every_update_of_every_book_is_what_its_checksum_says():
    assert all(word.checksum for word, _ in follow(heard(), "okx", CONTINUITY["okx"]))
    assert sum(1 for _ in follow(heard(), "okx", CONTINUITY["okx"])) == 290


def test_a_lost_update_breaks_the_book_until_the_next_snapshot():
    told = [(line, word) for line, word in heard() if isinstance(word, HeardBook) and word.market_id == "BTC-USDT"]
    believed = normaliser(["BTC-USDT"], "okx")
    book = OrderBook("BTC-USDT", believed, CONTINUITY["okx"])
    for line, word in told[:10] + told[11:]:
        book.take(word, received=line.received, clock_offset_ns=0)
    assert book.state is BookState.STALE
    assert book.bids == book.asks == ()
    assert believed.quarantine.counts == {("BTC-USDT", Doubt.CHECKSUM): 1}
    line, snapshot = told[0]
    book.take(snapshot, received=line.received, clock_offset_ns=0)
    assert book.state is BookState.LIVE


def test_nothing_else_that_was_said_is_doubted():
    believed = normaliser((word.market_id for _, word in heard()), "okx")
    told = [(line, word) for line, word in heard() if not isinstance(word, HeardBook)]
    events = [each for line, word in told for each in believed.take(word, received=line.received, clock_offset_ns=0)]
    assert believed.quarantine.total == 0
    assert len(events) == len(told)
