"""How far a sweep has come, on one line that writes over itself; nothing where nobody looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Progress = Callable[[int, int], None]  # is told how many rows are done, and of how many

TOLD_S = 0.5  # between two lines: an executed notebook keeps what is printed


def someone_looks() -> bool:
    """Whether stderr is a terminal or the output of a notebook cell."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


class OneLine:
    """Tells rows done, their rate and the time left on stderr."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._told = 0.0
        self._before: int | None = None  # rows that were there already: they say nothing about the rate

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._before is None:
            self._before, self._began = done, now
        if done < total and now - self._told < TOLD_S:
            return
        self._told = now
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{line(done, total, done - self._before, now - self._began):<78}{end}")
        sys.stderr.flush()


def line(done: int, total: int, fresh: int, seconds: float) -> str:
    """The progress in words: `sweep  1,200 of 10,000  12 %  183 rows/s  0:48 left`."""
    share = f"sweep  {done:,} of {total:,}  {100 * done // max(total, 1)} %"
    if not fresh or seconds <= 0:
        return share
    rate = fresh / seconds
    speed = f"{rate:,.0f} rows/s" if rate >= 10 else f"{rate:.2g} rows/s"
    return f"{share}  {speed}  {clock((total - done) / rate)} left" if done < total else f"{share}  {speed}"


def clock(seconds: float) -> str:
    """A length of time as h:mm:ss, or m:ss below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
