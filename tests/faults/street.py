"""The rest of the market on a local exchange: a deep, still book that ticks, so that every price is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from workbench.twin.server import LocalExchange
from workbench.twin.words import Order, OrderKind, Refusal, Wanted

STREET = "street"
MID = Decimal(60_000)  # half way between the best prices, for as long as nobody moves them
SPREAD = Decimal(20)
DEPTH = Decimal(50)  # on each side, of the base currency: more than any test trades
TICK_S = 0.1  # real time between two changes of the best size


class Street:
    """One account that stands for everybody: it quotes around `mid` and changes its sizes at every tick."""

    def __init__(
        self, twin: LocalExchange, symbols: Sequence[str], *, mid: Decimal = MID, spread: Decimal = SPREAD
    ) -> None:
        self._twin, self._symbols = twin, tuple(symbols)
        self._best: dict[str, list[int]] = {}  # its two orders, by symbol
        self._ticks = 0
        self.mid, self.spread = mid, spread
        self.depth = DEPTH if mid == MID else DEPTH * MID // mid // 1000 * 1000  # worth the same whatever is traded

    def open(self) -> None:
        """Brings money and a book; a first trade gives the venue a price."""
        twin = self._twin
        assets = {asset: Decimal(10**15) for each in self._symbols for asset in each.split("/")}
        for name in (STREET, "passer-by"):
            if name not in twin.exchange.accounts:
                twin.exchange.open_account(name, assets, now=twin.clock.now(), crowd=True)
        for symbol in self._symbols:
            self.place(symbol, "BUY", self.depth, self.mid)
            self.place(symbol, "SELL", self.depth, self.mid, account="passer-by")
            self._quote(symbol)

    def place(
        self, symbol: str, side: str, quantity: str | Decimal, price: Decimal | str | None = None, account: str = STREET
    ) -> Order:
        """The street orders, at a price or at the market; returns its order."""
        wanted = Wanted(
            symbol=symbol,
            side=side,
            kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
        )
        return self._twin.exchange.place(account, wanted, self._twin.clock.now())[0].order

    def move(self, mid: Decimal) -> None:
        """The whole book moves to another middle."""
        self.mid = mid
        for symbol in self._symbols:
            self._quote(symbol)

    def clear(self, symbol: str) -> None:
        """Nobody wants to trade any more: the book is empty, and does not tick."""
        self._twin.exchange.cancel_all(STREET, now=self._twin.clock.now(), symbol=symbol)
        self._best.pop(symbol, None)

    def hush(self, symbol: str) -> None:
        """The book stands and ticks no more."""
        self._best.pop(symbol, None)

    def tick(self) -> None:
        """Every best bid and ask changes its size, which all who listen to quotes hear."""
        self._ticks += 1
        for symbol in list(self._best):
            self._quote(symbol)

    async def live(self) -> None:
        """Ticks until it is cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    def _quote(self, symbol: str) -> None:
        now, standing = (
            self._twin.clock.now(),
            {each.order_id for each in self._twin.exchange.open_orders(STREET, symbol)},
        )
        for order_id in self._best.pop(symbol, []):
            if order_id in standing:
                self._twin.exchange.cancel(STREET, symbol=symbol, now=now, order_id=order_id)
        size = self.depth + self.depth / 1000 * (self._ticks % 7)
        self._best[symbol] = []
        with suppress(Refusal):  # a market that is closed has no quotes; it is tried again at the next tick
            for side, sign in (("BUY", -1), ("SELL", 1)):
                self._best[symbol].append(self.place(symbol, side, size, self.mid + sign * self.spread / 2).order_id)
