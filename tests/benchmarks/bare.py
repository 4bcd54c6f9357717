"""The work itself, in integers: what every engine must come to, and, as machine code, the limit of speed."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

LOT = 1_000  # quantity units of 10^-8
UNIT = 100  # price units of 10^-2 times quantity units of 10^-8 over this are cash units of 10^-8

CASH, CAP = 10_000_000 * 10**8, 10_000 * 10**8
WINDOW, AWAY, REQUOTE, SIZE = 200, 60, 12, 1_000_000
QUOTING_RATE = 10_000  # parts of 10^8


def cross(opens: Any, closes: Any, fast: int, slow: int) -> tuple[int, int]:
    """Moving averages that cross, long only: how many orders, and the final equity in cash units."""
    cash, held, orders, pending, wanted = CASH, 0, 0, 0, False
    fast_sum = slow_sum = 0
    for row in range(len(closes)):
        close = closes[row]
        if pending != 0:
            worth = opens[row] * abs(pending) // UNIT
            cash = cash - worth if pending > 0 else cash + worth
            cash -= (2 * worth + 1000) // 2000
            held, pending = held + pending, 0
        fast_sum += close
        slow_sum += close
        if row >= fast:
            fast_sum -= closes[row - fast]
        if row >= slow:
            slow_sum -= closes[row - slow]
        if row < slow - 1:
            continue
        want = fast_sum * slow > slow_sum * fast
        if want != wanted:
            wanted = want
            pending = CAP * UNIT // close // LOT * LOT if want else -held
            orders += 1
    return orders, cash + held * closes[len(closes) - 1] // UNIT


def make(prices: Any) -> tuple[int, int, int, int]:
    """One order that waits beside an average: how often it is sent, repriced and filled, and the final equity.

    Flat it bids `AWAY` ticks below the average, and offers as far above what it then holds.
    """
    cash, held, resting, average, seen = CASH, 0, 0, 0.0, 0
    sent = repriced = filled = 0
    for row in range(len(prices)):
        price = prices[row]
        if resting != 0 and (price > resting if held else price < resting):
            worth = resting * SIZE // UNIT
            cash = cash + worth if held else cash - worth
            cash -= (2 * worth * QUOTING_RATE + 10**8) // (2 * 10**8)
            held, resting, filled = 0 if held else SIZE, 0, filled + 1
        seen += 1
        average = float(price) if seen == 1 else average + (price - average) * 2.0 / (WINDOW + 1.0)
        if seen < WINDOW:
            continue
        if held:
            wanted = max(math.floor(average) + 1 + AWAY, price + 1)
            wanted += 1 - wanted % 2
        else:
            wanted = min(math.floor(average) - AWAY, price - 1)
            wanted -= 1 - wanted % 2
        if resting == 0:
            sent, resting = sent + 1, wanted
        elif abs(wanted - resting) >= REQUOTE:
            repriced, resting = repriced + 1, wanted
    return sent, repriced, filled, cash + held * prices[len(prices) - 1] // UNIT


cross_machine = njit(nogil=True)(cross)
make_machine = njit(nogil=True)(make)
