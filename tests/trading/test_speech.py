"""A strategy is a stranger's code: whatever it says or raises, the record can be written and the others go on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.trading.trading_bench import SPOT, Bench, Speaker, exactly, quotes
from workbench.core.codec import decode, encode
from workbench.core.events import (
    Event,
    Flatten,
    Halt,
    ParametersChanged,
    Pause,
    Quotes,
    Rearm,
    Resume,
    RiskAction,
    SetParameters,
    SignalEvent,
    StrategyFailed,
    Target,
)
from workbench.core.strategy import Says
from workbench.trading.speech import MAX_LEVELS, MAX_WORDS

SYMBOL = "BTC/USDT"
PAIR = (Decimal(98), Decimal(1))

SAME: dict[str, tuple[Any, Any]] = {
    "a quantity as text": (Target(SYMBOL, quantity="3"), exactly("3")),  # type: ignore[arg-type]
    "a quantity as int": (Target(SYMBOL, quantity=3), exactly("3")),  # type: ignore[arg-type]
    "prices as text and int": (
        Target(SYMBOL, None, Decimal(3), "99", 90),  # type: ignore[arg-type]
        exactly("3", limit=Decimal(99), stop=Decimal(90)),
    ),
    "quotes as lists": (
        Quotes(SYMBOL, [[Decimal(98), Decimal(1)]], [[Decimal(103), Decimal(1)]]),  # type: ignore[arg-type]
        quotes([(98, 1)], [(103, 1)]),
    ),
    "quotes as text": (Quotes(SYMBOL, (("98", "1"),)), quotes([(98, 1)])),  # type: ignore[arg-type]
    "a list of one": ([exactly("3")], exactly("3")),
    "somebody's signal": (
        SignalEvent("x", 1, 0, 0, strategy_id="other", instrument=SPOT, says=exactly("3")),
        exactly("3"),
    ),
}

WRONG: dict[str, tuple[Any, str]] = {
    "NaN for a limit": (Target(SYMBOL, 1, None, Decimal("NaN")), "target limit: expected a finite number"),
    "NaN for a quantity": (Target(SYMBOL, None, Decimal("NaN")), "target quantity: expected a finite number"),
    "an infinite stop": (Target(SYMBOL, 1, None, None, Decimal("Infinity")), "target stop: expected a finite number"),
    "a float quantity": (Target(SYMBOL, None, 0.5), "target quantity: expected an exact number"),  # type: ignore[arg-type]
    "a float limit": (Target(SYMBOL, 1, None, 99.5), "target limit: expected an exact number"),  # type: ignore[arg-type]
    "a numpy int": (Target(SYMBOL, np.int64(5)), "target ppm: expected a whole number, got a int64"),  # type: ignore[arg-type]
    "a bool": (Target(SYMBOL, True), "target ppm: expected a whole number, got a bool"),
    "a float time": (Target(SYMBOL, 1, valid_until=1e18), "target valid_until: expected a whole number"),  # type: ignore[arg-type]
    "a symbol that is a list": (Target([], 1), "target symbol: expected text, got a list"),  # type: ignore[arg-type]
    "a symbol that is a number": (Target(5, 1), "target symbol: expected text, got a int"),  # type: ignore[arg-type]
    "a symbol of half a letter": (Target("\ud800", 1), "ud800"),
    "no levels at all": (Quotes(SYMBOL, None), f"bids for {SYMBOL}: expected at most {MAX_LEVELS}"),  # type: ignore[arg-type]
    "a level too many": (Quotes(SYMBOL, (PAIR,) * (MAX_LEVELS + 1)), f"expected at most {MAX_LEVELS}"),
    "a level of three": (Quotes(SYMBOL, ((*PAIR, 1),)), "expected levels of (price, quantity)"),  # type: ignore[arg-type]
    "a level of floats": (Quotes(SYMBOL, (), ((98.5, 1.0),)), f"asks for {SYMBOL}: expected an exact number"),  # type: ignore[arg-type]
    "a generator": ((each for each in [exactly("3")]), "the strategy said a generator"),
    "a list in a list": ([[exactly("3")]], "the strategy said a list"),
    "a signal of nothing": (
        SignalEvent("x", 1, 0, 0, strategy_id="other", instrument=SPOT, says=None),  # type: ignore[arg-type]
        "the strategy said a NoneType",
    ),
}


def two() -> Bench:
    return Bench(names=("good", "stranger"))


def can_be_read_back(bench: Bench) -> bool:
    known = {each.key: each for each in bench.instruments}
    return [decode(encode(each), known) for each in bench.journal] == bench.journal


def failure(bench: Bench) -> StrategyFailed:
    (failed,) = (each for each in bench.facts if isinstance(each, StrategyFailed))
    return failed


# --- what it says ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "plain"), SAME.values(), ids=SAME)
def test_exact_numbers_in_another_coat_mean_the_same_and_are_recorded_in_one_form(said: Any, plain: Any) -> None:
    bench, other = Bench(), Bench()
    bench.say(said)
    other.say(plain)
    assert bench.journal == other.journal
    assert bench.sent
    assert can_be_read_back(bench)


@pytest.mark.parametrize(("said", "why"), WRONG.values(), ids=WRONG)
def test_what_is_no_opinion_locks_who_said_it_and_nobody_else(said: Any, why: str) -> None:
    bench = two()
    bench.speakers["good"].says = exactly("3")
    bench.say(said, name="stranger")
    assert why in failure(bench).error
    assert set(bench.engine.gate.locked) == {"stranger"}
    assert [each.order.strategy_id for each in bench.sent] == ["good"]
    assert can_be_read_back(bench)


# --- what it raises -------------------------------------------------------------------------------


class Mute(Exception):
    """An error whose own text is broken."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


