"""Every indicator says what its definition says, from the very update it is ready on: on real hours and on odd ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.core.textbook import CASES, Bars, Case, first_volume, kalman, rows
from workbench.core.indicators import KalmanTrend, Rsi, Sma
from workbench.data.lake import open_sample


@st.composite
def odd_bars(draw: st.DrawFn) -> Bars:
    """Ties, spikes, stretches without a move, volumes of 0, prices from 1e-8 to 1e5."""
    scale, base = draw(st.sampled_from([(10**8, 0), (10**8, 10**13), (100, 10**7), (1, 0)]))
    steps = st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(0, 4), st.sampled_from([1, 1, 1, 1, 1000]))
    found = draw(st.lists(steps, min_size=1, max_size=45))
    still = draw(st.integers(0, len(found)))
    found = found[:still] + [found[still - 1]] * draw(st.integers(0, 15)) + found[still:] if still else found
    lows = [base + low * spike for low, _, _, spike in found]
    highs = [low + width for low, (_, width, _, _) in zip(lows, found, strict=True)]
    closes = [low + min(width, share) for low, (_, width, share, _) in zip(lows, found, strict=True)]
    volumes = draw(st.lists(st.sampled_from([0, 0, 1, 5, 10**8, 10**12]), min_size=len(found), max_size=len(found)))
    return Bars(highs, lows, closes, volumes, scale)


@pytest.fixture(scope="module")
def hours() -> Bars:
    columns, rows = open_sample("binance_spot_BTCUSDT_1h").columns, slice(2_000, 4_500)
    high, low, close, volume = (columns[name][rows].tolist() for name in ("high", "low", "close", "volume"))
    return Bars(high, low, close, volume, 100)


def check(case: Case, bars: Bars, window: int, ready_at: int) -> None:
    """Fed bar by bar, it is ready with `ready_at` and from there on tells the rows of the book."""
    indicator: Any = case.make(window)
    told, ready = [], []
    for at in range(len(bars.close)):
        told.append(case.feed(indicator, bars, at))
        ready.append(indicator.ready)
    assert ready == [bool(ready_at) and number >= ready_at for number in range(1, len(ready) + 1)]
    assert all(np.all(np.isfinite(each)) for each in told)
    if case.book is None or not ready[-1]:
        return
    got, want = rows(told[ready_at - 1 :]), rows(case.book(bars, window))
    assert len(got) == len(want)
    if case.exact:
        assert got == want
    else:
        np.testing.assert_allclose(np.array(got), np.array(want), rtol=1e-9, atol=tolerance(case, bars))


def tolerance(case: Case, bars: Bars) -> float:
    """A hair of the highest price for what is a price; what is a share of a range has its own measure."""
    if case in (CASES["Rsi"], CASES["Adx"], CASES["Stochastic"]):
        return 1e-8
    if case is CASES["ZScore"]:
        return 1e-12 * max(bars.close) + 1e-9  # the smallest deviation is about one unit
    return 1e-13 * max(bars.high) / bars.scale


@pytest.mark.parametrize("window", [2, 3, 14, 50, 333])
@pytest.mark.parametrize("name", CASES)
def test_an_indicator_agrees_with_its_definition_on_real_hours(name: str, window: int, hours: Bars) -> None:
    check(CASES[name], hours, window, CASES[name].ready(window))


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=120, deadline=None)
@given(bars=odd_bars(), window=st.integers(1, 12))
def test_an_indicator_agrees_with_its_definition_on_odd_bars(name: str, bars: Bars, window: int) -> None:
    case = CASES[name]
    assume(window >= case.least)
    check(case, bars, window, first_volume(bars) if name == "AnchoredVwap" else case.ready(window))


@settings(max_examples=60, deadline=None)
@given(bars=odd_bars(), noises=st.tuples(st.sampled_from([0.01, 0.5, 3.0]), st.sampled_from([0.001, 0.1, 2.0])))
def test_a_kalman_trend_is_the_end_of_the_most_likely_path(bars: Bars, noises: tuple[float, float]) -> None:
    prices, trend = bars.prices("close")[:30], KalmanTrend.of(*noises)
    for number, price in enumerate(prices, 1):
        told = trend.update(float(price))
        if number in (2, 3, 7, len(prices)) and number > 1:
            want = kalman(prices[:number], *noises)
            assert told == pytest.approx(want, rel=1e-9, abs=1e-8 * float(np.max(prices)))


def test_a_kalman_trend_follows_a_straight_line_without_lag(hours: Bars) -> None:
    trend = KalmanTrend.of()
    for hour in range(500):
        level, slope = trend.update(100.0 + 2.0 * hour)
        assert level == pytest.approx(100.0 + 2.0 * hour)
        assert slope == pytest.approx(2.0 if hour else 0.0)


def test_sums_of_integers_decide_ties_that_rolling_means_of_floats_do_not() -> None:
    closes = open_sample("binance_spot_BTCUSDT_1h").columns["close"].tolist()
    fast, slow, rolling_fast, rolling_slow = Sma.of(2), Sma.of(3), 0.0, 0.0
    ties, invented = 0, 0
    for at, close in enumerate(closes):
        tie = fast.update(close) * 3 == slow.update(close) * 2
        rolling_fast += close / 100 - (closes[at - 2] / 100 if at >= 2 else 0.0)
        rolling_slow += close / 100 - (closes[at - 3] / 100 if at >= 3 else 0.0)
        if slow.ready and tie:
            ties += 1
            assert sum(closes[at - 1 : at + 1]) * 3 == sum(closes[at - 2 : at + 1]) * 2
            invented += rolling_fast / 2 != rolling_slow / 3
    assert (ties, invented) == (5, 5)


def test_a_relative_strength_of_one_price_is_all_or_nothing(hours: Bars) -> None:
    rsi = Rsi.of(1)
    told = [rsi.update(close / 100) for close in hours.close]
    moves = np.sign(np.diff(hours.close))
    assert told[1:] == pytest.approx(list(50.0 + 50.0 * moves))
