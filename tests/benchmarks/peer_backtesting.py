"""backtesting.py on the bars of a file: `python peer_backtesting.py rows.npz terms.json` prints what it came to.

It buys whole units, so a unit is a lot: prices are of one lot. Orders fill at the close that caused them.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

LOTS = 100_000  # in one coin


class Cross(Strategy):
    fast = slow = cap = 0

    def init(self):
        closes = np.rint(self.data.Close * LOTS * 100).astype(np.int64)
        before = np.concatenate([[0], np.cumsum(closes)])
        fast, slow = before[self.fast :] - before[: -self.fast], before[self.slow :] - before[: -self.slow]
        above = np.zeros(len(closes))
        above[self.slow - 1 :] = fast[self.slow - self.fast :] * self.slow > slow * self.fast
        self.above = self.I(lambda: above)
        self.sent = 0
        Cross.last = self

    def next(self):
        want = self.above[-1] > 0
        if want and not self.position:
            self.sent += 1
            self.buy(size=int(self.cap * LOTS * 100) // round(self.data.Close[-1] * LOTS * 100))
        elif not want and self.position:
            self.sent += 1
            self.position.close()


def run(rows, terms):
    frame = pd.DataFrame(
        {name.title(): rows[name] / (100 * LOTS) for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(rows["time"]),
    )
    Cross.fast, Cross.slow, Cross.cap = terms["fast"], terms["slow"], terms["cap"]
    backtest = Backtest(frame, Cross, cash=terms["cash"], commission=terms["rate"], trade_on_close=True)
    began = time.process_time()
    found = backtest.run()
    spent = time.process_time() - began
    return spent, {"orders": Cross.last.sent, "equity": round(found["Equity Final [$]"] * 10**8)}


warnings.simplefilter("ignore")
with open(sys.argv[2]) as file:
    seconds, answer = run(np.load(sys.argv[1]), json.load(file))
print(json.dumps({"seconds": seconds, "answer": answer}))
