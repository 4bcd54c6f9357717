"""Every call there is: its REST verb and path, its WebSocket method, what it needs and what it weighs."""

from __future__ import annotations

from collections.abc import Callable

from workbench.twin.binance import account, market, trading
from workbench.twin.binance.asked import Endpoint, Security
from workbench.twin.binance.parameters import Parameters


def _by_symbol(one: int, all_of_them: int) -> Callable[[Parameters], int]:
    def weight(sent: Parameters) -> int:
        return one if sent.text("symbol") else all_of_them

    return weight


def _my_trades(sent: Parameters) -> int:
    return 5 if sent.text("orderId") else 20


_V3, _SAPI = "/api/v3/", "/sapi/v1/"
_READ, _TRADE, _KEY = Security.READ, Security.TRADE, Security.KEY

ENDPOINTS = (
    Endpoint(rest=f"GET {_V3}ping", method="ping", answer=market.ping),
    Endpoint(rest=f"GET {_V3}time", method="time", answer=market.time),
    Endpoint(rest=f"GET {_V3}exchangeInfo", method="exchangeInfo", answer=market.exchange_info, weight=20),
    Endpoint(rest=f"GET {_V3}depth", method="depth", answer=market.depth, weight=market.depth_weight),
    Endpoint(rest=f"GET {_V3}trades", method="trades.recent", answer=market.trades, weight=25),
    Endpoint(
        rest=f"GET {_V3}historicalTrades",
        method="trades.historical",
        answer=market.historical_trades,
        weight=25,
        security=_KEY,
    ),
    Endpoint(rest=f"GET {_V3}aggTrades", method="trades.aggregate", answer=market.aggregated_trades, weight=4),
    Endpoint(rest=f"GET {_V3}klines", method="klines", answer=market.klines, weight=2),
    Endpoint(rest=f"GET {_V3}uiKlines", method="uiKlines", answer=market.klines, weight=2),
    Endpoint(rest=f"GET {_V3}avgPrice", method="avgPrice", answer=market.average_price, weight=2),
    Endpoint(rest=f"GET {_V3}ticker/24hr", method="ticker.24hr", answer=market.day_tickers, weight=_by_symbol(2, 80)),
    Endpoint(
        rest=f"GET {_V3}ticker/price", method="ticker.price", answer=market.price_tickers, weight=_by_symbol(2, 4)
    ),
    Endpoint(
        rest=f"GET {_V3}ticker/bookTicker", method="ticker.book", answer=market.book_tickers, weight=_by_symbol(2, 4)
    ),
    Endpoint(
        rest=f"POST {_V3}order", method="order.place", answer=trading.place, security=_TRADE, free=True, orders=True
    ),
    Endpoint(rest=f"POST {_V3}order/test", method="order.test", answer=trading.test, security=_TRADE),
    Endpoint(rest=f"GET {_V3}order", method="order.status", answer=trading.query, security=_READ, weight=4),
    Endpoint(rest=f"DELETE {_V3}order", method="order.cancel", answer=trading.cancel, security=_TRADE, free=True),
    Endpoint(
        rest=f"POST {_V3}order/cancelReplace",
        method="order.cancelReplace",
        answer=trading.cancel_replace,
        security=_TRADE,
        free=True,
        orders=True,
    ),
    Endpoint(
        rest=f"GET {_V3}openOrders",
        method="openOrders.status",
        answer=trading.open_orders,
        security=_READ,
        weight=_by_symbol(6, 80),
    ),
    Endpoint(
        rest=f"DELETE {_V3}openOrders",
        method="openOrders.cancelAll",
        answer=trading.cancel_all,
        security=_TRADE,
        free=True,
    ),
    Endpoint(rest=f"GET {_V3}allOrders", method="allOrders", answer=trading.all_orders, security=_READ, weight=20),
    Endpoint(rest=f"GET {_V3}account", method="account.status", answer=account.account, security=_READ, weight=20),
    Endpoint(rest=f"GET {_V3}myTrades", method="myTrades", answer=account.my_trades, security=_READ, weight=_my_trades),
    Endpoint(
        rest=f"GET {_V3}account/commission",
        method="account.commission",
        answer=account.commission,
        security=_READ,
        weight=20,
    ),
    Endpoint(
        rest=f"GET {_V3}rateLimit/order",
        method="account.rateLimits.orders",
        answer=account.order_limits,
        security=_READ,
        weight=40,
    ),
    Endpoint(rest=f"GET {_SAPI}account/apiRestrictions", answer=account.restrictions, security=_READ),
    Endpoint(rest=f"GET {_SAPI}capital/config/getall", answer=account.coins, security=_READ, weight=10),
    Endpoint(rest=f"GET {_SAPI}margin/allPairs", answer=account.nothing, security=_KEY),
    Endpoint(rest=f"GET {_SAPI}margin/isolated/allPairs", answer=account.nothing, security=_KEY, weight=10),
    *(Endpoint(rest=f"{verb} {_V3}userDataStream", answer=account.retired) for verb in ("POST", "PUT", "DELETE")),
)

BY_METHOD = {each.method: each for each in ENDPOINTS if each.method}
