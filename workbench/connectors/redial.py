"""When a connection that ended is dialled again: soon at first, more seldom the longer its venue is away."""

from __future__ import annotations

from collections import deque

from workbench.core.clock import MINUTE, SECOND

FIRST_S = 0.2  # a blip is over at once
SOON_S = 1.2  # at most, while an outage is short: with jitter and sign-in a venue is found within 2 s of its return
SHARE = 8  # of an outage that lasts: no pause is longer than this part of it, down to SOON_S
LONGEST_S = 6.0  # a venue that restarts is back within seconds, and 10 dials a minute offend nobody
DIALS = (
    100  # in five minutes; beyond it every pause is the longest: Binance lets an address, our two lines, dial 300 times
)
WINDOW_NS = 5 * MINUTE
JITTER = 0.25  # of a pause, so that many clients do not come back at the same instant


class Redial:
    """The pauses of one channel; it hears of each connection's end and whether that one ever stood."""

    def __init__(self) -> None:
        self._out_since: int | None = None  # UTC ns; None while the last connection stood
        self._tries = 0
        self._dials: deque[int] = deque(maxlen=DIALS)

    def pause_s(self, now: int, *, stood: bool, chance: float) -> float:
        """Seconds to wait after a connection that ended `now` (UTC ns), spread by `chance` in [0, 1)."""
        if stood or self._out_since is None:
            self._out_since, self._tries = now, 0
        many = len(self._dials) == DIALS and now - self._dials[0] < WINDOW_NS
        self._dials.append(now)
        away_s = (now - self._out_since) / SECOND
        doubling = min(SOON_S, FIRST_S * 2 ** min(self._tries, 16))
        self._tries += 1
        pause = LONGEST_S if many else min(LONGEST_S, max(doubling, away_s / SHARE))
        return pause * (1 + JITTER * chance)
