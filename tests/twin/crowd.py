"""Other accounts on a local exchange, placed directly: somebody to trade with."""

from __future__ import annotations

from decimal import Decimal

from workbench.twin.server import LocalExchange
from workbench.twin.words import Execution, OrderKind, SelfTrade, Wanted

RIVAL = "rival"
PURSE = dict.fromkeys(("BTC", "ETH", "BNB", "USDT"), Decimal(10_000_000))


def rival(
    twin: LocalExchange, side: str, quantity: str, price: str | None = None, *, symbol: str = "BTC/USDT"
) -> list[Execution]:
    """The rival orders at a price, or at the market without one."""
    if RIVAL not in twin.exchange.accounts:
        twin.exchange.open_account(RIVAL, PURSE, now=twin.clock.now())
    wanted = Wanted(
        symbol=symbol,
        side=side,
        kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        stp=SelfTrade.NONE,
    )
    return twin.exchange.place(RIVAL, wanted, twin.clock.now())
