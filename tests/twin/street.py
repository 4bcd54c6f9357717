"""A real exchange with clock, keys and faults, without a server."""

from __future__ import annotations

from decimal import Decimal

from tests.twin.booth import StoppedClock
from workbench.core.secret import Secret
from workbench.twin.clock import TwinClock
from workbench.twin.exchange import Exchange
from workbench.twin.faults import Faults
from workbench.twin.keys import ApiKey, Keys
from workbench.twin.words import Listing, Order, OrderKind, Wanted

BTC = Listing(symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))
SWAP = Listing(symbol="BTC/USDT:USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))


class Street:
    """What mischief is made on: account main with money, a maker who quotes 100 at 99, and one API key."""

    def __init__(self) -> None:
        self.clock, self.keys, self.faults = TwinClock(StoppedClock()), Keys(), Faults()
        self.exchange = Exchange([BTC, SWAP])
        self.restarts: list[float] = []
        self.keys.add(ApiKey(key="twin-key", secret=Secret("twin-secret"), account="main"))
        plenty = {"USDT": Decimal(100_000), "BTC": Decimal(100)}
        for name in ("main", "maker"):
            self.exchange.open_account(name, plenty, now=self.clock.now())
        self.place("SELL", "1", "100.00", account="maker")
        self.place("BUY", "1", "99.00", account="maker")

    async def restart(self, down_s: float = 0.0) -> None:
        self.restarts.append(down_s)

    def place(
        self,
        side: str,
        quantity: str,
        price: str,
        *,
        client_id: str = "",
        account: str = "main",
        symbol: str = BTC.symbol,
    ) -> Order:
        wanted = Wanted(
            symbol=symbol,
            side=side,
            kind=OrderKind.LIMIT,
            quantity=Decimal(quantity),
            price=Decimal(price),
            client_id=client_id,
        )
        return self.exchange.place(account, wanted, self.clock.now())[-1].order

    def order(self, client_id: str) -> Order:
        return self.exchange.order("main", symbol=BTC.symbol, client_id=client_id)

    def total(self, asset: str, account: str = "main") -> Decimal:
        return next(each.total for each in self.exchange.balances(account) if each.asset == asset)
