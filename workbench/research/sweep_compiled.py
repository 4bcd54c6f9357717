"""Rows of a sweep on machine code: threads side by side over the same columns, each with a room of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from importlib.util import find_spec
from queue import Empty, Queue

import msgspec
import numpy as np

from workbench.core.errors import ConfigError
from workbench.core.money import dec
from workbench.core.strategy import Strategy
from workbench.data.dataset import PRICED, Dataset
from workbench.research.metrics import NO_INTERVAL, YEAR
from workbench.research.paths import prices_of
from workbench.research.sweep_rows import Job, Row, refusal_of
from workbench.runtime.plan import Plan

LOOK_S = 0.2  # how often the caller is given a chance to be interrupted
WAITING = 1_024  # rows that may wait for the caller, a kilobyte each


def can_compile(strategy: Strategy) -> bool:
    """Whether a strategy is a kernel and machine code is to be had and wanted."""
    wanted = os.environ.get("WORKBENCH_KERNELS") != "python"
    return wanted and hasattr(type(strategy), "kernel") and find_spec("numba") is not None


class InThreads:
    """So many runs side by side in this process, on the compiled engine."""

    def __init__(self, plan: Plan, strategy: Strategy, datasets: Mapping[str, Dataset], workers: int) -> None:
        from workbench.compiled.engine import engine_address  # numba loads only where it is used
        from workbench.compiled.measurement import Measurement, Sampling
        from workbench.compiled.program import Program

        kernel = getattr(type(strategy), "kernel", None)
        if kernel is None:
            raise ConfigError(f"{strategy.id}: is no kernel, and only kernels are compiled; use --engine event")
        if len(plan.data) != 1:
            raise ConfigError("the compiled engine takes one series of data; use --engine event for several")
        self.told = f"compiled engine, {workers} thread{'s' * (workers > 1)}"
        ((each,), (seat,)) = plan.data, plan.seats.values()
        data, last = datasets[each.dataset], each.last + 1
        program = Program(
            kernel,
            data,
            cash=dec(seat.cash),
            profile=plan.profile,
            limits=plan.limits,
            budget=seat.budget,
            first=each.first,
            last=last,
        )
        rows, times = samples_of(data, each.first, last)
        start, end = int(data.times[each.first]), int(data.times[each.last]) + data.interval_ns
        sampling = Sampling(
            rows=rows,
            times=times,
            start=start,
            years=(end - start) / YEAR,
            periods=YEAR / (data.interval_ns or NO_INTERVAL),
            benchmark=_benchmark(data, each.first, last, float(dec(seat.cash))),
        )
        engine_address()  # loaded here, once: threads that begin together would find half of it
        self._parameters = strategy.Parameters
        self._measurement = Measurement(program, sampling)
        self._workers = workers

    def rows(self, jobs: Iterable[Job]) -> Generator[Row, None, None]:
        """A row for each job, as it is done."""
        waiting, ended = iter(jobs), threading.Event()
        answers: Queue[Row | None] = Queue(maxsize=WAITING)
        turn = threading.Lock()
        threads = [
            threading.Thread(target=self._work, args=(waiting, turn, ended, answers), daemon=True)
            for _ in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        working = len(threads)
        try:
            while working:
                try:
                    answer = answers.get(timeout=LOOK_S)
                except Empty:
                    continue
                if answer is None:
                    working -= 1
                else:
                    yield answer
        finally:
            ended.set()
            for thread in threads:
                while thread.is_alive():
                    _empty(answers)
                    thread.join(LOOK_S)

    def _work(
        self, waiting: Iterator[Job], turn: threading.Lock, ended: threading.Event, answers: Queue[Row | None]
    ) -> None:
        """Runs what waits until nothing does."""
        room = self._measurement.room()
        while not ended.is_set():
            with turn:
                job = next(waiting, None)
            if job is None:
                break
            number, parameters = job
            try:
                answers.put((number, self._measurement.figures(msgspec.convert(parameters, self._parameters), room)))
            except Exception as error:
                answers.put((number, refusal_of(error)))
        answers.put(None)


def samples_of(data: Dataset, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of [first, last) a run is sampled at, from 0 on, and when each is known: the last of each instant,
    or, without an interval, of each hour.
    """
    times = data.times[first:last] + data.interval_ns
    cells = times if data.interval_ns else -(-times // NO_INTERVAL)
    rows = np.append(np.flatnonzero(np.diff(cells)), len(cells) - 1)
    return rows, np.ascontiguousarray(times[rows])


def _benchmark(data: Dataset, first: int, last: int, cash: float) -> float:
    """What buying at the first price and holding to the last returns."""
    assert data.kind in PRICED
    _, prices = prices_of(data, first, last)
    known = prices[~np.isnan(prices)]
    if not len(known) or not cash:
        return float("nan") if not cash else 0.0
    return float(cash * np.nan_to_num(prices[-1] / known[0], nan=1.0)) / cash - 1.0


def _empty(answers: Queue[Row | None]) -> None:
    """Makes room, so that nobody waits to hand in an answer that nobody wants any more."""
    while not answers.empty():
        answers.get_nowait()
