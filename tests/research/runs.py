"""Finished runs on the bundled sample that several tests look at."""

from __future__ import annotations

from functools import cache

from workbench.core.clock import parse_instant
from workbench.data.dataset import Dataset
from workbench.data.lake import open_sample
from workbench.research.backtest import backtest
from workbench.research.result import Result
from workbench.strategies.sma_cross import SmaCross

SAMPLE = "binance_spot_BTCUSDT_1h"
START, END = parse_instant("2018-01-01"), parse_instant("2018-04-20")


@cache
def sample() -> Dataset:
    return open_sample(SAMPLE)


def fresh(**options: object) -> Result:
    return backtest(SmaCross(fast=20, slow=50), sample(), start=START, end=END, **options)


@cache
def four_months() -> Result:
    """SMA 20/50 over the first 109 days of 2018, with gaps in the data and an open position at the end."""
    return fresh()


@cache
def six_years() -> Result:
    return backtest(SmaCross(fast=20, slow=50), sample())


@cache
def no_trades() -> Result:
    """Too short for the slow average: nothing ever happens."""
    return backtest(SmaCross(fast=20, slow=50), sample(), start=START, end=parse_instant("2018-01-02"))
