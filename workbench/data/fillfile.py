"""Fills as a file for other tools: exact numbers as text or decimals, never as floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from workbench.core.errors import ConfigError
from workbench.core.events import FillEvent
from workbench.core.money import MAX_PLACES, to_decimal, to_text
from workbench.data.shelf import write_whole

_EXACT = pa.decimal128(38, MAX_PLACES)  # 20 digits before the point, what every venue's precision fits after it


def write_fills(fills: Sequence[FillEvent], path: Path) -> Path:
    """Writes one row per fill to a .csv or .parquet file, whole or not at all; returns the path.

    Columns: ts_ns (UTC), order_id (ours), symbol, side, quantity, price, fee, fee_currency, liquidity.
    Raises ConfigError for any other suffix.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise ConfigError(f"fills {path.name}: expected one of {', '.join(_WRITERS)}")
    write_whole(path, lambda to: write(fills, Path(to)))
    return path


def _write_csv(fills: Sequence[FillEvent], path: Path) -> None:
    texts = {
        name: pa.array([to_text(raw, places) for raw, places in values], pa.string())
        for name, values in _numbers(fills).items()
    }
    pa_csv.write_csv(_table(fills, texts), path, pa_csv.WriteOptions(quoting_style="needed"))


def _write_parquet(fills: Sequence[FillEvent], path: Path) -> None:
    exact = {
        name: pa.array([to_decimal(raw, places) for raw, places in values], _EXACT)
        for name, values in _numbers(fills).items()
    }
    pq.write_table(_table(fills, exact), path, compression="zstd")


_WRITERS: Mapping[str, Callable[[Sequence[FillEvent], Path], None]] = {".csv": _write_csv, ".parquet": _write_parquet}


def _table(fills: Sequence[FillEvent], numbers: Mapping[str, pa.Array]) -> pa.Table:
    def text(values: list[str]) -> pa.Array:
        return pa.array(values, pa.string())

    return pa.table(
        {
            "ts_ns": pa.array([each.ts_event for each in fills], pa.int64()),
            "order_id": text([each.order_id for each in fills]),
            "symbol": text([each.symbol for each in fills]),
            "side": text([str(each.side) for each in fills]),
            **numbers,
            "fee_currency": text([each.fee_currency for each in fills]),
            "liquidity": text(["maker" if each.maker else "taker" for each in fills]),
        }
    )


def _numbers(fills: Sequence[FillEvent]) -> dict[str, list[tuple[int, int]]]:
    """(scaled integer, places) of each exact column."""
    return {
        "quantity": [(each.quantity_raw, each.instrument.quantity_places) for each in fills],
        "price": [(each.price_raw, each.instrument.price_places) for each in fills],
        "fee": [(each.fee_raw, each.instrument.fee_places) for each in fills],
    }
