"""Every recorded answer and payload: read as market data, or named below as something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.recorded.books import normaliser
from tests.recorded.files import ROOT, conversation, lines, parse, recorded
from workbench.connectors.dialects import binance_market, kraken_market, okx_market
from workbench.connectors.heard import Heard
from workbench.core.clock import MINUTE
from workbench.core.errors import DataError

pytestmark = recorded

LATER = 2_000_000_000 * 10**9  # UTC ns after everything recorded
PERIOD: dict[str, Any] = {"interval_ns": MINUTE, "now": LATER}

Read = Callable[[Any], Iterable[Heard]]

READ: dict[str, dict[str, Read]] = {
    "binance": {
        "futures/market_data_json/*_stream*": binance_market.hear,
        "spot/http_json/depth_response": lambda page: [binance_market.read_book(page, "LTCBTC")],
        "spot/http_json/klines_response": lambda page: binance_market.read_bars(page, "ETHBTC", **PERIOD),
        "spot/http_json/trades_response": lambda page: binance_market.read_trades(page, "BNBBTC"),
    },
    "okx": {
        "ws_bbo_tbt": okx_market.hear,
        "ws_books_*": okx_market.hear,
        "ws_candle": okx_market.hear,
        "ws_tickers": okx_market.hear,
        "ws_trades": okx_market.hear,
        "ws_funding_rate": okx_market.hear,
        "ws_instruments": okx_market.hear,
        "http_get_candlesticks*": lambda page: okx_market.read_bars(page, "BTC-USDT", interval_ns=MINUTE),
        "http_get_order_book": lambda page: [okx_market.read_book(page, "BTC-USDT")],
        "http_get_trades": okx_market.read_trades,
    },
    "kraken": {
        "ws_book_*": kraken_market.hear,
        "ws_ohlc_update": kraken_market.hear,
        "ws_ticker_snapshot": kraken_market.hear,
        "ws_trade_update": kraken_market.hear,
        "ws_pong": kraken_market.hear,
        "ws_subscribe_response": kraken_market.hear,
        "http_ohlc": lambda page: kraken_market.read_bars(page, "XBTUSDT", **PERIOD),
        "http_order_book": lambda page: [kraken_market.read_book(page, "XBTUSDT")],
        "http_trades": lambda page: kraken_market.read_trades(page, "XBTUSDT")[0],
    },
}

SILENT = {
    ("binance", "futures/market_data_json/liquidation_stream"),
    ("binance", "futures/market_data_json/ticker_stream"),
    ("okx", "ws_funding_rate"),
    ("okx", "ws_instruments"),
    ("kraken", "ws_pong"),
    ("kraken", "ws_subscribe_response"),
}

ACCOUNT = "orders, fills and balances of an account"
LISTING = "listings, time, status"
UNUSED = "market data that nobody listens to"

OTHERS: dict[str, dict[str, str]] = {
    "binance": {
        "futures/http_json/*": ACCOUNT,
        "futures/user_data_json/*": ACCOUNT,
        "spot/user_data_json/*": ACCOUNT,
        "spot/http_json/account_*": ACCOUNT,
        "spot/http_json/*order*": ACCOUNT,
        "spot/http_json/exchange_info_response": LISTING,
        "spot/http_json/ping_response": LISTING,
        "spot/http_json/server_time_response": LISTING,
        "spot/http_json/avg_price_response": UNUSED,
        "spot/http_json/book_ticker_response": UNUSED,
        "spot/http_json/ticker_*": UNUSED,
    },
    "okx": {
        "common_optional_string_to_u64": "no message",
        "http_balance_detail_*": ACCOUNT,
        "http_cancel_*": ACCOUNT,
        "http_get_account_*": ACCOUNT,
        "http_get_orders_*": ACCOUNT,
        "http_get_positions": ACCOUNT,
        "http_get_spread_orders": ACCOUNT,
        "http_get_spread_trades": ACCOUNT,
        "http_get_trade_fee_response": ACCOUNT,
        "http_place_*": ACCOUNT,
        "http_set_position_mode_response": ACCOUNT,
        "http_transaction_detail*": ACCOUNT,
        "ws_account*": ACCOUNT,
        "ws_orders*": ACCOUNT,
        "ws_sprd_orders": ACCOUNT,
        "http_get_instruments_*": LISTING,
        "http_get_spreads": LISTING,
        "http_get_funding_rate_history": UNUSED,
        "http_get_index_price": UNUSED,
        "http_get_mark_price": UNUSED,
        "http_get_option_summary": UNUSED,
        "http_get_position_tiers": UNUSED,
        "ws_opt_summary": UNUSED,
    },
    "kraken": {
        "http_add_order_spot": ACCOUNT,
        "http_cancel_order_*": ACCOUNT,
        "http_closed_orders": ACCOUNT,
        "http_open_orders": ACCOUNT,
        "http_send_order_futures*": ACCOUNT,
        "http_spot_*": ACCOUNT,
        "http_trades_history": ACCOUNT,
        "ws_*_order_*": ACCOUNT,
        "ws_batch_*": ACCOUNT,
        "http_asset_pairs*": LISTING,
        "http_server_time": LISTING,
        "http_system_status": LISTING,
        "http_futures_*": "another venue, Kraken Futures",
        "ws_futures_*": "another venue, Kraken Futures",
        "http_ticker": UNUSED,
        "ws_l3_*": UNUSED,
    },
}


def payloads(venue: str) -> dict[str, Any]:
    """Each payload of a venue by its place below `test_data`."""
    records = map(parse, lines(f"rest/{venue}_payloads.jsonl.gz"))
    found = {each["path"].partition("test_data/")[2].removesuffix(".json"): each["raw"] for each in records}
    return {name: parse(raw) for name, raw in found.items()}


def matching(name: str, table: Iterable[str]) -> list[str]:
    return [pattern for pattern in table if fnmatch(name, pattern)]


def believed(words: Iterable[Heard]) -> Counter[str]:
    """How many words of each kind; fails for one that nobody would believe."""
    words = list(words)
    reader = normaliser((word.market_id for word in words), "venue")
    for word in words:
        reader.take(word, received=LATER, clock_offset_ns=0)
    assert reader.quarantine.total == 0, reader.quarantine.recent
    return Counter(type(word).__name__ for word in words)


def test_the_files_of_answers_are_read_here():
    assert {path.name for path in (ROOT / "rest").iterdir()} == {
        "binance_payloads.jsonl.gz",
        "binance_public_rest.jsonl.gz",
        "bitfinex_BTCUSD_1m_rest_pages.jsonl.gz",  # read with Bitfinex
        "kraken_payloads.jsonl.gz",
        "okx_payloads.jsonl.gz",
    }


def test_every_recorded_stream_has_its_reader():
    assert {path.name.partition(".")[0] for path in (ROOT / "ws").iterdir()} == {
        "BINANCE",
        "BITFINEX",
        "BYBIT",
        "COINBASE",
        "DERIBIT",
        "KRAKEN",
        "OKX",
    }
    assert {path.name for path in (ROOT / "l2").iterdir() if not path.name.startswith("tardis_")} == {
        "binance_spot_btcusdt_20240808.txt.gz",
        "binance_spot_btcusdt_20240809.txt.gz",
        "binance_usdm_btcusdt_20240808.txt.gz",
        "bybit_linear_XRPUSDT_ob500_20241201.jsonl.gz",
        "coinbase_BTC-USD_l2_full_snapshot.json.gz",
    }


@pytest.mark.parametrize("venue", READ)
def test_every_payload_is_read_or_named_as_something_else(venue):
    names = payloads(venue).keys()
    assert [name for name in names if len(matching(name, [*READ[venue], *OTHERS[venue]])) != 1] == []
    tables = [*READ[venue], *OTHERS[venue]]
    assert [pattern for pattern in tables if not any(fnmatch(name, pattern) for name in names)] == []


@pytest.mark.parametrize("venue", READ)
def test_payloads_of_the_market_are_heard(venue):
    for name, payload in payloads(venue).items():
        for pattern in matching(name, READ[venue]):
            kinds = believed(READ[venue][pattern](payload))
            assert bool(kinds) is ((venue, name) not in SILENT), name


def test_full_pages_are_read_to_their_end():
    pages = payloads("kraken")
    for name, count in (("http_trades", "HeardTrade"), ("http_ohlc", "HeardBar")):
        rows = pages[name]["result"]["XBTUSDT"]
        assert believed(READ["kraken"][name](pages[name])) == {count: len(rows)}
        assert len(rows) > 700


BINANCE_PAGES: dict[str, Callable[[Any, str], Iterable[Heard]]] = {
    "depth": lambda page, market: [binance_market.read_book(page, market)],
    "aggTrades": binance_market.read_trades,
    "trades": binance_market.read_trades,
    "historicalTrades": binance_market.read_trades,
    "klines": lambda page, market: binance_market.read_bars(page, market, **PERIOD),
    "continuousKlines": lambda page, market: binance_market.read_bars(page, market, **PERIOD),
    "indexPriceKlines": lambda page, market: binance_market.read_bars(page, market, **PERIOD),
    "markPriceKlines": lambda page, market: binance_market.read_bars(page, market, **PERIOD),
}

BINANCE_OTHERS = {
    "24hr": UNUSED,
    "avgPrice": UNUSED,
    "basis": UNUSED,
    "bookTicker": UNUSED,
    "exchangeInfo": LISTING,
    "fundingInfo": LISTING,
    "fundingRate": UNUSED,
    "globalLongShortAccountRatio": UNUSED,
    "indexInfo": LISTING,
    "openInterest": UNUSED,
    "openInterestHist": UNUSED,
    "premiumIndex": UNUSED,
    "price": UNUSED,
    "takerBuySellVol": UNUSED,
    "takerlongshortRatio": UNUSED,
    "time": LISTING,
    "topLongShortAccountRatio": UNUSED,
    "topLongShortPositionRatio": UNUSED,
}


def test_every_recorded_answer_of_binance_is_read_or_named_as_something_else():
    records = list(map(parse, lines("rest/binance_public_rest.jsonl.gz")))
    assert {each["path"].rpartition("/")[2] for each in records} == BINANCE_PAGES.keys() | BINANCE_OTHERS.keys()
    assert len(records) == 149


def test_every_recorded_page_of_binance_is_heard_and_every_error_refused():
    heard: Counter[str] = Counter()
    for record in map(parse, lines("rest/binance_public_rest.jsonl.gz")):
        read, page = BINANCE_PAGES.get(record["path"].rpartition("/")[2]), record["response"]
        if not read:
            continue
        broken = "errors" if "code" in page else "damaged" if "asks" not in page and "" in page[0] else None
        if broken:
            with pytest.raises(DataError, match="binance"):
                read(page, "MARKET")
            heard[broken] += 1
        else:
            heard += believed(read(page, "MARKET"))
    assert heard.keys() == {"HeardBook", "HeardTrade", "HeardBar", "errors", "damaged"}
    assert heard["errors"] == 3
    assert heard["damaged"] == 4  # the recorder lost the name of a field


def test_what_was_asked_over_http_besides_the_frames_is_known():
    asked = {
        record.url.partition("?")[0]
        for file in (ROOT / "ws").iterdir()
        for record in conversation(file.name.removesuffix(".jsonl.gz"))
        if record.kind == "http"
    }
    assert asked == {
        "https://api.binance.com/api/v3/depth",  # read with Binance
        "https://api.binance.com/api/v3/exchangeInfo",
        "https://api.bybit.com/v2/public/symbols",
        "https://api.kraken.com/0/public/AssetPairs",
        "https://api.pro.coinbase.com/products",
        "https://api-pub.bitfinex.com/v2/conf/pub:list:currency",
        "https://api-pub.bitfinex.com/v2/conf/pub:list:pair:exchange",
        "https://api-pub.bitfinex.com/v2/conf/pub:list:pair:future",
        "https://www.deribit.com/api/v2/public/get_instruments",
        "https://www.okx.com/api/v5/public/instruments",
    }
