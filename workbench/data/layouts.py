"""Layouts: which column of a source's table means what, and rows picked by time frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.clock import instant_text
from workbench.core.errors import ConfigError, DataError
from workbench.data.dataset import BARS, FUNDING, MARKS, QUOTES, SHAPES, TRADES
from workbench.data.numbers import array_of
from workbench.data.sources import read_table
from workbench.data.times import nanoseconds

_FRAME_COLUMNS = frozenset({"time_frame", "timeframe", "interval"})
_SYMBOL_COLUMNS = frozenset({"symbol", "pair", "instrument", "market"})
_ALIASES: Mapping[str, frozenset[str]] = {
    "time": frozenset(
        [
            "time",
            "date",
            "datetime",
            "timestamp",
            "open_time",
            "opentime",
            "time_s",
            "time_ms",
            "time_us",
            "time_ns",
            "start",
            "ts",
            "t",
            "unix",
            "timestamp_s",
            "timestamp_ms",
            "timestamp_us",
            "timestamp_ns",
            "open_time_ms",
        ]
    ),
    "open": frozenset({"open", "o", "open_price"}),
    "high": frozenset({"high", "h", "high_price"}),
    "low": frozenset({"low", "l", "low_price"}),
    "close": frozenset({"close", "c", "close_price"}),
    "volume": frozenset({"volume", "v", "vol", "base_volume"}),
    "price": frozenset({"price", "p"}),
    "quantity": frozenset({"quantity", "amount", "qty", "size", "q"}),
    "rate": frozenset({"rate", "funding_rate", "fundingrate"}),
    "mark": frozenset({"mark", "mark_price", "markprice"}),
    "side": frozenset({"side"}),
    "trade_id": frozenset({"trade_id", "id", "tid", "agg_trade_id"}),
    "bid": frozenset({"bid", "bid_price"}),
    "ask": frozenset({"ask", "ask_price"}),
    "bid_quantity": frozenset({"bid_quantity", "bid_qty", "bid_size", "bid_amount"}),
    "ask_quantity": frozenset({"ask_quantity", "ask_qty", "ask_size", "ask_amount"}),
}
_OPTIONAL = frozenset({"side", "trade_id"})
_SETTLED: Mapping[str, Mapping[str, tuple[str, ...]]] = {  # the columns that may hold it; candles of it hold it as open
    FUNDING: {"rate": ("rate", "open")},
    MARKS: {"price": ("mark", "open", "price")},
}


class Sheet(msgspec.Struct, frozen=True):
    """A source's rows with their columns told apart: times read, numbers still as written."""

    file: str
    kind: str
    layout: str
    times: np.ndarray  # int64, UTC ns
    columns: Mapping[str, pa.Array]
    row_numbers: np.ndarray  # the 0-based data row of each in the file
    timeframe: str
    notes: tuple[str, ...]

    def fault(self, row: int, column: str, value: object, expected: str) -> DataError:
        """The error that says where in the file what was found and what was expected."""
        shown = repr(value) if isinstance(value, str) else value
        return DataError(f"{self.file}: row {self.row_numbers[row]}, {column}: expected {expected}, got {shown}")

    def at(self, row: int) -> str:
        return instant_text(int(self.times[row]))


def read_sheet(path: Path, *, timeframe: str | None = None, kind: str = "") -> Sheet:
    """The rows of a csv, json or parquet file; `timeframe` picks among several in one file.

    `kind` says that they are funding or marks, which some sources write in the columns of candles.

    Raises DataError for a table without the columns of bars, trades or quotes, or with two that could be one of them.
    """
    return arrange(read_table(path), path.name, timeframe=timeframe, kind=kind)


