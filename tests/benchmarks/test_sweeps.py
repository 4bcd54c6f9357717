"""A thousand pairs of averages over a year of minutes: pairs a second and the memory they take, beside vectorbt.

Each way runs in a process of its own, in turn with the others. vectorbt is given a few columns and scaled, which
its line says. Rates are printed; equal answers are asserted, memory below 400 megabytes too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import bare, work
from tests.benchmarks.figures import LONG, tell
from tests.benchmarks.race import REPEATS, difference
from tests.benchmarks.sweeping import pairs_of

PAIRS = 1_000 if LONG else 50
WAYS: Mapping[str, tuple[str, int]] = {  # what is told of it, and how many pairs it is given
    "compiled": ("compiled engine, orders and equity, 2 threads", PAIRS),
    "every_figure": ("wb.sweep, all 29 figures, 2 threads", PAIRS),
    "bare_loop": ("bare numba loop, 2 threads", PAIRS),
    "vectorbt": ("vectorbt, Rust engine, a column a call", 20 if LONG else 5),
    "vectorbt_statistics": ("vectorbt, the same with its statistics", 4 if LONG else 0),
}
OURS = ("compiled", "every_figure", "bare_loop")
ROOM_MB = 400


def swept(way: str, count: int) -> Any:
    """What a process says that sweeps so; None where what it needs is not installed."""
    command = [sys.executable, "-m", "tests.benchmarks.sweeping", way, str(work.BARS), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_thousand_pairs_come_to_the_same_in_little_memory_and_the_rates_are_printed() -> None:
    data = work.minutes()
    opens, closes = data.ints("open").tolist(), data.ints("close").tolist()
    laps: dict[str, list[Any]] = {way: [] for way in WAYS}
    for _ in range(REPEATS if LONG else 1):
        for way, (_, count) in WAYS.items():
            laps[way].append(swept(way, count) if count else None)
    rates = {
        way: median(WAYS[way][1] / each["cpu"] for each in found) for way, found in laps.items() if None not in found
    }
    sample = pairs_of(PAIRS)[:3]
    truth = [bare.cross(opens, closes, *pair) for pair in sample]
    lines = [f"{'pairs/CPU s':>11}  {'x vectorbt':>10}  {'with stats':>10}  {'wall s, 1,000':>13}  {'peak MB':>7}"]
    for way, (told, count) in WAYS.items():
        if way not in rates:
            lines.append(f"{'not run':>11}  {told}")
            continue
        ratios = "  ".join(
            f"{rates[way] / rates[peer]:10.1f}" if peer in rates else " " * 10
            for peer in ("vectorbt", "vectorbt_statistics")
        )
        wall = median(each["wall"] for each in laps[way]) / count * 1_000
        peak = max(each["peak_mb"] for each in laps[way])
        scaled = "" if count == 1_000 else f", scaled from {count}"
        lines.append(f"{rates[way]:>11.1f}  {ratios}  {wall:>13.2f}  {peak:>7.0f}  {told}{scaled}")
    if "vectorbt" in rates:
        pair, found = pairs_of(WAYS["vectorbt"][1])[0], laps["vectorbt"][0]["answers"][0]
        exact = bare.cross(opens, closes, *pair)
        lines.append(f"vectorbt, pair {pair}: {difference(_named(found), _named(exact))}")
    tell(f"sweep of {work.BARS:,} bars ({work.source()})", *lines)
    for way in OURS:
        found = [tuple(each) for each in laps[way][0]["answers"]]
        assert found == [tuple(each) for each in laps["bare_loop"][0]["answers"]], way
        assert found[:3] == truth, way
    assert max(each["peak_mb"] for way in ("compiled", "every_figure") for each in laps[way]) < ROOM_MB


def _named(found: Any) -> dict[str, int]:
    return {"orders": found[0], "equity": found[1]}
