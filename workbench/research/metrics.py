"""What a run is measured by. Each figure is one function whose docstring is its definition.

Sampling: one return per bar, the equity after a bar over the equity after the bar before, the first over the
starting cash. Where the data's intervals differ, or it has none, equity is sampled at the end of each
longest interval, or each hour. A year is 365 days of that interval: crypto never closes. What cannot be said
(a win rate without a trade, a ratio over nothing) is NaN; counts and amounts of nothing are 0.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cached_property

import msgspec
import numpy as np

from workbench.core.clock import DAY, HOUR

YEAR = 365 * DAY
NO_INTERVAL = HOUR  # how often the equity of a run on trades or quotes is sampled


class Sample(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """All that the figures are made of: float64 views of exact amounts in base currency, times in UTC ns.

    `times`, `equity` and `in_market` have one entry per sample; `pnl`, `returns_of_trips` and `held_ns`
    one per closed round trip.
    """

    start: int
    end: int
    step: int  # ns between samples
    cash: float  # what it started with
    times: np.ndarray
    equity: np.ndarray
    in_market: np.ndarray  # whether any position was held
    benchmark: float  # the return of buying and holding
    pnl: np.ndarray
    returns_of_trips: np.ndarray
    held_ns: np.ndarray
    fills: int
    orders: int
    refusals: int
    traded: float
    fees: float

    @property
    def years(self) -> float:
        return (self.end - self.start) / YEAR

    @property
    def periods(self) -> float:
        """Samples in a year."""
        return YEAR / self.step

    @cached_property
    def returns(self) -> np.ndarray:
        before = np.concatenate(([self.cash], self.equity[:-1]))[: len(self.equity)]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.equity / before - 1.0

    @cached_property
    def drawdown(self) -> np.ndarray:
        """Equity over its highest so far, less 1; 0 at a peak, the starting cash counted as one."""
        return drawdown_of(self.equity, self.cash)


def drawdown_of(equity: np.ndarray, cash: float) -> np.ndarray:
    """How far equity is below its highest so far, as a fraction of it, 0 or less."""
    peak = np.maximum.accumulate(np.maximum(equity, cash))
    return equity / peak - 1.0 if len(equity) else equity


def measure(sample: Sample) -> dict[str, float]:
    """Every figure by name."""
    return {name: float(figure(sample)) for name, figure in FIGURES.items()}


# --- the whole run ---------------------------------------------------------------------------------


def initial_equity(s: Sample) -> float:
    """The cash that all strategies started with, in base currency."""
    return s.cash


def final_equity(s: Sample) -> float:
    """Equity after the last event, open positions at their last mark, in base currency."""
    return float(s.equity[-1]) if len(s.equity) else s.cash


def total_return(s: Sample) -> float:
    """Final equity over initial equity, less 1."""
    return _ratio(final_equity(s), s.cash) - 1.0


def cagr(s: Sample) -> float:
    """Final over initial equity to the power of 1 / years, less 1; years of 365 days from first open to last close."""
    growth = _ratio(final_equity(s), s.cash)
    if not (s.years > 0 and growth > 0):
        return math.nan
    power = math.log(growth) / s.years
    return math.expm1(power) if power < _LARGEST else math.inf


def buy_and_hold_return(s: Sample) -> float:
    """The last close over the first close, less 1, without costs; the mean of it over several instruments."""
    return s.benchmark


def volatility(s: Sample) -> float:
    """The standard deviation (n - 1) of the returns times the root of the samples in a year."""
    return _deviation(s.returns) * math.sqrt(s.periods)


def sharpe(s: Sample) -> float:
    """The mean return over its standard deviation (n - 1), times the root of samples in a year; risk-free rate 0."""
    return _ratio(_mean(s.returns), _deviation(s.returns)) * math.sqrt(s.periods)


def sortino(s: Sample) -> float:
    """As the Sharpe ratio, over the root of the mean square of the returns below 0 (others count as 0)."""
    below = np.minimum(s.returns, 0.0)
    return _ratio(_mean(s.returns), math.sqrt(_mean(below * below)) if len(below) else 0.0) * math.sqrt(s.periods)


def calmar(s: Sample) -> float:
    """CAGR over the size of the maximum drawdown."""
    return _ratio(cagr(s), -max_drawdown(s))


def max_drawdown(s: Sample) -> float:
    """The deepest fall of sampled equity from its highest so far, as a fraction of that; 0 or less."""
    return float(s.drawdown.min()) if len(s.equity) else 0.0


def max_drawdown_days(s: Sample) -> float:
    """The longest time from a peak of sampled equity until it is reached again, or to the end, in days."""
    if not len(s.equity):
        return 0.0
    at_peak = np.flatnonzero(s.drawdown >= 0.0)
    last = len(s.times) - 1
    ends = at_peak if last in at_peak[-1:] else np.append(at_peak, last + 1)
    apart = np.diff(np.concatenate(([-1], ends)))
    times = np.concatenate(([s.start], s.times, [s.times[-1]]))  # of the start, of every sample, and of the end
    waits = np.diff(times[np.concatenate(([0], ends + 1))])[apart > 1]
    return float(waits.max()) / DAY if len(waits) else 0.0


def skew(s: Sample) -> float:
    """The third standardised moment of the returns, not corrected for the size of the sample."""
    second, third, _ = _moments(s.returns)
    return _ratio(third, second * math.sqrt(second))


def kurtosis(s: Sample) -> float:
    """The fourth standardised moment of the returns less 3, not corrected for the size of the sample."""
    second, _, fourth = _moments(s.returns)
    return _ratio(fourth, second * second) - 3.0


def exposure(s: Sample) -> float:
    """The share of samples after which any position was held."""
    return float(s.in_market.mean()) if len(s.in_market) else 0.0


# --- round trips -----------------------------------------------------------------------------------


def trades(s: Sample) -> float:
    """Closed round trips: from flat to flat, per strategy and instrument."""
    return len(s.pnl)


def win_rate(s: Sample) -> float:
    """The share of closed round trips with a profit after fees."""
    return _mean(s.pnl > 0)


def profit_factor(s: Sample) -> float:
    """The sum of the profits over the sum of the losses of closed round trips, after fees."""
    return _ratio(_sum(s.pnl[s.pnl > 0]), -_sum(s.pnl[s.pnl < 0]))


def expectancy(s: Sample) -> float:
    """The mean profit of a closed round trip after fees, in base currency."""
    return _mean(s.pnl)


def average_win(s: Sample) -> float:
    """The mean profit of the winning closed round trips after fees, in base currency."""
    return _mean(s.pnl[s.pnl > 0])


def average_loss(s: Sample) -> float:
    """The mean result of the losing closed round trips after fees, in base currency; 0 or less."""
    return _mean(s.pnl[s.pnl < 0])


def best_trade(s: Sample) -> float:
    """The highest return of a closed round trip: profit after fees over what its opening fills were worth."""
    return float(s.returns_of_trips.max()) if len(s.pnl) else math.nan


def worst_trade(s: Sample) -> float:
    """The lowest return of a closed round trip: profit after fees over what its opening fills were worth."""
    return float(s.returns_of_trips.min()) if len(s.pnl) else math.nan


def average_trade_days(s: Sample) -> float:
    """The mean time from first to last fill of a closed round trip, in days."""
    return _mean(s.held_ns / DAY)


# --- costs -----------------------------------------------------------------------------------------


def orders(s: Sample) -> float:
    """Orders made, refused ones counted."""
    return s.orders


def fills(s: Sample) -> float:
    """Fills booked."""
    return s.fills


def refusals(s: Sample) -> float:
    """How often risk stepped in."""
    return s.refusals


def turnover(s: Sample) -> float:
    """The worth of all fills over mean sampled equity, per year."""
    return _ratio(s.traded, _mean(s.equity) * s.years)


def fees(s: Sample) -> float:
    """All fees in base currency, those taken in coins valued at their fill's price; third currencies are left out."""
    return s.fees


