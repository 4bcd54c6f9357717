"""One way to sweep, in a process of its own: `python -m tests.benchmarks.sweeping WHO ROWS PAIRS` prints JSON.

CPU and wall seconds of the sweep alone, without imports, compilers or data; the peak of memory of it all; and what
the pairs came to. Everybody takes the same pairs; who is too slow for all is given a few and says how many.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from tests.benchmarks import bare, engines, work
from workbench.data.dataset import Dataset
from workbench.strategies.sma_cross import sma_cross

THREADS = 2
FASTS, SLOWS = range(5, 25), range(30, 80)

Pair = tuple[int, int]
Found = list[tuple[int, int]]  # orders and final equity in units of 10^-8, pair by pair


def pairs_of(count: int) -> list[Pair]:
    """So many of the thousand pairs, from all over."""
    every = list(product(FASTS, SLOWS))
    return every[:: max(1, len(every) // count)][:count]


def bare_loop(data: Dataset, pairs: Sequence[Pair]) -> Callable[[], Found]:
    """The loop of `bare` in two threads."""
    opens, closes = data.ints("open"), data.ints("close")
    return lambda: in_threads(lambda pair: bare.cross_machine(opens, closes, *pair), pairs)


def compiled(data: Dataset, pairs: Sequence[Pair]) -> Callable[[], Found]:
    """The compiled engine in two threads, for orders and equity alone."""
    program, own = engines.program(sma_cross, data, work.MARKET_COSTS), threading.local()

    def run(pair: Pair) -> tuple[int, int]:
        if not hasattr(own, "scratch"):
            own.scratch = program.scratch()
        found = engines.silent(program, sma_cross(fast=pair[0], slow=pair[1]).params, own.scratch)  # type: ignore[attr-defined]
        return found["orders"], found["equity"]

    return lambda: in_threads(run, pairs)


def every_figure(data: Dataset, pairs: Sequence[Pair]) -> Callable[[], Found]:
    """`wb.sweep` in two threads, with all its figures."""
    from workbench.research.sweep import sweep

    wanted = set(pairs)

    def work_it() -> Found:
        found = sweep(
            sma_cross,
            data,
            fast=sorted({fast for fast, _ in pairs}),
            slow=sorted({slow for _, slow in pairs}),
            where=lambda fast, slow: (fast, slow) in wanted,
            workers=THREADS,
            cash=work.CASH,
            budget=work.BUDGET,
            progress=False,
        )
        table = found.table
        at = {pair: row for row, pair in enumerate(zip(table["fast"], table["slow"], strict=True))}
        rows = [at[pair] for pair in pairs]
        return [(int(table["orders"][row]), round(table["final_equity"][row] * 10**8)) for row in rows]

    return work_it


def vectorbt(data: Dataset, pairs: Sequence[Pair]) -> Callable[[], Found]:
    """vectorbt's Rust engine, one column a call: the quickest way it has."""
    peer = engines.Vectorbt(data)

    def run(pair: Pair) -> tuple[int, int]:
        found = peer.answer(*pair)
        return found["orders"], found["equity"]

    return lambda: [run(pair) for pair in pairs]


def vectorbt_statistics(data: Dataset, pairs: Sequence[Pair]) -> Callable[[], Found]:
    """The same with its own table of statistics for each column."""
    peer = engines.Vectorbt(data)

    def run(pair: Pair) -> tuple[int, int]:
        found = peer.portfolio(*pair)
        told = found.stats(silence_warnings=True)
        return int(found.orders.count()), round(float(told["End Value"]) * 10**8)

    return lambda: [run(pair) for pair in pairs]


WAYS: Mapping[str, Callable[[Dataset, Sequence[Pair]], Callable[[], Found]]] = {
    each.__name__: each for each in (bare_loop, compiled, every_figure, vectorbt, vectorbt_statistics)
}


def in_threads(run: Callable[[Pair], tuple[int, int]], pairs: Iterable[Pair]) -> Found:
    with ThreadPoolExecutor(THREADS) as pool:
        return [(int(orders), int(equity)) for orders, equity in pool.map(run, pairs)]


def peak_mb() -> float:
    """The most memory that this process has held; what getrusage says is at least what its parent held."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    who, rows, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bars = work.minutes(rows)
    try:
        WAYS[who](bars, pairs_of(2))()  # the compiler's turn
        go = WAYS[who](bars, pairs_of(count))
    except ImportError:
        print(json.dumps(None))
        sys.exit()
    began, worked = time.perf_counter(), time.process_time()
    answers = go()
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - began,
                "cpu": time.process_time() - worked,
                "peak_mb": peak_mb(),
                "answers": answers,
            }
        )
    )
