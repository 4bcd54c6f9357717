"""How soon a process is there: importing the package, and the result of a week of minutes, with a warm cache.

Wall and CPU seconds of whole processes, from their start to their end, in turn; a bare Python beside them. What
is printed is not asserted; that both engines come to the same is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from tests.benchmarks import work
from tests.benchmarks.figures import LONG, tell

WEEK = 10_080
LAPS = 7 if LONG else 1
ROOT = Path(__file__).parents[2]

RESULT = """
import sys
import numpy as np
import workbench as wb
from decimal import Decimal
from workbench.data.dataset import Provenance, make_dataset
from workbench.strategies.sma_cross import SmaCross, sma_cross
data = make_dataset(
    id="week", kind="bars", interval_ns=60_000_000_000, columns=dict(np.load(sys.argv[1])), provenance=Provenance(),
    instrument=wb.Instrument(venue="binance", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001")),
)
strategy = {strategy}
result = wb.backtest(strategy, data, engine="{engine}")
print(result.ledger.accounts[strategy.id].equity)
"""
WAYS = {
    "python": ("a bare Python", "pass"),
    "import": ("import workbench", "import workbench"),
    "event": ("a class, event engine", RESULT.format(strategy="SmaCross()", engine="event")),
    "kernel": ("a kernel, event engine", RESULT.format(strategy="sma_cross()", engine="event")),
    "compiled": ("a kernel, compiled engine", RESULT.format(strategy="sma_cross()", engine="compiled")),
}


def lap(code: str, rows: Path) -> tuple[float, float, str]:
    """Wall and CPU seconds of a process, and what it printed."""
    began, before = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, "-c", code, str(rows)], capture_output=True, text=True, cwd=ROOT)
    wall, after = time.perf_counter() - began, os.times()
    assert done.returncode == 0, done.stderr
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, done.stdout.strip()


def test_a_process_is_there_as_soon_as_printed(tmp_path: Path) -> None:
    rows = tmp_path / "week.npz"
    np.savez(rows, **work.minutes(WEEK).columns)
    lap(WAYS["compiled"][1], rows)  # the compiler's turn
    laps = {way: [] for way in WAYS}  # type: dict[str, list[tuple[float, float, str]]]
    for _ in range(LAPS):
        for way, (_, code) in WAYS.items():
            laps[way].append(lap(code, rows))
    lines = []
    for way, (told, _) in WAYS.items():
        wall, cpu = (median(each[place] for each in laps[way]) for place in (0, 1))
        lines.append(f"{wall:6.3f} s  {cpu:6.3f} CPU s  {told}")
    tell(f"from the start of a process to its end, {WEEK:,} bars", *lines)
    printed = {each[2] for way in ("event", "kernel", "compiled") for each in laps[way]}
    assert len(printed) == 1