def fees_of_profit(s: Sample) -> float:
    """Fees over the profit there would be without them; NaN where that is no profit."""
    gross = final_equity(s) - s.cash + s.fees
    return _ratio(s.fees, gross) if gross > 0 else math.nan


FIGURES: Mapping[str, Callable[[Sample], float]] = {
    figure.__name__: figure
    for figure in (
        initial_equity,
        final_equity,
        total_return,
        buy_and_hold_return,
        cagr,
        volatility,
        sharpe,
        sortino,
        calmar,
        max_drawdown,
        max_drawdown_days,
        skew,
        kurtosis,
        exposure,
        trades,
        win_rate,
        profit_factor,
        expectancy,
        average_win,
        average_loss,
        best_trade,
        worst_trade,
        average_trade_days,
        orders,
        fills,
        refusals,
        turnover,
        fees,
        fees_of_profit,
    )
}
DEFINITIONS: Mapping[str, str] = {name: inspect.getdoc(figure) or "" for name, figure in FIGURES.items()}
PERCENTS = frozenset(
    [
        "total_return",
        "buy_and_hold_return",
        "cagr",
        "volatility",
        "max_drawdown",
        "exposure",
        "win_rate",
        "best_trade",
        "worst_trade",
        "fees_of_profit",
    ]
)
COUNTS = frozenset(["trades", "orders", "fills", "refusals"])
SMALLER_IS_BETTER = frozenset(
    ["volatility", "max_drawdown_days", "kurtosis", "orders", "refusals", "turnover", "fees", "fees_of_profit"]
)

_LARGEST = 700.0  # e to the power of more is no float
_NO_SPREAD = 1e-14  # returns are quotients near 1 less 1: a spread below this is rounding, not risk


def _sum(values: np.ndarray) -> float:
    """The sum in order, one value after the other, as a loop adds; np.sum would add in pairs and round differently."""
    return float(np.cumsum(values, dtype=np.float64)[-1]) if len(values) else 0.0


def _mean(values: np.ndarray) -> float:
    return _sum(values) / len(values) if len(values) else math.nan


def _deviation(values: np.ndarray) -> float:
    """0 where the values differ by rounding alone."""
    if len(values) < 2:
        return math.nan
    with np.errstate(invalid="ignore"):
        apart = values - _mean(values)
    spread = math.sqrt(_sum(apart * apart) / (len(values) - 1))
    return 0.0 if spread <= _NO_SPREAD else spread


def _ratio(over: float, under: float) -> float:
    return over / under if under else math.nan


def _moments(values: np.ndarray) -> tuple[float, float, float]:
    """The second to fourth central moment; NaN where there is no spread."""
    if len(values) < 2 or not _deviation(values):
        return math.nan, math.nan, math.nan
    with np.errstate(invalid="ignore"):
        apart = values - _mean(values)
    square = apart * apart
    return _mean(square), _mean(square * apart), _mean(square * square)
