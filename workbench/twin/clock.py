"""The exchange's own clock: the computer's, moved by as much as a test or a fault says."""

from __future__ import annotations

from time import time_ns

from workbench.core.clock import Clock, Nanos

_MILLION = 1_000_000


class WallClock:
    """The computer's clock."""

    def now(self) -> Nanos:
        """The present instant in UTC nanoseconds."""
        return Nanos(time_ns())


class TwinClock:
    """A clock that may be wrong: `skew_ns` ahead of its source (negative: behind), and drifting from there."""

    def __init__(self, source: Clock | None = None) -> None:
        self._source = source or WallClock()
        self.skew_ns = 0
        self._drift_ppm = 0
        self._drifts_since = 0

    def now(self) -> Nanos:
        """What the exchange believes, in UTC nanoseconds."""
        true = self._source.now()
        drifted = (true - self._drifts_since) * self._drift_ppm // _MILLION if self._drift_ppm else 0
        return Nanos(true + self.skew_ns + drifted)

    @property
    def drift_ppm(self) -> int:
        """Microseconds gained each second; what was gained already stays when it is set."""
        return self._drift_ppm

    @drift_ppm.setter
    def drift_ppm(self, ppm: int) -> None:
        self.skew_ns = self.now() - self._source.now()
        self._drift_ppm = ppm
        self._drifts_since = self._source.now()
