"""Stops asking a venue that does not answer, and finds out when it does again."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from workbench.connectors.wire import NotSent, Urgency
from workbench.core.clock import SECOND

FAILURES = 5  # in a row: one lost answer is a blip, five are an outage
PAUSE_NS = 30 * SECOND
EXEMPT = frozenset(
    {Urgency.CANCEL, Urgency.FATE, Urgency.QUERY}
)  # taking back and finding out are worth trying at any time


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"  # the pause is over: the next answer decides


class Breaker:
    """Opens after five failures in a row, for 30 seconds; then one request tries.

    `changed` hears when it opens and when it closes, with the reason. Cancels and queries always pass.
    """

    def __init__(self, changed: Callable[[Circuit, str], None]) -> None:
        self._changed = changed
        self._failures = 0
        self._until: int | None = None  # the end of the pause; None while it is closed
        self._trying = False

    def circuit(self, now: int) -> Circuit:
        """Where it stands at `now` (UTC ns)."""
        if self._until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._until else Circuit.HALF_OPEN

    def enter(self, urgency: Urgency, now: int) -> None:
        """A request wants to leave; raises NotSent where it may not. Afterwards tell how it went."""
        circuit = self.circuit(now)
        if circuit is Circuit.CLOSED or urgency in EXEMPT:
            return
        if circuit is Circuit.OPEN or self._trying:
            raise NotSent(f"not sent: the venue failed to answer {self._failures} times in a row")
        self._trying = True

    def succeeded(self, now: int) -> None:
        """The venue answered, whatever it said."""
        circuit = self.circuit(now)
        if circuit is Circuit.OPEN:
            return  # a lucky cancel: the pause stays
        self._failures, self._until, self._trying = 0, None, False
        if circuit is Circuit.HALF_OPEN:
            self._changed(Circuit.CLOSED, "the venue answers again")

    def failed(self, now: int, why: str) -> None:
        """No whole answer came, or the venue failed inside."""
        circuit = self.circuit(now)
        self._failures += 1
        self._trying = False
        if circuit is Circuit.HALF_OPEN:
            self._until = now + PAUSE_NS
        elif circuit is Circuit.CLOSED and self._failures >= FAILURES:
            self._until = now + PAUSE_NS
            self._changed(Circuit.OPEN, f"{self._failures} failures in a row, the last: {why}")

    def left(self) -> None:
        """A request that entered was never sent."""
        self._trying = False