ERRORS: dict[str, tuple[BaseException, str]] = {
    "an address": (ValueError(f"bad state {object()} and {object()}"), "ValueError: bad state <object object>"),
    "a broken text": (Mute(), "Mute: "),
    "half a letter": (ValueError("a \ud800 b"), "ValueError: a ? b"),
    "a novel": (ValueError("x" * 10**6), "ValueError: " + "x" * MAX_WORDS),
    "an exit": (SystemExit(3), "SystemExit: 3"),
}


class Raising(Speaker):
    """Raises where it is told to: when it hears of the market, of a fill, or of new parameters."""

    def __init__(self, error: BaseException, where: str) -> None:
        super().__init__()
        self.error, self.where = error, where

    def on_market_data(self, event: Any) -> Says:
        self._raise_in("market")
        return exactly("3")

    def on_fill(self, event: Any) -> None:
        self._raise_in("fill")

    def set_parameters(self, values: Any) -> None:
        self._raise_in("parameters")

    def _raise_in(self, place: str) -> None:
        if place == self.where:
            raise self.error


def beside(error: BaseException, where: str) -> Bench:
    """Two bars with a strategy that raises, and a good one beside it."""
    good = Speaker()
    good.says = exactly("3")
    bench = Bench(strategies={"good": good, "stranger": Raising(error, where)})
    bench.bar()
    return bench


@pytest.mark.parametrize(("error", "words"), ERRORS.values(), ids=ERRORS)
def test_an_error_is_told_in_words_that_are_the_same_in_every_process(error: BaseException, words: str) -> None:
    bench = beside(error, "market")
    told = failure(bench).error
    assert told.startswith(words)
    assert "0x" not in told
    assert len(told) < MAX_WORDS + 50
    assert set(bench.engine.gate.locked) == {"stranger"}
    assert [each.order.strategy_id for each in bench.sent] == ["good"]
    assert can_be_read_back(bench)


@pytest.mark.parametrize(("error", "words"), ERRORS.values(), ids=ERRORS)
def test_an_error_at_a_fill_is_told_in_the_same_words(error: BaseException, words: str) -> None:
    bench = beside(error, "fill")
    order = next(each for each in bench.sent if each.order.strategy_id == "stranger")
    bench.fill(order, 3)
    assert failure(bench).error.startswith(words)
    assert "0x" not in failure(bench).error
    assert bench.held("stranger") == 3
    assert can_be_read_back(bench)


@pytest.mark.parametrize(("error", "words"), ERRORS.values(), ids=ERRORS)
def test_an_error_over_new_parameters_refuses_them_in_the_same_words(error: BaseException, words: str) -> None:
    bench = beside(error, "parameters")
    bench.command(SetParameters, strategy_id="stranger", values={"size": 1})
    (changed,) = bench.facts
    assert isinstance(changed, ParametersChanged)
    assert changed.refused.startswith(f"strategy stranger: {words}"[:MAX_WORDS])
    assert "0x" not in changed.refused
    assert bench.engine.gate.locked == {}
    assert can_be_read_back(bench)


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Rearm, Pause, Resume, Flatten])
def test_a_command_for_a_strategy_that_is_not_there_is_refused_visibly_and_changes_nothing(kind: type[Event]) -> None:
    bench = Bench()
    bench.enter(exactly("3"))
    bench.command(Pause, strategy_id="s", reason="lunch")
    bench.command(Halt, reason="a doubt")
    gate = bench.engine.gate
    before = (gate.halted, dict(gate.locked), dict(gate.paused))
    bench.command(kind, strategy_id="nobody", **({"reason": "sure"} if kind is Rearm else {}))
    (refusal,) = bench.risk
    assert (refusal.rule, refusal.action) == ("unknown_strategy", RiskAction.DENIED)
    assert "'nobody'" in refusal.reason
    assert bench.facts == (refusal,)
    assert (bench.requests, (gate.halted, dict(gate.locked), dict(gate.paused))) == ((), before)
