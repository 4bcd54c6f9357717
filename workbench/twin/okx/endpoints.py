"""Every REST call there is: its verb and path, what it needs, and how many of them OKX takes in two seconds."""

from __future__ import annotations

from workbench.twin.keys import Permission
from workbench.twin.okx import account, algos, market, trading
from workbench.twin.okx.asked import Endpoint, Pace

_READ, _TRADE = Permission.READ, Permission.TRADE
_IP, _EACH = Pace.ADDRESS, Pace.INSTRUMENT

ENDPOINTS = (
    Endpoint(call="GET public/time", answer=market.time, pace=10, by=_IP),
    Endpoint(call="GET public/instruments", answer=market.instruments, pace=20, by=_IP),
    Endpoint(call="GET public/position-tiers", answer=market.position_tiers, pace=10, by=_IP),
    Endpoint(call="GET public/mark-price", answer=market.mark_price, pace=10, by=_IP),
    Endpoint(call="GET public/funding-rate", answer=market.funding_rate, pace=20, by=_IP),
    Endpoint(call="GET market/ticker", answer=market.ticker, pace=20, by=_IP),
    Endpoint(call="GET market/tickers", answer=market.tickers, pace=20, by=_IP),
    Endpoint(call="GET market/books", answer=market.books, pace=40, by=_IP),
    Endpoint(call="GET market/trades", answer=market.trades, pace=100, by=_IP),
    Endpoint(call="GET market/history-trades", answer=market.history_trades, pace=20, by=_IP),
    Endpoint(call="GET market/candles", answer=market.candles, pace=40, by=_IP),
    Endpoint(call="GET market/history-candles", answer=market.candles, pace=20, by=_IP),
    Endpoint(call="GET account/config", answer=account.config, pace=5, needs=_READ),
    Endpoint(call="GET account/balance", answer=account.balance, pace=10, needs=_READ),
    Endpoint(call="GET account/positions", answer=account.positions, pace=10, needs=_READ),
    Endpoint(call="GET account/bills", answer=account.bills, pace=10, needs=_READ),
    Endpoint(call="GET account/bills-archive", answer=account.bills, pace=5, needs=_READ),
    Endpoint(call="GET account/trade-fee", answer=account.trade_fee, pace=5, needs=_READ),
    Endpoint(call="GET account/leverage-info", answer=account.leverage_info, pace=20, needs=_READ),
    Endpoint(call="POST account/set-leverage", answer=account.set_leverage, pace=40, needs=_TRADE),
    Endpoint(call="POST account/set-position-mode", answer=account.set_position_mode, pace=5, needs=_TRADE),
    Endpoint(call="GET asset/currencies", answer=account.currencies, pace=12, needs=_READ),
    Endpoint(call="POST trade/order", answer=trading.place, pace=60, by=_EACH, needs=_TRADE, operations=True),
    Endpoint(call="POST trade/batch-orders", answer=trading.place, pace=300, by=_EACH, needs=_TRADE, operations=True),
    Endpoint(call="POST trade/cancel-order", answer=trading.cancel, pace=60, by=_EACH, needs=_TRADE, operations=True),
    Endpoint(
        call="POST trade/cancel-batch-orders",
        answer=trading.cancel,
        pace=300,
        by=_EACH,
        needs=_TRADE,
        operations=True,
    ),
    Endpoint(call="POST trade/amend-order", answer=trading.amend, pace=60, by=_EACH, needs=_TRADE, operations=True),
    Endpoint(
        call="POST trade/amend-batch-orders", answer=trading.amend, pace=300, by=_EACH, needs=_TRADE, operations=True
    ),
    Endpoint(call="GET trade/order", answer=trading.query, pace=60, by=_EACH, needs=_READ),
    Endpoint(call="GET trade/orders-pending", answer=trading.pending, pace=60, needs=_READ),
    Endpoint(call="GET trade/orders-history", answer=trading.history, pace=40, needs=_READ),
    Endpoint(call="GET trade/orders-history-archive", answer=trading.history, pace=20, needs=_READ),
    Endpoint(call="GET trade/fills", answer=account.fills, pace=60, needs=_READ),
    Endpoint(call="GET trade/fills-history", answer=account.fills, pace=10, needs=_READ),
    Endpoint(call="POST trade/order-algo", answer=algos.place, pace=20, by=_EACH, needs=_TRADE, operations=True),
    Endpoint(call="POST trade/cancel-algos", answer=algos.cancel, pace=20, by=_EACH, needs=_TRADE, operations=True),
    Endpoint(call="GET trade/order-algo", answer=algos.query, pace=20, needs=_READ),
    Endpoint(call="GET trade/orders-algo-pending", answer=algos.pending, pace=20, needs=_READ),
    Endpoint(call="GET trade/orders-algo-history", answer=algos.history, pace=20, needs=_READ),
)
