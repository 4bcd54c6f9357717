"""Columns of instants in whatever form a source has them, as UTC nanoseconds; in doubt an error, never a guess."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.clock import SECOND
from workbench.core.errors import DataError
from workbench.data.numbers import Place, array_of, first_true, values_of

EARLIEST = 1_230_940_800  # 2009-01-03, the first Bitcoin block, in seconds
LATEST = 4_102_444_800  # 2100-01-01 in seconds; read in the next finer unit it would lie in 1970

_UNITS: Mapping[str, int] = {"s": SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Z", "+00:00", "-00:00", "GMT", "Etc/GMT", "Zulu"})
_UTC_SUFFIX = r"\s*(Z|z|UTC|[+-]00:?00|[+-]00)$"
_OTHER_ZONE = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([+-]\d{1,2}(:?\d{2})?|[A-Za-z]{2,5})$"
_ISO = "an ISO time such as 2024-01-31T12:00:00Z, or a whole number of s, ms, us or ns since 1970"


def nanoseconds(column: pa.Array, name: str, place: Place) -> tuple[np.ndarray, str]:
    """UTC nanoseconds of each value (int64), and how it was read; raises DataError where that is not certain."""
    if column.null_count:
        row = first_true(pc.is_null(column))
        raise place(row, name, None, _ISO)
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _timestamps(column, name, place)
    if pa.types.is_date(kind):
        return _cast_ns(column.cast(pa.timestamp("s")), name, place), "dates, taken as UTC"
    if pa.types.is_integer(kind):
        return _counts(column, name, place)
    if pa.types.is_floating(kind):
        return _counts(_whole(column, name, place), name, place)
    text = pc.ascii_trim_whitespace(pc.cast(column, pa.string()))
    digits = pc.match_substring_regex(text, r"^\d+(\.0*)?$")
    if pc.all(digits).as_py():
        return _counts(pc.cast(pc.replace_substring_regex(text, r"\.0*$", ""), pa.int64()), name, place)
    return _iso(text, name, place)


def _timestamps(column: pa.Array, name: str, place: Place) -> tuple[np.ndarray, str]:
    zone = column.type.tz
    if zone is not None and zone not in _UTC_NAMES:
        raise place(0, name, f"zone {zone}", "UTC; convert the column to UTC before importing it")
    times = _cast_ns(column, name, place)
    return times, "UTC" if zone is not None else "no zone in the file: taken as UTC"


def _cast_ns(column: pa.Array, name: str, place: Place) -> np.ndarray:
    try:
        return values_of(column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        raise place(0, name, str(error)[:80], "times between the years 1678 and 2262") from None


def _whole(column: pa.Array, name: str, place: Place) -> pa.Array:
    values = values_of(column.cast(pa.float64()))
    bad = ~np.isfinite(values) | (values != np.rint(values)) | (np.abs(values) >= 2.0**63)
    if bad.any():
        row = int(np.argmax(bad))
        raise place(row, name, values[row].item(), _ISO)
    return array_of(values.astype(np.int64))


def _counts(column: pa.Array, name: str, place: Place) -> tuple[np.ndarray, str]:
    """Counts since 1970: every value must be a year from 2009 to 2099 in one and the same unit."""
    values = values_of(column.cast(pa.int64()))
    unit = _unit_of(int(values[0]))
    said = name.rpartition("_")[2]
    if unit and said in _UNITS and said != unit:
        raise place(0, name, int(values[0]), f"a count of {said}, as the column is named; this looks like {unit}")
    low, high = (bound * SECOND // _UNITS[unit] for bound in (EARLIEST, LATEST)) if unit else (0, 0)
    bad = (values < low) | (values >= high)
    if bad.any():
        row = int(np.argmax(bad))
        expected = f"a count of {unit} between 2009 and 2100, like row 0" if unit else _ISO + ", between 2009 and 2100"
        raise place(row, name, int(values[row]), expected)
    return values * _UNITS[unit], f"{unit} since 1970"


def _unit_of(value: int) -> str:
    return next((unit for unit, ns in _UNITS.items() if EARLIEST <= value * ns // SECOND < LATEST), "")


def _iso(text: pa.Array, name: str, place: Place) -> tuple[np.ndarray, str]:
    zoned = pc.match_substring_regex(text, _UTC_SUFFIX)
    plain = pc.replace_substring_regex(text, _UTC_SUFFIX, "")
    row = first_true(pc.match_substring_regex(plain, _OTHER_ZONE))
    if row >= 0:
        raise place(row, name, text[row].as_py(), "UTC (Z or +00:00); convert the column to UTC before importing it")
    try:
        times = pc.cast(plain, pa.timestamp("ns"))
    except pa.ArrowInvalid:
        row = _first_not_iso(plain)
        raise place(row, name, text[row].as_py(), _ISO) from None
    note = "ISO, UTC" if pc.all(zoned).as_py() else "ISO without a zone: taken as UTC"
    return values_of(times.cast(pa.int64())), note


def _first_not_iso(text: pa.Array) -> int:
    for row in range(len(text)):
        try:
            pc.cast(text[row : row + 1], pa.timestamp("ns"))
        except pa.ArrowInvalid:
            return row
    raise DataError("time: readable one by one but not as a column")
