"""The compiled engine trades like the event engine: every order, fill, fee, refusal and unit of cash."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.compiled.dice import Case, case_of
from workbench.compiled.program import Program
from workbench.core.errors import ConfigError
from workbench.research.backtest import backtest
from workbench.research.result import Result

CASES = int(os.environ.get("WORKBENCH_SOAK", "60"))  # a soak asks for thousands


def run(case: Case, engine: str) -> Result:
    return backtest(
        case.kernel(**case.parameters),
        case.dataset,
        cash=case.cash,
        profile=case.profile,
        limits=case.limits,
        budget=case.budget,
        engine=engine,
    )


def refusals(result: Result) -> list[Any]:
    return [(each.rule, each.action, each.reason, each.order_id, each.ts_event) for each in result.ledger.refusals]


@pytest.mark.parametrize("seed", range(CASES))
def test_any_kernel_on_any_market_leaves_the_same_ledger_in_both_engines(seed: int) -> None:
    case = case_of(seed)
    event = run(case, "event")
    try:
        compiled = run(case, "compiled")
    except ConfigError as error:
        if "does not fit" not in str(error) or "--engine event" not in str(error):
            raise  # only a figure beyond 64 bits may be refused
        return
    assert compiled.ledger_digest == event.ledger_digest
    assert refusals(compiled) == refusals(event)
    assert compiled.orders.equals(event.orders)
    assert compiled.fills.equals(event.fills)
    assert compiled.trades.equals(event.trades)
    assert compiled.equity.equals(event.equity)
    assert compiled.stats().equals(event.stats())


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5, 6, 7, 8])
def test_the_digest_of_a_log_is_that_of_the_ledger_made_of_it(seed: int) -> None:
    case = case_of(seed)
    program = Program(
        case.kernel,
        case.dataset,
        cash=case.cash,
        profile=case.profile,
        limits=case.limits,
        budget=case.budget,
    )
    trace = program.run(case.kernel.parameters(**case.parameters))
    assert trace.digest(case.kernel.name) == run(case, "compiled").ledger_digest


def test_money_beyond_64_bits_is_refused_with_the_figure_and_the_way_out() -> None:
    case = case_of(0)
    with pytest.raises(ConfigError, match=r"cash \d+ .*--engine event"):
        backtest(case.kernel(**case.parameters), case.dataset, cash=10**18, engine="compiled")


def test_a_class_is_not_compiled_and_told_so() -> None:
    from workbench.strategies.sma_cross import SmaCross

    with pytest.raises(ConfigError, match="--engine event"):
        backtest(SmaCross(), case_of(0).dataset, engine="compiled")


def test_a_compiled_run_keeps_no_journal_and_says_so(tmp_path: Any) -> None:
    case = case_of(0)
    with pytest.raises(ConfigError, match="--engine event"):
        backtest(case.kernel(**case.parameters), case.dataset, engine="compiled", journal=tmp_path / "journal")
    with pytest.raises(ConfigError, match="journal"):
        _ = run(case, "compiled").journal_digest
