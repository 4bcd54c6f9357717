"""A synthetic world: a seeded maker keeps levels around a wandering price, and takers trade with them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from workbench.core.errors import ConfigError
from workbench.twin.amounts import of_units, units
from workbench.twin.exchange import Exchange
from workbench.twin.funding import RATE, next_at
from workbench.twin.words import Force, Listing, Order, OrderKind, Refusal, Wanted

MAKER, TAKER = "maker", "taker"
ENDLESS = Decimal(10**15)  # of every asset: more than any run moves
WORTH_WHILE = Decimal("0.01")  # base currency: a fine lot alone makes no thin market


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """How lively a synthetic world is."""

    levels: int = 10  # on each side
    spacing: int = 5  # ticks between levels, and from the middle to the first
    wander: int = 5  # ticks that the middle moves in a step, at most
    takers: int = 2  # attempts per step and symbol
    taking: int = 50  # percent of the attempts that trade
    lots: int = 1_000  # of an order, at most


class SyntheticWorld:
    """Trades on an exchange step by step; the same seed and the same exchange give the same commands.

    It speaks through the exchange's own commands only, as two accounts, which it opens where they are missing.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        symbols: Sequence[str],
        seed: int,
        price: Decimal | Mapping[str, Decimal],
        rates: Rates | None = None,
    ) -> None:
        """`price` is where the middle starts, the same for all symbols or one for each."""
        self._exchange, self._rates = exchange, rates or Rates()
        self._chance = random.Random(seed)  # noqa: S311  (a world to play in, not a secret)
        starts = {each: price[each] if isinstance(price, Mapping) else price for each in symbols}
        self._middle = {symbol: self._on_tick(symbol, start) for symbol, start in starts.items()}
        self._funding_due = 0  # UTC ns of the next settlement, 0 before the first step

    def step(self, now: int) -> None:
        """The middle moves, the maker quotes around it, takers come; perpetuals are marked and settle funding."""
        self._open_accounts(now)
        for symbol in self._middle:
            listing = self._exchange.listings[symbol]
            self._wander(symbol, listing, now)
            self._quote(symbol, listing, now)
            for _ in range(self._rates.takers):
                if self._chance.randrange(100) < self._rates.taking:
                    self._take(symbol, listing, now)
        self._fund(now)

    def _on_tick(self, symbol: str, start: Decimal) -> int:
        if symbol not in self._exchange.listings:
            raise ConfigError(f"world: no listing for {symbol}")
        tick = units(self._exchange.listings[symbol].tick, "tick")
        return max(tick, units(start, f"price of {symbol}") // tick * tick)

    def _open_accounts(self, now: int) -> None:
        listings = [self._exchange.listings[each] for each in self._middle]
        assets = sorted({asset for each in listings for asset in (each.base, each.quote)})
        for name in (MAKER, TAKER):
            if name not in self._exchange.accounts:
                self._exchange.open_account(name, dict.fromkeys(assets, ENDLESS), now=now, crowd=True)

    def _wander(self, symbol: str, listing: Listing, now: int) -> None:
        tick = units(listing.tick, "tick")
        furthest = self._rates.levels * self._rates.spacing + 1
        moved = self._middle[symbol] + tick * self._chance.randint(-self._rates.wander, self._rates.wander)
        self._middle[symbol] = max(furthest * tick, moved)  # so that every level has a price
        if not listing.is_spot:
            self._exchange.set_mark(symbol, of_units(self._middle[symbol]), now)

    def _fund(self, now: int) -> None:
        """Settles the perpetuals' funding when its time has come; what came while nobody stepped is settled once."""
        if self._funding_due and now >= self._funding_due:
            for symbol in self._middle:
                if not self._exchange.listings[symbol].is_spot:
                    self._exchange.fund(symbol, RATE, now)
        self._funding_due = next_at(now)

    def _quote(self, symbol: str, listing: Listing, now: int) -> None:
        """Takes quotes back that left their levels and fills the levels that miss one."""
        step, middle = units(listing.tick, "tick") * self._rates.spacing, self._middle[symbol]
        # levels stand on a fixed grid, so that the price may wander a little without every quote moving
        below, above = middle // step * step, -(-(middle + 1) // step) * step
        wanted = {("BUY", below - step * each) for each in range(self._rates.levels)}
        wanted |= {("SELL", above + step * each) for each in range(self._rates.levels)}
        standing = {(each.wanted.side, units(each.price, "price")): each for each in self._quotes(symbol)}
        for level in sorted(standing.keys() - wanted):
            self._exchange.cancel(MAKER, symbol=symbol, now=now, order_id=standing[level].order_id)
        for side, price in sorted(wanted - standing.keys()):
            self._place(MAKER, symbol, side, self._size(listing), now, price=of_units(price))

    def _quotes(self, symbol: str) -> list[Order]:
        return self._exchange.open_orders(MAKER, symbol)

    def _take(self, symbol: str, listing: Listing, now: int) -> None:
        side = self._chance.choice(("BUY", "SELL"))
        self._place(TAKER, symbol, side, self._size(listing), now)

    def _size(self, listing: Listing) -> Decimal:
        lot = units(listing.lot, "lot")
        smallest = max(1, -(-units(listing.min_quantity, "min_quantity") // lot))
        limits = [each for each in (listing.max_quantity, listing.market_max_quantity) if each]
        worth_while = -(-units(WORTH_WHILE, "quantity") // lot)  # a fine lot makes no thin market
        usual = smallest + max(self._rates.lots, worth_while)
        largest = min([usual, *(units(each, "limit") // lot for each in limits)])
        return of_units(lot * self._chance.randint(smallest, max(smallest, largest)))

    def _place(
        self, account: str, symbol: str, side: str, quantity: Decimal, now: int, *, price: Decimal | None = None
    ) -> None:
        kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
        wanted = Wanted(symbol=symbol, side=side, kind=kind, quantity=quantity, price=price, force=Force.GTC)
        try:
            self._exchange.place(account, wanted, now)
        except Refusal:
            return  # halted, or outside of a filter: the world goes on without this order
