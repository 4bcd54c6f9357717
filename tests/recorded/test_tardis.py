"""The first rows of four Tardis files: every row is told, in the exchange's own digits."""

from __future__ import annotations

import csv
from collections import Counter

from tests.recorded.books import follow, normaliser
from tests.recorded.files import ROOT, Line, recorded
from workbench.connectors.continuity import UNNUMBERED
from workbench.connectors.dialects.tardis_rows import Row, read
from workbench.connectors.heard import HeardBook, HeardQuote, HeardTrade
from workbench.core.order import Side

pytestmark = recorded

BOOKS = "tardis_binance-futures_book_snapshot_25_BTCUSDT.csv"
TRADES = "tardis_bitmex_trades_XBTUSD.csv"
DIFFERENCES = "tardis_deribit_incremental_book_L2_BTC-PERPETUAL.csv"
QUOTES = "tardis_huobi-dm-swap_quotes_BTC-USD.csv"


def rows(name: str) -> list[Row]:
    with (ROOT / "l2" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_tardis_file_that_was_recorded_is_read_here():
    assert {path.name for path in (ROOT / "l2").glob("*.csv")} == {BOOKS, TRADES, DIFFERENCES, QUOTES}


def test_each_trade_is_a_row():
    told = list(read(rows(TRADES)))
    assert len(told) == len(rows(TRADES)) == 10
    for trade, row in zip(told, rows(TRADES), strict=True):
        assert trade == HeardTrade(
            row["symbol"], row["price"], row["amount"], int(row["timestamp"]) * 1_000, Side(row["side"]), row["id"]
        )
    assert told[0].aggressor is Side.SELL


def test_each_quote_is_a_row_whose_ask_comes_first():
    told = list(read(rows(QUOTES)))
    assert len(told) == len(rows(QUOTES)) == 10
    assert told[0] == HeardQuote("BTC-USD", "8629.2", "806", "8629.3", "5494", 1_588_291_201_099_000_000)
    believed = normaliser(["BTC-USD"], "huobi-dm-swap")
    for quote, row in zip(told, rows(QUOTES), strict=True):
        assert believed.take(quote, received=int(row["local_timestamp"]) * 1_000, clock_offset_ns=0)


def test_each_row_of_25_levels_is_a_whole_book():
    told = list(read(rows(BOOKS)))
    assert len(told) == len(rows(BOOKS)) == 10
    assert Counter((len(book.bids), len(book.asks), book.snapshot) for book in told) == {(25, 25, True): 10}
    assert told[0].asks[0] == ("11657.08", "1.714")
    assert told[0].bids[0] == ("11657.07", "10.896")
    received = [int(row["local_timestamp"]) * 1_000 for row in rows(BOOKS)]
    said = [(Line(at, None), book) for at, book in zip(received, told, strict=True)]
    assert len(list(follow(said, "binance-futures", UNNUMBERED))) == 10


def test_rows_that_arrived_together_are_one_book():
    [book] = read(rows(DIFFERENCES))
    assert isinstance(book, HeardBook)
    assert book.snapshot
    assert book.asks == tuple((row["price"], row["amount"]) for row in rows(DIFFERENCES))
    assert (len(book.asks), book.bids) == (15, ())
    assert book.at == 1_585_699_200_245_000_000
    assert len(list(follow([(Line(book.at, None), book)], "deribit", UNNUMBERED))) == 1
