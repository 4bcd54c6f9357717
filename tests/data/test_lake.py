"""The lake keeps exact data under its content hash, and hands back what was put in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from workbench.core.clock import HOUR
from workbench.core.errors import ConfigError, CorruptState, DataError
from workbench.core.events import Bar
from workbench.data.lake import Lake, open_sample

SAMPLE = "binance_spot_BTCUSDT_1h"
NAME = "binance_spot_BTCUSDT_1h.csv"
ROWS = (
    "time,open,high,low,close,volume\n"
    "2024-01-01T00:00:00Z,100.10,101.00,99.50,100.55,2e-7\n"
    "2024-01-01T01:00:00Z,100.55,102.00,100.00,101.25,3.123456789123\n"
    "2024-01-01T03:00:00Z,101.25,101.25,101.25,101.25,0\n"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / NAME
    path.parent.mkdir()
    path.write_text(ROWS)
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_the_bundled_sample_opens_by_its_id_in_an_empty_lake(lake: Lake) -> None:
    data = lake.open(SAMPLE)
    assert (data.rows, data.interval_ns, data.instrument.key) == (58_419, HOUR, "binance:BTC/USDT")
    assert data.sha256 == "8c06712bb0b1dc1437043591c28d4c6c4d822a41539f65dcda579d2d66e3b270"


def test_text_becomes_exact_integers_and_finer_volumes_keep_their_text(lake: Lake, source: Path) -> None:
    data = lake.import_file(source)
    assert data.ints("close").tolist() == [10_055, 10_125, 10_125]
    assert data.ints("volume").tolist() == [20, 312_345_678, 0]
    assert lake.open(data.id).volume_text == {1: "3.123456789123"}
    assert data.provenance.missing == 1


def test_a_bar_is_stamped_with_its_close_and_numbered_by_its_row(lake: Lake, source: Path) -> None:
    data = lake.import_file(source)
    first, *_, last = data.bars()
    assert first.ts_event == first.ts_init == data.start + HOUR
    assert (last.source, last.sequence, last.ts_event) == (data.id, 2, data.end)


def test_start_and_end_bound_the_opens_half_open() -> None:
    data = open_sample(SAMPLE)
    bars = list(data.bars(data.start + HOUR, data.start + 3 * HOUR))
    assert [bar.sequence for bar in bars] == [1, 2]
    assert data.rows_in(data.end, None) == (data.rows, data.rows)


def test_blocks_join_without_a_seam() -> None:
    data = open_sample(SAMPLE)
    streamed = list(data.events(4_090, 4_110))
    assert streamed == [data.bar(row) for row in range(4_090, 4_110)]
    assert all(type(bar) is Bar for bar in streamed)


def test_rows_that_do_not_exist_are_refused() -> None:
    with pytest.raises(DataError, match="it has 58419"):
        open_sample(SAMPLE).bar(58_419)


def test_an_unchanged_file_is_not_imported_twice(lake: Lake, source: Path) -> None:
    lake.import_file(source)
    (stored,) = (lake.root / SAMPLE).glob("*.parquet")
    before = stored.stat().st_mtime_ns
    lake.import_file(source)
    assert stored.stat().st_mtime_ns == before


def test_every_version_can_be_found_by_its_hash(lake: Lake, source: Path) -> None:
    old = lake.import_file(source)
    source.write_text(ROWS.replace("100.55,2e-7", "100.56,2e-7"))
    new = lake.import_file(source)
    assert lake.open(SAMPLE).sha256 == new.sha256 != old.sha256
    assert lake.find(SAMPLE, old.sha256).ints("close")[0] == 10_055
    with pytest.raises(DataError, match=old.sha256[:12]):
        lake.find(SAMPLE, "0" * 64)


def test_opening_a_path_keeps_it_but_never_changes_what_an_id_stands_for(lake: Lake, source: Path) -> None:
    old = lake.import_file(source)
    source.write_text(ROWS.replace("100.55,2e-7", "100.56,2e-7"))
    new = lake.open(source)
    assert lake.open(SAMPLE).sha256 == old.sha256
    assert lake.find(SAMPLE, new.sha256).sha256 == new.sha256


def test_an_unknown_id_lists_what_there_is(lake: Lake) -> None:
    with pytest.raises(DataError, match=SAMPLE):
        lake.open("nothing")


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden"])
def test_an_id_that_is_no_file_name_is_refused(lake: Lake, source: Path, name: str) -> None:
    if name:
        with pytest.raises(ConfigError, match="dataset id"):
            lake.import_file(source, id=name)
    with pytest.raises(DataError):
        lake.find(name, "0" * 64)


def test_an_id_never_comes_to_mean_another_instrument(lake: Lake, source: Path) -> None:
    lake.import_file(source)
    with pytest.raises(ConfigError, match="another id"):
        lake.import_file(source, instrument="kraken:BTC/USDT", id=SAMPLE)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_what_is_exported_imports_to_the_same_content(lake: Lake, source: Path, tmp_path: Path, suffix: str) -> None:
    data = lake.import_file(source)
    path = lake.export(SAMPLE, tmp_path / f"out/{SAMPLE}{suffix}")
    assert Lake(tmp_path / "other").import_file(path).sha256 == data.sha256


def test_a_refused_file_leaves_nothing_behind(lake: Lake, source: Path) -> None:
    source.write_text(ROWS.replace("99.50", "199.50"))
    with pytest.raises(DataError):
        lake.import_file(source)
    assert not lake.root.exists()


def test_content_that_does_not_match_its_label_is_corrupt(lake: Lake, source: Path) -> None:
    lake.import_file(source)
    (stored,) = (lake.root / SAMPLE).glob("*.parquet")
    table = pq.ParquetFile(stored).read()
    swapped = table.set_column(table.column_names.index("open"), "open", table["close"])
    pq.write_table(swapped, stored)
    with pytest.raises(CorruptState, match="its label says"):
        lake.open(SAMPLE)


def test_volumes_beyond_64_bits_stay_exact(lake: Lake, source: Path) -> None:
    source.write_text(ROWS.replace(",2e-7", ",999999999999999.5"))
    data = lake.open(lake.import_file(source).id)
    assert data.bar(0).volume_raw == 99_999_999_999_999_950_000_000
    with pytest.raises(DataError, match="64-bit"):
        data.ints("volume")


def test_the_catalogue_lists_own_data_before_the_samples(lake: Lake, source: Path) -> None:
    lake.import_file(source, id="mine")
    assert [(label.id, label.rows) for label in lake.ls()] == [("mine", 3), (SAMPLE, 58_419)]


def test_trades_stream_with_their_aggressor(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text("timestamp,id,side,price,amount\n1704067200000,7,buy,100.5,0.1\n1704067200000,8,sell,100.4,2\n")
    first, second = lake.import_file(path, instrument="kraken:BTC/USDT").events()
    assert (str(first.aggressor), first.trade_id, first.price_raw) == ("buy", "7", 1005)
    assert (str(second.aggressor), second.quantity_raw) == ("sell", 200_000_000)


def test_opening_data_needs_no_pandas() -> None:
    code = (
        f"import sys; from workbench.data.lake import open_sample; next(open_sample({SAMPLE!r}).bars());"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
