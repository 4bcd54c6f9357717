"""Round trips: what each strategy did in each instrument from flat to flat, in exact cash units."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from workbench.core import rules
from workbench.core.account import Booked
from workbench.core.instrument import Instrument, Terms
from workbench.core.ledger import Ledger


class Trip(msgspec.Struct):
    """One episode from flat to flat, or to the end of the run where it is `open`.

    A position of less than one lot cannot be traded and counts as flat; it is valued at the price of
    the last fill and carried at that into the next trip. Amounts are cash units before fees, fees apart.
    """

    strategy_id: str
    instrument: Instrument
    side: int  # +1 long, -1 short
    entered_ns: int  # of its first fill, UTC
    exited_ns: int = 0  # of its last fill, UTC
    entered: int = 0  # quantity of its opening fills
    exited: int = 0  # quantity of its closing fills
    paid: int = 0  # worth of its opening fills
    received: int = 0  # worth of its closing fills
    fees: int = 0
    held: int = 0  # signed quantity now held
    carried: int = 0  # worth of a remainder taken over from the trip before, and then left to the next
    open: bool = True

    @property
    def pnl(self) -> int:
        """Profit after fees."""
        return self.side * (self.received - self.paid) + self.carried - self.fees


def trips(ledger: Ledger) -> list[Trip]:
    """Every round trip of a ledger in order of entry, open ones valued at the last mark or else fill."""
    books: dict[tuple[str, str], _Book] = {}
    for strategy_id, fill in ledger.booked:
        key = (strategy_id, fill.instrument.key)
        if key not in books:
            books[key] = _Book(strategy_id, ledger.terms[fill.instrument.key])
        books[key].take(fill)
    for (strategy_id, instrument), book in books.items():
        book.mark(ledger.accounts[strategy_id].positions[instrument].mark or book.price)
    found = [trip for book in books.values() for trip in book.trips]
    return sorted(found, key=lambda trip: (trip.entered_ns, trip.strategy_id, trip.instrument.key))


def fee_in_cash(fill: Booked, terms: Terms) -> int:
    """A fee in cash units; one taken in coins is valued at the fill's price, a third currency is left out."""
    fee, fee_in_base = fee_of(fill, terms)
    return fee + rules.notional(fill.price_raw, fee_in_base, terms.multiplier, terms.divisor)


def fee_of(fill: Booked, terms: Terms) -> tuple[int, int]:
    """A fee in cash units and in base units, as the account books it; in a third currency it is neither."""
    if fill.fee_currency == fill.instrument.quote:
        return fill.fee_raw * terms.cash_quantum, 0
    if fill.fee_currency == fill.instrument.base and fill.instrument.is_spot:
        return 0, fill.fee_raw * terms.base_quantum
    return 0, 0


class _Book:
    """The trips of one strategy in one instrument."""

    def __init__(self, strategy_id: str, terms: Terms) -> None:
        self.trips: list[Trip] = []
        self.price = 0  # of the last fill
        self._strategy_id = strategy_id
        self._terms = terms
        self._open: Trip | None = None
        self._left = self._left_worth = 0  # a remainder below one lot, signed

    def take(self, fill: Booked) -> None:
        """Adds a fill; one that turns the position ends a trip and begins the next."""
        self.price = fill.price_raw
        for sign, quantity, fee, fee_in_base in self._parts(fill):
            trip = self._open or self._begin(fill, sign)
            worth = self._worth(fill.price_raw, quantity)
            if sign == trip.side:
                trip.entered += quantity
                trip.paid += worth
            else:
                trip.exited += quantity
                trip.received += worth
            trip.fees += fee
            trip.held += sign * quantity - fee_in_base
            trip.exited_ns = fill.ts_event
            if abs(trip.held) < self._terms.lot:
                self._end(trip, fill.price_raw)

    def mark(self, price: int) -> None:
        """Values what is still held."""
        if self._open is not None:
            worth = self._worth(price, abs(self._open.held))
            self._open.carried += worth if self._open.held > 0 else -worth

    def _parts(self, fill: Booked) -> Iterator[tuple[int, int, int, int]]:
        """(sign, quantity, fee in cash, fee in base) of the part that closes and the part that opens."""
        held = self._open.held if self._open is not None else 0
        sign, whole = fill.side.sign, fill.quantity_raw
        fee, fee_in_base = fee_of(fill, self._terms)
        closing = rules.closed_quantity(held, sign * whole)
        if not closing or closing == whole:
            yield sign, whole, fee, fee_in_base
            return
        share, share_in_base = fee * closing // whole, fee_in_base * closing // whole
        yield sign, closing, share, share_in_base
        yield sign, whole - closing, fee - share, fee_in_base - share_in_base

    def _begin(self, fill: Booked, sign: int) -> Trip:
        trip = Trip(self._strategy_id, fill.instrument, sign, fill.ts_event, held=self._left)
        trip.carried = -self._left_worth
        self._left = self._left_worth = 0
        self._open = trip
        self.trips.append(trip)
        return trip

    def _end(self, trip: Trip, price: int) -> None:
        worth = self._worth(price, abs(trip.held))
        self._left_worth = worth if trip.held > 0 else -worth
        trip.carried += self._left_worth
        trip.open = False
        self._left, self._open = trip.held, None

    def _worth(self, price: int, quantity: int) -> int:
        return rules.notional(price, quantity, self._terms.multiplier, self._terms.divisor)
