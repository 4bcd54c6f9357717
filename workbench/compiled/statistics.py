"""Every figure of a run as machine code, over its equity in whole cash units: bit for bit those of research/metrics.py.

The sums are taken in the same order, with the same operations; nothing per sample is allocated.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.compiled.round_trips import (
    BEST,
    DAYS,
    FEES,
    FILLS,
    IN_MARKET,
    LOSSES,
    LOST,
    PNL,
    PROFITS,
    TRADES,
    WINS,
    WORST,
    machine,
    ratio,
)
from workbench.core.clock import DAY

NAMES = (
    "initial_equity",
    "final_equity",
    "total_return",
    "buy_and_hold_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_days",
    "skew",
    "kurtosis",
    "exposure",
    "trades",
    "win_rate",
    "profit_factor",
    "expectancy",
    "average_win",
    "average_loss",
    "best_trade",
    "worst_trade",
    "average_trade_days",
    "orders",
    "fills",
    "refusals",
    "turnover",
    "fees",
    "fees_of_profit",
)

# What is told of a run beside its equity and its trips; float64.
CASH, YEARS, PERIODS, BENCHMARK, ORDERS, REFUSALS, TRADED = range(7)
FACTS_WIDTH = 7

_LARGEST = 700.0  # e to the power of more is no float
_NO_SPREAD = 1e-14  # returns are quotients near 1 less 1: a spread below this is rounding, not risk


@machine
def measure(equity: Any, times: Any, start: int, unit: int, facts: Any, held: Any, sums: Any, returns: Any) -> Any:
    """The figures in the order of `NAMES`, float64.

    `equity` (int64, cash units) and `times` (int64, UTC ns) have one entry a sample, `unit` cash units are one
    of the base currency, `returns` is room for as many float64; `held` and `sums` are those of round_trips.
    """
    count, cash = len(equity), facts[CASH]
    total, below, worth, deepest, longest = _walk(equity, times, start, unit, cash, returns)
    mean = total / count if count else np.nan
    deviation, second, third, fourth = _moments(returns, count, mean)
    last = ratio(equity[-1], unit) if count else cash
    growth = _over(last, cash)
    grown = _annual(growth, facts[YEARS])
    root = math.sqrt(facts[PERIODS])
    trades, fees = sums[TRADES], ratio(held[FEES], unit)
    gross = last - cash + fees
    found = np.empty(len(NAMES))
    found[0], found[1], found[2], found[3], found[4] = cash, last, growth - 1.0, facts[BENCHMARK], grown
    found[5] = deviation * root
    found[6] = _over(mean, deviation) * root
    found[7] = _over(mean, math.sqrt(below / count) if count else 0.0) * root
    found[8], found[9], found[10] = _over(grown, -deepest), deepest, longest
    found[11] = _over(third, second * math.sqrt(second))
    found[12] = _over(fourth, second * second) - 3.0
    found[13] = held[IN_MARKET] / count if count else 0.0
    found[14] = trades
    found[15] = _mean(sums[WINS], trades)
    found[16] = _over(sums[PROFITS], -sums[LOST])
    found[17] = _mean(sums[PNL], trades)
    found[18] = _mean(sums[PROFITS], sums[WINS])
    found[19] = _mean(sums[LOST], sums[LOSSES])
    found[20] = sums[BEST] if trades else np.nan
    found[21] = sums[WORST] if trades else np.nan
    found[22] = _mean(sums[DAYS], trades)
    found[23], found[24], found[25] = facts[ORDERS], float(held[FILLS]), facts[REFUSALS]
    found[26] = _over(facts[TRADED], (worth / count if count else np.nan) * facts[YEARS])
    found[27] = fees
    found[28] = _over(fees, gross) if gross > 0 else np.nan
    return found


@machine
def _walk(equity: Any, times: Any, start: int, unit: int, cash: float, returns: Any) -> Any:
    """Fills `returns`; the sums of returns, of the squares of those below 0, and of equity; deepest and longest fall.

    An equity that has not moved, as while nothing is held, costs an addition.
    """
    total = below = worth = deepest = 0.0
    value = peak = low = cash
    amount, since, longest = -1, start, 0
    under = False
    for sample in range(len(equity)):
        if equity[sample] == amount and value > 0.0 and sample > 0:
            returns[sample] = 0.0
        else:
            before, amount = value, equity[sample]
            value = ratio(amount, unit)
            change = _divided(value, before) - 1.0
            returns[sample] = change
            total += change
            if not change >= 0.0:
                below += change * change
        worth += value
        if value >= peak:
            if under:
                deepest = min(deepest, low / peak - 1.0)
                longest = max(longest, times[sample] - since)
                under = False
            peak = low = value
            since = times[sample]
        else:
            low, under = min(low, value), True
    if under:
        deepest = min(deepest, low / peak - 1.0)
        longest = max(longest, times[len(times) - 1] - since)
    return total, below, worth, deepest, longest / DAY


@machine
def _moments(returns: Any, count: int, mean: float) -> Any:
    """The standard deviation (n - 1), 0 where it is rounding alone, and the second to fourth central moment."""
    if count < 2:
        return np.nan, np.nan, np.nan, np.nan
    second = third = fourth = 0.0
    for sample in range(count):
        apart = returns[sample] - mean
        square = apart * apart
        second += square
        third += square * apart
        fourth += square * square
    deviation = math.sqrt(second / (count - 1))
    if deviation <= _NO_SPREAD:
        return 0.0, np.nan, np.nan, np.nan
    return deviation, second / count, third / count, fourth / count


@machine
def _annual(growth: float, years: float) -> float:
    if not (years > 0 and growth > 0):
        return np.nan
    power = math.log(growth) / years
    return math.expm1(power) if power < _LARGEST else np.inf


@machine
def _divided(over: float, under: float) -> float:
    """Over nothing: infinite, or nothing at all, as arrays divide."""
    if under != 0.0:
        return over / under
    return np.nan if over == 0.0 or np.isnan(over) else np.inf * over


@machine
def _over(over: float, under: float) -> float:
    return over / under if under != 0.0 else np.nan


@machine
def _mean(total: float, count: float) -> float:
    return total / count if count else np.nan
