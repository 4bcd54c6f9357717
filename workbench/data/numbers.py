"""Columns of numbers as a source wrote them, turned into exact scaled integers, whole columns at a time.

Text is read digit by digit and never passes through a float. A float64 price is taken as the multiple
of the tick it stands for; a float64 volume as the shortest decimal that reads back as that float.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.errors import DataError
from workbench.core.money import MAX_PLACES, places_of, to_decimal, to_scaled

EXACT_FLOAT = 2**53  # above it a float64 no longer tells neighbouring integers apart
FLOAT_TOLERANCE = 1e-9  # absolute, in quote currency: room for float noise, far below any tick in use
_USUAL = pa.decimal128(38, 18)  # tried first, because it is several times faster
_FINE = pa.decimal256(76, 38)  # 38 digits before the point and 38 after: any price or volume a venue prints

Place = Callable[[int, str, object, str], DataError]  # (row, column, value, expected) -> the error that says so


def values_of(column: pa.Array) -> np.ndarray:
    """An int64, float64 or boolean column without nulls as numpy.

    It reads the buffer itself: pyarrow's own conversions load pandas, which costs seconds and has no place here.
    """
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    kind = {pa.uint8(): np.uint8, pa.int64(): np.int64, pa.float64(): np.float64}[column.type]
    if not len(column):
        return np.empty(0, dtype=kind)
    values = np.frombuffer(column.buffers()[1], dtype=kind)[column.offset : column.offset + len(column)]
    return values.view(np.bool_) if kind is np.uint8 else values


def array_of(values: np.ndarray) -> pa.Array:
    """int64 or float64 values as an Arrow column, sharing memory."""
    kind = {"i": pa.int64(), "f": pa.float64()}[values.dtype.kind]
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def first_true(mask: pa.Array) -> int:
    """The first true row of a boolean column without nulls, -1 if there is none."""
    found = np.flatnonzero(values_of(mask))
    return int(found[0]) if found.size else -1


def is_float(column: pa.Array) -> bool:
    """Whether the source kept this column as binary floats."""
    return bool(pa.types.is_floating(column.type))


def require_finite(column: pa.Array, name: str, place: Place) -> None:
    """Raises DataError at the first missing value, NaN or infinity."""
    bad = pc.is_null(column, nan_is_null=True)
    if is_float(column):
        bad = pc.or_kleene(bad, pc.is_inf(column))
    row = first_true(bad)
    if row >= 0:
        raise place(row, name, column[row].as_py(), "a finite number")


def exact(column: pa.Array, name: str, place: Place) -> pa.Array:
    """Any numeric or text column as decimals, digit for digit; raises DataError at the first that is no number."""
    text = pc.ascii_trim_whitespace(pc.cast(column, pa.string()))
    for kind in (_USUAL, _FINE):
        if _readable(text, kind):
            return pc.cast(text, kind)
    row = _first_unreadable(text)
    raise place(row, name, text[row].as_py(), "a plain number with at most 38 digits on either side of the point")


def finest_places(column: pa.Array) -> int:
    """How many decimal places the finest value of an exact column needs; -1 if more than MAX_PLACES."""
    low, high = 0, MAX_PLACES + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _has_places(column, middle) else (middle + 1, high)
    return low if low <= MAX_PLACES else -1


def finest_float_places(values: np.ndarray) -> int:
    """How many decimal places floats need to lie on 10^-places within the tolerance; -1 if none does."""
    for places in range(MAX_PLACES + 1):
        scaled = np.rint(values * 10.0**places)
        if np.abs(scaled).max(initial=0) >= EXACT_FLOAT:
            return -1
        if not _off(values, scaled / 10.0**places, 10.0**-places).any():
            return places
    return -1


def scaled_on_tick(column: pa.Array, name: str, *, tick: Decimal, places: int, place: Place) -> np.ndarray:
    """Prices as integers of 10^-places; raises DataError at the first one that is not a multiple of `tick`."""
    scaled = _scaled_floats(column, name, tick, places, place) if is_float(column) else _scaled_text(column, places)
    off = np.flatnonzero(scaled % to_scaled(tick, places) != 0) if scaled is not None else _finer(column, places)
    if off.size:
        row = int(off[0])
        raise place(row, name, column[row].as_py(), f"a multiple of the tick {tick}")
    assert scaled is not None
    return scaled


def scaled_floor(column: pa.Array, name: str, *, places: int, place: Place) -> tuple[np.ndarray, pa.Array | None]:
    """Quantities floored to 10^-places, and the source's own text of those that were finer (None if none was)."""
    if is_float(column):
        values = values_of(column)
        scaled = np.rint(values * 10.0**places)
        if np.abs(scaled).max(initial=0) < EXACT_FLOAT and (scaled / 10.0**places == values).all():
            return scaled.astype(np.int64), None
    number = exact(column, name, place)
    floored = pc.round(number, ndigits=places, round_mode="down")
    finer = pc.not_equal(floored, number)
    original = pc.if_else(finer, pc.cast(column, pa.string()), pa.nulls(len(column), pa.string()))
    return integers(floored, places), original if original.null_count < len(original) else None


