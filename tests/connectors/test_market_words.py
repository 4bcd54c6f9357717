"""Market messages of Binance, OKX and Kraken that no recording holds, as their documentation shows them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workbench.connectors.dialects import binance_market, kraken_market, okx_market
from workbench.connectors.heard import HeardBar, HeardBook, HeardEnd, HeardMark, HeardQuote, HeardTrade
from workbench.core.clock import DAY, MINUTE
from workbench.core.errors import DataError
from workbench.core.order import Side

MS = 1_000_000
parse = msgspec.json.Decoder(float_hook=str).decode


def binance(text: str) -> list[Any]:
    return list(binance_market.hear(parse(text)))


def okx(text: str) -> list[Any]:
    return list(okx_market.hear(parse(text)))


def kraken(text: str) -> list[Any]:
    return list(kraken_market.hear(parse(text)))


def test_binance_s_first_levels_are_a_whole_book_whose_market_only_the_stream_names():
    [book] = binance('{"stream":"btcusdt@depth5","data":{"lastUpdateId":7,"bids":[["1.0","2.0"]],"asks":[]}}')
    assert book == HeardBook(market_id="BTCUSDT", bids=(("1.0", "2.0"),), asks=(), at=0, snapshot=True, last=7)


def test_binance_s_mark_prices_come_one_by_one_or_all_at_once():
    mark = '{"e":"markPriceUpdate","E":5,"s":"BTCUSDT","p":"100.10","i":"100","r":"0.0001","T":6}'
    assert binance(mark) == [HeardMark("BTCUSDT", "100.10", 5 * MS)]
    assert binance(f'{{"stream":"!markPrice@arr","data":[{mark},{mark}]}}') == binance(mark) * 2


def test_what_binance_s_insurance_fund_takes_over_is_no_trade():
    trade = '{"e":"trade","E":5,"T":5,"s":"BTCUSDT","t":9,"p":"100","q":"1","X":"%s","m":true}'
    assert binance(trade % "MARKET") == [HeardTrade("BTCUSDT", "100", "1", 5 * MS, Side.SELL, "9", 9)]
    assert binance(trade % "NA") == []


def test_binance_s_acknowledgements_and_day_statistics_say_nothing():
    assert binance('{"result":null,"id":1}') == []
    assert binance('{"e":"24hrTicker","E":5,"s":"BTCUSDT"}') == []


@pytest.mark.parametrize(
    "text", ['{"e":"tomorrow"}', '{"e":"trade","s":"BTCUSDT"}', '{"stream":"x"}', '"text"', "5", '{"e":["trade"]}']
)
def test_a_message_that_binance_never_announced_is_an_error_that_quotes_it(text):
    with pytest.raises(DataError, match="binance"):
        binance(text)


def test_a_stamp_that_is_text_is_still_a_stamp():
    [trade] = binance('{"e":"trade","E":"5","T":"5","s":"BTCUSDT","t":9,"p":"100","q":"1","m":false}')
    assert trade.at == 5 * MS


def test_okx_s_best_levels_are_a_quote_and_an_empty_side_stays_empty():
    [quote] = okx(
        '{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},'
        '"data":[{"asks":[["101","2","0","1"]],"bids":[],"ts":"5","seqId":9}]}'
    )
    assert quote == HeardQuote("BTC-USDT", "", "", "101", "2", 5 * MS, 9)


def test_okx_s_candles_say_when_they_are_done():
    row = '["60000","1","4","0.5","2","7","8","9","%s"]'
    text = '{"arg":{"channel":"candle%s","instId":"BTC-USDT"},"data":[%s]}'
    [bar] = okx(text % ("1m", row % "0"))
    assert (bar.closed, bar.interval_ns, bar.start, bar.volume) == (False, MINUTE, 60_000 * MS, "7")
    [bar] = okx(text % ("1Dutc", row % "1"))
    assert (bar.closed, bar.interval_ns, bar.high, bar.low, bar.close) == (True, DAY, "4", "0.5", "2")
    with pytest.raises(DataError, match="3M"):
        okx(text % ("3M", row % "1"))


def test_okx_s_five_levels_are_a_whole_book_each_time():
    [book] = okx(
        '{"arg":{"channel":"books5","instId":"B"},"data":[{"asks":[],"bids":[["1","2","0","1"]],"ts":"5","seqId":3}]}'
    )
    assert (book.snapshot, book.bids, book.last) == (True, (("1", "2"),), 3)


def test_okx_announces_the_end_of_a_connection_and_refuses_in_words():
    assert okx('{"event":"notice","code":"64008","msg":"soon"}') == [HeardEnd(reason="64008 soon")]
    assert okx('"pong"') == []
    with pytest.raises(DataError, match="60012 bad"):
        okx('{"event":"error","code":"60012","msg":"bad"}')


def test_okx_s_mark_price_is_heard():
    text = '{"arg":{"channel":"mark-price","instId":"S"},"data":[{"instId":"S","markPx":"1.5","ts":"5"}]}'
    assert okx(text) == [HeardMark("S", "1.5", 5 * MS)]


def test_okx_s_pages_come_newest_first_and_are_read_oldest_first():
    rows = '["120000","1","1","1","1","1","1","1","0"],["60000","1","1","1","1","1","1","1","1"]'
    bars = okx_market.read_bars(parse(f'{{"code":"0","data":[{rows}]}}'), "B", interval_ns=MINUTE)
    assert [(bar.start, bar.closed) for bar in bars] == [(60_000 * MS, True), (120_000 * MS, False)]
    with pytest.raises(DataError, match="51001"):
        okx_market.read_trades({"code": "51001", "msg": "no such instrument", "data": []})


def test_kraken_s_first_version_tells_spreads_and_unfinished_candles():
    assert kraken('[0,["5698.4","5700.0","1542057299.545897","1.01","0.98"],"spread","XBT/USD"]') == [
        HeardQuote("XBT/USD", "5698.4", "1.01", "5700.0", "0.98", 1_542_057_299_545_897_000)
    ]
    [bar] = kraken('[42,["60.5","300.0","1","4","0.5","2","1.5","7",3],"ohlc-5","XBT/USD"]')
    assert (bar.start, bar.interval_ns, bar.closed, bar.volume) == (0, 5 * MINUTE, False, "7")
    assert isinstance(bar, HeardBar)


def test_kraken_s_second_version_keeps_the_digits_of_its_numbers():
    [book] = kraken(
        '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45283.50,"qty":0.10000000}],'
        '"asks":[{"price":45284,"qty":0}],"checksum":5,"timestamp":"2023-10-06T17:35:55.440295Z"}]}'
    )
    assert (book.bids, book.asks, book.checksum) == ((("45283.50", "0.10000000"),), (("45284", "0"),), 5)
    assert book.at == 1_696_613_755_440_295_000


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"subscriptionStatus","status":"error","errorMessage":"no such pair"}',
        '{"method":"subscribe","success":false,"error":"no such pair"}',
    ],
)
def test_kraken_s_refusals_are_errors_in_its_own_words(text):
    with pytest.raises(DataError, match="no such pair"):
        kraken(text)


def test_kraken_s_silent_words_say_nothing_and_unknown_ones_are_errors():
    for text in ('{"event":"heartbeat"}', '{"channel":"heartbeat"}', '{"method":"pong","req_id":1}'):
        assert kraken(text) == []
    for text in ('{"event":"tomorrow"}', '{"channel":"tomorrow","data":[]}', '[1,{},"tomorrow","X"]', "[]"):
        with pytest.raises(DataError, match="kraken"):
            kraken(text)
