"""What anybody may look at: listings, books, orders, trades, balances and the whole truth; looking changes nothing."""

from __future__ import annotations

from decimal import Decimal

from workbench.twin.accounts import HOUSE, balance
from workbench.twin.amounts import of_units
from workbench.twin.clearing import Clearing
from workbench.twin.news import News
from workbench.twin.pit import Pit
from workbench.twin.terms import Market
from workbench.twin.words import (
    Balance,
    Book,
    FundingPaid,
    Listener,
    Listing,
    Order,
    OwnTrade,
    PositionChanged,
    Print,
    Problem,
    Refusal,
    Truth,
)


class Views:
    """The exchange as seen from outside; everything handed out is a copy."""

    def __init__(self) -> None:
        self._markets: dict[str, Market] = {}
        self._news = News()
        self._clearing = Clearing(self._markets)
        self._pit = Pit(self._news, self._clearing, self._markets)
        self._now = 0

    @property
    def listings(self) -> dict[str, Listing]:
        """The listings as they are now, by unified symbol."""
        return {symbol: market.listing for symbol, market in self._markets.items()}

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that were opened, in that order; the house is not one of them."""
        return tuple(each for each in self._clearing.accounts if each != HOUSE)

    def listen(self, listener: Listener) -> None:
        """`listener` hears every event from now on, while it happens; it must not give commands."""
        self._news.listen(listener)

    def order(self, account: str, *, symbol: str, order_id: int | None = None, client_id: str | None = None) -> Order:
        """One order, the newest with that client id; raises Refusal(UNKNOWN_ORDER)."""
        return self._clearing.account(account).find(symbol, order_id, client_id).copy()

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """Open orders by order id, of one symbol or of all."""
        opened = self._clearing.account(account).open.values()
        return [each.copy() for each in opened if symbol in (None, each.symbol)]

    def all_orders(self, account: str, symbol: str) -> list[Order]:
        """Open and final orders of a symbol by order id; the oldest final ones beyond 200,000 are forgotten."""
        orders = self._clearing.account(account).orders.values()
        return [each.copy() for each in orders if each.symbol == symbol]

    def trades_of(self, account: str, symbol: str, order_id: int | None = None) -> list[OwnTrade]:
        """Trades of an account, oldest first, of one order or of all."""
        trades = self._clearing.account(account).trades
        return [each for each in trades if each.print.symbol == symbol and order_id in (None, each.order_id)]

    def balances(self, account: str) -> list[Balance]:
        """Every asset the account ever touched, by name."""
        held = self._clearing.account(account)
        return [balance(held, each, self._clearing.margin(held, each)) for each in sorted(held.total)]

    def positions(self, account: str) -> list[PositionChanged]:
        """Open positions by symbol."""
        held = self._clearing.account(account)
        symbols = sorted(symbol for symbol, each in held.positions.items() if each.quantity)
        return [self._pit.position(held, self._markets[each], self._now) for each in symbols]

    def funding_of(self, account: str) -> list[FundingPaid]:
        """Funding settled, oldest first."""
        return list(self._clearing.account(account).funding)

    def book(self, symbol: str, depth: int | None = None) -> Book:
        """The book of a symbol, `depth` levels of each side or all."""
        market = self._market(symbol)
        bids, asks = (
            tuple((of_units(price), of_units(total)) for price, total in market.book.depth(buy=buy, limit=depth))
            for buy in (True, False)
        )
        return Book(symbol=symbol, update_id=market.update_id, bids=bids, asks=asks)

    def prints(self, symbol: str, limit: int | None = None) -> list[Print]:
        """The newest public trades, oldest first; 10,000 are kept."""
        printed = list(self._market(symbol).prints)
        return printed if limit is None else printed[max(0, len(printed) - limit) :]

    def average_price(self, symbol: str, now: int) -> Decimal:
        """The average of the last five minutes by volume, else the last price, 0 where nothing ever traded."""
        return of_units(self._market(symbol).average(now))

    def mark_price(self, symbol: str) -> Decimal:
        """The mark price, the last price where none was set."""
        return of_units(self._market(symbol).marked())

    def truth(self, account: str) -> Truth:
        """All that an account did and has."""
        held = self._clearing.account(account)
        return Truth(
            orders=tuple(each.copy() for each in held.orders.values()),
            trades=tuple(held.trades),
            balances=tuple(self.balances(account)),
            positions=tuple(self.positions(account)),
            funding=tuple(held.funding),
        )

    def digest(self) -> str:
        """SHA-256 over the canonical text of every event so far."""
        return self._news.digest()

    def _market(self, symbol: str) -> Market:
        try:
            return self._markets[symbol]
        except KeyError:
            raise Refusal(Problem.UNKNOWN_SYMBOL) from None
