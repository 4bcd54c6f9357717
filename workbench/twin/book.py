"""The book of a symbol: price first, then time; an iceberg shows a slice and goes to the back for the next one."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator

from workbench.twin.ticket import Ticket

Changed = Callable[[bool, int, int], None]  # buy side, price, the level's total


class _Side:
    """One side: levels by price, each a queue by time."""

    def __init__(self, *, buy: bool) -> None:
        self.sign = -1 if buy else 1  # so that the best price comes first in `keys`
        self.keys: list[int] = []
        self.levels: dict[int, dict[int, Ticket]] = {}
        self.totals: dict[int, int] = {}

    def add(self, ticket: Ticket) -> None:
        level = self.levels.get(ticket.price)
        if level is None:
            level = self.levels[ticket.price] = {}
            self.totals[ticket.price] = 0
            insort(self.keys, self.sign * ticket.price)
        level[ticket.order_id] = ticket
        self.totals[ticket.price] += ticket.shown

    def remove(self, ticket: Ticket) -> None:
        level = self.levels[ticket.price]
        del level[ticket.order_id]
        self.totals[ticket.price] -= ticket.shown
        if not level:
            del self.levels[ticket.price], self.totals[ticket.price]
            del self.keys[bisect_left(self.keys, self.sign * ticket.price)]


class OrderBook:
    """Resting orders of one symbol; tells `changed` each time a level's total changes."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._bids, self._asks = _Side(buy=True), _Side(buy=False)

    def add(self, ticket: Ticket) -> None:
        """Puts the open rest of an order at the back of its level."""
        ticket.shown = min(ticket.slice or ticket.remaining, ticket.remaining)
        ticket.on_book = True
        self._side(ticket.buy).add(ticket)
        self._tell(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Takes an order off the book."""
        self._side(ticket.buy).remove(ticket)
        ticket.shown, ticket.on_book = 0, False
        self._tell(ticket)

    def shrink(self, ticket: Ticket) -> None:
        """Shows no more than is left of an order, which keeps its place."""
        shown = min(ticket.shown, ticket.remaining)
        if shown != ticket.shown:
            self._side(ticket.buy).totals[ticket.price] -= ticket.shown - shown
            ticket.shown = shown
            self._tell(ticket)

    def take(self, ticket: Ticket, quantity: int) -> None:
        """`quantity` of an order is gone, and already counted by the order itself."""
        side = self._side(ticket.buy)
        visible = min(quantity, ticket.shown)
        ticket.shown -= visible
        side.totals[ticket.price] -= visible
        if ticket.shown == 0:
            side.remove(ticket)
            ticket.on_book = ticket.remaining > 0
            if ticket.on_book:
                ticket.shown = min(ticket.slice, ticket.remaining)
                side.add(ticket)
        self._tell(ticket)

    def best(self, *, buy: bool) -> int | None:
        """The best price of a side, None where it is empty."""
        side = self._side(buy)
        return side.sign * side.keys[0] if side.keys else None

    def total(self, *, buy: bool, price: int) -> int:
        """What a level shows."""
        return self._side(buy).totals.get(price, 0)

    def depth(self, *, buy: bool, limit: int | None = None) -> list[tuple[int, int]]:
        """(price, total) of the levels of a side, best first."""
        side = self._side(buy)
        return [(side.sign * key, side.totals[side.sign * key]) for key in side.keys[:limit]]

    def queue(self, *, buy: bool, limit: int | None) -> Iterator[tuple[Ticket, int]]:
        """(order, size) in the order in which a side would trade, down to `limit`; an iceberg comes slice by slice."""
        side = self._side(buy)
        for key in side.keys:
            if limit is not None and key > side.sign * limit:
                return
            yield from _level(side.levels[side.sign * key])

    def _side(self, buy: bool) -> _Side:
        return self._bids if buy else self._asks

    def _tell(self, ticket: Ticket) -> None:
        self._changed(ticket.buy, ticket.price, self.total(buy=ticket.buy, price=ticket.price))


def _level(tickets: dict[int, Ticket]) -> Iterator[tuple[Ticket, int]]:
    slices = deque((each, each.shown, each.remaining - each.shown) for each in tickets.values())
    while slices:
        ticket, shown, hidden = slices.popleft()
        yield ticket, shown
        if hidden:
            slices.append((ticket, min(ticket.slice, hidden), hidden - min(ticket.slice, hidden)))
