"""A frame is a view for research; unchanged, it stands for the exact columns it came from."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.core.clock import parse_instant
from workbench.core.errors import ConfigError, DataError
from workbench.data.lake import open_sample
from workbench.research.frames import dataset_of, fingerprint, load

SAMPLE = "binance_spot_BTCUSDT_1h"
KEY = "binance:BTC/USDT"


@pytest.fixture(scope="module")
def loaded() -> pd.DataFrame:
    return load(SAMPLE)


@pytest.fixture
def frame(loaded: pd.DataFrame) -> pd.DataFrame:
    return loaded.copy()


def test_a_frame_is_indexed_by_the_open_in_utc_nanoseconds(frame: pd.DataFrame) -> None:
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index[0] == pd.Timestamp("2017-08-17 04:00", tz="UTC")
    assert frame["close"].iloc[0] == 4308.83
    assert frame.attrs["fingerprint"] == fingerprint(frame)


def test_start_and_end_are_half_open() -> None:
    part = load(SAMPLE, "2020-01-01", pd.Timestamp("2020-01-02"))
    assert (len(part), str(part.index[-1])) == (24, "2020-01-01 23:00:00+00:00")


def test_an_unchanged_frame_or_slice_gives_back_its_dataset(frame: pd.DataFrame) -> None:
    exact = open_sample(SAMPLE)
    assert dataset_of(frame)[0].sha256 == exact.sha256
    data, start, end = dataset_of(frame.loc["2020-01-01":"2020-01-01"])
    assert (data.id, data.rows) == (SAMPLE, exact.rows)
    assert (start, end) == (parse_instant("2020-01-01"), parse_instant("2020-01-02"))


def test_columns_added_beside_the_five_do_not_matter(frame: pd.DataFrame) -> None:
    frame["sma"] = frame["close"].rolling(20).mean()
    assert dataset_of(frame)[0].id == SAMPLE


def test_a_changed_frame_needs_an_instrument_and_becomes_its_own_dataset(frame: pd.DataFrame) -> None:
    frame.iloc[5, frame.columns.get_loc("volume")] += 1
    with pytest.raises(ConfigError, match=r"no longer the data of .* give instrument="):
        dataset_of(frame)
    data, *_ = dataset_of(frame, instrument=KEY)
    assert data.id == f"frame-{data.sha256[:12]}"
    assert data.sha256 != frame.attrs["sha256"]


def test_a_frame_with_rows_left_out_is_not_a_slice(frame: pd.DataFrame) -> None:
    with pytest.raises(ConfigError):
        dataset_of(frame.iloc[::2])


def test_the_float_view_leads_back_to_the_same_exact_content(frame: pd.DataFrame) -> None:
    frame.attrs = {}
    assert dataset_of(frame, instrument=KEY)[0].sha256 == open_sample(SAMPLE).sha256


def test_frames_that_are_not_sound_bars_are_refused(frame: pd.DataFrame) -> None:
    few = frame.iloc[:10]
    few.attrs = {}
    broken = {
        "no zone": few.tz_localize(None),
        "tz_convert": few.tz_convert("Europe/Berlin"),
        "row 1, time: expected a time after": few.iloc[::-1],
        "each time once": pd.concat([few.iloc[:1], few]),
        "row 0, close: expected a finite number": few.assign(close=float("nan")),
        "no column volume": few.drop(columns="volume"),
        "DatetimeIndex": few.reset_index(drop=True),
        "is empty": few.iloc[:0],
    }
    for expected, bad in broken.items():
        with pytest.raises(DataError, match=expected):
            dataset_of(bad, instrument=KEY)
    with pytest.raises(DataError, match="is empty"):
        dataset_of(frame.iloc[:0])
