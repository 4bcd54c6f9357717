"""Files as tables: csv, json, json lines and parquet, with numbers left as the source wrote them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from workbench.core.errors import DataError

MAX_BYTES = 4 * 2**30  # a larger file does not fit memory as columns; split it by time
_HEADERLESS: Mapping[int, list[str]] = {  # files of exchanges that print bars as bare rows
    6: ["time", "open", "high", "low", "close", "volume"],
    12: [
        *("open_time", "open", "high", "low", "close", "volume", "close_time"),
        *("quote_volume", "trades", "taker_base", "taker_quote", "ignore"),
    ],
}


def read_table(path: Path) -> pa.Table:
    """The file's rows under the source's own column names, text kept as text; raises DataError naming the file."""
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    reader = _READERS.get(suffixes[-1].lower() if suffixes else "")
    if reader is None:
        raise DataError(f"{path.name}: expected one of {', '.join(_READERS)}, optionally with .gz")
    if not path.is_file():
        raise DataError(f"{path.name}: no such file at {path}")
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise DataError(f"{path.name}: {'is empty' if not size else f'has {size} bytes, more than {MAX_BYTES}'}")
    try:
        table = reader(path)
    except (pa.ArrowException, OSError, EOFError, ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: not a readable {suffixes[-1][1:]} file: {str(error)[:200]}") from None
    if table.num_rows == 0:
        raise DataError(f"{path.name}: is empty: it has no rows")
    if len(set(table.column_names)) != table.num_columns:
        raise DataError(f"{path.name}: two columns have the same name: {', '.join(table.column_names)}")
    return table.unify_dictionaries().combine_chunks()


def _read_parquet(path: Path) -> pa.Table:
    return pq.ParquetFile(path).read()


def _read_csv(path: Path) -> pa.Table:
    with _open_text(path) as lines:
        first = next(csv.reader(lines), [])
    headerless = bool(first) and all(_looks_numeric(cell) for cell in first)
    if headerless and len(first) not in _HEADERLESS:
        raise DataError(f"{path.name}: has no header and {len(first)} columns; expected a header line")
    names = _HEADERLESS[len(first)] if headerless else [cell.strip().lstrip("\ufeff") for cell in first]
    return pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(column_names=names, skip_rows=0 if headerless else 1, use_threads=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _read_json(path: Path) -> pa.Table:
    with _open_text(path) as lines:
        text = lines.read()
    try:
        rows = _loads(text)
    except json.JSONDecodeError:
        rows = [_loads(line) for line in text.splitlines() if line.strip()]
    return _rows_table(_candles(rows, path), path)


def _read_json_lines(path: Path) -> pa.Table:
    with _open_text(path) as lines:
        return _rows_table([_loads(line) for line in lines if line.strip()], path)


_READERS: Mapping[str, Callable[[Path], pa.Table]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _open_text(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8", newline="")


def _loads(text: str) -> Any:
    """JSON with its numbers as the very text that was written."""
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _candles(document: Any, path: Path) -> list[Any]:
    """The list of rows: the document itself, or the one list that it wraps."""
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 else [document]
    if not isinstance(document, list):
        raise DataError(f"{path.name}: expected a list of rows, found {type(document).__name__}")
    return document


def _rows_table(rows: list[Any], path: Path) -> pa.Table:
    if not rows:
        raise DataError(f"{path.name}: is empty: it has no rows")
    names = list(rows[0]) if isinstance(rows[0], dict) else _HEADERLESS.get(len(rows[0])) or []
    if not names:
        raise DataError(f"{path.name}: row 0: expected an object or a row of 6 or 12 values, found {str(rows[0])[:80]}")
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    for number, row in enumerate(rows):
        values = row if isinstance(row, dict) else dict(zip(names, row, strict=False))
        if not isinstance(row, dict | list) or len(row) != len(names) or values.keys() != columns.keys():
            raise DataError(f"{path.name}: row {number}: expected {', '.join(names)}, found {str(row)[:80]}")
        for name in names:
            columns[name].append(None if values[name] is None else str(values[name]))
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _looks_numeric(cell: str) -> bool:
    return bool(cell.strip()) and set(cell.strip()) <= set("0123456789.+-eE")
