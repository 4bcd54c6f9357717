"""Datasets as files for other tools: exact numbers as text or decimals, never as floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from workbench.core.clock import instant_text
from workbench.core.errors import ConfigError
from workbench.core.money import to_text
from workbench.data.dataset import SHAPES, Dataset
from workbench.data.numbers import array_of, decimals
from workbench.data.shelf import write_whole

_SIDES = {1: "buy", -1: "sell", 0: ""}


def export(data: Dataset, path: Path) -> Path:
    """Writes `data` in the format that the suffix names; raises ConfigError for a suffix that names none."""
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"export {path.name}: expected one of {', '.join(_WRITERS)}")
    write_whole(path, lambda to: write(data, Path(to)))
    return path


def _write_csv(data: Dataset, path: Path) -> None:
    options = pa_csv.WriteOptions(quoting_style="needed")
    pa_csv.write_csv(pa.table(_texts(data)), path, options)


def _write_json_lines(data: Dataset, path: Path) -> None:
    columns = _texts(data)
    with path.open("wb") as file:
        for values in zip(*columns.values(), strict=True):
            file.write(msgspec.json.encode(dict(zip(columns, values, strict=True))) + b"\n")


def _write_parquet(data: Dataset, path: Path) -> None:
    columns = {"time": array_of(data.times).cast(pa.timestamp("ns", "UTC"))}
    shape = SHAPES[data.kind]
    columns |= {name: decimals(data.columns[name], data.places(name)) for name in shape.numbers}
    columns |= {name: pa.array(values) for name, values in _texts(data).items() if name in shape.others}
    pq.write_table(pa.table(columns), path, compression="zstd")


_WRITERS: Mapping[str, Callable[[Dataset, Path], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}


def _texts(data: Dataset) -> dict[str, list[str]]:
    """Every column as canonical text: times in ISO UTC, numbers without exponent or trailing zero."""
    texts = {"time": [instant_text(each) for each in data.times.tolist()]}
    shape = SHAPES[data.kind]
    for name in shape.numbers:
        places = data.places(name)
        texts[name] = [to_text(each, places) for each in data.columns[name].tolist()]
    for name in shape.others:
        values = data.columns[name].tolist()
        texts[name] = [_SIDES[each] for each in values] if name == "side" else values
    return texts
