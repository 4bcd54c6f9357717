"""One run measured and nothing kept: a program's figures for any parameters, in a room that is used again and again."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numba
import numpy as np

from workbench.compiled import cache, round_trips
from workbench.compiled import engine_state as at
from workbench.compiled.engine_log import ROOM, TRADES, WIDTH
from workbench.compiled.program import Program
from workbench.compiled.statistics import FACTS_WIDTH, NAMES
from workbench.core import rules

CHUNK = 4_096  # rows of the log between two visits: what traded is summed up while it is still in the cache

MADE_OF = ("machine", "wide", "rulebook", "engine_log", "engine_state", "round_trips", "statistics")

_NOTHING = np.empty(0, dtype=np.int64)

_SOURCE = '''"""The statistics of a run, compiled once; written by workbench, not to be edited."""

from numba import njit

from workbench.compiled import round_trips, statistics


@njit(nogil=True, error_model="python", cache=True)
def take_fills(log, rows, terms, times, held, sums):
    round_trips.take_fills(log, rows, terms, times, held, sums)


@njit(nogil=True, error_model="python", cache=True)
def finish(terms, times, held):
    round_trips.finish(terms, times, held)


@njit(nogil=True, error_model="python", cache=True)
def measure(equity, times, start, unit, facts, held, sums, returns):
    return statistics.measure(equity, times, start, unit, facts, held, sums, returns)
'''


class Sampling(msgspec.Struct, frozen=True, eq=False):
    """When a run is looked at: `rows` (int64) of it, known at `times` (int64, UTC ns); and the span that they cover.

    `periods` are samples in a year, `years` the length of the span, `benchmark` what buying and holding returned.
    """

    rows: np.ndarray
    times: np.ndarray
    start: int
    years: float
    periods: float
    benchmark: float


class Room:
    """What one run at a time needs: memory that does not grow with the number of runs."""

    def __init__(self, program: Program, sampling: Sampling) -> None:
        self.book, _ = program.scratch()
        self.log = np.empty((CHUNK + ROOM, WIDTH), dtype=np.int64)
        self.equity = np.empty(program.rows, dtype=np.int64)
        self.returns = np.empty(len(sampling.rows))
        self.held = np.empty(round_trips.HELD_WIDTH, dtype=np.int64)
        self.sums = np.empty(round_trips.SUMS_WIDTH)


class Measurement:
    """Measures runs of a program; safe to be used by several threads at once, each with a room of its own."""

    def __init__(self, program: Program, sampling: Sampling) -> None:
        self._program = program
        self._sampling = sampling
        self._code = _machine_code()
        self._every = len(sampling.rows) == program.rows
        self._unit = 10**program.instrument.cash_places
        terms = program.instrument.terms(program.instrument.cash_places)
        self._terms = np.array(
            [terms.lot, terms.multiplier, terms.divisor, terms.cash_quantum, terms.base_quantum, self._unit],
            dtype=np.int64,
        )

    def room(self) -> Room:
        """A room for one thread."""
        return Room(self._program, self._sampling)

    def figures(self, parameters: msgspec.Struct, room: Room) -> Mapping[str, float]:
        """Every figure of one run by name; raises what the kernel raises, and ConfigError as `Program.run` does."""
        self._run(parameters, room)
        sampling, book = self._sampling, room.book
        facts = np.zeros(FACTS_WIDTH)
        traded = (int(book[at.TRADED_HIGH]) << 62) + int(book[at.TRADED_LOW])
        facts[:] = (
            self._program.cash / self._unit,
            sampling.years,
            sampling.periods,
            sampling.benchmark,
            int(book[at.ORDERS]),
            int(book[at.REFUSALS]),
            traded / self._unit,
        )
        equity = room.equity if self._every else room.equity[sampling.rows]
        found = self._code.measure(
            equity, sampling.times, sampling.start, self._unit, facts, room.held, room.sums, room.returns
        )
        return dict(zip(NAMES, found.tolist(), strict=True))

    def _run(self, parameters: msgspec.Struct, room: Room) -> None:
        program = self._program
        room.held[:], room.sums[:] = 0, 0.0
        arguments = program.arguments(
            parameters, (room.book, room.log), equity=room.equity, worth=_NOTHING, level=TRADES
        )
        taken = self._terms, self._sampling.times, room.held, room.sums
        program.drive(arguments, (room.book, room.log), lambda rows: self._code.take_fills(room.log, len(rows), *taken))
        self._code.finish(self._terms, self._sampling.times, room.held)


@lru_cache(maxsize=1)
def _machine_code() -> Any:
    """The statistics as machine code, taken from the disk where they were compiled before from the same source."""
    room = Path(__file__).parent
    parts = [(room / f"{name}.py").read_text() for name in MADE_OF]
    written = "\0".join([_SOURCE, *parts, inspect.getsource(rules), numba.__version__])
    return cache.load("measure_run", _SOURCE, hashlib.sha256(written.encode()).hexdigest()[:32])
