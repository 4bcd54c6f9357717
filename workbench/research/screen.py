"""Float research with vectorbt: parameter screens, and a backtest's fills as a vectorbt portfolio.

A screen is a first look over thousands of parameter sets, in float64, with fills of any size at the next
open and fees as a fraction. It knows no lots, ticks, volumes or minimums: what it finds is for `backtest` to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import ConfigError, Unsupported
from workbench.core.events import FillEvent
from workbench.research.outcome import Outcome
from workbench.research.paths import Paths
from workbench.research.tables import utc_index
from workbench.research.trips import fee_of

try:
    import vectorbt as vbt
except ImportError as error:
    raise ConfigError(f"vectorbt is not installed ({error}); install the extra 'vectorbt'") from None

vbt.settings.plotting["use_widgets"] = False  # figures that live in a page without a kernel

COLUMNS_AT_ONCE = 64  # parameter sets held in memory together: 64 x 58,000 bars x 8 bytes is 30 MB an array
YEAR = pd.Timedelta(days=365)


def screen(
    frame: pd.DataFrame,
    *,
    fast: Iterable[int] = range(5, 50, 5),
    slow: Iterable[int] = range(20, 200, 10),
    fees: float = 0.001,
    cash: float = 10_000.0,
) -> pd.DataFrame:
    """Every pair of moving averages with fast < slow, long while the fast one is above, as float research.

    `frame` has columns open and close. Signals of a close trade at the next open, all cash in or out,
    `fees` as a fraction of worth. Returns one row per (fast, slow): total_return, sharpe, sortino,
    max_drawdown, trades and win_rate, by sharpe, best first. Raises ConfigError for no pair at all.
    """
    pairs = [(short, long) for short, long in product(fast, slow) if short < long]
    if not pairs:
        raise ConfigError("screen: expected at least one pair with fast < slow")
    windows = sorted({window for pair in pairs for window in pair})
    averages = {window: frame["close"].rolling(window).mean() for window in windows}
    parts = []
    for some in _batches(pairs, COLUMNS_AT_ONCE):
        names = pd.MultiIndex.from_tuples(some, names=["fast", "slow"])
        long = pd.concat([averages[short] > averages[slow] for short, slow in some], axis=1, keys=names)
        parts.append(screen_signals(frame, long, fees=fees, cash=cash))
    table: pd.DataFrame = pd.concat(parts).sort_values("sharpe", ascending=False, kind="stable")
    return table


def screen_signals(
    frame: pd.DataFrame, long: pd.DataFrame, *, fees: float = 0.001, cash: float = 10_000.0
) -> pd.DataFrame:
    """Any long-or-flat idea: `long` is True at a close after which to be in; one column per parameter set.

    Fills and figures are those of `screen`; one row per column of `long`.
    """
    wanted = long.astype(bool).shift(1, fill_value=False)  # a close is acted on at the next open
    portfolio = vbt.Portfolio.from_signals(
        frame["close"],
        entries=wanted,
        exits=~wanted,
        price=frame["open"],
        fees=fees,
        init_cash=cash,
        freq=_step(frame.index),
    )
    figures = {
        "total_return": portfolio.total_return(),
        "sharpe": portfolio.sharpe_ratio(year_freq=YEAR),
        "sortino": portfolio.sortino_ratio(year_freq=YEAR),
        "max_drawdown": portfolio.max_drawdown(),
        "trades": portfolio.trades.closed.count(),
        "win_rate": portfolio.trades.closed.win_rate(),
    }
    return pd.DataFrame({name: np.atleast_1d(values) for name, values in figures.items()}, index=long.columns)


def to_vectorbt(outcome: Outcome) -> Any:
    """A vectorbt.Portfolio of a run's very fills: their sizes, prices and fees, at the bars they came with.

    One column per instrument, cash shared. Several fills of one bar stand in rows of the same time.
    Raises Unsupported where vectorbt would not take every fill, such as a leveraged one.
    """
    paths, fills = outcome.paths, outcome.ledger.fills
    keys = list(paths.prices)
    sample, rows = _rows(paths, fills)
    size, price, cost = (np.full((len(sample), len(keys)), empty) for empty in (np.nan, np.nan, 0.0))
    for row, fill in zip(rows, fills, strict=True):
        place = (row, keys.index(fill.instrument.key))
        size[place], price[place], cost[place] = _as_order(fill, outcome)
    index = utc_index(paths.times[sample].tolist(), "time")
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame({key: paths.prices[key][sample] for key in keys}, index=index),
        size=size,
        price=price,
        fixed_fees=cost,
        init_cash=paths.cash,
        cash_sharing=True,
        group_by=True,
        freq=pd.Timedelta(paths.step, unit="ns"),
    )
    if portfolio.orders.count() != len(fills):
        raise Unsupported(f"vectorbt took {portfolio.orders.count()} of {len(fills)} fills; it cannot hold this book")
    return portfolio


def _rows(paths: Paths, fills: Sequence[FillEvent]) -> tuple[np.ndarray, list[int]]:
    """Which sample each row shows, and the row of each fill: one row per sample, and one more for each further fill."""
    at = np.searchsorted(paths.times, [fill.ts_init for fill in fills])
    extra = np.maximum(np.bincount(at.astype(np.int64), minlength=len(paths.times)) - 1, 0)
    sample = np.repeat(np.arange(len(paths.times)), 1 + extra)
    first = np.searchsorted(sample, at)
    rows, taken = [], -1
    for row in first.tolist():
        taken = max(row, taken + 1)
        rows.append(taken)
    return sample, rows


def _as_order(fill: FillEvent, outcome: Outcome) -> tuple[float, float, float]:
    """Signed size, price and fee in cash; a fee taken in coins makes a buy smaller at a higher price."""
    ledger, instrument = outcome.ledger, fill.instrument
    terms = ledger.terms[instrument.key]
    fee, fee_in_base = fee_of(fill, terms)
    unit, net = 10**instrument.quantity_places, fill.quantity_raw - fill.side.sign * fee_in_base
    contracts = float(instrument.contract_size)
    price = fill.price_raw * fill.quantity_raw / (net * 10**instrument.price_places)
    return fill.side.sign * net / unit * contracts, price, fee / 10**ledger.cash_places


def _batches(pairs: Sequence[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(pairs), size):
        yield list(pairs[start : start + size])


def _step(index: pd.Index) -> pd.Timedelta:
    """The interval of the bars: the smallest step between two of them."""
    return pd.Timedelta(np.diff(pd.DatetimeIndex(index).as_unit("ns").asi8).min(), unit="ns")
