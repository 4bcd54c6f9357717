"""NautilusTrader 2.x on the rows of a file: `python peer_nautilus_next.py rows.npz terms.json` prints what it came to.

The same as `peer_nautilus` in the words of its next version; its fill model is seeded, without a seed runs differ.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import DefaultFillModel, MakerTakerFeeModel
from nautilus_trader.model import (
    AccountType,
    AggressorSide,
    Bar,
    BarType,
    Currency,
    CurrencyPair,
    InstrumentId,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    Symbol,
    TradeId,
    TradeTick,
    Venue,
)
from nautilus_trader.trading import Strategy
from peer_decisions import Crossing, Making

BTC, USDT = Currency.from_str("BTC"), Currency.from_str("USDT")
BINANCE = Venue("BINANCE")
ID = InstrumentId(Symbol("BTCUSDT"), BINANCE)
BARS = BarType.from_str(f"{ID}-1-MINUTE-LAST-EXTERNAL")
LARGE = Quantity(100_000, 5)


class Cross(Crossing, Strategy):
    def on_start(self):
        self.subscribe_bars(BARS)

    def trade(self, lots):
        side = OrderSide.BUY if lots > 0 else OrderSide.SELL
        self.submit_order(self.order_factory.market(ID, side, Quantity(abs(lots) / 10**5, 5)))


class Maker(Making, Strategy):
    def on_start(self):
        self.subscribe_trades(ID)

    def send(self, sells, price):
        side = OrderSide.SELL if sells else OrderSide.BUY
        order = self.order_factory.limit(ID, side, self.size, Price(price / 100, 2))
        self.submit_order(order)
        return order.client_order_id

    def reprice(self, order, price):
        self.modify_order(order, price=Price(price / 100, 2))


def instrument():
    return CurrencyPair(
        ID, Symbol("BTCUSDT"), BTC, USDT, 2, 5, Price(0.01, 2), Quantity(0.00001, 5), 0, 0,
        margin_init=Decimal(0), margin_maint=Decimal(0),
    )  # fmt: skip


def bars(rows):
    columns = [rows[name].tolist() for name in ("time", "open", "high", "low", "close")]
    for opened, *raws in zip(*columns, strict=True):
        at = opened + 60_000_000_000
        yield Bar(BARS, *[Price(each / 100, 2) for each in raws], LARGE, at, at)


def ticks(rows):
    columns = zip(rows["time"].tolist(), rows["price"].tolist(), strict=True)
    for number, (at, price) in enumerate(columns):
        yield TradeTick(ID, Price(price / 100, 2), LARGE, AggressorSide.NO_AGGRESSOR, TradeId(str(number)), at, at)


def run(rows, terms):
    on_bars, rate = "close" in rows, Decimal(str(terms["rate"]))
    engine = BacktestEngine(
        BacktestEngineConfig(bypass_logging=True, run_analysis=False, logging=LoggerConfig(bypass_logging=True))
    )
    engine.add_venue(
        venue=BINANCE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        starting_balances=[Money(terms["cash"], USDT), Money(0, BTC)],
        fill_model=DefaultFillModel(1.0, 0.0, 1),
        fee_model=MakerTakerFeeModel(rate, rate),
    )
    engine.add_instrument(instrument())
    strategy = Cross() if on_bars else Maker()
    strategy.take(terms)
    strategy.size = Quantity(terms["size"], 5)
    engine.add_strategy(strategy)
    engine.add_data(list(bars(rows) if on_bars else ticks(rows)))
    began = time.process_time()
    engine.run()
    spent = time.process_time() - began
    account = engine.cache.account_for_venue(BINANCE)
    last = int((rows["close"] if on_bars else rows["price"])[-1])
    cash, coins = (round(account.balance_total(each).as_decimal() * 10**8) for each in (USDT, BTC))
    return spent, strategy.counts | {"equity": cash + coins * last // 100}


with open(sys.argv[2]) as file:
    seconds, answer = run(np.load(sys.argv[1]), json.load(file))
print(json.dumps({"seconds": seconds, "answer": answer}))
