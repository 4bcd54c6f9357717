"""What a strategy in another engine decides, once for all of them: the same integers and the same average as `bare`.

An engine mixes one of these into its strategy, says where prices come in, and does what `trade`, `send` and
`reprice` ask for: lots of 10^-5 with a sign, and prices in cents.
"""

from __future__ import annotations

import math
from collections import deque


class Crossing:
    """Moving averages that cross, long only."""

    def take(self, terms):
        self.fast, self.slow, self.cap = terms["fast"], terms["slow"], terms["cap"] * 10**7
        self.window = deque(maxlen=self.slow)
        self.fast_sum = self.slow_sum = self.lots = 0
        self.counts = {"orders": 0}

    def on_bar(self, bar):
        close, window = round(bar.close.as_double() * 100), self.window
        self.fast_sum += close - (window[-self.fast] if len(window) >= self.fast else 0)
        self.slow_sum += close - (window[0] if len(window) == self.slow else 0)
        window.append(close)
        if len(window) < self.slow:
            return
        want = self.fast_sum * self.slow > self.slow_sum * self.fast
        if want == (self.lots > 0):
            return
        change = self.cap // close if want else -self.lots
        self.lots += change
        self.counts["orders"] += 1
        self.trade(change)


class Making:
    """One order that waits beside an average."""

    def take(self, terms):
        self.span, self.away, self.requote = terms["window"], terms["away"], terms["requote"]
        self.average, self.seen, self.resting, self.is_long, self.order = 0.0, 0, 0, False, None
        self.counts = {"sent": 0, "repriced": 0, "filled": 0}

    def on_order_filled(self, event):
        self.is_long, self.resting = not self.is_long, 0
        self.counts["filled"] += 1

    def on_trade(self, tick):
        price = round(tick.price.as_double() * 100)
        self.seen += 1
        average = float(price) if self.seen == 1 else self.average + (price - self.average) * 2.0 / (self.span + 1.0)
        self.average = average
        if self.seen < self.span:
            return
        if self.is_long:
            wanted = max(math.floor(average) + 1 + self.away, price + 1)
            wanted += 1 - wanted % 2
        else:
            wanted = min(math.floor(average) - self.away, price - 1)
            wanted -= 1 - wanted % 2
        if self.resting == 0:
            self.resting = wanted
            self.counts["sent"] += 1
            self.order = self.send(self.is_long, wanted)
        elif abs(wanted - self.resting) >= self.requote:
            self.resting = wanted
            self.counts["repriced"] += 1
            self.reprice(self.order, wanted)

    on_trade_tick = on_trade
