"""Deribit as it was recorded: books whose changes name each other, and tickers that agree with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

from tests.recorded.books import Top, follow, normaliser, scaled
from tests.recorded.files import Line, frames, recorded
from workbench.connectors.continuity import CONTINUITY
from workbench.connectors.dialects.deribit_market import hear
from workbench.connectors.heard import Heard, HeardBook, HeardMark, HeardQuote
from workbench.connectors.orderbook import BookState, OrderBook

pytestmark = recorded


@cache
def heard() -> list[tuple[Line, Heard]]:
    return [(line, word) for line in frames("DERIBIT") for word in hear(line.message)]


def test_every_frame_is_heard_but_the_answer_to_the_subscription():
    silent = [line.message for line in frames("DERIBIT") if not list(hear(line.message))]
    assert [message["id"] for message in silent] == [0]
    kinds = Counter(type(word).__name__ for _, word in heard())
    assert kinds == {"HeardBook": 46, "HeardQuote": 89, "HeardMark": 89}


def test_the_chain_of_46_changes_is_unbroken():
    tops = list(follow(heard(), "deribit", CONTINUITY["deribit"]))
    assert Counter(word.snapshot for word, _ in tops) == {True: 10, False: 36}
    last: dict[str, int | None] = {}
    for word, _ in tops:
        assert word.previous == last.get(word.market_id)
        last[word.market_id] = word.last


def test_a_lost_change_breaks_the_book():
    words = [(line, word) for line, word in heard() if isinstance(word, HeardBook)]
    [(busiest, _)] = Counter(word.market_id for _, word in words).most_common(1)
    believed = normaliser([busiest], "deribit")
    book = OrderBook(busiest, believed, CONTINUITY["deribit"])
    told = [each for each in words if each[1].market_id == busiest]
    del told[2]
    for line, word in told:
        book.take(word, received=line.received, clock_offset_ns=0)
    assert book.state is BookState.STALE


def test_every_ticker_quotes_the_book_of_its_time():
    states: dict[str, list[tuple[int, Top]]] = defaultdict(list)
    for word, top in follow(heard(), "deribit", CONTINUITY["deribit"]):
        states[word.market_id].append((word.at, top))
    quotes = [word for _, word in heard() if isinstance(word, HeardQuote)]
    assert len(quotes) == 89
    for quote in quotes:
        bid, ask = [top for at, top in states[quote.market_id] if at <= quote.at][-1]
        assert (scaled(quote.bid), scaled(quote.bid_quantity)) == (bid or (0, 0))
        assert (scaled(quote.ask), scaled(quote.ask_quantity)) == (ask or (0, 0))


def test_numbers_keep_the_digits_that_were_sent():
    quote, mark = [word for _, word in heard() if isinstance(word, HeardQuote | HeardMark)][:2]
    assert isinstance(quote, HeardQuote)
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == ("0.0015", "4714.0", "0.0025", "873.0")
    assert mark == HeardMark("ETH-30JUL21-2800-C", "0.001972", 1_626_993_723_632_000_000)
