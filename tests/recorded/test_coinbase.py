"""Coinbase as it was recorded: every frame is heard, trades are counted without gap, books never cross."""

from __future__ import annotations

from collections import Counter
from functools import cache

from tests.recorded.books import follow, normaliser
from tests.recorded.files import Line, document, frames, recorded
from workbench.connectors.continuity import CONTINUITY
from workbench.connectors.dialects.coinbase_market import hear, read_book
from workbench.connectors.heard import Heard, HeardBook, HeardTrade
from workbench.core.order import Side

pytestmark = recorded


@cache
def heard() -> list[tuple[Line, Heard]]:
    return [(line, word) for line in frames("COINBASE") for word in hear(line.message)]


def trades() -> list[HeardTrade]:
    return [word for _, word in heard() if isinstance(word, HeardTrade)]


def test_every_frame_is_heard_or_of_a_kind_that_says_nothing():
    silent = Counter(line.message["type"] for line in frames("COINBASE") if not list(hear(line.message)))
    assert silent == {"subscriptions": 3, "ticker": 107}
    assert Counter(type(word).__name__ for _, word in heard()) == {"HeardBook": 9_729, "HeardTrade": 107}


def test_a_ticker_without_sizes_is_no_quote():
    tickers = [line.message for line in frames("COINBASE") if line.message["type"] == "ticker"]
    assert tickers
    assert not any("best_bid_size" in ticker for ticker in tickers)


def test_trades_of_each_product_are_numbered_without_gap():
    last: dict[str, int] = {}
    for trade in trades():
        assert trade.sequence == int(trade.trade_id) == last.get(trade.market_id, trade.sequence - 1) + 1
        last[trade.market_id] = trade.sequence
    assert len(last) == 10


def test_the_side_that_took_is_the_one_the_ticker_names():
    tickers = (line.message for line in frames("COINBASE") if line.message["type"] == "ticker")
    named = {(each["product_id"], str(each["trade_id"])): Side(each["side"]) for each in tickers}
    assert {(each.market_id, each.trade_id): each.aggressor for each in trades()} == named


def test_ten_books_are_followed_and_never_cross():
    tops = list(follow(heard(), "coinbase", CONTINUITY["coinbase"]))
    assert len({word.market_id for word, _ in tops}) == 10
    assert sum(word.snapshot for word, _ in tops) == 10
    assert all(bid and ask for _, (bid, ask) in tops)


def test_every_trade_is_believed():
    believed = normaliser((trade.market_id for trade in trades()), "coinbase")
    for line, word in heard():
        if isinstance(word, HeardTrade):
            assert believed.take(word, received=line.received, clock_offset_ns=0), believed.quarantine.recent


def test_a_whole_book_of_a_large_market_loads_uncrossed():
    page = document("l2/coinbase_BTC-USD_l2_full_snapshot.json.gz")
    book = read_book(page, "BTC-USD")
    assert (len(book.bids), len(book.asks)) == (18_376, 27_017)
    assert book.last == page["sequence"]
    [(_, (bid, ask))] = follow([(Line(1, page), book)], "coinbase", CONTINUITY["coinbase"])
    assert bid == (64_930_57 * 10**10, 7_705_309 * 10**4)
    assert ask is not None
    assert ask[0] > bid[0]


def test_a_book_is_told_with_the_sides_it_has():
    snapshot = next(word for _, word in heard() if isinstance(word, HeardBook))
    assert snapshot.market_id == "BAND-GBP"
    assert snapshot.asks[:2] == (("14.8024", "12.77"), ("14.8069", "12.49"))
