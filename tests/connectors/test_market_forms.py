"""What is read of Tardis files and of ccxt's unified structures, beyond what was recorded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors.dialects import generic_market
from workbench.connectors.dialects.tardis_rows import read
from workbench.connectors.heard import HeardBook, HeardMark, HeardQuote, HeardTrade
from workbench.core.clock import MINUTE
from workbench.core.errors import DataError
from workbench.core.order import Side

AT = 1_700_000_000_123
NS = AT * 10**6

# --- Tardis -------------------------------------------------------------------------------------

L2 = {"exchange": "x", "symbol": "X", "timestamp": "1700000000123000", "local_timestamp": "1", "is_snapshot": "false"}


def test_tardis_rows_that_arrived_together_are_one_difference_and_a_new_snapshot_another():
    told = read(
        [
            L2 | {"side": "bid", "price": "99", "amount": "0"},
            L2 | {"side": "ask", "price": "101", "amount": "2"},
            L2 | {"side": "ask", "price": "102", "amount": "3", "local_timestamp": "2"},
            L2 | {"side": "ask", "price": "103", "amount": "4", "local_timestamp": "2", "is_snapshot": "true"},
        ]
    )
    assert list(told) == [
        HeardBook(market_id="X", bids=(("99", "0"),), asks=(("101", "2"),), at=NS),
        HeardBook(market_id="X", bids=(), asks=(("102", "3"),), at=NS),
        HeardBook(market_id="X", bids=(), asks=(("103", "4"),), at=NS, snapshot=True),
    ]


def test_a_tardis_row_that_cannot_be_read_is_named_by_its_line():
    rows = [L2 | {"side": "bid", "price": "99", "amount": "1"}, L2 | {"side": "middle", "price": "99", "amount": "1"}]
    with pytest.raises(DataError, match=r"^tardis line 3: .*'middle'"):
        list(read(rows))


def test_a_tardis_row_that_is_cut_short_is_refused():
    rows = [L2 | {"side": "bid", "price": "99", "amount": None}]
    with pytest.raises(DataError, match=r"^tardis line 2: expected a number"):
        list(read(rows))


def test_a_tardis_file_of_unknown_columns_is_refused():
    with pytest.raises(DataError, match="tardis: columns funding_rate are those of no known file"):
        list(read([{"funding_rate": "0.1"}]))


def test_a_tardis_file_of_no_rows_says_nothing():
    assert list(read([])) == []


def test_a_tardis_trade_may_leave_its_side_open():
    row = {"symbol": "X", "timestamp": "1700000000123000", "id": "", "side": "unknown", "price": "1", "amount": "2"}
    assert list(read([row])) == [HeardTrade("X", "1", "2", NS, None, "")]


# --- ccxt's unified structures ------------------------------------------------------------------

TICKER = {"symbol": "BTC/USDT", "timestamp": AT, "bid": "1", "bidVolume": "2", "ask": "3", "askVolume": "4"}


def test_a_unified_ticker_is_a_quote_and_a_mark_where_it_has_them():
    quote, mark = HeardQuote("BTC/USDT", "1", "2", "3", "4", NS), HeardMark("BTC/USDT", "2.5", NS)
    assert list(generic_market.hear(TICKER)) == [quote]
    assert list(generic_market.hear(TICKER | {"markPrice": "2.5"})) == [quote, mark]
    assert list(generic_market.hear(TICKER | {"bidVolume": None, "markPrice": "2.5"})) == [mark]


def test_a_unified_book_is_whole_each_time():
    book = {"symbol": "BTC/USDT", "timestamp": None, "nonce": None, "bids": [[99.5, 1.0]], "asks": [[100.25, 2e-8]]}
    assert list(generic_market.hear(book)) == [
        HeardBook(market_id="BTC/USDT", bids=(("99.5", "1.0"),), asks=(("100.25", "2e-08"),), at=0, snapshot=True)
    ]


def test_a_unified_trade_must_have_kept_its_text():
    trade = {"symbol": "BTC/USDT", "timestamp": AT, "id": "7", "side": "sell", "price": "99.50", "amount": "1"}
    assert list(generic_market.hear([trade])) == [HeardTrade("BTC/USDT", "99.50", "1", NS, Side.SELL, "7")]
    with pytest.raises(DataError, match=r"got float 99\.5"):
        generic_market.hear([trade | {"price": 99.5}])


def test_unified_candles_give_high_before_low():
    [bar] = generic_market.read_bars([[AT, 1.5, 4.0, 0.5, 2.0, 10.0]], "BTC/USDT", interval_ns=MINUTE, now=NS)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.closed) == (
        "1.5",
        "4.0",
        "0.5",
        "2.0",
        "10.0",
        False,
    )


@given(st.integers(1, 10**15 - 1), st.integers(-20, 10))
def test_a_float_that_is_read_is_the_number_that_was_sent(digits, exponent):
    sent = Decimal(digits).scaleb(exponent)
    book = {"symbol": "X/Y", "timestamp": AT, "bids": [[float(sent), 1.0]], "asks": []}
    [told] = generic_market.hear(book)
    assert Decimal(told.bids[0][0]) == sent


def test_a_float_of_more_digits_than_it_proves_is_refused():
    book = {"symbol": "X/Y", "timestamp": AT, "bids": [[0.12345678901234567, 1.0]], "asks": []}
    with pytest.raises(DataError, match="more than the 15 digits"):
        generic_market.hear(book)
