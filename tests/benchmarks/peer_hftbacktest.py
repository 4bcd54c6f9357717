"""hftbacktest on the prints of a file: `python peer_hftbacktest.py rows.npz terms.json` prints what it came to.

Orders and what is said about them take no time; a print is heard a nanosecond after it happened, so that a fill
is known before the print which led to it. One run before counts for the compiler.
"""

from __future__ import annotations

import json
import math
import sys
import time

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    EXCH_EVENT,
    GTC,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

TICK, LOT = 0.01, 0.00001


def events(rows):
    found = np.zeros(len(rows["price"]), dtype=event_dtype)
    side = np.where(rows["side"] > 0, BUY_EVENT, SELL_EVENT)
    found["ev"] = EXCH_EVENT | LOCAL_EVENT | TRADE_EVENT | side
    found["exch_ts"], found["local_ts"] = rows["time"], rows["time"] + 1
    found["px"], found["qty"] = rows["price"] / 100, rows["quantity"] / 10**8
    return found


@njit
def make(market, window, away, requote, size):
    average, seen, resting, number = 0.0, 0, 0, 0
    sent = repriced = filled = 0
    held = False
    price = 0
    while market.wait_next_feed(False, 10**18) == 2:
        price = round(market.last_trades(0)[0].px / TICK)
        market.clear_last_trades(0)
        if (market.position(0) > size / 2) != held:
            held, resting, filled = not held, 0, filled + 1
            market.clear_inactive_orders(0)
        seen += 1
        average = float(price) if seen == 1 else average + (price - average) * 2.0 / (window + 1.0)
        if seen < window:
            continue
        if held:
            wanted = max(math.floor(average) + 1 + away, price + 1)
            wanted += 1 - wanted % 2
        else:
            wanted = min(math.floor(average) - away, price - 1)
            wanted -= 1 - wanted % 2
        if resting == 0:
            number, sent, resting = number + 1, sent + 1, wanted
            if held:
                market.submit_sell_order(0, number, wanted * TICK, size, GTC, LIMIT, False)
            else:
                market.submit_buy_order(0, number, wanted * TICK, size, GTC, LIMIT, False)
        elif abs(wanted - resting) >= requote:
            repriced, resting = repriced + 1, wanted
            market.modify(0, number, wanted * TICK, size, False)
    state = market.state_values(0)
    return sent, repriced, filled, state.balance - state.fee + market.position(0) * price * TICK


def run(found, terms):
    prices = found["px"]
    asset = (
        BacktestAsset()
        .data([found])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(terms["rate"], terms["rate"])
        .tick_size(TICK)
        .lot_size(LOT)
        .roi_lb(float(prices.min()) - 10)
        .roi_ub(float(prices.max()) + 10)
        .last_trades_capacity(16)
    )
    market = ROIVectorMarketDepthBacktest([asset])
    began = time.process_time()
    sent, repriced, filled, earned = make(market, terms["window"], terms["away"], terms["requote"], terms["size"])
    spent = time.process_time() - began
    market.close()
    equity = round((terms["cash"] + earned) * 10**8)
    return spent, {"sent": sent, "repriced": repriced, "filled": filled, "equity": equity}


found = events(np.load(sys.argv[1]))
with open(sys.argv[2]) as file:
    terms = json.load(file)
run(found[:1000], terms)
seconds, answer = run(found, terms)
print(json.dumps({"seconds": seconds, "answer": answer}))
