"""What the venue says: fills book exactly once whatever the status is, and nothing unknown is believed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tests.trading.trading_bench import BUY, OTHER, PERPETUAL, SPOT, UNIT, Bench, exactly, perpetual
from workbench.core.events import FillEvent, Halt, OrderReport, OrderUpdate, RiskAction, StrategyFailed
from workbench.core.instrument import FeeCurrency
from workbench.core.ledger import Ledger
from workbench.core.order import OrderStatus, OrderType
from workbench.risk.limits import Limits


def test_a_fill_moves_cash_position_and_fees_to_the_last_unit() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.fill(order, 2, 101, fee=12_345_678)
    bench.fill(order, 1, 102, fee=1)
    account = bench.ledger.accounts["s"]
    assert account.cash == 1000 * UNIT - 304 * UNIT - 12_345_679
    assert bench.held() == 3
    assert bench.engine.portfolio.entry_price("s", "BTC/USDT") == Decimal("101.33333333")
    assert bench.ledger.fees == {"USDT": 12_345_679 * 10**10}
    assert order.status is OrderStatus.FILLED


def test_a_fee_taken_in_what_was_bought_comes_out_of_the_position() -> None:
    bench = Bench(msgspec.structs.replace(SPOT, fee_currency=FeeCurrency.RECEIVED))
    bench.say(exactly("3"))
    bench.fill(bench.only(), 3, fee=300_000, currency="BTC")
    assert bench.held() == Decimal("2.997")
    assert bench.ledger.accounts["s"].cash == 700 * UNIT


def test_a_fee_in_a_third_currency_is_kept_apart() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    bench.fill(bench.only(), 3, fee=5, currency="BNB")
    assert bench.ledger.fees == {"BNB": 5 * 10**10}
    assert bench.ledger.accounts["s"].cash == 700 * UNIT


def test_a_duplicate_fill_is_let_through_books_nothing_and_has_no_consequence() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.fill(order, 1, trade="T1")
    cash = bench.ledger.accounts["s"].cash
    bench.fill(order, 1, trade="T1")
    assert (bench.facts, bench.requests) == ((), ())
    assert (bench.held(), bench.ledger.accounts["s"].cash, len(bench.ledger.fills)) == (1, cash, 1)
    assert len(bench.speakers["s"].hears) == 1


def test_a_fold_over_the_journal_with_its_duplicates_has_the_very_ledger_of_the_engine() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.report(order, venue_order_id="V1")
    for trade in ("T1", "T1", "T2", "T1"):
        bench.fill(order, 1, trade=trade, fee=7)
    bench.say(exactly("-1"))
    fold = Ledger(bench.ledger.started)
    for event in bench.journal:
        fold.apply(event)
    assert fold.digest() == bench.ledger.digest()
    assert fold.accounts["s"].cash == bench.ledger.accounts["s"].cash == 800 * UNIT - 14


def test_one_trade_id_on_two_orders_books_twice() -> None:
    bench = Bench(names=("a", "b"))
    bench.speakers["a"].says = bench.speakers["b"].says = exactly("1")
    bench.bar()
    first, second = bench.sent
    bench.fill(first, 1, trade="T1")
    bench.fill(second, 1, trade="T1")
    assert (bench.held("a"), bench.held("b"), len(bench.ledger.fills)) == (1, 1, 2)


def test_the_strategy_hears_of_a_fill_after_it_is_booked() -> None:
    bench = Bench()
    seen: list[Decimal] = []
    speaker = bench.speakers["s"]
    speaker.on_fill = lambda event: seen.append(speaker.position("BTC/USDT"))  # type: ignore[method-assign]
    bench.enter(exactly("3"))
    assert seen == [3]


def test_a_fill_before_the_acknowledgement_is_believed_and_the_late_acknowledgement_changes_nothing() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.fill(order, 1)
    assert order.status is OrderStatus.PARTIALLY_FILLED
    bench.report(order, venue_order_id="V7")
    assert (order.status, order.venue_order_id) == (OrderStatus.PARTIALLY_FILLED, "V7")
    assert bench.facts == ()
    bench.fill(order, 2)
    bench.report(order)
    assert order.status is OrderStatus.FILLED


def test_a_late_fill_after_the_cancel_books_and_the_order_stays_cancelled() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(99)))
    order = bench.only()
    bench.report(order)
    bench.say(exactly("0"))
    bench.report(order, OrderStatus.CANCELLED)
    bench.fill(order, 2, 99)
    assert (order.status, order.filled_raw, bench.held()) == (OrderStatus.CANCELLED, 2 * UNIT, 2)
    (update,) = [each for each in bench.facts if isinstance(each, OrderUpdate)]
    assert (update.old, update.new, update.filled_raw) == (OrderStatus.CANCELLED, OrderStatus.CANCELLED, 2 * UNIT)


def test_a_fill_that_wins_the_race_against_our_cancel_fills_and_the_rejected_cancel_changes_nothing() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("3", limit=Decimal(99))))
    order = bench.only()
    bench.report(order)
    bench.say(perpetual(exactly("-1")))
    assert bench.cancelled == [order.order.order_id]
    bench.fill(order, 1, 99)
    assert (order.status, bench.requests) == (OrderStatus.CANCEL_PENDING, ())
    bench.fill(order, 2, 99)
    assert order.status is OrderStatus.FILLED
    assert bench.only().quantity_raw == 4 * UNIT
    bench.report(order, OrderStatus.CANCEL_REJECTED)
    assert (order.status, bench.facts) == (OrderStatus.FILLED, ())


def test_a_refused_cancel_is_not_sent_again_at_once_and_a_new_signal_sends_it_again() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("3", limit=Decimal(99))))
    order = bench.only()
    bench.report(order)
    bench.say(perpetual(exactly("-1")))
    bench.report(order, OrderStatus.CANCEL_REJECTED)
    assert (order.status, bench.requests) == (OrderStatus.CANCEL_REJECTED, ())
    bench.say(perpetual(exactly("-2")))
    assert bench.cancelled == [order.order.order_id]


def test_an_acknowledgement_overtaken_by_our_cancel_does_not_revive_the_order() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(99)))
    order = bench.only()
    bench.say(exactly("0"))
    bench.report(order)
    assert (order.status, bench.facts) == (OrderStatus.CANCEL_PENDING, ())


def test_a_report_that_says_filled_fills_nothing() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.report(order, OrderStatus.FILLED)
    assert (order.status, bench.facts, bench.held()) == (OrderStatus.SUBMITTED, (), 0)


def test_a_step_the_life_cycle_does_not_have_is_told_and_not_taken() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.report(order)
    bench.report(order, OrderStatus.DENIED)
    assert order.status is OrderStatus.ACKNOWLEDGED
    assert [(each.rule, each.action) for each in bench.risk] == [("venue_inconsistency", RiskAction.DENIED)]
    assert "the venue says denied" in bench.risk[0].reason


def test_an_overfill_books_and_halts() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.fill(order, 4)
    assert bench.held() == 4
    assert [(each.rule, each.action) for each in bench.risk] == [("overfill", RiskAction.HALTED)]
    bench.say(exactly("1"))
    assert [each.rule for each in bench.risk] == ["halt"]
    assert bench.requests == ()


def test_a_fill_or_a_report_for_an_order_never_sent_is_told_and_moves_no_strategy() -> None:
    for kind, told in (("fill", "fill"), ("report", "order")):
        bench = Bench()
        bench.bar()
        stamp = bench.stamp("venue")
        if kind == "report":
            bench.process(
                OrderReport(*stamp, order_id="stranger", status=OrderStatus.ACKNOWLEDGED, instrument=bench.instrument)
            )
        else:
            bench.process(
                FillEvent(
                    *stamp,
                    order_id="stranger",
                    trade_id="T1",
                    instrument=bench.instrument,
                    side=BUY,
                    quantity_raw=UNIT,
                    price_raw=100,
                    fee_raw=0,
                    fee_currency="USDT",
                )
            )
        assert [(each.rule, each.action) for each in bench.risk] == [(f"external_{told}", RiskAction.NOTED)]
        assert (bench.held(), bench.ledger.fills) == (0, [])
        assert "stranger" in bench.risk[0].reason
        assert bench.engine.gate.halted == ""


def test_a_fill_of_an_order_that_we_denied_halts() -> None:
    bench = Bench(limits=Limits(max_order_notional=Decimal(100)))
    bench.say(exactly("3"))
    (order,) = bench.ledger.orders.values()
    assert order.status is OrderStatus.DENIED
    bench.fill(order, 1)
    assert [(each.rule, each.action) for each in bench.risk] == [("denied_order", RiskAction.HALTED)]


def test_a_first_reason_to_halt_is_kept() -> None:
    bench = Bench()
    bench.command(Halt, reason="lunch")
    bench.say(exactly("3"))
    bench.process(
        OrderReport(*bench.stamp("venue"), order_id="x", status=OrderStatus.ACKNOWLEDGED, instrument=bench.instrument)
    )
    assert bench.engine.gate.halted == "lunch"


def test_an_order_of_unknown_fate_is_not_sent_again_until_there_is_evidence() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("3")))
    order = bench.only()
    bench.report(order, OrderStatus.UNKNOWN)
    bench.say(perpetual(exactly("5")))
    assert (bench.requests, order.status) == ((), OrderStatus.UNKNOWN)
    bench.report(order, OrderStatus.ACKNOWLEDGED)
    assert bench.cancelled == [order.order.order_id]
    bench.report(order, OrderStatus.CANCELLED)
    assert bench.only().quantity_raw == 5 * UNIT


def test_an_order_proven_never_to_have_arrived_ends_and_only_a_new_signal_asks_again() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("3")))
    order = bench.only()
    bench.report(order, OrderStatus.UNKNOWN)
    bench.report(order, OrderStatus.NEVER_ACCEPTED)
    assert (order.status, bench.requests) == (OrderStatus.NEVER_ACCEPTED, ())
    bench.bar()
    assert bench.facts == ()


def test_orders_carry_ids_that_no_other_intent_shares() -> None:
    bench = Bench(names=("a", "b"))
    bench.speakers["a"].says = bench.speakers["b"].says = exactly("1")
    bench.bar()
    assert len({each.order.order_id for each in bench.sent}) == 2
    assert all(len(each.order.order_id) == 32 for each in bench.sent)


# --- several strategies --------------------------------------------------------------------------


def test_two_strategies_on_one_instrument_keep_separate_books() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    bench.enter(perpetual(exactly("4")), name="a")
    bench.enter(perpetual(exactly("-4")), name="b")
    bench.bar(110)
    accounts = bench.ledger.accounts
    assert (bench.held("a"), bench.held("b"), bench.ledger.net(PERPETUAL.key)) == (4, -4, 0)
    assert (accounts["a"].equity, accounts["b"].equity) == (1040 * UNIT, 960 * UNIT)


def test_where_strategies_share_a_perpetual_its_venue_nets_them_so_closing_orders_are_not_reduce_only() -> None:
    alone, shared = Bench(PERPETUAL), Bench(PERPETUAL, names=("s", "b"))
    for bench, reduce_only in ((alone, True), (shared, False)):
        bench.say(perpetual(exactly("4", stop=Decimal(90))))
        bench.fill(bench.only(), 4)
        stop = bench.only()
        assert (stop.order.order_type, stop.order.reduce_only) == (OrderType.STOP, reduce_only)


def test_a_strategy_that_raises_is_locked_and_flattened_and_the_other_goes_on() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    bench.enter(perpetual(exactly("4")), name="a")
    bench.say(RuntimeError("division of labour"), name="a")
    failed = next(each for each in bench.facts if isinstance(each, StrategyFailed))
    assert (failed.strategy_id, failed.error) == ("a", "RuntimeError: division of labour")
    assert [(each.rule, each.action) for each in bench.risk] == [("strategy_failed", RiskAction.LOCKED)]
    bench.fill(bench.only(), 4)
    assert bench.held("a") == 0
    bench.speakers["a"].says = perpetual(exactly("4"))
    bench.enter(perpetual(exactly("-3")), name="b")
    assert (bench.held("a"), bench.held("b")) == (0, -3)


def test_a_strategy_that_raises_on_a_fill_is_locked_and_flattened_too() -> None:
    bench = Bench()
    bench.speakers["s"].on_fill_raises = ValueError("no")
    bench.say(exactly("3"))
    bench.fill(bench.only(), 3)
    assert [(each.rule, each.action) for each in bench.risk] == [("strategy_failed", RiskAction.LOCKED)]
    assert bench.only().quantity_raw == 3 * UNIT


def test_a_strategy_hears_only_of_its_own_instruments() -> None:
    bench = Bench()
    bench.speakers["s"].says = exactly("3")
    bench.bar(5, instrument=OTHER)
    assert bench.facts == ()