def integers(column: pa.Array, places: int) -> np.ndarray:
    """A decimal column as int64 units of 10^-places, or Python ints where one does not fit; else ArrowInvalid."""
    narrow = pc.cast(column, pa.decimal128(38, places), safe=True)
    halves = np.frombuffer(narrow.buffers()[1], dtype=np.int64)[2 * narrow.offset :][: 2 * len(narrow)].reshape(-1, 2)
    low, high = halves[:, 0], halves[:, 1]
    if (high == low >> 63).all():
        return low.copy()
    return np.array([to_scaled(each, places) for each in narrow.to_pylist()], dtype=object)


def decimals(values: np.ndarray, places: int) -> pa.Array:
    """Integers of 10^-places as decimal128(38, places)."""
    if values.dtype == object:
        return pa.array([to_decimal(each, places) for each in values.tolist()], pa.decimal128(38, places))
    halves = np.stack([values, values >> 63], axis=1)
    return pa.Array.from_buffers(pa.decimal128(38, places), len(values), [None, pa.py_buffer(halves.tobytes())])


def nearest_floats(values: np.ndarray, places: int) -> np.ndarray:
    """The float64 nearest to each integer of 10^-places, correctly rounded."""
    if values.dtype != object and np.abs(values).max(initial=0) < EXACT_FLOAT:
        return np.asarray(values / 10.0**places)
    unit = 10**places
    return np.array([each / unit for each in values.tolist()], dtype=np.float64)


def _scaled_floats(column: pa.Array, name: str, tick: Decimal, places: int, place: Place) -> np.ndarray:
    values = values_of(column)
    step = to_scaled(tick, places)
    nearest = np.rint(values * 10.0**places / step) * step
    off = _off(values, nearest / 10.0**places, float(tick)) | (np.abs(nearest) >= EXACT_FLOAT)
    if off.any():
        row = int(np.argmax(off))
        raise place(row, name, values[row].item(), f"a multiple of the tick {tick} within {FLOAT_TOLERANCE:g}")
    return np.asarray(nearest, dtype=np.int64)


def _off(values: np.ndarray, nearest: np.ndarray, tick: float) -> np.ndarray:
    """Where a float is further from its tick than the tolerance, a hundredth of a tick, and its own spacing allow."""
    allowed = np.maximum(min(FLOAT_TOLERANCE, tick / 100), np.spacing(np.abs(values)))
    return np.asarray(np.abs(nearest - values) > allowed)


def _scaled_text(column: pa.Array, places: int) -> np.ndarray | None:
    try:
        return integers(column, places)
    except pa.ArrowInvalid:
        return None


def _finer(column: pa.Array, places: int) -> np.ndarray:
    return np.flatnonzero([places_of(each) > places for each in column.to_pylist()])


def _has_places(column: pa.Array, places: int) -> bool:
    """Whether every value is a multiple of 10^-places."""
    return bool(pc.all(pc.equal(pc.round(column, ndigits=places, round_mode="down"), column)).as_py())


def _first_unreadable(text: pa.Array) -> int:
    """Halves the column until one value is left: the first that is not a number."""
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _readable(text[low:middle], _FINE) else (low, middle)
    return low


def _readable(text: Any, kind: pa.DataType) -> bool:
    try:
        pc.cast(text, kind)
    except pa.ArrowInvalid:
        return False
    return True
