"""Our books against the venue's: what counts as a difference, when it is told, and what follows."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tests.trading.trading_bench import PERPETUAL, SPOT, UNIT, Bench, exactly, perpetual
from workbench.core.events import AccountSnapshot, Discrepancy, FillEvent, OrderReport, Rearm, RiskAction
from workbench.core.instrument import FeeCurrency
from workbench.core.order import OrderStatus, Side
from workbench.risk.limits import Limits


def look(bench: Bench, balances: dict[str, str], *, positions: dict[str, str] | None = None, **more: object) -> None:
    """The venue says what the account holds."""
    bench.now += 1
    fields = {"orders": tuple(bench.ledger.living), "asked": bench.now, **more}
    bench.process(
        AccountSnapshot(
            *bench.stamp("venue"), venue=bench.instrument.venue, balances=balances, positions=positions or {}, **fields
        )
    )


def told(bench: Bench) -> list[tuple[str, str, str, str]]:
    return [(each.kind, each.what, each.ours, each.theirs) for each in bench.facts if isinstance(each, Discrepancy)]


def stranger(bench: Bench, quantity: int, *, order_id: str = "") -> FillEvent:
    return FillEvent(
        *bench.stamp("venue"),
        order_id=order_id,
        trade_id="T77",
        instrument=bench.instrument,
        side=Side.BUY,
        quantity_raw=quantity * UNIT,
        price_raw=100,
        fee_raw=0,
        fee_currency="USDT",
        venue_order_id="V9",
    )


def test_what_an_account_held_before_the_run_is_where_the_books_begin() -> None:
    bench = Bench()
    look(bench, {"USDT": "98765.4321", "BTC": "7", "DOGE": "0.00000001"})
    look(bench, {"USDT": "98765.4321", "BTC": "7", "DOGE": "0.00000001"})
    assert bench.facts == ()


def test_fills_move_every_balance_they_touch_to_the_last_digit() -> None:
    bench = Bench(msgspec.structs.replace(SPOT, fee_currency=FeeCurrency.RECEIVED))
    look(bench, {"USDT": "1000", "BTC": "0", "BNB": "1"})
    bench.say(exactly("3"))
    order = bench.only()
    bench.fill(order, 1, 100, fee=UNIT // 1000, currency="BTC")
    bench.fill(order, 2, 101, fee=7, currency="BNB")
    for _ in range(2):
        look(bench, {"USDT": "698", "BTC": "2.999", "BNB": "0.99999993"})
        assert bench.facts == ()


def test_one_look_proves_nothing_and_the_same_difference_twice_is_told_once() -> None:
    bench = Bench()
    look(bench, {"USDT": "1000", "BTC": "5"})
    look(bench, {"USDT": "1000", "BTC": "4"})
    assert bench.facts == ()
    look(bench, {"USDT": "1000", "BTC": "4"})
    assert told(bench) == [("balance", "BTC", "5", "4")]
    assert [(each.rule, each.action) for each in bench.risk] == [("reconciliation", RiskAction.REDUCING)]
    look(bench, {"USDT": "1000", "BTC": "4"})
    assert bench.facts == ()


def test_a_fill_that_a_balance_shows_before_it_is_told_is_no_difference() -> None:
    bench = Bench()
    look(bench, {"USDT": "1000", "BTC": "0"})
    bench.say(exactly("3"))
    order = bench.only()
    look(bench, {"USDT": "700", "BTC": "3"})
    bench.fill(order, 3, 100)
    look(bench, {"USDT": "700", "BTC": "3"})
    assert told(bench) == []


def test_a_base_balance_that_drifted_leaves_its_instrument_to_be_reduced_only_until_a_person_has_looked() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    bench.fill(bench.only(), 3, 100)
    look(bench, {"USDT": "1000", "BTC": "3"})
    for _ in range(2):
        look(bench, {"USDT": "1000", "BTC": "2"})
    bench.say(exactly("5"))
    assert [each.rule for each in bench.risk] == ["reduce_only"]
    bench.say(exactly("1"))
    assert bench.only().order.side is Side.SELL
    bench.fill(bench.only(), 2, 100)
    bench.command(Rearm, reason="somebody moved a coin")
    for _ in range(2):
        look(bench, {"USDT": "1200", "BTC": "0"})
        assert told(bench) == []
    bench.say(exactly("2"))
    assert bench.only().quantity_raw == UNIT


def test_a_deposit_of_what_pays_is_told_booked_as_external_and_stops_nothing() -> None:
    bench = Bench()
    look(bench, {"USDT": "1000"})
    look(bench, {"USDT": "1500"})
    look(bench, {"USDT": "1500"})
    assert told(bench) == [("balance", "USDT", "1000", "1500")]
    assert [(each.rule, each.action) for each in bench.risk] == [("reconciliation", RiskAction.NOTED)]
    look(bench, {"USDT": "1500"})
    look(bench, {"USDT": "1500"})
    assert bench.facts == ()
    bench.say(exactly("1"))
    assert len(bench.sent) == 1


def test_an_empty_answer_is_no_answer() -> None:
    bench = Bench()
    look(bench, {"USDT": "1000", "BTC": "5"})
    for _ in range(3):
        look(bench, {})
        assert bench.facts == ()


def test_a_perpetual_position_is_compared_with_what_all_strategies_hold() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    bench.speakers["a"].says = perpetual(exactly("3"))
    bench.speakers["b"].says = perpetual(exactly("-1"))
    bench.bar()
    for each in bench.sent:
        bench.fill(each, 3 if each.order.side is Side.BUY else 1, 100)
    for _ in range(2):
        look(bench, {"USDT": "1000"}, positions={PERPETUAL.key: "2"})
        assert told(bench) == []
    for _ in range(2):
        look(bench, {"USDT": "1000"}, positions={PERPETUAL.key: "1"})
    assert told(bench) == [("position", PERPETUAL.key, "2", "1")]
    assert PERPETUAL.key in bench.engine.gate.reducing


def test_an_order_of_ours_that_is_not_open_any_more_is_a_difference() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(90)))
    order = bench.only()
    bench.report(order)
    look(bench, {"USDT": "1000"})
    for _ in range(2):
        look(bench, {"USDT": "1000"}, orders=())
    assert told(bench) == [("order", order.order.order_id, "acknowledged", "not open")]


# --- orders and trades of others on the account ----------------------------------------------------


def test_an_order_of_somebody_else_is_told_once_and_left_alone() -> None:
    bench = Bench()
    for _ in range(3):
        report = OrderReport(
            *bench.stamp("venue"),
            order_id="web-1",
            venue_order_id="V9",
            status=OrderStatus.ACKNOWLEDGED,
            instrument=bench.instrument,
        )
        bench.process(report)
        assert bench.requests == ()
    assert sum(type(each).__name__ == "RiskEvent" for each in bench.journal) == 1
    assert set(bench.ledger.strangers) == {"V9"}


def test_a_trade_of_somebody_else_counts_against_the_limit_and_moves_no_strategy() -> None:
    bench = Bench(limits=Limits(max_position_notional=Decimal(500)))
    bench.process(stranger(bench, 3, order_id="web-1"))
    bench.process(stranger(bench, 3, order_id="web-1"))  # a second delivery is nothing
    assert (bench.ledger.external, bench.ledger.fills) == ({bench.instrument.key: 3 * UNIT}, [])
    bench.say(exactly("3"))
    assert [each.rule for each in bench.risk] == ["max_position_notional"]
    bench.say(exactly("2"))
    assert len(bench.sent) == 1


def test_a_fill_that_names_an_order_only_the_venue_knows_waits_until_the_order_is_known_to_be_ours() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.report(order, OrderStatus.UNKNOWN)
    bench.process(stranger(bench, 3))
    assert (bench.held(), bench.ledger.external[bench.instrument.key]) == (0, 3 * UNIT)
    bench.report(order, venue_order_id="V9", filled_raw=3 * UNIT)
    assert (bench.held(), bench.ledger.external[bench.instrument.key], order.status) == (3, 0, OrderStatus.FILLED)
    heard = [each.order_id for each in bench.speakers["s"].hears if isinstance(each, FillEvent)]
    assert heard == [order.order.order_id]
    bench.process(msgspec.structs.replace(stranger(bench, 3), order_id=order.order.order_id))
    assert bench.held() == 3  # the stream's own word of it comes last, and is the same trade


def test_a_fill_told_twice_once_by_our_id_and_once_by_the_venues_books_once() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    by_venue = stranger(bench, 3)
    bench.process(by_venue)
    bench.process(msgspec.structs.replace(by_venue, order_id=order.order.order_id, sequence=99))
    assert bench.held() == 3
    bench.report(order, venue_order_id="V9")
    assert (bench.held(), bench.ledger.external[bench.instrument.key]) == (3, 0)


# --- an end that fills are still owed for ----------------------------------------------------------


def test_an_order_ends_only_when_every_fill_that_the_venue_owes_is_booked() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(90)))
    order = bench.only()
    bench.report(order)
    bench.report(order, OrderStatus.CANCELLED, filled_raw=2 * UNIT)
    assert (order.living, order.owed_raw) == (True, 2 * UNIT)
    bench.fill(order, 1, 90)
    assert order.living
    bench.fill(order, 1, 90)
    assert (order.status, bench.held()) == (OrderStatus.CANCELLED, 2)


def test_an_order_that_was_proven_absent_and_is_there_after_all_is_taken_back_and_told() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    order = bench.only()
    bench.report(order, OrderStatus.UNKNOWN)
    bench.report(order, OrderStatus.NEVER_ACCEPTED)
    bench.report(order, OrderStatus.ACKNOWLEDGED, venue_order_id="V9")
    assert bench.cancelled == [order.order.order_id]
    assert [(each.rule, each.action) for each in bench.risk] == [("late_acceptance", RiskAction.REDUCING)]
    bench.fill(order, 3, 100)
    assert bench.held() == 3  # it books, whatever its status says
    bench.say(exactly("5"))
    assert [each.rule for each in bench.risk] == ["reduce_only"]


def test_after_too_many_refusals_the_venue_is_not_asked_again_for_a_minute() -> None:
    bench = Bench(limits=Limits(max_rejections_per_minute=2))
    for quantity in ("1", "2"):
        bench.speakers["s"].says = exactly(quantity)
        bench.bar(after=1)
        bench.report(bench.only(), OrderStatus.REJECTED, reason="insufficient balance")
    bench.speakers["s"].says = exactly("3")
    bench.bar(after=1)
    assert [each.rule for each in bench.risk] == ["max_rejections_per_minute"]
    bench.say(exactly("4"))
    assert len(bench.sent) == 1
