"""A strategy's parameters are checked whole, hot ones change in place, and its state can be saved."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from tests.core.market import bar, spot
from workbench.core.errors import ConfigError
from workbench.core.events import Target
from workbench.core.indicators import Sma
from workbench.core.strategy import Parameters, State, Strategy, hot, ppm_of


class Trend(Strategy):
    class Parameters(Parameters, frozen=True):
        window: Annotated[int, Meta(ge=1, le=100)] = 3
        size: Annotated[float, Meta(gt=0, le=1, extra=hot)] = 1.0

    class State(State):
        sma: Sma
        seen: int = 0

    def new_state(self):
        return self.State(Sma.of(self.params.window))

    def on_market_data(self, event):
        self.state.seen += 1
        total = self.state.sma.update(event.close_raw)
        if not self.state.sma.ready:
            return None
        return self.target(event, self.params.size if event.close_raw * self.params.window > total else 0.0)


class Bare(Strategy):
    def on_market_data(self, event):
        return None


class Book:
    def quantity(self, strategy_id, symbol):
        return {("t1", "BTC/USDT"): Decimal("0.5")}.get((strategy_id, symbol), Decimal(0))

    def entry_price(self, strategy_id, symbol):
        return Decimal(100) if self.quantity(strategy_id, symbol) else None


WRONG = [
    ({"windw": 5}, "unknown parameter 'windw'; it has window, size"),
    ({"window": "5"}, "window"),
    ({"window": 5.5}, "window"),
    ({"window": True}, "window"),
    ({"window": None}, "window"),
    ({"window": 0}, "window"),
    ({"window": 101}, "window"),
    ({"size": 0.0}, "size"),
    ({"window": 5, "size": 2.0}, "size"),
]


@pytest.mark.parametrize(("parameters", "names"), WRONG)
def test_a_strategy_is_not_built_from_a_wrong_parameter(parameters, names):
    with pytest.raises(ConfigError, match=names):
        Trend(**parameters)


@pytest.mark.parametrize(("parameters", "names"), WRONG)
def test_a_wrong_parameter_changes_nothing_in_a_living_strategy(parameters, names):
    trend = Trend(window=7)
    trend.on_market_data(bar(close=100))
    before = trend.get_parameters(), trend.get_state()
    with pytest.raises(ConfigError, match=names):
        trend.set_parameters(parameters)
    assert (trend.get_parameters(), trend.get_state()) == before


def test_a_strategy_without_parameters_says_so():
    with pytest.raises(ConfigError, match="it has none"):
        Bare(fast=1)


def test_a_hot_parameter_changes_in_place_and_a_cold_one_starts_the_state_anew():
    trend = Trend()
    trend.on_market_data(bar(close=100))
    trend.set_parameters({"size": 0.5})
    assert (trend.params.size, trend.state.seen) == (0.5, 1)
    trend.set_parameters({"window": 3})  # the value it has already
    assert trend.state.seen == 1
    trend.set_parameters({"window": 5})
    assert (trend.state.seen, trend.state.sma.window, trend.params.size) == (0, 5, 0.5)
    assert trend.cold() == ["window"]


@pytest.mark.parametrize("saved_after", range(6))
def test_a_restored_strategy_says_what_the_unbroken_one_says(saved_after):
    closes = [100, 103, 99, 105, 90, 101]
    unbroken, first, restored = Trend(), Trend(), Trend()
    said = [unbroken.on_market_data(bar(close=close)) for close in closes]
    begun = [first.on_market_data(bar(close=close)) for close in closes[:saved_after]]
    restored.set_state(msgspec.json.decode(msgspec.json.encode(first.get_state())))
    assert begun + [restored.on_market_data(bar(close=close)) for close in closes[saved_after:]] == said


@pytest.mark.parametrize("state", [{}, {"sma": 3}, {"sma": {"window": "x"}}, {"sma": {"window": 3}, "seen": "two"}])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state):
    trend = Trend()
    trend.on_market_data(bar(close=100))
    before = trend.get_state()
    with pytest.raises(ConfigError, match="saved state does not fit"):
        trend.set_state(state)
    assert trend.get_state() == before


def test_two_strategies_share_no_state():
    one, other = Trend(), Trend()
    one.on_market_data(bar(close=100))
    assert (one.state.seen, other.state.seen, other.state.sma.total) == (1, 0, 0)


def test_a_strategy_sees_its_own_book_and_outside_a_run_an_empty_one():
    trend = Trend()
    assert (trend.position("BTC/USDT"), trend.entry_price("BTC/USDT")) == (Decimal(0), None)
    trend.attach("t1", Book())
    assert (trend.position("BTC/USDT"), trend.entry_price("BTC/USDT")) == (Decimal("0.5"), Decimal(100))
    assert (trend.position("ETH/USDT"), trend.entry_price("ETH/USDT")) == (Decimal(0), None)


def test_by_default_a_strategy_learns_nothing_from_fills_and_cannot_be_warmed_up():
    bare = Bare()
    assert bare.on_fill(None) is None
    assert bare.warmup() == 0
    assert bare.get_state() == {}


def test_a_target_is_whole_millionths_of_the_budget_with_exact_prices():
    trend, event = Trend(), bar(close=100)
    assert trend.target(event, 0.5) == Target("BTC/USDT", ppm=500_000)
    assert trend.target(event, 0.5) == trend.target(event, 0.5)
    limited = trend.target(event, -1.0, limit=Decimal(101), stop=Decimal(110), valid_until=7)
    assert limited == Target("BTC/USDT", -1_000_000, None, Decimal(101), Decimal(110), 7)
    assert spot().symbol == limited.symbol


@pytest.mark.parametrize(("exposure", "ppm"), [(0.1 + 0.2, 300_000), (1, 1_000_000), (-0.25, -250_000), (1e-9, 0)])
def test_an_exposure_is_rounded_to_the_nearest_millionth(exposure, ppm):
    assert ppm_of(exposure) == ppm


@pytest.mark.parametrize("exposure", [1.01, -1.01, float("nan"), float("inf")])
def test_an_exposure_outside_of_the_budget_is_refused(exposure):
    with pytest.raises(ConfigError, match="from -1 to 1"):
        ppm_of(exposure)
