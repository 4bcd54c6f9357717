"""NautilusTrader 1.x on the rows of a file: `python peer_nautilus.py rows.npz terms.json` prints what it came to.

A file with closes is the moving average cross on bars, one without the quoting on trades. Making its objects is not
counted. Trades name no aggressor: a sale would else move the bid alone and leave fills out.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from peer_decisions import Crossing, Making

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
        self.subscribe_trade_ticks(ID)

    def send(self, sells, price):
        side = OrderSide.SELL if sells else OrderSide.BUY
        order = self.order_factory.limit(ID, side, self.size, Price(price / 100, 2))
        self.submit_order(order)
        return order

    def reprice(self, order, price):
        self.modify_order(order, price=Price(price / 100, 2))


def instrument(rate):
    return CurrencyPair(
        instrument_id=ID,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=2,
        size_precision=5,
        price_increment=Price(0.01, 2),
        size_increment=Quantity(0.00001, 5),
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=Decimal(str(rate)),
        taker_fee=Decimal(str(rate)),
        ts_event=0,
        ts_init=0,
    )


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
    on_bars = "close" in rows
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=BINANCE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(terms["cash"], USDT), Money(0, BTC)],
    )
    engine.add_instrument(instrument(terms["rate"]))
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
