"""How many calls of each kind OKX takes in two seconds, and from whom."""

from __future__ import annotations

from workbench.core.clock import SECOND
from workbench.twin.okx import errors
from workbench.twin.okx.asked import Asked, Endpoint, Pace

WINDOW_NS = 2 * SECOND
REMEMBERED = 10_000  # who called what; the oldest are forgotten, which can only be kinder


class Paces:
    """Counts calls by endpoint and caller in windows of two seconds."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}  # by endpoint and caller: window and calls in it

    def take(self, endpoint: Endpoint, asked: Asked, address: str) -> None:
        """Counts a call of one order, or of as many as it carries; raises ApiError where that is too many."""
        callers = _callers(endpoint, asked, address)
        for caller in callers:
            self._count(endpoint, caller, asked.now // WINDOW_NS)

    def _count(self, endpoint: Endpoint, caller: str, window: int) -> None:
        key = (endpoint.call, caller)
        since, calls = self._counts.pop(key, (window, 0))
        calls = calls + 1 if since == window else 1
        self._counts[key] = (window, calls)
        if len(self._counts) > REMEMBERED:
            del self._counts[next(iter(self._counts))]
        if calls > endpoint.pace:
            raise errors.TOO_FAST()


def _callers(endpoint: Endpoint, asked: Asked, address: str) -> list[str]:
    if endpoint.by is Pace.ADDRESS or asked.key is None:
        return [address]
    if endpoint.by is Pace.USER:
        return [asked.account]
    rows = asked.rows or (asked.sent,)
    return [f"{asked.account} {each.text('instId')}" for each in rows]
