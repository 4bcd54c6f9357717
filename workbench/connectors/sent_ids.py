"""The ids of the orders that were sent: none is sent twice, whatever a venue would make of it."""

from __future__ import annotations

REMEMBERED = 100_000  # more orders than an account may place in a day; the oldest are forgotten


class SentIds:
    """Remembers ids as long as a second sending could be a mistake of this process."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._ids: dict[str, None] = {}  # oldest first
        self._remembered = remembered

    def first(self, order_id: str) -> bool:
        """Whether this id is new; from now on it is not."""
        if order_id in self._ids:
            return False
        self._ids[order_id] = None
        if len(self._ids) > self._remembered:
            del self._ids[next(iter(self._ids))]
        return True
