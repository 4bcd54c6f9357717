"""One dataset in one Parquet file.

Prices and volumes are stored as the scaled int64 the engines work with, not as decimal128: delta packing
makes them smaller and several times faster to read, and nothing is converted on the way. The places
stand in the file's metadata. A column that needs more than 64 bits is stored as decimal128(38, 0).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core import codec
from workbench.core.errors import CorruptState, DataError
from workbench.core.instrument import Instrument
from workbench.data.dataset import SHAPES, Dataset, Provenance, make_dataset
from workbench.data.numbers import array_of, decimals, integers, values_of

FORMAT = 1
ROW_GROUP = 100_000  # rows: large enough to pack well, small enough to skip by
_KEY = b"workbench"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of its dataset without its rows being read."""

    id: str
    kind: str
    instrument: Instrument
    interval_ns: int
    rows: int
    start: int
    end: int
    sha256: str
    provenance: Provenance
    format: int = FORMAT


def write_dataset(data: Dataset, path: Path) -> None:
    """Writes the whole file or nothing."""
    schema: dict[str, Any] = {name: _stored(column) for name, column in data.columns.items()}
    schema["time"] = schema["time"].cast(pa.timestamp("ns", "UTC"))
    if data.volume_text:
        schema["volume_text"] = pa.array([data.volume_text.get(row) for row in range(data.rows)], pa.string())
    table = pa.table(schema).replace_schema_metadata({_KEY: _label_json(data)})
    packed = [name for name, column in schema.items() if column.type in (pa.int64(), pa.timestamp("ns", "UTC"))]
    write_whole(
        path,
        lambda to: pq.write_table(
            table,
            to,
            compression="zstd",
            compression_level=9,
            use_dictionary=False,
            column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"),
            row_group_size=ROW_GROUP,
            write_statistics=["time"],
            store_schema=True,
        ),
    )


def read_label(path: Path) -> Label | None:
    """What a stored dataset says of itself; None for a file that is not one, CorruptState for an unreadable one."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError) as error:
        raise CorruptState(f"{path.name}: not a readable parquet file: {str(error)[:120]}") from None
    if _KEY not in metadata:
        return None
    try:
        label = msgspec.json.decode(metadata[_KEY], type=Label)
    except msgspec.DecodeError as error:
        raise CorruptState(f"{path.name}: its label does not fit: {error}") from None
    if label.format != FORMAT:
        raise DataError(f"{path.name}: format {label.format}; this version reads format {FORMAT}")
    return label


def is_stored(path: Path) -> bool:
    """Whether a file is a dataset that `write_dataset` wrote."""
    try:
        return _KEY in (pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def read_stored(path: Path) -> Dataset:
    """The dataset of a stored file, its content checked against its hash; raises CorruptState if they differ."""
    label = read_label(path)
    if label is None:
        raise DataError(f"{path.name}: not a stored dataset; import it")
    try:
        table = pq.ParquetFile(path).read()
        columns = {name: _loaded(table[name]) for name in SHAPES[label.kind].columns}
    except (pa.ArrowException, OSError, KeyError) as error:
        raise CorruptState(f"{path.name}: not readable: {str(error)[:120]}") from None
    data = make_dataset(
        id=label.id,
        kind=label.kind,
        instrument=label.instrument,
        interval_ns=label.interval_ns,
        columns=columns,
        provenance=label.provenance,
        volume_text=_texts(table),
    )
    if data.sha256 != label.sha256:
        raise CorruptState(f"{path.name}: content has hash {data.sha256[:12]}…, its label says {label.sha256[:12]}…")
    return data


def write_whole(path: Path, write: Any) -> None:
    """Calls `write` with a temporary name beside `path`, then renames it, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
    os.close(handle)
    try:
        write(name)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _label_json(data: Dataset) -> bytes:
    plain = {name: getattr(data, name) for name in Label.__struct_fields__ if name != "format"}
    plain["instrument"] = codec.plain(data.instrument)
    return msgspec.json.encode({**plain, "format": FORMAT}, order="deterministic")


def _stored(column: np.ndarray) -> pa.Array:
    if column.dtype == np.int64:
        return array_of(column)
    return pa.array(column.tolist(), pa.string()) if isinstance(column[0], str) else decimals(column, 0)


def _loaded(column: pa.ChunkedArray) -> np.ndarray:
    flat = pa.concat_arrays(column.chunks)
    if pa.types.is_timestamp(flat.type):
        flat = flat.cast(pa.int64())
    if pa.types.is_decimal(flat.type):
        return integers(flat, 0)
    if pa.types.is_string(flat.type):
        texts = np.empty(len(flat), dtype=object)
        texts[:] = flat.to_pylist()
        return texts
    return values_of(flat).copy()


def _texts(table: pa.Table) -> dict[int, str]:
    if "volume_text" not in table.column_names:
        return {}
    return {row: text for row, text in enumerate(table["volume_text"].to_pylist()) if text is not None}
