"""How far a venue's clock is from ours."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low

from workbench.core.clock import MINUTE, SECOND

TRIPS = 5  # round trips of one estimate: the median forgives two that were slow on one way only
LEARNED_ANEW_NS = 10 * MINUTE
TRIED_ANEW_NS = MINUTE  # after a failure: the old estimate still serves
ALARM_NS = SECOND // 2  # venues refuse a stamp a second ahead


class VenueTime:
    """The estimate: `offset_ns` is positive where the venue is ahead of us.

    One may be shared with the wire, which stamps what it signs.
    """

    def __init__(self) -> None:
        self.offset_ns = 0
        self.learned_at = 0  # UTC ns by our clock; 0: never
        self.tried_at = 0

    @property
    def alarming(self) -> bool:
        """Whether the clocks are further apart than they may be."""
        return abs(self.offset_ns) > ALARM_NS

    def due(self, now: int) -> bool:
        """Whether it is time to learn it anew."""
        return now - self.learned_at >= LEARNED_ANEW_NS and now - self.tried_at >= TRIED_ANEW_NS

    def learn(self, trips: Sequence[tuple[int, int, int]], now: int) -> None:
        """Takes round trips as (sent, venue's time, received), all UTC ns; each errs by half its duration at most."""
        self.offset_ns = median_low(venue - (sent + received) // 2 for sent, venue, received in trips)
        self.learned_at = now
