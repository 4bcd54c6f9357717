"""A kernel is a strategy like any other: parameters, state, warm-up, opinions, and errors a person can use."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Annotated

import pytest
from msgspec import Meta

from tests.core.market import spot
from workbench.core.clock import HOUR
from workbench.core.errors import ConfigError
from workbench.core.events import Bar, Quotes, Target
from workbench.core.indicators import Sma
from workbench.core.kernel import kernel, quotes, ring, target
from workbench.core.kernel_views import Market
from workbench.core.strategy import hot

BTC = spot()


@kernel(
    state={"fast": Sma.sized("fast"), "slow": Sma.sized("slow"), "seen": ring("slow"), "count": 0},
    requires=lambda fast, slow: fast < slow,
)
def cross(
    bar,
    state,
    fast: Annotated[int, Meta(ge=1)] = 2,
    slow: Annotated[int, Meta(ge=2, le=50)] = 3,
    size: Annotated[float, Meta(extra=hot)] = 1.0,
) -> float:
    fast_sum, slow_sum = state.fast.update(bar.close_raw), state.slow.update(bar.close_raw)
    state.seen[state.count % slow] = bar.close_raw
    state.count += 1
    if not state.slow.ready:
        return math.nan
    return size if fast_sum * slow > slow_sum * fast else 0.0


@kernel()
def answers(bar, state, position, market, kind: int = 0, exposure: float = 1.0):
    if kind == 0:
        return exposure
    if kind == 1:
        return target(exposure, limit=bar.close_raw, stop=bar.low_raw, valid_until=bar.time)
    return quotes(bar.low_raw, market.lot, bar.high_raw, 0)


def bar(number: int, close: int) -> Bar:
    at = number * HOUR
    return Bar("hand", number, at, at, BTC, HOUR, close, close + 20, close - 20, close, 10**8)


def test_parameters_are_checked_as_those_of_a_class_are():
    assert cross(fast=5, slow=9).get_parameters() == {"fast": 5, "slow": 9, "size": 1.0}
    with pytest.raises(ConfigError, match="expected fast < slow, got fast=9, slow=5"):
        cross(fast=9, slow=5)
    with pytest.raises(ConfigError, match="unknown parameter 'window'"):
        cross(window=3)
    with pytest.raises(ConfigError, match="slow"):
        cross(slow=51)
    with pytest.raises(ConfigError, match="64 bits"):
        cross(fast=2**63, slow=3)


def test_it_says_targets_and_the_same_object_for_the_same_opinion():
    strategy = cross()
    said = [strategy.on_market_data(bar(number, close)) for number, close in enumerate([100, 100, 200, 300, 50, 40], 1)]
    assert said[:2] == [None, None]
    assert said[2] == Target("BTC/USDT", 1_000_000)
    assert said[3] is said[2]
    assert said[4] == Target("BTC/USDT", 0)


def test_prices_and_quotes_are_exact():
    raw = 10_000
    found = answers(kind=1).on_market_data(bar(1, raw))
    places = BTC.price_places
    assert found.limit == Decimal(raw).scaleb(-places)
    assert found.stop == Decimal(raw - 20).scaleb(-places)
    assert found.valid_until == HOUR
    found = answers(kind=2).on_market_data(bar(1, raw))
    assert found == Quotes("BTC/USDT", ((Decimal(raw - 20).scaleb(-places), BTC.lot),))


@pytest.mark.parametrize("exposure", [1.1, -1.000001, math.inf, -math.inf])
def test_an_exposure_beyond_the_whole_budget_is_refused(exposure):
    with pytest.raises(ConfigError, match="kernel answers: expected an exposure from -1 to 1"):
        answers(exposure=exposure).on_market_data(bar(1, 100))


def test_nan_is_no_opinion():
    assert answers(exposure=math.nan).on_market_data(bar(1, 100)) is None


def test_state_goes_through_json_and_is_refused_where_it_does_not_fit():
    strategy, again = cross(), cross()
    for number, close in enumerate([100, 120, 90, 130], 1):
        strategy.on_market_data(bar(number, close))
    saved = json.loads(json.dumps(strategy.get_state()))
    again.set_state(saved)
    assert again.get_state() == strategy.get_state()
    assert again.on_market_data(bar(5, 500)) == strategy.on_market_data(bar(5, 500))
    with pytest.raises(ConfigError, match="schema"):
        answers().set_state(saved)
    with pytest.raises(ConfigError, match="other lengths"):
        cross(slow=7).set_state(saved)
    with pytest.raises(ConfigError, match="does not fit"):
        cross().set_state({**saved, "state": {**saved["state"], "count": "three"}})


def test_hot_parameters_change_in_place_and_others_rebuild():
    strategy = cross()
    for number, close in enumerate([100, 120, 140], 1):
        strategy.on_market_data(bar(number, close))
    before = strategy.state
    strategy.set_parameters({"size": 0.5})
    assert strategy.state is before
    assert strategy.on_market_data(bar(4, 200)) == Target("BTC/USDT", 500_000)
    strategy.set_parameters({"slow": 8})
    assert strategy.state.count == 0
    assert (strategy.warmup(), cross(slow=4).warmup(), answers().warmup()) == (8, 4, 0)


def test_called_with_an_event_and_a_state_it_runs_as_python():
    view = type("Event", (), {"close_raw": 100, "low_raw": 90, "high_raw": 110, "time": 5})()
    market = Market(1, 2, 100, 100)
    assert answers(view, None, 0, market, exposure=0.25) == 0.25
    assert answers(view, None, 0, market, kind=1) == target(1.0, limit=100, stop=90, valid_until=5)


def test_an_integer_beyond_64_bits_raises_in_plain_python_too():
    @kernel(state={"most": 2**62})
    def grows(bar, state):
        state.most = state.most * 2
        return 0.0

    with pytest.raises(OverflowError, match="beyond 64 bits"):
        grows().on_market_data(bar(1, 1))
