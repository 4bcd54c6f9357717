"""Bybit as it was recorded: the retired v2 over its sockets, and a v5 book of 500 levels."""

from __future__ import annotations

from collections import Counter
from functools import cache

from tests.recorded.books import follow, normaliser
from tests.recorded.files import Line, frames, lines, parse, recorded
from workbench.connectors.continuity import CONTINUITY, UNNUMBERED
from workbench.connectors.dialects.bybit_market import hear
from workbench.connectors.heard import Heard, HeardBook, HeardTrade
from workbench.connectors.orderbook import BookState, OrderBook
from workbench.core.clock import MINUTE
from workbench.core.order import Side

pytestmark = recorded

V5 = "l2/bybit_linear_XRPUSDT_ob500_20241201.jsonl.gz"


@cache
def v2() -> list[tuple[Line, Heard]]:
    return [(line, word) for line in frames("BYBIT") for word in hear(line.message)]


def v5() -> list[tuple[Line, HeardBook]]:
    messages = map(parse, lines(V5))
    return [(Line(message["ts"] * 10**6, message), word) for message in messages for word in hear(message)]


def test_every_v2_frame_is_heard_or_acknowledges_a_subscription():
    silent = [line.message for line in frames("BYBIT") if not list(hear(line.message))]
    assert Counter(message["request"]["op"] for message in silent) == {"subscribe": 20}
    assert Counter(type(word).__name__ for _, word in v2()) == {"HeardBook": 4_278, "HeardTrade": 251}


def test_ten_v2_books_are_followed_and_never_cross():
    tops = list(follow(v2(), "bybit", UNNUMBERED))
    assert Counter(word.snapshot for word, _ in tops) == {True: 10, False: 4_268}
    assert all(bid and ask for _, (bid, ask) in tops)


def test_v2_books_keep_their_25_levels_a_side():
    believed = normaliser((word.market_id for _, word in v2()), "bybit")
    books = {market_id: OrderBook(market_id, believed, UNNUMBERED) for market_id in believed.listed}
    for line, word in v2():
        if isinstance(word, HeardBook):
            books[word.market_id].take(word, received=line.received, clock_offset_ns=0)
            assert {len(books[word.market_id].bids), len(books[word.market_id].asks)} == {25}


def test_every_trade_is_believed_and_most_buyers_took_from_the_asks():
    believed = normaliser((word.market_id for _, word in v2()), "bybit")
    books = {market_id: OrderBook(market_id, believed, UNNUMBERED) for market_id in believed.listed}
    took: Counter[tuple[Side, bool]] = Counter()
    for line, word in v2():
        if isinstance(word, HeardBook):
            books[word.market_id].take(word, received=line.received, clock_offset_ns=0)
        if isinstance(word, HeardTrade):
            [trade] = believed.take(word, received=line.received, clock_offset_ns=0)
            assert line.received - 10 * MINUTE < trade.ts_event <= line.received
            bid, ask = books[word.market_id].best
            if bid and ask:
                took[word.aggressor, 2 * trade.price_raw > bid[0] + ask[0]] += 1
    assert took[Side.BUY, True] > 2 * took[Side.BUY, False]
    assert took[Side.SELL, False] > 2 * took[Side.SELL, True]


def test_the_v5_book_is_one_snapshot_and_49_differences_without_gap():
    words = [word for _, word in v5()]
    assert [word.snapshot for word in words] == [True] + [False] * 49
    assert (len(words[0].bids), len(words[0].asks)) == (500, 500)
    first = words[0].last
    assert [word.last for word in words] == list(range(first, first + 50))


def test_the_v5_book_is_followed_and_never_crosses():
    tops = list(follow(v5(), "bybit", CONTINUITY["bybit"]))
    assert len(tops) == 50
    assert tops[0][1][0] == (1_953_100_000_000, 6_203 * 10**12)


def test_a_lost_v5_difference_breaks_the_book():
    believed = normaliser(["XRPUSDT"], "bybit")
    book = OrderBook("XRPUSDT", believed, CONTINUITY["bybit"])
    for number, (line, word) in enumerate(v5()):
        if number != 20:
            book.take(word, received=line.received, clock_offset_ns=0)
    assert book.state is BookState.STALE
    assert book.bids == ()
