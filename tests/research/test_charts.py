"""The tear sheet is light, equal for equal runs, and shows what happened."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.research.runs import four_months, fresh, no_trades, six_years
from workbench.research.charts import CANDLES, MARKS, POINTS, monthly_returns, tear_sheet
from workbench.research.thinning import kept_points, merged_candles

HEAVIEST = 3_000_000  # bytes a page still opens with at once


def traces(figure):
    return {trace["name"]: trace for trace in json.loads(figure.to_json())["data"] if trace.get("name")}


def test_six_years_of_hours_stay_light():
    text = tear_sheet(six_years()).to_json()
    assert len(text) < HEAVIEST
    drawn = {name: len(trace["x"]) for name, trace in traces(tear_sheet(six_years())).items()}
    assert max(drawn.values()) <= max(POINTS + 2, CANDLES, MARKS)


def test_equal_runs_have_equal_charts():
    assert four_months().plot().to_json() == fresh().plot().to_json()


def test_every_fill_of_a_short_run_is_marked_at_its_price():
    result = four_months()
    shown = traces(result.plot())
    assert len(shown["Buy"]["x"]) + len(shown["Sell"]["x"]) == len(result.fills)


def test_a_run_without_trades_has_a_chart():
    assert json.loads(no_trades().plot().to_json())["data"]


def test_the_sheet_has_one_font_and_titles_that_say_what_is_shown():
    figure = six_years().plot()
    assert [each.text for each in figure.layout.annotations] == [
        "Equity",
        "Drawdown",
        "Fills on BTC/USDT",
        "Exposure",
        "Fees paid",
        "Return by month",
    ]
    assert figure.layout.template.layout.font.family
    assert "SmaCross(fast=20, slow=50)" in figure.layout.title.text


def test_monthly_returns_multiply_to_the_total_return():
    result = six_years()
    table = monthly_returns(result)
    months = table[list(range(1, 13))].to_numpy()
    assert np.nanprod(1 + months) - 1 == pytest.approx(result.metrics["total_return"])
    assert (1 + table[13]).prod() - 1 == pytest.approx(result.metrics["total_return"])
    assert np.isnan(table.loc[2017, 1])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes(values, most):
    series = np.array(values)
    kept = kept_points(series, most)
    assert len(kept) <= most
    assert (kept[0], kept[-1]) == (0, len(series) - 1)
    assert (series[kept].min(), series[kept].max()) == (series.min(), series.max())
    assert (np.diff(kept) > 0).all()


@given(st.integers(1, 300), st.integers(1, 50))
def test_merged_candles_span_what_they_merge(count, most):
    close = np.sin(np.arange(count))
    opened = np.concatenate(([0.0], close[:-1]))
    candles = {
        "time": np.arange(count),
        "open": opened,
        "high": np.maximum(opened, close) + 1,
        "low": np.minimum(opened, close) - 1,
        "close": close,
    }
    merged, each = merged_candles(candles, most)
    assert len(merged["time"]) <= most
    assert (merged["open"][0], merged["close"][-1]) == (opened[0], close[-1])
    assert merged["high"].max() == candles["high"].max()
    assert merged["low"].min() == candles["low"].min()
    assert len(merged["time"]) == -(-count // each)
