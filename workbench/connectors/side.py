"""One side of an order book: its levels in order of price, and the digits they were said with."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import islice

from workbench.connectors.continuity import Proof
from workbench.connectors.figures import Levels
from workbench.connectors.heard import Level
from workbench.connectors.quarantine import Doubt, Doubtful
from workbench.core.money import round_scaled

BETWEEN = 1_000  # left over from a finer tick there are a few; more means that the instrument's is wrong


class Side:
    """One side of a book in units of the instrument, best first; with a proof it keeps the venue's own digits."""

    __slots__ = ("_between", "_proof", "_quantities", "_ranks", "_sign", "_texts")

    def __init__(self, sign: int, proof: Proof | None) -> None:
        self._sign, self._proof = sign, proof  # rank = sign * price puts the best level first on either side
        self._ranks: list[int] = []
        self._quantities: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self._between: dict[str, int] = {}  # price text -> the rank before it, of levels that no rank can tell

    def set(self, changes: Levels, said: Iterable[Level]) -> None:
        """Sets the quantity of each price level, in order; 0 removes it. `said` has the same levels as text."""
        if len(changes) > len(self._ranks):
            self._set_many(changes)
        else:
            for price, quantity in changes:
                self._set(price * self._sign, quantity)
        if self._proof:
            self._keep_texts(self._proof, changes, said)

    def set_between(self, said: Iterable[Level], places: int) -> None:
        """Notes levels whose price lies between two units of 10^-places; they are never shown.

        Raises Doubtful for too many.
        """
        for price, quantity in said:
            if str(quantity).strip("0."):
                self._between[price] = round_scaled(price, places, up=self._sign < 0) * self._sign
            else:
                self._between.pop(price, None)
        if len(self._between) > BETWEEN:
            raise Doubtful(Doubt.TOO_FINE, f"more than {BETWEEN} levels lie between two steps of the price")

    def hides_best(self) -> bool:
        """Whether one of the levels between is better than all that are shown."""
        return bool(self._between) and (not self._ranks or min(self._between.values()) < self._ranks[0])

    def _keep_texts(self, proof: Proof, changes: Levels, said: Iterable[Level]) -> None:
        for (price, _), (price_text, quantity_text) in zip(changes, said, strict=True):
            rank = price * self._sign
            if rank in self._quantities:
                self._texts[rank] = proof.level(str(price_text), str(quantity_text))
            else:
                self._texts.pop(rank, None)

    def _set(self, rank: int, quantity: int) -> None:
        if quantity:
            if rank not in self._quantities:
                insort(self._ranks, rank)
            self._quantities[rank] = quantity
        elif rank in self._quantities:
            del self._quantities[rank]
            del self._ranks[bisect_left(self._ranks, rank)]

    def _set_many(self, changes: Levels) -> None:
        """The same for a snapshot, whose levels are cheaper sorted once than inserted one by one."""
        for price, quantity in changes:
            self._quantities[price * self._sign] = quantity
        self._quantities = {rank: quantity for rank, quantity in self._quantities.items() if quantity}
        self._ranks = sorted(self._quantities)

    def trim(self, depth: int) -> Levels:
        """Drops all below the first `depth` levels and gives them as levels of quantity 0."""
        gone = self._ranks[depth:]
        del self._ranks[depth:]
        for rank in gone:
            del self._quantities[rank]
            self._texts.pop(rank, None)
        return tuple([(rank * self._sign, 0) for rank in gone])

    def clear(self) -> None:
        self._ranks.clear()
        self._quantities.clear()
        self._texts.clear()
        self._between.clear()

    def best(self) -> tuple[int, int] | None:
        """The best level, or None if this side is empty."""
        if not self._ranks:
            return None
        rank = self._ranks[0]
        return rank * self._sign, self._quantities[rank]

    def texts(self, depth: int) -> list[str]:
        """What the proof makes of the first `depth` levels."""
        return [self._texts[rank] for rank in islice(self._ranks, depth)]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for rank in self._ranks:
            yield rank * self._sign, self._quantities[rank]
