"""Every layout in use imports exactly; every fault is named by file, row, column and value."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.core.clock import HOUR, interval_ns
from workbench.core.errors import ConfigError, DataError
from workbench.data.dataset import Dataset
from workbench.data.intake import Request, read_dataset

HEADER = "time,open,high,low,close,volume"
GOOD = ["1704067200,100,102,99,101,5", "1704070800,101,103,100,102,5", "1704074400,102,104,101,103,5"]
KEY = Request(instrument="binance:BTC/USDT", interval="1h")


def _csv(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def _read(path: Path, **said: object) -> Dataset:
    return read_dataset(path, request=Request(**said) if said else KEY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1704067200,101,103,100,102,5", "row 1, time: expected each time once"),
        ("1704063600,101,103,100,102,5", "row 1, time: expected a time after the row before"),
        ("1704070860,101,103,100,102,5", "row 1, time: expected an open on the 1h grid"),
        ("4070908800000,101,103,100,102,5", "row 1, time: expected a count of s"),
        ("2024-01-01T01:00:00,101,103,100,102,5", "row 0, time: expected an ISO time"),
        ("1704070800,101,103,100,nan,5", "row 1, close: expected a plain number"),
        ("1704070800,inf,103,100,102,5", "row 1, open: expected a plain number"),
        ("1704070800,101,103,100,,5", "row 1, close: expected a plain number"),
        ("1704070800,101,103,0,102,5", "row 1, low: expected a price above 0, got 0"),
        ("1704070800,101,103,-1,102,5", "row 1, low: expected a price above 0, got -1"),
        ("1704070800,101,103,100,102,-5", "row 1, volume: expected 0 or more, got -5"),
        ("1704070800,101,101.5,100,102,5", "row 1, high: expected at least open, close and low"),
        ("1704070800,101,103,101.5,102,5", "row 1, low: expected at most open and close"),
    ],
)
def test_a_bad_row_is_named_with_its_column_and_value(tmp_path: Path, row: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        _read(_csv(tmp_path, GOOD[0], row, GOOD[2]))
    assert f"bars.csv: {expected}" in str(caught.value)


def test_a_file_without_rows_or_bytes_is_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        _read(_csv(tmp_path))
    (tmp_path / "bars.csv").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        _read(tmp_path / "bars.csv")


def test_missing_and_ambiguous_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column for volume of bars"):
        _read(_csv(tmp_path, "1704067200,1,1,1,1", header="time,open,high,low,close"))
    with pytest.raises(DataError, match="ambiguous: time and date"):
        _read(_csv(tmp_path, "1704067200,2,1,1,1,1,1", header="time,date,open,high,low,close,volume"))


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pq.write_table(pa.table({"time": [1], "open": [1.0]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"bars\.parquet: not a readable parquet"):
        _read(path)


def test_another_zone_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTC"):
        _read(_csv(tmp_path, "2024-01-01T00:00:00+02:00,1,1,1,1,1"))
    times = pa.array([1_704_067_200], pa.timestamp("s", "Europe/Berlin"))
    columns = {name: pa.array([1.0]) for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table({"date": times, **columns}), tmp_path / "bars.parquet")
    with pytest.raises(DataError, match="zone Europe/Berlin"):
        _read(tmp_path / "bars.parquet")


def test_times_without_a_zone_are_taken_as_utc_and_that_is_said(tmp_path: Path) -> None:
    data = _read(_csv(tmp_path, "2024-01-01 00:00:00,1,1,1,1,1"))
    assert data.start == 1_704_067_200 * 10**9
    assert "taken as UTC" in data.provenance.notes[0]


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_every_unit_of_time_means_the_same_instant(tmp_path: Path, factor: int) -> None:
    rows = [f"{int(row[:10]) * factor}{row[10:]}" for row in GOOD]
    assert _read(_csv(tmp_path, *rows)).sha256 == _read(_csv(tmp_path, *GOOD)).sha256


def test_a_float_price_must_lie_on_the_tick(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    times = pa.array([1_704_067_200, 1_704_070_800], pa.timestamp("s", "UTC"))

    def write(price: float) -> None:
        column = pa.array([100.01, price])
        names = ("open", "high", "low", "close")
        pq.write_table(pa.table({"date": times, **dict.fromkeys(names, column), "volume": pa.array([0.1, 0.2])}), path)

    data = _read(path) if write(0.1 + 0.2) is None else None
    assert data is not None
    assert data.ints("open").tolist() == [10_001, 30]
    assert data.ints("volume").tolist() == [10_000_000, 20_000_000]
    write(100.0100001)
    with pytest.raises(DataError, match=r"row 1, open: expected a multiple of the tick 0\.01 within 1e-09"):
        _read(path, instrument=data.instrument)


def test_prices_finer_than_the_usual_tick_are_kept_and_that_is_said(tmp_path: Path) -> None:
    data = _read(_csv(tmp_path, "1704067200,100.123,102,99,101,5"))
    assert (str(data.instrument.tick), data.provenance.instrument) == ("0.001", "inferred")
    assert any("finer than its usual tick" in note for note in data.provenance.notes)


def test_a_file_that_does_not_say_what_it_is_about_needs_to_be_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which instrument"):
        _read(_csv(tmp_path, *GOOD), interval="1h")


def test_the_interval_is_the_smallest_step(tmp_path: Path) -> None:
    assert _read(_csv(tmp_path, *GOOD), instrument="binance:BTC/USDT").interval_ns == HOUR


def test_json_of_every_form_reads_like_csv(tmp_path: Path) -> None:
    expected = _read(_csv(tmp_path, *GOOD)).sha256
    names = HEADER.split(",")
    objects = ["{" + ",".join(f'"{n}":{v}' for n, v in zip(names, row.split(","), strict=True)) + "}" for row in GOOD]
    forms = {
        "lines.jsonl": "\n".join(objects),
        "list.json": f"[{','.join(objects)}]",
        "wrapped.json": f'{{"candles": [{",".join(objects)}]}}',
        "rows.json": "[" + ",".join(f"[{row}]" for row in GOOD) + "]",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        assert _read(tmp_path / name).sha256 == expected, name


RECORDED = Path(os.environ.get("WORKBENCH_RECORDED_DATA", "/nonexistent")) / "candles"
recorded = pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded data: set WORKBENCH_RECORDED_DATA")
FRAMES = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"]


@recorded
def test_every_recorded_file_imports() -> None:
    missing = {}
    for path in sorted(RECORDED.glob("*.parquet")):
        if "timeframes" not in path.name:
            missing[path.stem] = read_dataset(path).provenance.missing
    assert {name: count for name, count in missing.items() if count} == {
        "binance_spot_BTCUSDT_1h": 128,
        "bitfinex_spot_BTCUSD_1m": 5_806,
        "bitfinex_spot_ETHUSD_1m": 14_002,
        "bitfinex_spot_XRPUSD_1m": 19_395,
        "coinbase_spot_BTC-USD_4h": 5,
        "kraken_spot_BTCUSDT_1m": 2_334,
    }


@recorded
def test_a_file_of_many_time_frames_lists_them_and_reads_each() -> None:
    path = RECORDED / "binance_spot_ETHBTC_15timeframes.parquet"
    with pytest.raises(ConfigError, match="1m, 3m, 5m"):
        read_dataset(path)
    with pytest.raises(DataError, match="months have no fixed length"):
        read_dataset(path, request=Request(timeframe="1M"))
    read = [read_dataset(path, request=Request(timeframe=frame)) for frame in FRAMES]
    assert [data.interval_ns for data in read] == [interval_ns(frame) for frame in FRAMES]
    assert read[5].id == "binance_spot_ETHBTC_1h"
