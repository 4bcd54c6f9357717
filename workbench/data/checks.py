"""What must be true of every row of market data, as a table of promises over integer columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from workbench.core.clock import HOUR, interval_text
from workbench.data.dataset import BARS, FUNDING, QUOTES, SHAPES

Columns = Mapping[str, np.ndarray]


class Fault(msgspec.Struct, frozen=True):
    """A broken promise: which rows (a mask), which column, and what was expected there."""

    name: str
    column: str
    rows: np.ndarray
    expected: str


def faults(kind: str, columns: Columns, *, interval_ns: int = 0, horizon: int) -> Iterator[Fault]:
    """Every promise about `kind` that some row breaks, in the order they are worth reading.

    `horizon` (UTC ns) is the first instant that lies in the future.
    """
    for check in (_order, _future, _values, _shapes):
        for fault in check(kind, columns, interval_ns, horizon):
            if fault.rows.any():
                yield fault


def _order(kind: str, columns: Columns, interval_ns: int, _: int) -> Iterator[Fault]:
    times = columns["time"]
    step = np.diff(times, prepend=times[0] - 1)
    yield Fault("out_of_order", "time", step < 0, "a time after the row before")
    if kind not in (BARS, FUNDING):
        return
    yield Fault("duplicates", "time", step == 0, "each time once")
    if kind == BARS and interval_ns:
        phase = off_grid_phase(times, interval_ns)
        text = interval_text(interval_ns)
        expected = f"an open on the {text} grid" + ("" if HOUR % interval_ns == 0 else " that row 0 sets")
        yield Fault("off_grid", "time", (times - phase) % interval_ns != 0, expected)


def off_grid_phase(times: np.ndarray, interval_ns: int) -> int:
    """Where the grid starts: at whole hours if the interval divides one, else (venues differ) at the first bar."""
    return 0 if HOUR % interval_ns == 0 else int(times[0])


def _future(kind: str, columns: Columns, interval_ns: int, horizon: int) -> Iterator[Fault]:
    yield Fault("future", "time", columns["time"] >= horizon, "a time that has come")


def _values(kind: str, columns: Columns, interval_ns: int, horizon: int) -> Iterator[Fault]:
    for name in SHAPES[kind].prices:
        yield Fault("not_positive", name, np.asarray(columns[name] <= 0, dtype=bool), "a price above 0")
    for name in SHAPES[kind].quantities:
        yield Fault("negative", name, np.asarray(columns[name] < 0, dtype=bool), "0 or more")


def _shapes(kind: str, columns: Columns, interval_ns: int, horizon: int) -> Iterator[Fault]:
    if kind == BARS:
        opens, highs, lows, closes = (columns[name] for name in ("open", "high", "low", "close"))
        highest = np.maximum(np.maximum(opens, closes), lows)
        yield Fault("crossed", "high", highs < highest, "at least open, close and low of its row")
        yield Fault("crossed", "low", lows > np.minimum(opens, closes), "at most open and close of its row")
    if kind == QUOTES:
        yield Fault("crossed", "bid", columns["bid"] > columns["ask"], "at most the ask of its row")
