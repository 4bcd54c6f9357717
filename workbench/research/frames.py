"""Datasets as DataFrames for research, and back: an unchanged frame stands for the exact columns it came from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.core.clock import parse_instant
from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import Instrument
from workbench.data.dataset import BARS, Dataset
from workbench.data.intake import HORIZON, dataset_of_floats
from workbench.data.lake import Lake
from workbench.data.numbers import nearest_floats
from workbench.runtime.state import StateFolder

COLUMNS = ("open", "high", "low", "close", "volume")

Instant = str | int | pd.Timestamp | None


def load(
    id_or_path: str | Path,
    start: Instant = None,
    end: Instant = None,
    lake: Lake | None = None,
    *,
    instrument: Instrument | str | None = None,
    interval: str | None = None,
    timeframe: str | None = None,
) -> pd.DataFrame:
    """Bars as float64 columns open, high, low, close (quote currency) and volume (base currency).

    The index `time` is each bar's OPEN, UTC, in nanoseconds; `start` and `end` (ISO text, Timestamp or UTC ns) bound
    it as [start, end). An id is looked up in `lake` (default: that of the default state directory) and among the
    bundled samples; a file is kept in the lake, and `instrument` (or 'venue:BASE/QUOTE'), `interval` and `timeframe`
    say what its name does not. `attrs` carry `dataset`, `sha256` and the `fingerprint` of these very rows.
    Raises DataError for an unknown id or a file that cannot be imported.
    """
    lake = lake or StateFolder.default().lake()
    data = lake.open(id_or_path, instrument=instrument, interval=interval, timeframe=timeframe)
    if data.kind != BARS:
        raise DataError(f"{data.id}: expected bars, this dataset holds {data.kind}")
    frame = _view(data, *data.rows_in(nanoseconds(start, "start"), nanoseconds(end, "end")))
    frame.attrs = {
        "dataset": data.id,
        "sha256": data.sha256,
        "fingerprint": fingerprint(frame),
    }
    return frame


def dataset_of(
    frame: pd.DataFrame, instrument: Instrument | str | None = None, lake: Lake | None = None
) -> tuple[Dataset, int, int]:
    """The dataset behind a frame, and the [start, end) of bar opens (UTC ns) that the frame covers.

    A loaded frame, or a contiguous slice of one, gives back its exact dataset as long as its index and its five
    columns are unchanged; columns added beside them do not matter. Any other frame becomes a dataset of its own
    (`frame-` and 12 digits of its content hash; kept in `lake` if one is given), for which `instrument` is needed.
    Raises ConfigError without it, DataError for an index or values that are not sound bars.
    """
    times = _opens(frame)
    if not len(times):
        raise DataError("frame: is empty: it has no rows")
    origin = _origin(frame, lake)
    if origin is not None:
        first, last = origin.rows_in(int(times[0]), int(times[-1]) + 1)
        if _same(frame, times, _view(origin, first, last)):
            return origin, int(times[0]), int(times[-1]) + origin.interval_ns
    if instrument is None:
        was = frame.attrs.get("dataset")
        why = f"this frame is no longer the data of {was}" if was else "this frame was not loaded from a dataset"
        raise ConfigError(f"{why}: give instrument= (an Instrument, or text such as 'binance:BTC/USDT')")
    columns = {name: frame[name].to_numpy(dtype=np.float64) for name in COLUMNS}
    data = dataset_of_floats(times, columns, instrument=instrument, horizon=HORIZON)
    if lake is not None:
        lake.add(data)
    return data, data.start, data.end


def fingerprint(frame: pd.DataFrame) -> str:
    """The hash (hex) of a frame's index and of its five columns."""
    digest = hashlib.sha256(_opens(frame).tobytes())
    for name in COLUMNS:
        digest.update(frame[name].to_numpy(dtype=np.float64).tobytes())
    return digest.hexdigest()


def _view(data: Dataset, first: int, last: int) -> pd.DataFrame:
    """Each value as the float64 nearest to the exact number."""
    index = pd.DatetimeIndex(data.times[first:last].view("datetime64[ns]"), name="time").tz_localize("UTC")
    columns = {name: nearest_floats(data.columns[name][first:last], data.places(name)) for name in COLUMNS}
    return pd.DataFrame(columns, index=index)


def _origin(frame: pd.DataFrame, lake: Lake | None) -> Dataset | None:
    """The dataset that a frame says it came from, as long as it can still be had."""
    name, sha256 = frame.attrs.get("dataset"), frame.attrs.get("sha256")
    if not name or not sha256:
        return None
    try:
        data = (lake or StateFolder.default().lake()).find(name, sha256)
    except DataError:
        return None
    return data if data.sha256 == sha256 else None


def _same(frame: pd.DataFrame, times: np.ndarray, original: pd.DataFrame) -> bool:
    return np.array_equal(times, _opens(original)) and all(
        np.array_equal(frame[name].to_numpy(), original[name].to_numpy()) for name in COLUMNS
    )


def _opens(frame: pd.DataFrame) -> np.ndarray:
    """The index as int64 UTC ns; raises DataError unless it is a rising UTC DatetimeIndex over the five columns."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(f"frame: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(f"frame: expected a UTC DatetimeIndex of bar opens, got {type(index).__name__}")
    if index.tz is None or str(index.tz) not in ("UTC", "UTC+00:00", "Etc/UTC"):
        hint = "tz_localize('UTC')" if index.tz is None else "tz_convert('UTC')"
        raise DataError(f"frame: expected an index in UTC, got {index.tz or 'no zone'}; use {hint}")
    if index.hasnans:
        raise DataError(f"frame: row {int(np.argmax(index.isna()))}: expected a time, got NaT")
    return np.array(index.as_unit("ns").asi8)


def nanoseconds(instant: Instant, what: str) -> int | None:
    """UTC nanoseconds of ISO text, a Timestamp (without a zone: UTC) or nanoseconds; None stays None."""
    if instant is None or isinstance(instant, int):
        return instant
    if isinstance(instant, str):
        return parse_instant(instant, what)
    if not isinstance(instant, pd.Timestamp):
        raise ConfigError(f"{what}: expected ISO text, a Timestamp or UTC nanoseconds, got {instant!r}")
    return (instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")).as_unit("ns").value
