"""A kernel's sweep on machine code has the figures of the event engine, to the last bit, whoever runs it."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from tests.research.runs import START, sample
from workbench.compiled.measurement import CHUNK
from workbench.core.clock import parse_instant
from workbench.core.errors import ConfigError
from workbench.research.backtest import backtest
from workbench.research.sweep import sweep
from workbench.strategies.sma_cross import SmaCross, sma_cross

SPAN = {"start": START, "end": parse_instant("2018-02-10")}
GRID = {"fast": range(5, 25, 5), "slow": [10, 30, 60]}


def test_compiled_rows_are_those_of_the_event_engine_for_any_number_of_threads():
    one = sweep(sma_cross, sample(), workers=1, **SPAN, **GRID)
    two = sweep(sma_cross, sample(), workers=2, **SPAN, **GRID)
    event = sweep(sma_cross, sample(), workers=1, engine="event", **SPAN, **GRID)
    assert "compiled engine, 2 threads" in two.engine
    assert "event engine" in event.engine
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    pd.testing.assert_frame_equal(one.table, event.table, check_exact=True)
    assert one.result(3).metrics["sharpe"] == one.table["sharpe"][3]


def test_a_row_with_more_fills_than_the_log_holds_at_once_is_the_single_backtests():
    row = sweep(sma_cross, sample(), workers=1, fast=[2], slow=[3])
    single = backtest(sma_cross(fast=2, slow=3), sample(), engine="compiled")
    assert len(single.ledger.fills) > CHUNK
    told = pd.Series({name: row.table[name][0] for name in single.metrics}, dtype="float64")
    pd.testing.assert_series_equal(told, pd.Series(single.metrics, dtype="float64"), check_exact=True)


def test_what_is_no_kernel_is_not_compiled_and_it_says_what_to_do():
    with pytest.raises(ConfigError, match="--engine event"):
        sweep(SmaCross, sample(), engine="compiled", **SPAN, fast=[5], slow=[30])
    with pytest.raises(ConfigError, match="expected 'event' or 'compiled'"):
        sweep(SmaCross, sample(), engine="vector", **SPAN, fast=[5], slow=[30])


FRESH = """
import workbench as wb
from workbench.strategies.sma_cross import sma_cross
bars = wb.load("binance_spot_BTCUSDT_1h", end="2017-10-01")
print(wb.sweep(sma_cross, bars, workers=4, fast=range(5, 25), slow=[30, 60]).refused)
"""


def test_threads_that_begin_together_in_a_fresh_process_all_find_the_engine(tmp_path):
    said = subprocess.run([sys.executable, "-c", FRESH], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (said.returncode, said.stdout) == (0, "0\n"), said.stderr