def arrange(table: pa.Table, file: str, *, timeframe: str | None = None, kind: str = "") -> Sheet:
    """Tells the columns of a table apart; see `read_sheet`."""
    names = {name.strip().lower().replace(" ", "_"): name for name in table.column_names}
    table, numbers, timeframe = _pick(table, names, file, timeframe)
    _one_symbol(table, names, file)
    roles = {role: _column_of(role, names, file) for role in _ALIASES}
    kind = kind or _kind_of(roles, file, table)
    columns = _settled(kind, roles, file, table) if kind in _SETTLED else roles
    found = {role: _flat(table, columns[role]) for role in SHAPES[kind].columns if columns[role]}

    def place(row: int, column: str, value: object, expected: str) -> DataError:
        return DataError(f"{file}: row {numbers[row]}, {column}: expected {expected}, got {value!r}")

    times, note = nanoseconds(found.pop("time"), roles["time"], place)
    layout = ",".join(table.column_names)
    return Sheet(file, kind, layout, times, found, numbers, timeframe or "", (f"time column {roles['time']}: {note}",))


def _pick(
    table: pa.Table, names: Mapping[str, str], file: str, timeframe: str | None
) -> tuple[pa.Table, np.ndarray, str | None]:
    """The rows of one time frame, with their numbers in the file."""
    numbers = np.arange(table.num_rows)
    column = next((names[each] for each in sorted(_FRAME_COLUMNS & names.keys())), None)
    if column is None:
        if timeframe:
            raise ConfigError(f"{file}: timeframe {timeframe!r} asked, but the file has no time frame column")
        return table, numbers, None
    frames = list(dict.fromkeys(table[column].cast(pa.string()).to_pylist()))
    if timeframe is None and len(frames) == 1:
        timeframe = frames[0]
    if timeframe not in frames:
        asked = f"no time frame {timeframe!r}" if timeframe else f"{len(frames)} time frames"
        raise ConfigError(f"{file}: {asked} in column {column}; give timeframe= one of {', '.join(map(str, frames))}")
    rows = [row for row, frame in enumerate(table[column].cast(pa.string()).to_pylist()) if frame == timeframe]
    kept = numbers[rows]
    return table.take(array_of(kept)), kept, timeframe


def _one_symbol(table: pa.Table, names: Mapping[str, str], file: str) -> None:
    for name in sorted(_SYMBOL_COLUMNS & names.keys()):
        symbols = pc.unique(table[names[name]]).to_pylist()
        if len(symbols) > 1:
            raise DataError(
                f"{file}: column {names[name]}: expected one symbol in a file, got {', '.join(map(str, symbols[:5]))}"
            )


def _column_of(role: str, names: Mapping[str, str], file: str) -> str:
    fitting = [name for plain, name in names.items() if plain in _ALIASES[role]]
    if len(fitting) > 1:
        raise DataError(f"{file}: ambiguous: {' and '.join(fitting)} could each be the {role} column; keep one")
    return fitting[0] if fitting else ""


def _settled(kind: str, roles: Mapping[str, str], file: str, table: pa.Table) -> Mapping[str, str]:
    """The columns of funding or marks by name."""
    found = {"time": roles["time"]}
    for name, places in _SETTLED[kind].items():
        found[name] = next((roles[each] for each in places if roles[each]), "")
    missing = [name for name, column in found.items() if not column]
    if missing:
        raise DataError(f"{file}: no column for {', '.join(missing)} of {kind}; it has {', '.join(table.column_names)}")
    return found


def _kind_of(roles: Mapping[str, str], file: str, table: pa.Table) -> str:
    """The kind whose columns are all there; otherwise an error that names what is missing."""
    if not any(roles[role] for role in ("open", "price", "bid")):
        for kind, role in ((FUNDING, "rate"), (MARKS, "mark")):
            if roles[role]:
                return kind
    missing = {
        kind: [role for role in SHAPES[kind].columns if not roles[role] and role not in _OPTIONAL]
        for kind in (BARS, TRADES, QUOTES)
    }
    kind = min(missing, key=lambda each: (len(missing[each]), each != BARS))
    if not any(roles[role] for role in SHAPES[kind].prices):
        kind = BARS
    if missing[kind]:
        raise DataError(
            f"{file}: no column for {', '.join(missing[kind])} of {kind}; it has {', '.join(table.column_names)}"
        )
    return kind


def _flat(table: pa.Table, name: str) -> pa.Array:
    column = table[name].combine_chunks()
    flat = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    return flat.dictionary_decode() if pa.types.is_dictionary(flat.type) else flat
