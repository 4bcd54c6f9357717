"""What goes wrong in the world rather than on the wire: clocks, keys, filters, and what others do to an account."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from workbench.core.errors import ConfigError
from workbench.twin.clock import TwinClock
from workbench.twin.exchange import Exchange
from workbench.twin.faults import Faults
from workbench.twin.keys import Keys, Permission
from workbench.twin.words import Execution, Listing, Order, OrderKind, OwnTrade, Trading, Wanted

EXACT = 60  # digits: more than a price and a quantity have together
MAIN = "main"  # the account that is meant where none is named


class Twin(Protocol):
    """The running exchange; a restart may give it another `exchange`."""

    @property
    def exchange(self) -> Exchange: ...
    @property
    def clock(self) -> TwinClock: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def faults(self) -> Faults: ...
    async def restart(self, down_s: float = 0.0) -> None: ...


class Mischief:
    """Makes things happen on a running exchange at once; amounts are Decimal, orders are named as on the wire."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._by_hand = 0

    def skew(self, *, ms: int) -> None:
        """The exchange's clock is so many milliseconds ahead of the computer's; negative: behind."""
        self._twin.clock.skew_ns = ms * 1_000_000

    def drift(self, *, ppm: int) -> None:
        """The exchange's clock gains so many microseconds each second from now on."""
        self._twin.clock.drift_ppm = ppm

    def fill(
        self,
        *,
        symbol: str,
        quantity: Decimal,
        client_id: str | None = None,
        order_id: int | None = None,
        price: Decimal | None = None,
        late: bool = False,
        account: str = MAIN,
    ) -> Execution:
        """Somebody trades exactly so much with an order of the account; `late` lets it happen after its end."""
        order = self._order(account, symbol, client_id, order_id)
        return self._twin.exchange.trade_with(
            account, order.order_id, quantity, now=self._now(), price=price, force=late
        )

    def expire(
        self,
        *,
        symbol: str,
        client_id: str | None = None,
        order_id: int | None = None,
        reason: str = "",
        account: str = MAIN,
    ) -> None:
        """The exchange ends an order by itself."""
        order = self._order(account, symbol, client_id, order_id)
        self._twin.exchange.expire(account, order.order_id, now=self._now(), reason=reason)

    def trading(self, *, symbol: str, allows: Trading) -> Listing:
        """A symbol is halted, cancel-only or trading from now on."""
        return self._relist(symbol, {"trading": allows})

    def filters(self, *, symbol: str, changes: dict[str, Any]) -> Listing:
        """A symbol's filters are other ones from now on: names of `Listing` with their values, exact ones as text."""
        return self._relist(symbol, changes)

    def revoke(self, *, key: str) -> None:
        """An API key is refused from now on."""
        self._twin.keys.revoke(key)

    def restore(self, *, key: str) -> None:
        """A revoked API key works again."""
        self._twin.keys.restore(key)

    def restrict(
        self, *, key: str, permissions: frozenset[Permission] | None = None, addresses: tuple[str, ...] | None = None
    ) -> None:
        """An API key may do only this, or only from there, from now on."""
        self._twin.keys.restrict(key, permissions=permissions, addresses=addresses)

    def by_hand(
        self, *, symbol: str, side: str, quantity: Decimal, price: Decimal | None = None, account: str = MAIN
    ) -> list[Execution]:
        """Somebody orders on the account through the venue's own page: at the market, or resting at a price."""
        self._by_hand += 1
        wanted = Wanted(
            symbol=symbol,
            side=side,
            kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
            quantity=quantity,
            price=price,
            client_id=f"web_{self._now()}_{self._by_hand}",
        )
        return self._twin.exchange.place(account, wanted, self._now())

    def transfer(self, *, asset: str, amount: Decimal, account: str = MAIN) -> None:
        """Money comes from outside, or goes there if negative."""
        self._twin.exchange.transfer(account, asset, amount, self._now())

    def bust(self, *, symbol: str, trade_id: int, account: str = MAIN) -> OwnTrade:
        """The exchange takes back what a spot trade did to the account's balances, as transfers; the trade stays."""
        listing = self._listing(symbol)
        if not listing.is_spot:
            raise ConfigError(f"bust: {symbol} is no spot symbol")
        trades = self._twin.exchange.trades_of(account, symbol)
        found = [each for each in trades if each.print.trade_id == trade_id]
        if not found:
            raise ConfigError(f"bust: account {account!r} has no trade {trade_id} on {symbol}")
        for asset, amount in _reversed(found[0], listing):
            self.transfer(asset=asset, amount=amount, account=account)
        return found[0]

    def mark(self, *, symbol: str, price: Decimal) -> None:
        """The mark price of a perpetual is this; whom it ruins is liquidated."""
        self._twin.exchange.set_mark(symbol, price, self._now())

    def funding(self, *, symbol: str, rate: Decimal) -> None:
        """Funding of a perpetual is paid now; a positive rate is paid by longs."""
        self._twin.exchange.fund(symbol, rate, self._now())

    async def restart(self, *, down_s: int = 0) -> None:
        """The exchange goes away for so long and comes back from its journal."""
        await self._twin.restart(down_s)

    def _now(self) -> int:
        return self._twin.clock.now()

    def _order(self, account: str, symbol: str, client_id: str | None, order_id: int | None) -> Order:
        return self._twin.exchange.order(account, symbol=symbol, order_id=order_id, client_id=client_id)

    def _listing(self, symbol: str) -> Listing:
        listings = self._twin.exchange.listings
        if symbol not in listings:
            raise ConfigError(f"symbol is {symbol!r}, expected one of {', '.join(listings)}")
        return listings[symbol]

    def _relist(self, symbol: str, changes: dict[str, Any]) -> Listing:
        old = self._listing(symbol)
        unknown = sorted(changes.keys() - set(Listing.__struct_fields__) | changes.keys() & {"symbol"})
        if unknown:
            raise ConfigError(f"filters of {symbol}: {', '.join(unknown)} cannot be changed")
        try:
            listing = msgspec.convert({**msgspec.to_builtins(old), **changes}, Listing)
        except msgspec.ValidationError as error:
            raise ConfigError(f"filters of {symbol}: {error}") from None
        self._twin.exchange.change_listing(listing, self._now())
        return listing


def _reversed(trade: OwnTrade, listing: Listing) -> list[tuple[str, Decimal]]:
    """What undoes a trade, net per asset; a quantity times a price is exact in as many digits as both have."""
    bought = 1 if trade.side == "BUY" else -1
    quantity, price = trade.print.quantity, trade.print.price
    undoes: dict[str, Decimal] = {}
    with decimal.localcontext(decimal.Context(prec=EXACT)):
        for asset, amount in (
            (listing.base, -bought * quantity),
            (listing.quote, bought * quantity * price),
            (trade.commission_asset, trade.commission),
        ):
            undoes[asset] = undoes.get(asset, Decimal(0)) + amount
    return list(undoes.items())
