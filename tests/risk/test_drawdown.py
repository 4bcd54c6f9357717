"""Drawdowns lock a strategy or halt everything, and only a person's word opens it again."""

from __future__ import annotations

from decimal import Decimal

from tests.trading.trading_bench import PERPETUAL, UNIT, Bench, exactly, perpetual
from workbench.core.clock import SECOND
from workbench.core.events import Rearm, RiskAction
from workbench.core.order import OrderStatus, Role
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits

TWENTY_PERCENT = Budget(max_drawdown=Decimal("0.2"))


def long(bench: Bench, quantity: str = "5", name: str = "s") -> None:
    bench.enter(perpetual(exactly(quantity)), name=name)


def test_a_drawdown_at_its_limit_is_borne_and_beyond_it_locks_and_flattens_with_its_figures() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT)
    long(bench)
    bench.bar(60)
    assert bench.risk == []
    bench.bar(59)
    locked, *_ = bench.risk
    assert (locked.rule, locked.action, locked.strategy_id) == ("max_drawdown", RiskAction.LOCKED, "s")
    assert locked.reason == "equity 795 is down from 1000 by more than 0.2"
    assert (bench.only().order.role, bench.only().quantity_raw) == (Role.FLATTEN, 5 * UNIT)


def test_a_drawdown_is_measured_from_the_highest_equity() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT)
    long(bench)
    bench.bar(200)  # equity 1500: the limit is 1200
    bench.bar(140)
    assert bench.risk == []
    bench.bar(139)
    assert [each.rule for each in bench.risk if each.action is RiskAction.LOCKED] == ["max_drawdown"]


def test_a_locked_strategy_that_insists_is_refused_once_and_stays_flat_until_it_is_rearmed() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT)
    long(bench)
    bench.bar(50)
    assert [(each.rule, each.action) for each in bench.risk] == [
        ("max_drawdown", RiskAction.LOCKED),
        ("locked", RiskAction.DENIED),
    ]
    bench.fill(bench.only(), 5)
    for price in (50, 80, 40):
        bench.bar(price)
        assert (bench.facts, bench.held()) == ((), 0)
    bench.command(Rearm, strategy_id="s", reason="looked into it")
    assert [(each.rule, each.action, each.reason) for each in bench.risk] == [
        ("rearm", RiskAction.REARMED, "looked into it")
    ]
    bench.bar(50)
    assert bench.only().quantity_raw == 5 * UNIT


def test_after_it_is_rearmed_the_drawdown_counts_from_there() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT)
    long(bench)
    bench.bar(50)
    bench.fill(bench.only(), 5)  # 750 left
    bench.command(Rearm, strategy_id="s", reason="go on")
    bench.bar(50)
    bench.fill(bench.only(), 5)
    bench.bar(20)  # 600 is exactly a fifth below 750
    assert bench.risk == []
    bench.bar(19)
    assert bench.risk[0].rule == "max_drawdown"


def test_a_lock_of_one_strategy_leaves_the_others_alone() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT, names=("s", "b"))
    long(bench)
    bench.bar(50)
    bench.say(perpetual(exactly("2")), name="b")
    assert bench.only().order.strategy_id == "b"
    bench.command(Rearm, strategy_id="b", reason="not this one")
    assert "s" in bench.engine.gate.locked


def test_a_loss_that_only_the_fill_shows_locks_too() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT)
    bench.say(perpetual(exactly("5")))
    order = bench.only()
    bench.fill(order, 5, 150)
    assert [(each.rule, each.action) for each in bench.risk] == [("max_drawdown", RiskAction.LOCKED)]
    assert bench.only().order.role is Role.FLATTEN


def test_the_drawdown_of_all_together_halts_and_flattens_everyone() -> None:
    bench = Bench(PERPETUAL, names=("s", "b"), limits=Limits(max_drawdown=Decimal("0.1")))
    long(bench)
    long(bench, "3", "b")
    bench.bar(76)  # 2000 - 8 * 24 = 1808
    assert bench.risk == []
    bench.bar(74)
    assert [(each.rule, each.action) for each in bench.risk if each.action is RiskAction.HALTED] == [
        ("portfolio_max_drawdown", RiskAction.HALTED)
    ]
    assert sorted((each.order.strategy_id, each.quantity_raw // UNIT) for each in bench.sent) == [("b", 3), ("s", 5)]
    for order in bench.sent:
        bench.fill(order, order.quantity_raw // UNIT)
    bench.bar(80)
    assert bench.requests == ()
    bench.command(Rearm, reason="reviewed")
    bench.bar(80)
    assert len(bench.sent) == 2


def test_a_hedged_portfolio_is_not_halted_by_a_loss_that_its_other_side_earns() -> None:
    bench = Bench(PERPETUAL, names=("s", "b"), limits=Limits(max_drawdown=Decimal("0.1")))
    long(bench)
    long(bench, "-5", "b")
    bench.bar(30)
    bench.bar(170)
    assert bench.risk == []


def test_a_lock_that_cannot_flatten_yet_keeps_asking_but_not_more_than_once_a_second() -> None:
    bench = Bench(PERPETUAL, budget=TWENTY_PERCENT)
    long(bench)
    bench.bar(50)
    bench.report(bench.only(), OrderStatus.EXPIRED)
    assert bench.requests == ()
    bench.bar(50, after=SECOND - 1)
    assert bench.requests == ()
    bench.bar(50, after=1)
    assert bench.only().order.role is Role.FLATTEN


def test_a_strategy_that_raised_thinks_again_once_it_is_rearmed() -> None:
    bench = Bench(PERPETUAL)
    bench.say(RuntimeError("oops"))
    bench.say(perpetual(exactly("5")))
    assert bench.facts == ()
    bench.command(Rearm, strategy_id="s", reason="fixed the data")
    bench.bar()
    assert len(bench.sent) == 1
