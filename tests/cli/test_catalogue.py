"""`workbench data`: in and out with the same content, and no bad file gets in."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.terminal import SAMPLE, SMA, ask, tree

NAME = "binance_spot_BTCUSDT_1h.csv"
HEAD = "date,open,high,low,close,volume"
GOOD = [f"2024-01-01T{hour:02}:00:00Z,100.{hour:02},101.50,99.50,100.75,12.5" for hour in range(10)]


def written(*rows: str, head: str = HEAD, name: str = NAME) -> Path:
    Path("in").mkdir(exist_ok=True)
    file = Path("in") / name
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return file


def changed(row: int, text: str) -> list[str]:
    return [*GOOD[:row], text, *GOOD[row + 1 :]]


def test_in_and_out_and_in_again_keeps_the_content() -> None:
    first = ask("data", "import", written(*GOOD), "--id", "mine", "--json").json
    assert (first["rows"], first["interval"], first["instrument"]) == (10, "1h", "binance:BTC/USDT")
    listed = {each["id"]: each for each in ask("data", "ls", "--json").json}
    assert listed["mine"]["sha256"] == first["sha256"]
    assert SAMPLE in listed
    for suffix in ("csv", "parquet", "jsonl"):
        file = f"out/binance_spot_BTCUSDT_1h.{suffix}"
        Path("out").mkdir(exist_ok=True)
        assert ask("data", "export", "mine", file).code == 0
        again = ask("data", "import", file, "--state", f"other-{suffix}", "--json").json
        assert again["sha256"] == first["sha256"], suffix
    assert ask("data", "check", "mine", "--json").code == 0
    assert ask("data", "ls").out.count("binance:BTC/USDT") == 2


def test_a_file_can_be_named_instead_of_an_id() -> None:
    document = ask("backtest", SMA, "--data", written(*GOOD), "-p", "fast=2", "-p", "slow=3", "--json").json
    assert document["data"]["rows"] == 10


def test_a_folder_with_spaces_and_umlauts_is_a_folder_like_any_other() -> None:
    Path("tür 1").mkdir()
    file = written(*GOOD).rename(Path("tür 1") / NAME)
    assert ask("data", "import", file, "--state", "wohn zimmer/ä").code == 0
    assert ask("backtest", SMA, "--data", "binance_spot_BTCUSDT_1h", "--state", "wohn zimmer/ä").code == 0


BAD = {
    "unsorted": ([*GOOD[:4], GOOD[5], GOOD[4], *GOOD[6:]], "row 5", "time"),
    "duplicated": ([*GOOD[:4], GOOD[3], *GOOD[4:]], "row 4", "time"),
    "nan": (changed(3, "2024-01-01T03:00:00Z,100,101.50,nan,100.75,12.5"), "row 3", "low"),
    "missing number": (changed(3, "2024-01-01T03:00:00Z,100,,99.50,100.75,12.5"), "row 3", "high"),
    "zero price": (changed(3, "2024-01-01T03:00:00Z,100,101.50,0,100.75,12.5"), "row 3", "low"),
    "negative price": (changed(3, "2024-01-01T03:00:00Z,-100,101.50,99.5,100.75,12.5"), "row 3", "open"),
    "negative volume": (changed(3, "2024-01-01T03:00:00Z,100,101.50,99.5,100.75,-12.5"), "row 3", "volume"),
    "crossed": (changed(3, "2024-01-01T03:00:00Z,100,99,101,100,12.5"), "row 3", "high"),
    "not a number": (changed(3, "2024-01-01T03:00:00Z,much,101.50,99.5,100.75,12.5"), "row 3", "open"),
    "not a time": (changed(3, "soon,100,101.50,99.5,100.75,12.5"), "row 3", "date"),
    "empty": ([], "in", "empty"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", ["import", "backtest"])
def test_a_bad_file_is_refused_with_its_row_and_column_and_leaves_nothing(kind: str, command: str, here: Path) -> None:
    rows, row, column = BAD[kind]
    file = written(*rows)
    before = tree(here)
    words = ("data", "import", file) if command == "import" else ("backtest", SMA, "--data", file)
    answer = ask(*words)
    assert answer.code == 2
    assert NAME in answer.err
    assert row in answer.err
    assert column in answer.err
    assert "expected" in answer.err or kind == "empty"
    assert "Traceback" not in answer.err
    assert tree(here) == before


def test_a_check_counts_what_an_import_refuses() -> None:
    answer = ask("data", "check", written(*BAD["duplicated"][0]), "--json")
    assert answer.code == 2
    assert answer.json["duplicates"] == 1


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("date,open,high,low,volume,x", "no column for close"),
        ("a,b,c,d,e,f", "no column for"),
        ("when,open,high,low,close,volume", "no column for time"),
    ],
)
def test_wrong_columns_are_named_with_those_there_are(head: str, says: str) -> None:
    answer = ask("data", "import", written(*GOOD, head=head))
    assert answer.code == 2
    assert says in answer.err
    assert head.split(",")[0] in answer.err


def test_a_time_zone_that_is_not_utc_is_refused() -> None:
    Path("in").mkdir()
    times = pa.array([1_704_067_200_000 + hour * 3_600_000 for hour in range(10)]).cast(
        pa.timestamp("ms", "Europe/Berlin")
    )
    prices = {name: pa.array(["100.5"] * 10) for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"date": times, **prices, "volume": ["1"] * 10}), "in/binance_spot_BTCUSDT_1h.parquet")
    answer = ask("data", "import", "in/binance_spot_BTCUSDT_1h.parquet")
    assert answer.code == 2
    assert "Europe/Berlin" in answer.err
    mixed = ask("data", "import", written(*changed(3, GOOD[3].replace("Z,", "+01:00,"))))
    assert mixed.code == 2
    assert f"{NAME}: row 3" in mixed.err


def test_prices_of_floats_off_the_tick_are_refused() -> None:
    Path("in").mkdir()
    times = pa.array([1_704_067_200_000 + hour * 3_600_000 for hour in range(10)]).cast(pa.timestamp("ms", "UTC"))
    prices = {name: pa.array([100.5] * 9 + [100.5 + 1 / 3]) for name in ("open", "high", "low", "close")}
    pq.write_table(pa.table({"date": times, **prices, "volume": [1.0] * 10}), "in/binance_spot_BTCUSDT_1h.parquet")
    answer = ask("data", "import", "in/binance_spot_BTCUSDT_1h.parquet")
    assert answer.code == 2
    assert "no tick of up to 18 decimal places fits" in answer.err


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_truncated_parquet_file_is_refused(keep: int, here: Path) -> None:
    ask("data", "import", written(*GOOD), "--id", "mine")
    ask("data", "export", "mine", "whole.parquet")
    Path("binance_spot_BTCUSDT_1h.parquet").write_bytes(Path("whole.parquet").read_bytes()[:keep])
    before = tree(here)
    answer = ask("backtest", SMA, "--data", "binance_spot_BTCUSDT_1h.parquet")
    assert answer.code in (2, 5)
    assert "binance_spot_BTCUSDT_1h.parquet" in answer.err
    assert "Traceback" not in answer.err
    assert tree(here) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("binance_spot_BTCUSDT_1h.csv", b"\xff\xfe\x00"),
        ("binance_spot_BTCUSDT_1h.csv", b"\0" * 100),
        ("binance_spot_BTCUSDT_1h.csv", b""),
        ("binance_spot_BTCUSDT_1h.json", b"{"),
        ("binance_spot_BTCUSDT_1h.json", b"[]"),
        ("binance_spot_BTCUSDT_1h.json", b"[[1]]"),
        ("binance_spot_BTCUSDT_1h.jsonl", b"3\n4\n"),
        ("binance_spot_BTCUSDT_1h.csv.gz", b"not gzip"),
        ("binance_spot_BTCUSDT_1h.csv.gz", gzip.compress(b"x" * 1000, mtime=0)[:-9]),
        ("binance_spot_BTCUSDT_1h.xlsx", b"PK"),
        ("whatever.csv", "\n".join([HEAD, *GOOD]).encode()),
    ],
)
def test_a_file_of_rubbish_is_refused_by_name(name: str, content: bytes, here: Path) -> None:
    Path(name).write_bytes(content)
    for words in (("data", "import", name), ("data", "check", name), ("backtest", SMA, "--data", name)):
        answer = ask(*words)
        assert answer.code == 2, words
        assert answer.err.startswith(f"workbench: {name}")
        assert "Traceback" not in answer.err
        assert set(tree(here)) == {name}


def test_an_id_that_is_no_file_name_is_refused() -> None:
    for name in ("../x", "a/b", ".", "x" * 101):
        answer = ask("data", "import", written(*GOOD), "--id", name)
        assert (answer.code, "dataset id: expected letters" in answer.err) == (2, True), name


CANDLES = sorted((Path(os.environ.get("WORKBENCH_RECORDED_DATA", "/nowhere")) / "candles").glob("*.parquet"))
FIRST_DAYS = {  # the large files: where they begin, and an end some days on
    "binance_spot_BTCUSDT_1h": "2017-10-01",
    "binance_spot_BTCUSDT_5m": "2024-03-05",
    "binance_spot_ETHUSDT_5m": "2024-01-05",
    "binance_usdm_BTCUSDT_5m": "2024-10-05",
    "bybit_linear_WIFUSDT_5m": "2025-01-05",
    "bybit_linear_WIFUSDT_1m": "2025-04-24",
    "coinbase_spot_BTC-USD_4h": "2016-09-01",
}


@pytest.mark.skipif(not CANDLES, reason="WORKBENCH_RECORDED_DATA names no candles")
@pytest.mark.parametrize("file", CANDLES, ids=lambda file: file.stem)
def test_recorded_candles_work_or_are_refused_in_one_line(file: Path) -> None:
    end = FIRST_DAYS.get(file.stem) or next(
        day
        for part, day in (("_15m", "2023-04-10"), ("bitfinex", "2019-01-03"), ("", "2030-01-01"))
        if part in file.stem
    )
    several = ("--timeframe", "1h") if "timeframes" in file.stem else ()
    answer = ask("backtest", SMA, "--data", file, "--end", end, *several, "--json")
    assert answer.code in (0, 2), answer.err
    if answer.code == 0:
        assert answer.json["data"]["rows"] > 50
    else:
        assert answer.err.startswith("workbench: ")
        assert answer.err.count("\n") == 1
        assert "expected" in answer.err
