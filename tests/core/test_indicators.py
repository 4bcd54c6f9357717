"""Indicators are laid out once, survive being saved, cost the same for any window, and have their edges defined."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import indicator_kernels
from tests.core.market import bar
from tests.core.textbook import CASES, Bars
from workbench.core import indicators
from workbench.core.errors import ConfigError
from workbench.core.indicators import (
    Adx,
    AnchoredVwap,
    Atr,
    Bollinger,
    Deviation,
    Ema,
    Indicator,
    KalmanTrend,
    Macd,
    Mean,
    Obv,
    Rsi,
    Sized,
    Sma,
    Stochastic,
    Vwap,
    ZScore,
)
from workbench.core.kernel import Kernel
from workbench.core.strategy import State, Strategy

CLOSES = [5, 3, 8, 8, 2, 9, 1, 7, 4, 6, 6, 5, 9, 9, 2, 3]
BARS = Bars([each + 2 for each in CLOSES], [each - 1 for each in CLOSES], CLOSES, [7, 0, 3, 1] * 4)
KINDS = [getattr(indicators, name) for name in indicators.__all__ if name not in ("Indicator", "Sized")]


def falling(length: int) -> Bars:
    """Bars in which nothing is ever outdone."""
    down = list(range(2 * length, length, -1))
    return Bars([each + 1 for each in down], [each - 1 for each in down], down, down)


def test_every_indicator_has_its_textbook() -> None:
    assert {kind.__name__ for kind in KINDS} == set(CASES)


# Saving


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("saved_after", [0, 1, 2, 3, 6, 9])
def test_an_indicator_goes_on_as_if_it_had_never_been_saved(name: str, saved_after: int) -> None:
    case = CASES[name]
    whole, first = case.make(3), case.make(3)
    told = [case.feed(whole, BARS, at) for at in range(len(CLOSES))]
    begun = [case.feed(first, BARS, at) for at in range(saved_after)]
    restored = msgspec.json.decode(msgspec.json.encode(first), type=type(first))
    assert restored == first
    assert begun + [case.feed(restored, BARS, at) for at in range(saved_after, len(CLOSES))] == told
    assert restored == whole


class All(Strategy):
    """Keeps every indicator there is, and hears bars."""

    State = msgspec.defstruct(  # type: ignore[assignment]
        "State", [(name.lower(), type(case.make(3))) for name, case in CASES.items()], bases=(State,)
    )

    def new_state(self) -> Any:
        return self.State(**{name.lower(): case.make(3) for name, case in CASES.items()})

    def on_market_data(self, event: Any) -> None:
        for name, case in CASES.items():
            one = Bars([event.high_raw], [event.low_raw], [event.close_raw], [event.volume_raw])
            case.feed(getattr(self.state, name.lower()), one, 0)


def test_a_strategy_takes_the_state_of_all_indicators_back_from_plain_text() -> None:
    whole, begun, restored = All(), All(), All()
    for close in CLOSES[:9]:
        whole.on_market_data(bar(close=close))
        begun.on_market_data(bar(close=close))
    restored.set_state(json.loads(json.dumps(begun.get_state(), allow_nan=False)))
    for close in CLOSES[9:]:
        whole.on_market_data(bar(close=close))
        restored.on_market_data(bar(close=close))
    assert restored.state == whole.state
    assert restored.get_state() == whole.get_state()


# Memory and cost


def shape(value: Any) -> Any:
    """What a state is made of: types, and lengths of rings."""
    if isinstance(value, Indicator):
        return {name: shape(each) for name, each in msgspec.structs.asdict(value).items()}
    return [type(each).__name__ for each in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize("name", CASES)
def test_an_indicators_memory_keeps_its_types_and_lengths_from_the_first_update_to_the_last(name: str) -> None:
    indicator = CASES[name].make(4)
    laid_out = shape(indicator)
    for at in range(len(CLOSES)):
        CASES[name].feed(indicator, BARS, at)
        assert shape(indicator) == laid_out


@pytest.mark.parametrize("name", CASES)
def test_two_indicators_of_one_making_share_no_memory(name: str) -> None:
    one, other, fresh = (CASES[name].make(3) for _ in range(3))
    for at in range(len(CLOSES)):
        CASES[name].feed(one, BARS, at)
    assert other == fresh


@pytest.mark.parametrize("name", CASES)
def test_a_window_a_hundred_times_longer_takes_no_more_steps(name: str) -> None:
    assert steps(name, window=1_000) <= 1.5 * steps(name, window=10)


def steps(name: str, *, window: int, updates: int = 2_000) -> int:
    """Lines of Python that run for `updates` once the window is full."""
    case, bars, count = CASES[name], falling(2 * window + updates), 0
    indicator = case.make(window)
    for at in range(2 * window):
        case.feed(indicator, bars, at)

    def counted(*_: Any) -> Any:
        nonlocal count
        count += 1
        return counted

    before = sys.gettrace()
    sys.settrace(counted)
    try:
        for at in range(2 * window, 2 * window + updates):
            case.feed(indicator, bars, at)
    finally:
        sys.settrace(before)
    return count


# Kernels


def test_every_indicator_keeps_to_the_language_of_kernels() -> None:
    accepted = [each for each in vars(indicator_kernels).values() if isinstance(each, Kernel)]
    assert {type(each().state.it) for each in accepted} == set(KINDS)  # a kernel is read, and refused, where it is made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_fields_are_numbers_rings_or_indicators(kind: Any) -> None:
    for field in msgspec.structs.fields(kind):
        inner = isinstance(field.type, type) and issubclass(field.type, Indicator)
        assert inner or field.type in (int, float, bool, list[int], list[float]), field.name


# Making


def test_a_blueprint_keeps_what_it_will_be_made_with() -> None:
    assert Sma.sized("slow") == Sized(Sma, ("slow",))
    assert Bollinger.sized("window", 2.5) == Sized(Bollinger, ("window", 2.5))


@pytest.mark.parametrize("argument", [None, [20], b"slow"])
def test_a_blueprint_refuses_what_is_neither_a_number_nor_a_name(argument: Any) -> None:
    with pytest.raises(ConfigError, match=r"Sma\.sized: expected numbers and names of parameters"):
        Sma.sized(argument)


@pytest.mark.parametrize("window", [0, -1, 2.0, "20", True, None])
@pytest.mark.parametrize("name", [name for name in CASES if name not in ("AnchoredVwap", "Obv", "KalmanTrend", "Macd")])
def test_a_window_is_a_whole_number_from_1_on(name: str, window: Any) -> None:
    with pytest.raises(ConfigError, match="window: expected a whole number, at least 1, got"):
        CASES[name].make(window)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Macd.of(26, 26), "Macd: fast must be shorter than slow, got fast=26 and slow=26"),
        (lambda: Bollinger.of(20, -1.0), "Bollinger: width: expected a number from 0 on, got -1.0"),
        (lambda: Bollinger.of(20, float("nan")), "Bollinger: width: expected a number from 0 on, got nan"),
        (lambda: KalmanTrend.of(-0.1), "KalmanTrend: level_noise: expected a number from 0 on, got -0.1"),
        (lambda: KalmanTrend.of(0.0, 0.0), "KalmanTrend: slope_noise: expected a number above 0, got 0.0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused_by_name(make: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make()
    assert str(refused.value) == said


# Edges: nothing moved, nothing traded, and what is told before it is ready


def test_indices_of_a_market_that_stands_still() -> None:
    rsi, stochastic, adx, z_score = Rsi.of(2), Stochastic.of(3, 2, 2), Adx.of(2), ZScore.of(3)
    for _ in range(8):
        assert rsi.update(5.0) == 50.0
        assert stochastic.update(7, 7, 7) == (50.0, 50.0)
        assert adx.update(5.0, 5.0, 5.0) == (0.0, 0.0, 0.0)
        assert z_score.update(0.1) == 0.0


def test_a_bar_that_reaches_as_far_up_as_down_moves_in_neither_direction() -> None:
    adx = Adx.of(2)
    for reach in (1.0, 2.0, 3.0, 4.0, 5.0):
        assert adx.update(10.0 + reach, 10.0 - reach, 10.0) == (0.0, 0.0, 0.0)


@given(st.floats(1e-8, 1e9), st.integers(1, 12))
def test_averages_of_equal_floats_are_that_very_float(value: float, window: int) -> None:
    mean, deviation, bollinger = Mean.of(window), Deviation.of(window), Bollinger.of(window)
    vwap, anchored, ema = Vwap.of(window), AnchoredVwap.of(), Ema.of(window)
    for number in range(3 * window + 2):
        assert mean.update(value) == ema.update(value) == value
        assert deviation.update(value) == (value, 0.0)
        assert bollinger.update(value) == (value, value, value)
        assert vwap.update(value, number % 3 / 7) == anchored.update(value, number % 3 / 7) == value


def test_without_volume_the_newest_price_is_the_average() -> None:
    vwap, anchored = Vwap.of(2), AnchoredVwap.of()
    assert [vwap.update(price, volume) for price, volume in [(5, 0), (7, 0), (8, 2), (9, 0), (4, 0)]] == [5, 7, 8, 8, 4]
    assert [anchored.update(price, volume) for price, volume in [(5.0, 0.0), (8.0, 2.0), (4.0, 0.0)]] == [5, 8, 8]
    assert not AnchoredVwap.of().ready


def test_a_window_forgets_a_bad_print_without_a_trace() -> None:
    mean, deviation, vwap, idle = Mean.of(4), Deviation.of(4), Vwap.of(4), Vwap.of(4)
    for price in [1e15, *[7.1] * 4]:
        told = mean.update(price), deviation.update(price), vwap.update(price, 3.0)
        quiet = idle.update(price, 0.0 if price > 8 else 3.0)
    assert told == (7.1, (7.1, 0.0), 7.1)
    assert quiet == 7.1


def test_before_they_are_ready_they_tell_what_they_have_so_far() -> None:
    assert [Sma.of(3).update(4), Ema.of(3).update(4.0), Rsi.of(3).update(4.0), Atr.of(3).update(5.0, 3.0, 4.0)] == [
        *(4, 4.0, 50.0, 2.0)
    ]
    sma, mean, deviation, obv = Sma.of(3), Mean.of(3), Deviation.of(3), Obv.of()
    assert [sma.update(each) for each in (4, 6)] == [4, 10]
    assert [mean.update(each) for each in (4.0, 6.0)] == [4.0, 5.0]
    assert [deviation.update(each) for each in (4.0, 6.0)] == [(4.0, 0.0), (5.0, 1.0)]
    assert [obv.update(price, 10) for price in (4, 6, 5, 5)] == [0, 10, 0, 0]
