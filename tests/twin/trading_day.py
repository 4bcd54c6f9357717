"""An exchange with a few accounts, and short words to trade on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workbench.twin.exchange import Exchange
from workbench.twin.words import Execution, Force, Listing, Order, OrderKind, Print, SelfTrade, Wanted

D = Decimal
BTC, BNB, PERP = "BTC/USDT", "BNB/USDT", "BTC/USDT:USDT"
NOW = 1_700_000_000_000_000_000
SECOND = 10**9

LISTINGS = (
    Listing(symbol=BTC, tick=D("0.01"), lot=D("0.00001"), stp_default=SelfTrade.NONE),
    Listing(symbol=BNB, tick=D("0.1"), lot=D("0.001"), min_quantity=D("0.001")),
    Listing(
        symbol=PERP,
        tick=D("0.1"),
        lot=D(1),
        min_quantity=D(1),
        contract_size=D("0.01"),
        maker=D("0.0002"),
        taker=D("0.0005"),
        stp_default=SelfTrade.NONE,
    ),
)
RICH = {"USDT": D(1_000_000), "BTC": D(100), "BNB": D(1_000)}


def opened(*names: str, **options: Any) -> Exchange:
    """An exchange on which these accounts are rich."""
    exchange = Exchange(LISTINGS, **options)
    for name in names or ("alice", "bob"):
        exchange.open_account(name, RICH, now=NOW)
    return exchange


def wanted(side: str, quantity: str | None = None, price: str | None = None, **more: Any) -> Wanted:
    """An order for BTC/USDT unless told otherwise: limit with a price, market without."""
    kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
    given = {"symbol": BTC, "kind": kind, "price": price, "quantity": quantity} | more
    for name in ("price", "quantity", "quote_quantity", "stop_price", "iceberg"):
        if given.get(name) is not None:
            given[name] = D(given[name])
    return Wanted(side=side, **given)


def place(exchange: Exchange, account: str, side: str, *amounts: str, now: int = NOW, **more: Any) -> Order:
    """Places an order and gives it as it is afterwards."""
    return did(exchange, account, side, *amounts, now=now, **more)[-1].order


def did(exchange: Exchange, account: str, side: str, *amounts: str, now: int = NOW, **more: Any) -> list[Execution]:
    """Places an order and gives what happened to it."""
    return exchange.place(account, wanted(side, *amounts, **more), now)


def current(exchange: Exchange, order: Order) -> Order:
    """An order as it is now."""
    return exchange.order(order.account, symbol=order.wanted.symbol, order_id=order.order_id)


def trade_at(exchange: Exchange, price: str, *, symbol: str = BTC, quantity: str = "1", now: int = NOW) -> None:
    """Two strangers trade at this price."""
    if "stranger" not in exchange.accounts:
        for name in ("stranger", "other stranger"):
            endless = {"USDT": D(10**12), "BTC": D(10**9), "BNB": D(10**9)}
            exchange.open_account(name, endless, now=NOW, crowd=True)
    place(exchange, "stranger", "SELL", quantity, price, symbol=symbol, now=now)
    place(exchange, "other stranger", "BUY", quantity, price, symbol=symbol, force=Force.IOC, now=now)


def free(exchange: Exchange, account: str, asset: str) -> D:
    """What an account has free."""
    return next(each.free for each in exchange.balances(account) if each.asset == asset)


def locked(exchange: Exchange, account: str, asset: str) -> D:
    """What an account has locked."""
    return next(each.locked for each in exchange.balances(account) if each.asset == asset)


def total(exchange: Exchange, account: str, asset: str) -> D:
    """What an account has."""
    return next((each.total for each in exchange.balances(account) if each.asset == asset), D(0))


def printed(exchange: Exchange, symbol: str = BTC) -> list[tuple[str, str]]:
    """(price, quantity) of the public trades, oldest first."""
    prints: list[Print] = exchange.prints(symbol)
    return [(f"{each.price.normalize():f}", f"{each.quantity.normalize():f}") for each in prints]
