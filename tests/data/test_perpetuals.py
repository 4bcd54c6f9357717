"""Funding rates and marks: told apart, exact, at their settlements; and a backtest that pays by them."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.core.clock import HOUR, parse_instant
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import FundingRate, MarkPrice
from workbench.core.instrument import Instrument
from workbench.data.dataset import FUNDING, MARKS
from workbench.data.intake import Request, read_dataset
from workbench.data.lake import Lake
from workbench.data.quality import report
from workbench.runtime.build import instruments_of

RECORDED = Path(os.environ.get("WORKBENCH_RECORDED_DATA", "/nonexistent")) / "perp"
recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded data: set WORKBENCH_RECORDED_DATA")

START = parse_instant("2024-01-01")
PERPETUAL = Instrument(venue="x", symbol="A/USDT:USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))


def candles(path: Path, opens: list[float], late_ms: int = 0) -> Path:
    """A file in the columns of candles, every eight hours, each later by so many milliseconds."""
    stamps = [START + number * 8 * HOUR + number * late_ms * 10**6 for number in range(len(opens))]
    empty = pa.array([0.0] * len(opens))
    times = pa.array(stamps, pa.timestamp("ns", "UTC"))
    pq.write_table(
        pa.table(
            {"date": times, "open": pa.array(opens), "high": empty, "low": empty, "close": empty, "volume": empty}
        ),
        path,
    )
    return path


def test_funding_in_the_columns_of_candles_is_exact_and_at_its_settlement(tmp_path: Path) -> None:
    path = candles(tmp_path / "binance_usdm_BTCUSDT_funding_8h.parquet", [0.0001, -9.95e-05, 0.00088123], late_ms=7)
    data = read_dataset(path)
    assert (data.kind, data.instrument.symbol, data.instrument.max_leverage) == (FUNDING, "BTC/USDT:USDT", 125)
    assert [each - START for each in data.times.tolist()] == [0, 8 * HOUR, 16 * HOUR]
    assert [str(each.rate) for each in data.events()] == [
        "0.000100000000000000",
        "-0.000099500000000000",
        "0.000881230000000000",
    ]
    assert all(type(each) is FundingRate for each in data.events())
    assert data.provenance.notes[1:] == ("time: 2 stamps up to 14 ms off set to their settlement",)


def test_a_settlement_off_its_grid_is_named(tmp_path: Path) -> None:
    path = candles(tmp_path / "binance_usdm_BTCUSDT_funding_8h.parquet", [0.0001, 0.0001], late_ms=2_000)
    with pytest.raises(DataError, match="row 1, time: expected a time within a second of the 8h grid"):
        read_dataset(path)


def test_marks_are_rounded_to_what_a_price_can_be_and_said_so(tmp_path: Path) -> None:
    data = read_dataset(candles(tmp_path / "binance_usdm_BTCUSDT_mark_8h.parquet", [38241.69935461, 38242.05]))
    assert data.kind == MARKS
    assert [(each.price, each.ts_event - START) for each in data.events()] == [
        (Decimal("38241.7"), 0),
        (Decimal("38242.1"), 8 * HOUR),
    ]
    assert all(type(each) is MarkPrice for each in data.events())
    assert data.provenance.notes[1:] == ("price: 2 marks rounded to 1 places",)


@pytest.mark.parametrize(
    ("header", "value", "kind"), [("funding_rate", "0.0000922145631066", FUNDING), ("mark_price", "10.1", MARKS)]
)
def test_columns_of_their_own_need_no_name(tmp_path: Path, header: str, value: str, kind: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(f"time,{header}\n2024-01-01T08:00:00Z,{value}\n")
    data = read_dataset(path, request=Request(instrument=PERPETUAL))
    (event,) = data.events()
    assert (data.kind, event.rate if kind == FUNDING else event.price) == (kind, Decimal(value))


def test_what_no_terms_are_known_of_or_is_spot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "any.csv"
    path.write_text("time,funding_rate\n2024-01-01T08:00:00Z,0.0001\n")
    with pytest.raises(ConfigError, match=r"any\.csv: x:A/USDT:USDT is not well known; give the Instrument"):
        read_dataset(path, request=Request(instrument="x:A/USDT:USDT"))
    with pytest.raises(DataError, match="funding are of perpetuals, binance:BTC/USDT is spot"):
        read_dataset(path, request=Request(instrument="binance:BTC/USDT"))


def test_a_stored_perpetual_keeps_its_terms_and_its_rates(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    made = lake.import_file(candles(tmp_path / "binance_usdm_BTCUSDT_funding_8h.parquet", [0.0001, 0.0002]))
    again = lake.open(made.id)
    assert (again.instrument, again.sha256) == (made.instrument, made.sha256)
    assert list(again.events()) == list(made.events())
    lake.export(made.id, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[2] == '"2024-01-01T08:00:00Z","0.0002"'


def test_marks_in_other_units_than_the_prices_are_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    marks = lake.import_file(candles(tmp_path / "binance_usdm_BTCUSDT_mark_8h.parquet", [1.0, 2.0]))
    with pytest.raises(ConfigError, match="holds marks of binance:BTC/USDT:USDT, and nothing here holds its prices"):
        instruments_of([marks])
    prices = msgspec.structs.replace(
        marks, kind="bars", instrument=msgspec.structs.replace(marks.instrument, price_places=3)
    )
    with pytest.raises(ConfigError, match="counts prices in 1 decimal places"):
        instruments_of([prices, marks])


@recorded
def test_the_recorded_funding_and_marks_come_in_whole() -> None:
    funding = read_dataset(RECORDED / "binance_usdm_BTCUSDT_funding_8h.parquet")
    marks = read_dataset(RECORDED / "binance_usdm_BTCUSDT_mark_8h.parquet")
    assert (funding.rows, marks.rows) == (2_151, 2_151)
    assert "577 stamps up to 16 ms" in funding.provenance.notes[1]
    assert (funding.times == marks.times).all(), "every settlement has its mark"
    assert report(funding).sound
    assert report(marks).sound
    printed = pq.read_table(RECORDED / "binance_usdm_BTCUSDT_funding_8h.parquet")["open"].to_pylist()
    assert [each.rate for each in funding.events()] == [Decimal(repr(each)) for each in printed]
