"""Virtual time over real sockets: while anything can happen time stands still, and then it jumps to what is due next.

A day passes in a minute and a timeout of ten seconds at once, however busy the machine is: what a test says of seconds
is said of the run's own clock.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from workbench.core.clock import SECOND, Nanos

T = TypeVar("T")

REAL_LIMIT_S = 60.0  # of the computer's time for one run: a loop that spins for ever must not hang the suite
PATIENCE_S = 0.001  # for a thread that is at work, while which time stands still


class _Selector(selectors.DefaultSelector):
    """Looks at the sockets without waiting; `jump` is told how long nothing would have happened."""

    def __init__(self) -> None:
        super().__init__()
        self.jump: Callable[[float | None], bool] = lambda _: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        return [] if self.jump(timeout) else super().select(PATIENCE_S)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, which starts at 0."""

    def __init__(self) -> None:
        selector = _Selector()
        super().__init__(selector)
        selector.jump = self._jump
        self._passed = 0.0
        self._threads = 0
        self._gives_up = time.monotonic() + REAL_LIMIT_S

    def time(self) -> float:
        return self._passed

    def pass_by(self, seconds: float) -> None:
        """Time goes on although nobody could do anything: the process was stopped, or the machine slept."""
        self._passed += seconds

    def allow(self, seconds: float) -> None:
        """So much of the computer's time may pass from now on."""
        self._gives_up = time.monotonic() + seconds

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        job = super().run_in_executor(executor, func, *args)
        self._threads += 1
        job.add_done_callback(self._came_back)
        return job

    def _came_back(self, _: Any) -> None:
        self._threads -= 1

    def _jump(self, timeout: float | None) -> bool:
        if time.monotonic() > self._gives_up:
            raise TimeoutError(f"{REAL_LIMIT_S:g} s of the computer's time are over at {self._passed:.1f} s")
        if self._threads or timeout is None:
            return False
        self._passed += timeout
        return True


class VirtualClock:
    """UTC nanoseconds that pass with the loop, from the instant at which it was made."""

    def __init__(self) -> None:
        self._began = time.time_ns()

    def now(self) -> Nanos:
        return Nanos(self._began + round(asyncio.get_running_loop().time() * SECOND))


def virtually(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a test's work on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work())


def seldom(patched: pytest.MonkeyPatch) -> None:
    """Where minutes or hours pass, everybody looks about once a second."""
    for room in ("tests.faults.street.TICK_S", "workbench.runtime.service.LATCH_LOOK_S"):
        patched.setattr(room, 1.0)
    for room in ("inlet", "on_venues"):
        patched.setattr(f"workbench.runtime.{room}.LOOK_S", 1.0)
