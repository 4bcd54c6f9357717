"""Recorded trades in ccxt's unified form, against what the exchange itself said and against candles."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby, pairwise

import pyarrow.parquet as parquet
import pytest

from tests.recorded.books import normaliser, scaled
from tests.recorded.files import ROOT, document, recorded
from workbench.connectors.dialects import generic_market
from workbench.connectors.dialects.binance_market import read_trades
from workbench.core.clock import MINUTE
from workbench.core.events import Trade

pytestmark = recorded

TINY = 1_000  # units of 10^-12: what summing floats adds to a volume


def test_the_files_of_trades_are_read_here():
    assert {path.name for path in (ROOT / "trades").iterdir()} == {
        "binance_spot_XRPETH_aggtrades_raw_and_ccxt.json.gz",
        "kraken_spot_BTCUSDT_trades.parquet",
    }


def test_unified_trades_say_what_the_exchange_said():
    both = document("trades/binance_spot_XRPETH_aggtrades_raw_and_ccxt.json.gz")
    raw = read_trades([each["info"] for each in both], "XRP/ETH")
    unified = list(generic_market.hear(both))
    assert len(raw) == len(unified) == 12_477
    assert all(later.sequence - earlier.sequence == 1 for earlier, later in pairwise(raw))
    for own, told in zip(raw, unified, strict=True):
        assert (told.market_id, told.trade_id, told.aggressor, told.at) == (
            own.market_id,
            own.trade_id,
            own.aggressor,
            own.at,
        )
        assert (Decimal(told.price), Decimal(told.quantity)) == (Decimal(own.price), Decimal(own.quantity))


def kraken() -> list[Trade]:
    """Every trade of the file, as an engine would see it."""
    believed = normaliser(["BTC/USDT"], "kraken")
    trades = []
    for row in parquet.read_table(ROOT / "trades/kraken_spot_BTCUSDT_trades.parquet").to_pylist():
        unified = {**row, "symbol": "BTC/USDT", "price": repr(row["price"]), "amount": repr(row["amount"])}
        for word in generic_market.hear(unified):
            trades += believed.take(word, received=word.at, clock_offset_ns=0)
    assert believed.quarantine.total == 0
    return trades


def test_trades_build_the_candles_of_their_minutes():
    trades = kraken()
    assert len(trades) == 26_921
    assert [int(b.trade_id) - int(a.trade_id) for a, b in pairwise(trades) if b.trade_id != a.trade_id].count(2) == 26
    minutes = {
        start * MINUTE: list(group) for start, group in groupby(trades, key=lambda trade: trade.ts_event // MINUTE)
    }
    table = parquet.read_table(ROOT / "candles/kraken_spot_BTCUSDT_1m.parquet")
    assert table.column("date").cast("int64").to_pylist() == list(minutes)
    assert len(minutes) == 5_388
    for bar, traded in zip(table.drop_columns("date").to_pylist(), minutes.values(), strict=True):
        prices = [trade.price_raw for trade in traded]
        built = (prices[0], max(prices), min(prices), prices[-1])
        assert built == tuple(scaled(repr(bar[name])) for name in ("open", "high", "low", "close"))
        assert sum(trade.quantity_raw for trade in traded) == pytest.approx(bar["volume"] * 10**12, abs=TINY)
