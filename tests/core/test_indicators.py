"""Indicators agree with their textbook definitions, are ready exactly on time and survive being saved."""

from __future__ import annotations

import statistics
import sys
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.indicators import Atr, Deviation, Ema, Extremes, Rsi, Sma, Wilder

windows = st.integers(1, 12)
raws = st.lists(st.integers(1, 10**9), min_size=1, max_size=40)
floats = st.lists(st.floats(1, 1e6), min_size=1, max_size=40)
bars = st.lists(st.tuples(st.floats(1, 1e4), st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=40)


def close_to(value):
    return pytest.approx(value, rel=1e-9, abs=1e-6)


def smoothed(values, window, weight):
    """The recursive average of a list from its definition: seeded with a mean, then weighted."""
    value = sum(values[:window]) / window
    for each in values[window:]:
        value = (1 - weight) * value + weight * each
    return value


@given(raws, windows)
def test_a_simple_average_is_the_exact_sum_of_its_window(values, window):
    sma = Sma(window)
    for number, value in enumerate(values, 1):
        total = sma.update(value)
        assert total == (sum(values[number - window : number]) if number >= window else None)
        assert sma.ready is (number >= window)


@given(floats, windows)
def test_an_exponential_average_is_seeded_with_the_mean_and_then_weighted(values, window):
    ema = Ema(window)
    for number, value in enumerate(values, 1):
        got = ema.update(value)
        assert ema.ready is (number >= window) is (got is not None)
        if got is not None:
            assert got == close_to(smoothed(values[:number], window, 2 / (window + 1)))


@given(floats, windows)
def test_wilders_smoothing_is_seeded_with_the_mean_and_then_weighted(values, window):
    wilder = Wilder(window)
    for number, value in enumerate(values, 1):
        got = wilder.update(value)
        assert (got is not None) is (number >= window)
        if got is not None:
            assert got == close_to(smoothed(values[:number], window, 1 / window))


@given(floats, windows)
def test_relative_strength_is_the_share_of_gains_and_needs_one_price_more_than_its_window(values, window):
    rsi = Rsi.of(window)
    for number, value in enumerate(values, 1):
        got = rsi.update(value)
        assert (got is not None) is (number > window)
        if got is None:
            continue
        moves = [later - earlier for earlier, later in pairwise(values[:number])]
        gains = smoothed([max(move, 0) for move in moves], window, 1 / window)
        losses = smoothed([max(-move, 0) for move in moves], window, 1 / window)
        if gains + losses > 1e-3:
            assert got == pytest.approx(100 * gains / (gains + losses), abs=1e-3)
        assert 0 <= got <= 100


def test_relative_strength_is_in_the_middle_when_nothing_moved():
    rsi = Rsi.of(2)
    assert [rsi.update(5.0) for _ in range(4)] == [None, None, 50.0, 50.0]


@given(bars, windows)
def test_true_range_reaches_to_the_last_close(values, window):
    atr, ranges, last = Atr.of(window), [], None
    for low, width, share in values:
        high, close = low + width, low + width * share
        got = atr.update(high, low, close)
        if last is not None:
            ranges.append(max(high, last) - min(low, last))
        last = close
        assert (got is not None) is (len(ranges) >= window)
        if got is not None:
            assert got == close_to(smoothed(ranges, window, 1 / window))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=60), windows)
def test_extremes_are_the_highest_and_lowest_of_the_window(values, window):
    extremes = Extremes(window)
    for number, (high, low) in enumerate(values, 1):
        recent = values[max(0, number - window) : number]
        expected = (max(h for h, _ in recent), min(w for _, w in recent)) if number >= window else None
        assert extremes.update(high, low) == expected
        assert len(extremes.older) + len(extremes.newer) <= window


@given(floats, windows)
def test_deviation_is_the_mean_and_population_deviation_of_the_window(values, window):
    deviation = Deviation(window)
    for number, value in enumerate(values, 1):
        got = deviation.update(value)
        if number < window:
            assert got is None
        else:
            recent = values[number - window : number]
            assert got == (close_to(statistics.fmean(recent)), pytest.approx(statistics.pstdev(recent), abs=1e-3))


INDICATORS = [
    (Sma(3), lambda each, n: each.update(n)),
    (Ema(3), lambda each, n: each.update(float(n))),
    (Wilder(3), lambda each, n: each.update(float(n))),
    (Rsi.of(3), lambda each, n: each.update(float(n))),
    (Atr.of(3), lambda each, n: each.update(n + 2.0, n - 2.0, n + 1.0)),
    (Extremes(3), lambda each, n: each.update(n + 2, n - 2)),
    (Deviation(3), lambda each, n: each.update(float(n))),
]


@pytest.mark.parametrize(("indicator", "feed"), INDICATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("saved_after", range(8))
def test_an_indicator_goes_on_as_if_it_had_never_been_saved(indicator, feed, saved_after):
    values = [5, 3, 8, 8, 2, 9, 1, 7, 4, 6, 6, 5]
    kind = type(indicator)
    whole, first = (msgspec.convert(msgspec.to_builtins(indicator), kind) for _ in range(2))
    told = [feed(whole, value) for value in values]
    begun = [feed(first, value) for value in values[:saved_after]]
    restored = msgspec.convert(msgspec.json.decode(msgspec.json.encode(first)), kind)
    assert begun + [feed(restored, value) for value in values[saved_after:]] == told


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=80), windows, st.sampled_from([0.0, 1e6, 1e9]))
def test_deviation_does_not_drown_in_a_large_price(values, window, price):
    deviation = Deviation(window)
    for number, value in enumerate(values, 1):
        got = deviation.update(price + value)
        if got is not None:
            recent = values[number - window : number]
            assert got[1] == pytest.approx(statistics.pstdev(recent), rel=1e-6, abs=1e-6)


def test_deviation_forgets_a_bad_print_without_a_trace():
    deviation = Deviation(4)
    told = [deviation.update(value) for value in [1e12, *[7.0] * 4]]
    assert told[-1] == (7.0, 0.0)


@pytest.mark.parametrize(("indicator", "feed"), INDICATORS, ids=lambda each: type(each).__name__)
def test_an_indicator_remembers_no_more_than_its_window(indicator, feed):
    for value in range(50):
        feed(indicator, value % 7 + 3)
    state = msgspec.to_builtins(indicator)
    assert sum(len(each) for each in state.values() if isinstance(each, list)) <= 3


@pytest.mark.parametrize(
    ("make", "feed"),
    [
        (lambda window: Sma(window), lambda each, n: each.update(n)),
        (lambda window: Extremes(window), lambda each, n: each.update(-n, -n)),  # falling: nothing is ever outdone
        (lambda window: Deviation(window), lambda each, n: each.update(float(n))),
    ],
    ids=["Sma", "Extremes", "Deviation"],
)
def test_a_window_a_hundred_times_longer_takes_no_more_steps(make, feed):
    def steps(window):
        count = 0

        def counted(frame, event, arg):
            nonlocal count
            count += 1
            return counted

        indicator = make(window)
        for number in range(window):
            feed(indicator, number)
        before = sys.gettrace()
        sys.settrace(counted)
        try:
            for number in range(2_000):
                feed(indicator, number)
        finally:
            sys.settrace(before)
        return count

    assert steps(1_000) <= 1.5 * steps(10)
