"""Changing a living strategy's parameters: whole or not at all, and journalled either way."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import pytest
from msgspec import Meta

from tests.trading.trading_bench import PERPETUAL, Bench
from workbench.core import strategy
from workbench.core.errors import ConfigError
from workbench.core.events import MarketDataEvent, ParametersChanged, SetParameters
from workbench.core.strategy import Says, Strategy, hot
from workbench.strategies.sma_cross import SmaCross
from workbench.trading import engine as engine_module


class Dial(Strategy):
    """Remembers closes; `size` may change in place."""

    class Parameters(strategy.Parameters, frozen=True):
        size: Annotated[int, Meta(ge=0, le=10, extra=hot)] = 0
        window: Annotated[int, Meta(ge=1)] = 3

    class State(strategy.State):
        closes: list[str]

    def new_state(self) -> Any:
        return self.State(closes=[])

    def on_market_data(self, event: MarketDataEvent) -> Says:
        self.state.closes.append(str(event.sequence))
        del self.state.closes[: -self.params.window]
        return strategy.Target(event.symbol, quantity=Decimal(self.params.size))


class Forgetful(Dial):
    """Says that no past rebuilds its state."""

    warmup = Strategy.warmup


class Brittle(Dial):
    """Breaks while its state is rebuilt."""

    def warmup(self) -> int:
        return int(self.params.window)

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if self.params.window == 7:
            raise RuntimeError("seven")
        return None


def change(bench: Bench, **values: Any) -> ParametersChanged:
    bench.command(SetParameters, strategy_id="s", values=values, reason="trying")
    (changed,) = bench.facts
    assert isinstance(changed, ParametersChanged)
    assert bench.requests == ()
    return changed


def test_a_hot_parameter_changes_in_place_and_acts_from_the_next_event_on() -> None:
    dial = Dial()
    bench = Bench(PERPETUAL, strategies={"s": dial})
    bench.bar()
    state = dial.state
    changed = change(bench, size=4)
    assert (changed.refused, changed.parameters) == ("", {"size": 4, "window": 3})
    assert dial.state is state
    bench.bar()
    assert bench.only().quantity_raw == 4 * 10**8


def test_a_cold_parameter_rebuilds_exactly_the_state_of_a_fresh_strategy_fed_the_same_bars() -> None:
    cross = SmaCross(fast=2, slow=9)
    bench = Bench(PERPETUAL, strategies={"s": cross})
    for price in (100, 104, 101, 99, 97, 103, 108, 107, 109, 111, 105):
        bench.bar(price)
    changed = change(bench, fast=3, slow=5)
    assert (changed.refused, changed.parameters) == ("", {"fast": 3, "slow": 5})
    fresh = SmaCross(fast=3, slow=5)
    for event in bench.journal:
        if isinstance(event, MarketDataEvent) and event.sequence > 6:
            fresh.on_market_data(event)
    assert cross.get_state() == fresh.get_state()
    bench.bar(104)
    fresh.on_market_data(bench.journal[-1] if isinstance(bench.journal[-1], MarketDataEvent) else _last_bar(bench))
    assert cross.get_state() == fresh.get_state()


def _last_bar(bench: Bench) -> MarketDataEvent:
    return [each for each in bench.journal if isinstance(each, MarketDataEvent)][-1]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"size": 3, "colour": "red"}, "unknown parameter 'colour'"),
        ({"size": 3, "window": 0}, ">= 1"),
        ({"size": 11}, "<= 10"),
        ({"size": "many"}, "int"),
    ],
)
def test_unknown_or_invalid_parameters_are_refused_whole_and_journalled_as_refused(
    values: dict[str, Any], complaint: str
) -> None:
    dial = Dial(size=2)
    bench = Bench(PERPETUAL, strategies={"s": dial})
    bench.bar()
    before = dial.get_state()
    changed = change(bench, **values)
    assert complaint in changed.refused
    assert changed.parameters == dial.get_parameters() == {"size": 2, "window": 3}
    assert dial.get_state() == before


def test_a_cold_parameter_of_a_strategy_whose_state_no_past_rebuilds_is_refused_whole() -> None:
    dial = Forgetful(size=2)
    bench = Bench(PERPETUAL, strategies={"s": dial})
    bench.bar()
    before = dial.get_state()
    changed = change(bench, size=3, window=2)
    assert "restart it" in changed.refused
    assert (dial.get_parameters(), dial.get_state()) == ({"size": 2, "window": 3}, before)


def test_a_cold_parameter_that_needs_more_past_than_is_kept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "REMEMBERED", 10)
    cross = SmaCross(fast=2, slow=5)
    bench = Bench(PERPETUAL, strategies={"s": cross})
    for _ in range(12):
        bench.bar()
    before = cross.get_state()
    assert "needs 11 past events" in change(bench, slow=11).refused
    assert (cross.params.slow, cross.get_state()) == (5, before)
    assert change(bench, slow=10).refused == ""


def test_a_strategy_that_breaks_while_its_state_is_rebuilt_keeps_its_parameters_and_goes_on() -> None:
    brittle = Brittle()
    bench = Bench(PERPETUAL, strategies={"s": brittle})
    bench.bar()
    state = brittle.state
    assert "RuntimeError: seven" in change(bench, window=7).refused
    assert (brittle.params.window, brittle.state is state) == (3, True)
    bench.bar()
    assert bench.facts == ()


def test_parameters_of_a_strategy_that_is_not_there_are_refused() -> None:
    bench = Bench()
    bench.command(SetParameters, strategy_id="nobody", values={"fast": 1})
    (changed,) = bench.facts
    assert isinstance(changed, ParametersChanged)
    assert (changed.refused, changed.parameters) == ("no strategy 'nobody' in this run", {})


def test_an_engine_seats_strategies_only_on_instruments_of_its_run() -> None:
    bench = Bench()
    with pytest.raises(ConfigError, match="no instrument 'sim:DOGE/USDT' in this run"):
        bench.engine.add("s", Dial(), ["sim:DOGE/USDT"])
