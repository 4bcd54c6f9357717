"""A screen is a quick float look; it agrees with the exact engine where nothing is rounded by much."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.research.runs import SAMPLE, no_trades
from workbench.core.errors import ConfigError
from workbench.research.backtest import backtest
from workbench.research.frames import load
from workbench.research.screen import screen, screen_signals, vbt
from workbench.strategies.sma_cross import SmaCross


@pytest.fixture(scope="module")
def bars():
    return load(SAMPLE, start="2020-01-01", end="2020-07-01")


def test_a_screen_comes_within_a_hundredth_of_the_exact_engine(bars):
    table = screen(bars, fast=[10, 20], slow=[50])
    for fast, slow in table.index:
        exact = backtest(SmaCross(fast=fast, slow=slow), bars).metrics
        assert table.loc[(fast, slow), "total_return"] == pytest.approx(exact["total_return"], abs=0.01)
        assert table.loc[(fast, slow), "trades"] == exact["trades"]


def test_a_screen_is_sorted_and_holds_only_pairs_whose_fast_is_faster(bars):
    table = screen(bars, fast=range(10, 60, 20), slow=range(20, 60, 20))
    assert sorted(table.index) == [(10, 20), (10, 40), (30, 40)]
    assert table["sharpe"].is_monotonic_decreasing


def test_many_columns_are_screened_in_batches_with_equal_figures(bars, monkeypatch):
    whole = screen(bars, fast=[5, 10, 15], slow=[20])
    monkeypatch.setattr("workbench.research.screen.COLUMNS_AT_ONCE", 2)
    pd.testing.assert_frame_equal(screen(bars, fast=[5, 10, 15], slow=[20]), whole)


def test_a_signal_never_trades_at_a_price_before_it(bars):
    seer = (bars["close"] > bars["open"]).to_frame("seer")  # knows a bar's direction at its close, and no sooner
    assert screen_signals(bars, seer, fees=0.0)["total_return"].iloc[0] < 1.0


def test_a_screen_without_a_pair_is_refused(bars):
    with pytest.raises(ConfigError, match="fast < slow"):
        screen(bars, fast=[50], slow=[20])


def test_a_run_without_fills_is_a_portfolio_without_orders():
    portfolio = no_trades().to_vectorbt()
    assert portfolio.orders.count() == 0
    assert portfolio.final_value() == 10_000.0


def test_figures_need_no_kernel():
    assert vbt.settings.plotting["use_widgets"] is False
