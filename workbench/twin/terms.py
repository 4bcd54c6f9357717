"""A listing in whole numbers, as the matching reads it, and the market of one symbol."""

from __future__ import annotations

from collections import deque

import msgspec

from workbench.core.errors import ConfigError, DataError
from workbench.twin.amounts import ONE, half_up, units
from workbench.twin.book import Changed, OrderBook
from workbench.twin.ticket import Ticket
from workbench.twin.words import Listing, Print

AVERAGED_NS = 5 * 60 * 10**9  # the window of the average price that percent filters use
PRINTS_KEPT = 10_000  # public trades remembered per symbol: ten times what a venue's REST gives at once
MAX_PLACES = 8
_SECOND = 10**9

_NUMBERS = (
    "tick",
    "lot",
    "min_price",
    "max_price",
    "min_quantity",
    "max_quantity",
    "market_max_quantity",
    "min_notional",
    "max_notional",
    "bid_up",
    "bid_down",
    "ask_up",
    "ask_down",
    "max_position",
    "maker",
    "taker",
    "contract_size",
    "maintenance",
)


class Terms(msgspec.Struct, frozen=True):
    """A listing whose numbers count 10^-8; `contract` turns price times quantity into money."""

    listing: Listing
    contract: int
    numbers: dict[str, int]

    @classmethod
    def of(cls, listing: Listing) -> Terms:
        """Reads a listing; raises ConfigError for more than eight places or a step that is not positive."""
        try:
            numbers = {name: units(getattr(listing, name), name) for name in _NUMBERS}
        except DataError as error:
            raise ConfigError(f"listing {listing.symbol}: {error}") from None
        for name in ("tick", "lot", "contract_size"):
            if numbers[name] <= 0:
                raise ConfigError(f"listing {listing.symbol}: {name} must be positive")
        if listing.leverage < 1 or not 0 <= listing.places <= MAX_PLACES or "/" not in listing.symbol:
            raise ConfigError(f"listing {listing.symbol}: expected BASE/QUOTE, leverage from 1, places up to 8")
        return cls(listing, numbers["contract_size"] if not listing.is_spot else ONE, numbers)

    def value(self, price: int, quantity: int) -> int:
        """Price times quantity as money of the quote currency."""
        return price * quantity * self.contract


class Market:
    """One symbol while it trades: its terms, book, waiting stops and public trades."""

    def __init__(self, terms: Terms, changed: Changed) -> None:
        self.terms = terms
        self.book = OrderBook(changed)
        self.waiting: dict[int, Ticket] = {}
        self.prints: deque[Print] = deque(maxlen=PRINTS_KEPT)
        self.update_id = 0
        self.trade_id = 0
        self.last = 0
        self.mark = 0
        self._recent: deque[list[int]] = deque()  # per second: its start, sum of price times quantity, of quantity
        self._value = self._quantity = 0

    @property
    def symbol(self) -> str:
        return self.terms.listing.symbol

    @property
    def listing(self) -> Listing:
        return self.terms.listing

    def record(self, trade: Print, price: int, quantity: int) -> None:
        """A public trade happened."""
        self.prints.append(trade)
        self.last = price
        self._value, self._quantity = self._value + price * quantity, self._quantity + quantity
        second = trade.at - trade.at % _SECOND
        if not self._recent or self._recent[-1][0] != second:
            self._recent.append([second, 0, 0])
        self._recent[-1][1] += price * quantity
        self._recent[-1][2] += quantity
        while self._recent[0][0] <= trade.at - AVERAGED_NS:
            _, value, amount = self._recent.popleft()
            self._value, self._quantity = self._value - value, self._quantity - amount

    def average(self, now: int) -> int:
        """The average price of the last five minutes, the last price if none, 0 if nothing ever traded."""
        value, quantity = self._value, self._quantity
        for at, stale, amount in self._recent:
            if at > now - AVERAGED_NS:
                break
            value, quantity = value - stale, quantity - amount
        return half_up(value, quantity) if quantity else self.last

    def marked(self) -> int:
        """The mark price, the last price where none was set."""
        return self.mark or self.last
