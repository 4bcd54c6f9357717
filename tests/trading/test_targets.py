"""From a target to orders: one, exactly sized, and nothing that was not asked for."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.trading.trading_bench import (
    BUY,
    OTHER,
    PERPETUAL,
    SELL,
    SPOT,
    UNIT,
    Bench,
    exactly,
    exposure,
    perpetual,
    quotes,
)
from workbench.core.clock import HOUR, MINUTE
from workbench.core.events import (
    BookUpdate,
    Flatten,
    OrderEvent,
    OrderUpdate,
    SignalEvent,
    StrategyFailed,
    Target,
    Trade,
)
from workbench.core.order import OrderStatus, OrderType, Role
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits


def test_a_target_becomes_one_market_order_with_its_whole_chain_of_causes() -> None:
    bench = Bench()
    bench.say(exposure(1))
    signal, order, update = bench.facts
    assert isinstance(signal, SignalEvent)
    assert isinstance(order, OrderEvent)
    assert isinstance(update, OrderUpdate)
    assert [signal.cause, order.cause, update.cause] == ["md/1", signal.id, order.id]
    assert (order.side, order.order_type, order.quantity, order.role) == (BUY, OrderType.MARKET, 10, Role.ENTRY)
    assert bench.ledger.orders[order.order_id].status is OrderStatus.SUBMITTED
    assert [each.request for each in bench.requests if hasattr(each, "request")] == [order]


def test_saying_the_same_target_again_changes_nothing() -> None:
    bench = Bench()
    order = bench.enter(exposure(1))
    for price in (100, 90, 130):
        bench.say(exposure(1), price)
        assert (bench.facts, bench.requests) == ((), ())
    assert bench.ledger.orders.keys() == {order.order.order_id}


def test_saying_the_same_target_again_before_the_first_fill_changes_nothing() -> None:
    bench = Bench()
    bench.say(exposure(1))
    bench.say(exposure(1), 101)
    assert bench.facts == ()


def test_quantities_are_whole_lots_towards_zero() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exposure(0.5)), 170)  # 500 / 170 = 2.9
    assert bench.only().quantity_raw == 2 * UNIT
    short = Bench(PERPETUAL)
    short.say(perpetual(exposure(-0.5)), 170)
    order = short.only()
    assert (order.order.side, order.quantity_raw) == (SELL, 2 * UNIT)


def test_below_the_minimum_notional_nothing_is_sent_and_nothing_churns() -> None:
    bench = Bench()
    for _ in range(3):
        bench.say(exactly("1"), 40)
        assert bench.requests == ()
    assert len(bench.ledger.orders) == 0
    bench.say(exactly("2"), 40)
    assert bench.only().quantity_raw == 2 * UNIT


def test_below_the_minimum_quantity_nothing_is_sent() -> None:
    bench = Bench(msgspec.structs.replace(SPOT, min_quantity=Decimal(3)))
    bench.say(exactly("2"))
    assert bench.requests == ()


def test_a_flip_is_one_order() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exposure(0.5)))
    bench.say(perpetual(exposure(-0.5)))
    order = bench.only()
    assert (order.order.side, order.quantity_raw) == (SELL, 10 * UNIT)
    bench.fill(order, 10)
    assert bench.held() == -5
    assert bench.requests == ()


def test_an_exact_quantity_is_held_to_the_lot() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exactly("3.7")))
    assert bench.held() == 3
    bench.say(perpetual(exactly("-2.9")))
    assert bench.only().quantity_raw == 5 * UNIT


def test_a_negative_target_on_spot_sells_to_flat_and_is_told_as_a_risk_event() -> None:
    bench = Bench()
    bench.enter(exposure(1))
    bench.say(exposure(-1))
    order = bench.only()
    assert (order.order.side, order.quantity_raw) == (SELL, 10 * UNIT)
    (refusal,) = bench.risk
    assert refusal.rule == "no_short_spot"
    assert "-10" in refusal.reason
    bench.fill(order, 10)
    assert bench.held() == 0
    bench.say(exposure(-1))
    assert bench.facts == ()


def test_a_negative_exact_target_on_spot_sells_to_flat_too() -> None:
    bench = Bench()
    bench.enter(exactly("4"))
    bench.say(exactly("-3"))
    assert bench.only().quantity_raw == 4 * UNIT


def test_a_limit_target_rests_as_a_limit_order_moved_away_from_aggression() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exposure(0.5, limit=Decimal("95.9"))))
    assert (bench.only().order.order_type, bench.only().price_raw) == (OrderType.LIMIT, 95)
    other = Bench(PERPETUAL)
    other.say(perpetual(exposure(-0.5, limit=Decimal("104.1"))))
    assert other.only().price_raw == 105


def test_a_changed_limit_target_is_one_amend_with_the_new_total() -> None:
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(95)))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 2, 95)
    bench.say(exactly("8", limit=Decimal(94)))
    (amend,) = bench.amended
    assert (bench.sent, bench.cancelled) == ([], [])
    assert (amend.quantity_raw, amend.price_raw) == (8 * UNIT, 94)
    assert order.status is OrderStatus.AMEND_PENDING
    bench.report(order, quantity_raw=8 * UNIT, price_raw=94)
    assert (order.status, order.quantity_raw, order.price_raw) == (OrderStatus.PARTIALLY_FILLED, 8 * UNIT, 94)
    assert bench.requests == ()


def test_a_limit_target_changed_while_its_amendment_travels_is_amended_again_once_that_is_answered() -> None:
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(95)))
    order = bench.only()
    bench.report(order)
    bench.say(exactly("5", limit=Decimal(94)))
    bench.say(exactly("5", limit=Decimal(93)))
    assert bench.requests == ()
    bench.report(order, quantity_raw=5 * UNIT, price_raw=94)
    assert [each.price_raw for each in bench.amended] == [93]


def test_a_limit_target_changed_to_a_market_one_cancels_first() -> None:
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(95)))
    order = bench.only()
    bench.report(order)
    bench.say(exactly("5"))
    assert (bench.cancelled, bench.sent) == ([order.order.order_id], [])
    bench.report(order, OrderStatus.CANCELLED)
    assert bench.only().order.order_type is OrderType.MARKET


def test_a_resting_order_is_taken_back_where_what_is_left_to_trade_is_too_small_to_send() -> None:
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(30)))
    order = bench.only()
    bench.report(order)
    bench.say(exactly("1", limit=Decimal(30)))
    assert (bench.amended, bench.cancelled) == ([], [order.order.order_id])
    bench.report(order, OrderStatus.CANCELLED)
    assert bench.requests == ()


def test_an_opposite_target_cancels_first_and_sends_only_after_the_cancel_is_confirmed() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("5", limit=Decimal(95))))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 2, 95)
    bench.say(perpetual(exactly("-5")))
    assert (bench.cancelled, bench.sent) == ([order.order.order_id], [])
    assert order.status is OrderStatus.CANCEL_PENDING
    bench.bar(99)
    assert bench.requests == ()
    bench.report(order, OrderStatus.CANCELLED)
    assert bench.only().quantity_raw == 7 * UNIT


@pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.REJECTED])
def test_after_an_order_ended_unfilled_only_a_new_signal_asks_again(status: OrderStatus) -> None:
    bench = Bench()
    bench.say(exposure(1))
    bench.report(bench.only(), status, reason="no balance")
    assert bench.requests == ()
    bench.say(exposure(1), 101)
    assert bench.facts == ()
    bench.say(exposure(0.5))
    assert bench.only().quantity_raw == 4 * UNIT


def test_after_a_denial_only_a_new_signal_asks_again() -> None:
    bench = Bench(limits=Limits(max_order_notional=Decimal(500)))
    bench.say(exposure(1))
    assert [each.rule for each in bench.risk] == ["max_order_notional"]
    bench.say(exposure(1), 101)
    assert bench.facts == ()
    bench.say(exposure(0.4))
    assert len(bench.sent) == 1


def test_a_target_lapses_at_its_time_and_what_has_not_traded_is_cancelled() -> None:
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(95), valid_until=bench.now + 3 * MINUTE))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 2, 95)
    bench.tick(MINUTE)
    assert bench.requests == ()
    bench.tick(MINUTE)
    assert bench.cancelled == [order.order.order_id]
    bench.report(order, OrderStatus.CANCELLED)
    assert bench.requests == ()
    assert bench.held() == 2
    bench.tick(HOUR)
    assert bench.facts == ()


def test_a_target_whose_time_is_over_when_it_is_said_sends_nothing() -> None:
    bench = Bench()
    bench.say(exactly("5", valid_until=bench.now))
    assert (len(bench.signals), bench.requests) == (1, ())
    bench.bar(101)
    assert bench.facts == ()


def test_a_strategy_that_renews_its_valid_until_with_every_bar_is_remembered_once() -> None:
    bench = Bench()
    for minute in range(50):
        bench.say(exactly("5", limit=Decimal(95), valid_until=bench.now + (minute + 3) * MINUTE))
    assert len(bench.engine.portfolio.expiring) == 1


def test_a_budget_caps_what_a_target_is_sized_from() -> None:
    bench = Bench(budget=Budget(quote=Decimal(300)))
    bench.say(exposure(1))
    assert bench.only().quantity_raw == 3 * UNIT


def test_drift_is_brought_back_only_beyond_the_rebalance_band() -> None:
    bench = Bench(PERPETUAL, budget=Budget(rebalance_band=Decimal("0.2")))
    bench.enter(perpetual(exposure(0.5)))  # 5 at 100
    bench.say(perpetual(exposure(0.5)), 102)
    assert bench.facts == ()
    bench.say(perpetual(exposure(0.5)), 200)  # equity 1500 at 200: 3 wanted, 5 held
    order = bench.only()
    assert (order.order.side, order.quantity_raw) == (SELL, 2 * UNIT)


def test_with_a_rebalance_band_an_order_on_its_way_is_left_alone() -> None:
    bench = Bench(PERPETUAL, budget=Budget(rebalance_band=Decimal("0.1")))
    bench.say(perpetual(exposure(0.5)))
    assert len(bench.sent) == 1
    bench.say(perpetual(exposure(0.5)), 101)
    assert bench.facts == ()


def test_with_a_rebalance_band_a_short_target_on_spot_is_refused_once_and_does_not_churn() -> None:
    bench = Bench(budget=Budget(rebalance_band=Decimal("0.1")))
    bench.say(exposure(-1))
    assert [each.rule for each in bench.risk] == ["no_short_spot"]
    bench.say(exposure(-1), 101)
    assert bench.facts == ()


def test_no_drift_is_chased_after_an_operator_flattened_or_the_target_lapsed() -> None:
    budget = Budget(rebalance_band=Decimal("0.1"))
    flattened = Bench(PERPETUAL, budget=budget)
    flattened.enter(perpetual(exposure(0.5)))
    flattened.command(Flatten)
    flattened.fill(flattened.only(), 5)
    flattened.bar(101)
    assert flattened.facts == ()
    lapsed = Bench(PERPETUAL, budget=budget)
    lapsed.enter(perpetual(exposure(0.5, valid_until=lapsed.now + 2 * MINUTE)))
    lapsed.bar(200)
    assert lapsed.facts == ()


def test_an_exact_quantity_does_not_drift() -> None:
    bench = Bench(PERPETUAL, budget=Budget(rebalance_band=Decimal("0.01")))
    bench.enter(perpetual(exactly("5")))
    bench.say(perpetual(exactly("5")), 300)
    assert bench.facts == ()


def test_several_opinions_at_once_are_heard_one_by_one() -> None:
    bench = Bench(SPOT, OTHER)
    bench.bar(10, instrument=OTHER)
    bench.say([exactly("2"), Target("ETH/USDT", quantity=Decimal(7))], 100)
    assert [(each.order.instrument.symbol, each.quantity_raw // UNIT) for each in bench.sent] == [
        ("BTC/USDT", 2),
        ("ETH/USDT", 7),
    ]


def test_a_signal_event_is_as_good_as_the_opinion_in_it() -> None:
    bench = Bench()
    bench.say(SignalEvent("elsewhere", 1, 0, 0, strategy_id="s", instrument=SPOT, says=exactly("2")))
    assert bench.only().quantity_raw == 2 * UNIT


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        (Target("DOGE/USDT", 1), "spoke of 'DOGE/USDT'"),
        (Target("BTC/USDT"), "either an exposure or a quantity"),
        (Target("BTC/USDT", 1, Decimal(1)), "either an exposure or a quantity"),
        (Target("BTC/USDT", 1_000_001), "beyond the whole budget"),
        (Target("BTC/USDT", 0.5), "whole"),
        (Target("BTC/USDT", quantity=0.5), "exact number"),
        (Target("BTC/USDT", 500_000, limit=95.5), "exact number"),
        (quotes([(95, 2)]).__class__("BTC/USDT", ((95.5, Decimal(1)),)), "exact number"),
        (quotes([(95, 2)]).__class__("BTC/USDT", (Decimal(95),)), "price, quantity"),
        ("buy", "expected a Target or Quotes"),
        (42, "expected a Target or Quotes"),
    ],
)
def test_an_opinion_that_makes_no_sense_locks_its_strategy_and_says_why(says: object, complaint: str) -> None:
    bench = Bench()
    bench.say(says)
    failed = next(each for each in bench.facts if isinstance(each, StrategyFailed))
    assert complaint in failed.error
    assert [each.rule for each in bench.risk] == ["strategy_failed"]
    assert bench.requests == ()


def test_a_mark_is_not_taken_from_a_quote_with_an_empty_side() -> None:
    bench = Bench()
    bench.enter(exposure(1))
    equity = bench.ledger.accounts["s"].equity
    bench.quote(0, 101)
    bench.quote(100, 0)
    assert bench.ledger.accounts["s"].equity == equity
    bench.quote(109, 111)
    assert bench.ledger.accounts["s"].equity == equity + 100 * UNIT


def test_the_mark_follows_trades_and_whole_books_and_stands_where_neither_tells() -> None:
    bench = Bench()
    bench.process(BookUpdate(*bench.stamp("md"), SPOT, ((99, UNIT),), ()))
    assert SPOT.key not in bench.engine.view.marks  # nothing is known yet, and nothing is worth 0
    marks = []
    for event in (
        Trade(*bench.stamp("md"), SPOT, 105, UNIT),
        BookUpdate(*bench.stamp("md"), SPOT, ((109, UNIT),), ((111, UNIT),), True),
        BookUpdate(*bench.stamp("md"), SPOT, ((50, UNIT),), ((51, UNIT),)),
        BookUpdate(*bench.stamp("md"), SPOT, (), ((51, UNIT),), True),
    ):
        bench.process(event)
        marks.append(bench.engine.view.marks[SPOT.key])
    assert marks == [105, 110, 110, 110]
