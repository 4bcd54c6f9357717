"""How good a dataset is: what is missing, what stands out, what contradicts itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workbench.core.clock import instant_text, interval_text
from workbench.core.money import canonical, to_decimal
from workbench.data.checks import Columns, faults
from workbench.data.dataset import BARS, FUNDING, MARKS, Dataset
from workbench.data.intake import HORIZON, Request, default_id, read_file

SHOWN_GAPS = 10  # gaps printed, longest first; `gaps` has them all


class Gap(msgspec.Struct, frozen=True):
    """Bars that are not there: the first missing open, the open of the next bar there is (UTC ns), how many."""

    start: int
    end: int
    bars: int


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """A quality report. Times are UTC ns; `biggest_move` is the largest close-to-close change, as a fraction."""

    id: str
    kind: str
    interval_ns: int
    rows: int
    first: int
    last: int
    expected_rows: int
    missing: int
    gaps: tuple[Gap, ...]
    zero_volume: int
    biggest_move: Decimal
    biggest_move_at: int
    crossed: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    off_grid: int = 0
    future: int = 0
    not_positive: int = 0
    negative: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing contradicts itself; gaps and quiet bars are no contradiction."""
        return not any(getattr(self, name) for name in _COUNTS)

    def plain(self) -> dict[str, Any]:
        """The report as plain JSON values: times in ISO UTC, exact numbers as text."""
        plain = msgspec.structs.asdict(self)
        plain |= {name: instant_text(plain[name]) for name in ("first", "last", "biggest_move_at")}
        plain["biggest_move"] = canonical(self.biggest_move)
        plain["gaps"] = [
            {"from": instant_text(gap.start), "to": instant_text(gap.end), "bars": gap.bars} for gap in self.gaps
        ]
        return plain | {"sound": self.sound}

    def text(self) -> str:
        """The report as lines to print."""
        every = f" every {interval_text(self.interval_ns)}" if self.interval_ns else ""
        lines = [
            f"{self.id}: {self.rows:,} {self.kind}{every}, {instant_text(self.first)} to {instant_text(self.last)}",
            f"  missing       {self.missing:,} of {self.expected_rows:,} in {len(self.gaps)} gaps",
        ]
        longest = sorted(self.gaps, key=lambda gap: (-gap.bars, gap.start))[:SHOWN_GAPS]
        lines += [f"    {gap.bars:>6,}  {instant_text(gap.start)} to {instant_text(gap.end)}" for gap in longest]
        lines += [
            f"  zero volume   {self.zero_volume:,}",
            f"  biggest move  {self.biggest_move * 100:.1f} % at {instant_text(self.biggest_move_at)}",
        ]
        lines += [f"  {name.replace('_', ' '):<13} {getattr(self, name):,}" for name in _COUNTS]
        return "\n".join(lines)


_COUNTS = ("crossed", "duplicates", "out_of_order", "off_grid", "future", "not_positive", "negative")


def report(data: Dataset, *, now: int = HORIZON) -> Quality:
    """The quality of a dataset; `now` (UTC ns) tells what lies in the future."""
    return _measure(data.id, data.kind, data.interval_ns, data.columns, now)


def check(path: Path | str, *, request: Request | None = None, now: int = HORIZON) -> Quality:
    """The quality of a file that may be too bad to import: counts what an import would refuse.

    Raises DataError only where a row cannot be read at all, as `read_dataset` does.
    """
    path = Path(path)
    reading = read_file(path, request or Request())
    name = default_id(path, reading.sheet.timeframe)
    return _measure(name, reading.sheet.kind, reading.interval_ns, reading.columns, now)


def _measure(name: str, kind: str, interval_ns: int, columns: Columns, now: int) -> Quality:
    counts = dict.fromkeys(_COUNTS, 0)
    for fault in faults(kind, columns, interval_ns=interval_ns, horizon=now):
        counts[fault.name] += int(fault.rows.sum())
    times = columns["time"]
    gaps = _gaps(times, interval_ns) if kind == BARS else ()
    missing = sum(gap.bars for gap in gaps)
    move, at = _biggest_move(kind, columns)
    distinct = len(np.unique(times)) if kind == BARS else len(times)
    return Quality(
        id=name,
        kind=kind,
        interval_ns=interval_ns,
        rows=len(times),
        first=int(times.min()),
        last=int(times.max()),
        expected_rows=distinct + missing,
        missing=missing,
        gaps=gaps,
        zero_volume=int((columns["volume"] == 0).sum()) if kind == BARS else 0,
        biggest_move=move,
        biggest_move_at=at,
        **counts,
    )


def _gaps(times: np.ndarray, interval_ns: int) -> tuple[Gap, ...]:
    """Where two neighbours in time are more than an interval apart."""
    ordered = np.unique(times)
    steps = np.diff(ordered)
    return tuple(
        Gap(int(ordered[row]) + interval_ns, int(ordered[row + 1]), -(-int(steps[row]) // interval_ns) - 1)
        for row in np.flatnonzero(steps > interval_ns).tolist()
    )


def _biggest_move(kind: str, columns: Columns) -> tuple[Decimal, int]:
    """The largest change from one close (price, bid) to the next, to a millionth, and when."""
    times = columns["time"]
    name = {BARS: "close", "trades": "price", MARKS: "price", FUNDING: ""}.get(kind, "bid")
    if not name:
        return Decimal(0), int(times[0])
    prices = columns[name]
    before = np.maximum(prices[:-1], 1).astype(np.float64)
    if not before.size:
        return Decimal(0), int(times[0])
    moves = np.abs(prices[1:].astype(np.float64) / before - 1)
    row = int(np.argmax(moves))
    return to_decimal(round(float(moves[row]) * 1_000_000), 6), int(times[row + 1])
