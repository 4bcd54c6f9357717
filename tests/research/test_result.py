"""A result shows what its exact ledger holds, the same for equal inputs, and hands it on without loss."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from decimal import Decimal

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.research.runs import SAMPLE, four_months, fresh, no_trades, sample
from workbench.core.errors import ConfigError
from workbench.core.money import to_text
from workbench.data.dataset import Provenance
from workbench.data.intake import HORIZON, dataset_of_floats
from workbench.research.backtest import backtest
from workbench.strategies.sma_cross import SmaCross


def test_tables_have_utc_nanosecond_time_and_float_numbers():
    result = four_months()
    for table in (result.fills, result.orders, result.trades, result.equity):
        assert str(table.index.dtype) == "datetime64[ns, UTC]"
    assert result.equity.name == "equity"
    assert result.equity.dtype == result.fills["price"].dtype == result.orders["quantity"].dtype == "float64"
    assert list(result.fills.columns[:9]) == (
        ["order_id", "strategy", "symbol", "side", "quantity", "price", "fee", "fee_currency", "liquidity"]
    )


def test_tables_show_every_fill_and_order_of_the_ledger():
    result = four_months()
    first = result.ledger.fills[0]
    shown = result.fills.iloc[0]
    assert len(result.fills) == len(result.ledger.fills)
    assert (shown["quantity"], shown["price"], shown["fee"]) == (
        float(first.quantity),
        float(first.price),
        float(first.fee),
    )
    assert set(result.orders["order_id"]) == set(result.ledger.orders)
    assert set(result.orders["status"]) <= {"filled", "expired"}


def test_the_last_round_trip_is_open_and_they_add_up_to_the_gain():
    result = four_months()
    trades = result.trades
    assert trades["status"].tolist()[-1] == "open"
    assert set(trades["status"].tolist()[:-1]) == {"closed"}
    assert trades["pnl"].sum() == pytest.approx(result.equity.iloc[-1] - 10_000)
    closed = trades.iloc[0]
    assert closed["return"] == pytest.approx(closed["pnl"] / closed["quantity"] / closed["entry_price"])
    assert closed["bars"] == closed["duration"] / pd.Timedelta(hours=1)


def test_equity_is_sampled_at_each_bars_close():
    result = four_months()
    assert result.equity.index[0] == pd.Timestamp("2018-01-01T01:00", tz="UTC")
    assert result.equity.index[-1] == pd.Timestamp("2018-04-20T00:00", tz="UTC")
    assert len(result.equity) == result.document()["data"]["rows"]


def test_two_runs_of_equal_inputs_have_equal_text_and_digests():
    one, two = four_months(), fresh()
    assert (repr(one), one._repr_html_()) == (repr(two), two._repr_html_())
    assert (one.journal_digest, one.ledger_digest) == (two.journal_digest, two.ledger_digest)
    volatile = {"seconds": 0}
    assert one.document() | volatile == two.document() | volatile


def test_the_document_is_json_with_exact_numbers_as_text():
    result = four_months()
    plain = json.loads(json.dumps(result.document(), allow_nan=False))
    account = result.ledger.accounts["SmaCross"]
    assert plain["strategy"] == "workbench.strategies.sma_cross:SmaCross"
    assert plain["parameters"] == {"fast": 20, "slow": 50}
    assert plain["data"]["id"] == SAMPLE
    assert plain["data"]["sha256"] == sample().sha256
    assert (plain["data"]["start"], plain["data"]["end"]) == ("2018-01-01T00:00:00Z", "2018-04-20T00:00:00Z")
    assert plain["final_cash"] == to_text(account.cash, 8)
    assert plain["final_equity"] == to_text(account.equity, 8)
    assert Decimal(plain["final_position"]) > 0
    assert Decimal(plain["fees"]) == sum(fill.fee for fill in result.ledger.fills)
    assert (plain["orders"], plain["fills"]) == (len(result.ledger.orders), len(result.ledger.fills))
    assert plain["engine"] == "event"
    assert plain["profile"] == "plain"
    assert plain["journal"] is None
    assert len(plain["journal_digest"]) == len(plain["ledger_digest"]) == 64


def test_a_run_without_trades_is_a_result_like_any_other():
    result = no_trades()
    plain = json.loads(json.dumps(result.document(), allow_nan=False))
    assert (plain["fills"], plain["fees"], plain["final_position"]) == (0, "0", "0")
    assert plain["metrics"]["sharpe"] is None
    assert result.fills.empty
    assert result.orders.empty
    assert result.trades.empty
    assert list(result.trades.columns) == list(four_months().trades.columns)
    assert math.isnan(result.stats()["win_rate"])
    assert "n/a" in repr(result)


def test_the_text_tells_costs_and_the_faults_of_the_data():
    text = repr(four_months())
    assert "Taker fee 0.001" in text
    assert "34 bars of 1h are missing in 2 gaps, the longest of 33" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "seconds" not in text


def test_html_escapes_what_strategies_and_data_are_called():
    result = fresh()
    result.plan.seats["<b>&"] = next(iter(result.plan.seats.values()))
    assert "<b>&" not in result._repr_html_()
    assert "&lt;b&gt;&amp;" in result._repr_html_()


def test_inferred_terms_are_told():
    data = sample()
    columns = {name: data.columns[name][:200] / 10.0 ** data.places(name) for name in ("open", "high", "low", "close")}
    columns["volume"] = data.columns["volume"][:200] / 1e8
    guess = dataset_of_floats(data.times[:200], columns, instrument="nowhere:BTC/USDT", horizon=HORIZON)
    assert guess.provenance.instrument == "inferred" != Provenance().instrument
    assert any("inferred" in each for each in backtest(SmaCross(), guess).assumptions)


def test_fills_are_written_exactly_as_text(tmp_path):
    result = four_months()
    with result.write_fills(tmp_path / "fills.csv").open() as file:
        rows = list(csv.DictReader(file))
    fills = result.ledger.fills
    assert ",".join(rows[0]) == "ts_ns,order_id,symbol,side,quantity,price,fee,fee_currency,liquidity"
    assert [(int(row["ts_ns"]), row["order_id"], row["side"]) for row in rows] == [
        (fill.ts_event, fill.order_id, str(fill.side)) for fill in fills
    ]
    exact = [(Decimal(row["quantity"]), Decimal(row["price"]), Decimal(row["fee"])) for row in rows]
    assert exact == [(fill.quantity, fill.price, fill.fee) for fill in fills]
    assert not any("e" in row["fee"].lower() or row["fee"].endswith(".0") for row in rows)


def test_fills_are_written_exactly_as_decimals(tmp_path):
    result = four_months()
    table = pq.read_table(result.write_fills(tmp_path / "fills.parquet"))
    assert str(table.schema.field("price").type) == "decimal128(38, 18)"
    assert table["fee"].to_pylist() == [fill.fee for fill in result.ledger.fills]


def test_fills_of_nothing_are_a_file_with_a_head(tmp_path):
    assert no_trades().write_fills(tmp_path / "none.csv").read_text().startswith('"ts_ns"')
    assert pq.read_table(no_trades().write_fills(tmp_path / "none.parquet")).num_rows == 0


def test_an_unknown_format_of_fills_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r"expected one of \.csv, \.parquet"):
        four_months().write_fills(tmp_path / "fills.xls")
    assert list(tmp_path.iterdir()) == []


def test_why_leads_from_a_fill_to_the_bar_that_caused_it():
    result = four_months()
    chain = result.why(result.fills["trade_id"].iloc[0])
    assert [link.kind for link in chain.links] == ["fill", "order", "signal", "bar"]
    assert "close" in chain.links[-1].says
    times = [link.ts_ns for link in chain.links[1:]]
    assert times == sorted(times, reverse=True)


def test_a_result_loads_neither_vectorbt_nor_plotly_until_asked():
    code = "import workbench.research.backtest, sys; print('vectorbt' in sys.modules, 'plotly' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.split() == ["False", "False"]
