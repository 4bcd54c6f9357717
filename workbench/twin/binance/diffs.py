"""Changes of a book gathered between two messages of a depth stream."""

from __future__ import annotations

from decimal import Decimal

from workbench.twin.binance.formats import Json, amount, ms
from workbench.twin.words import BookChange


class Diff:
    """The levels of one symbol that changed since the last message; update ids follow each other without a gap."""

    def __init__(self) -> None:
        self._first = self._last = 0
        self._sides: dict[str, dict[Decimal, Decimal]] = {"BUY": {}, "SELL": {}}

    def add(self, change: BookChange) -> None:
        """Takes in a change; the last of a level counts."""
        self._first = self._first or change.update_id
        self._last = change.update_id
        self._sides[change.side][change.price] = change.quantity

    def taken(self, native: str, now: int) -> Json | None:
        """The message with everything gathered, None where nothing changed; starts anew."""
        if not self._first:
            return None
        message = {
            "e": "depthUpdate",
            "E": ms(now),
            "s": native,
            "U": self._first,
            "u": self._last,
            "b": _levels(self._sides["BUY"]),
            "a": _levels(self._sides["SELL"]),
        }
        self._first = self._last = 0
        self._sides = {"BUY": {}, "SELL": {}}
        return message


def _levels(side: dict[Decimal, Decimal]) -> list[list[str]]:
    return [[amount(price), amount(quantity)] for price, quantity in side.items()]
