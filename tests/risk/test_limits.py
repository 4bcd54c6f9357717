"""Every limit refuses with its figures and names itself; nothing stands in the way of a cancel or a close."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.trading.trading_bench import OTHER, PERPETUAL, SPOT, UNIT, Bench, exactly, perpetual, quotes
from workbench.core.clock import MINUTE, SECOND
from workbench.core.errors import DataError
from workbench.core.events import (
    ApprovedOrder,
    FillEvent,
    Flatten,
    Halt,
    OrderEvent,
    Pause,
    Quotes,
    Rearm,
    Resume,
    Target,
)
from workbench.core.order import OrderStatus, OrderType, Role, Side
from workbench.risk.gate import Gate
from workbench.risk.limits import Limits, View


def limited(*instruments: Any, **limits: Any) -> Bench:
    return Bench(*(instruments or (PERPETUAL,)), cash="10000", limits=Limits(**limits))


def refused(bench: Bench) -> tuple[str, str]:
    """The rule and figures of the one refusal of the last call; nothing may have gone out."""
    (refusal,) = bench.risk
    assert bench.requests == ()
    assert bench.ledger.orders[refusal.order_id].status is OrderStatus.DENIED
    assert bench.ledger.orders[refusal.order_id].reason == refusal.rule
    return refusal.rule, refusal.reason


def test_an_order_above_the_order_notional_is_refused_and_one_at_it_goes_out() -> None:
    bench = limited(max_order_notional=Decimal(1000))
    bench.say(perpetual(exactly("11")))
    assert refused(bench) == ("max_order_notional", "order notional 1100 USDT is above 1000")
    bench.say(perpetual(exactly("10")))
    assert len(bench.sent) == 1


def test_an_order_is_worth_at_least_its_mark_whatever_its_limit_says() -> None:
    bench = limited(max_order_notional=Decimal(1000))
    bench.say(perpetual(exactly("11", limit=Decimal(50))))
    assert refused(bench)[0] == "max_order_notional"


def test_a_position_is_refused_with_everything_that_is_still_on_its_way() -> None:
    bench = limited(max_position_notional=Decimal(1000))
    bench.say(Quotes("BTC/USDT:USDT", bids=((Decimal(99), Decimal(6)), (Decimal(98), Decimal(5)))))
    assert [each.quantity_raw for each in bench.sent] == [6 * UNIT]
    (refusal,) = bench.risk
    assert (refusal.rule, refusal.reason) == (
        "max_position_notional",
        "position notional 1100 USDT is above 1000",
    )


def test_an_amendment_counts_by_what_it_makes_of_its_order() -> None:
    bench = limited(max_position_notional=Decimal(1000))
    bench.say(perpetual(exactly("5", limit=Decimal(99))))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 2, 99)
    bench.say(perpetual(exactly("10", limit=Decimal(99))))
    assert len(bench.amended) == 1
    bench.report(order, quantity_raw=10 * UNIT)
    bench.say(perpetual(exactly("11", limit=Decimal(99))))
    assert bench.requests == ()
    assert [each.rule for each in bench.risk] == ["max_position_notional"]
    assert order.living


def test_an_order_that_reduces_passes_the_position_limit() -> None:
    bench = limited(max_position_notional=Decimal(1000))
    bench.enter(perpetual(exactly("10")))
    bench.say(perpetual(exactly("2")), 300)
    assert len(bench.sent) == 1


def test_orders_per_minute_slide() -> None:
    bench = limited(max_orders_per_minute=2)
    for price in (99, 98):
        bench.speakers["s"].says = perpetual(exactly("1", limit=Decimal(price)))
        bench.bar(after=20 * SECOND)
        (order,) = bench.ledger.living.values()
        if order.status is OrderStatus.SUBMITTED:
            bench.report(order)
        else:
            bench.report(order, price_raw=98)
    bench.speakers["s"].says = perpetual(exactly("1", limit=Decimal(97)))
    bench.bar(after=39 * SECOND)
    assert [(each.rule, each.reason) for each in bench.risk] == [
        ("max_orders_per_minute", "2 requests in the last minute, the limit is 2")
    ]
    bench.speakers["s"].says = perpetual(exactly("1", limit=Decimal(96)))
    bench.bar(after=SECOND)  # a minute after the first, 40 s after the second
    assert len(bench.amended) == 1


@pytest.mark.parametrize(("price", "passes"), [(95, True), (94, False), (105, True), (106, False)])
def test_the_collar_holds_limit_prices_near_the_mark(price: int, passes: bool) -> None:
    bench = limited(price_collar=Decimal("0.05"))
    bench.say(perpetual(exactly("3", limit=Decimal(price))))
    if passes:
        assert len(bench.sent) == 1
    else:
        assert refused(bench) == ("price_collar", f"price {price} is more than 0.05 away from 100")


def test_the_collar_holds_stop_prices_too() -> None:
    bench = limited(price_collar=Decimal("0.05"))
    bench.say(perpetual(exactly("3", stop=Decimal(80))))
    bench.fill(bench.only(), 3)
    assert refused(bench) == ("price_collar", "price 80 is more than 0.05 away from 100")


def test_without_a_mark_no_price_passes_the_collar() -> None:
    bench = limited(SPOT, OTHER, price_collar=Decimal("0.05"))
    bench.say(Target("ETH/USDT", quantity=Decimal(5), limit=Decimal(10)))
    assert refused(bench) == ("price_collar", "there is no mark to hold the price against")


def test_no_order_goes_out_on_stale_data_where_a_bar_may_be_as_old_as_its_interval_and_the_limit() -> None:
    bench = limited(SPOT, OTHER, max_data_age_s=Decimal(5))
    bench.bar(10, instrument=OTHER)
    btc = bench.speakers["s"]
    btc.says = Target("ETH/USDT", quantity=Decimal(5))
    bench.bar(100, after=MINUTE + 5 * SECOND)
    assert len(bench.sent) == 1
    late = limited(SPOT, OTHER, max_data_age_s=Decimal(5))
    late.bar(10, instrument=OTHER)
    late.speakers["s"].says = Target("ETH/USDT", quantity=Decimal(5))
    late.bar(100, after=MINUTE + 5 * SECOND + 1)
    assert refused(late) == ("stale_data", "market data is 5.000000001 s overdue, the limit is 5 s")


def test_no_order_goes_out_before_the_first_word_of_the_market() -> None:
    bench = limited(SPOT, OTHER, max_data_age_s=Decimal(5))
    bench.say(Target("ETH/USDT", quantity=Decimal(5), limit=Decimal(10)))
    assert refused(bench) == ("stale_data", "no market data yet")


def test_only_allowed_symbols_are_traded() -> None:
    bench = limited(SPOT, OTHER, allowed_symbols=(SPOT.key,))
    bench.bar(10, instrument=OTHER)
    bench.say([Target("ETH/USDT", quantity=Decimal(5)), exactly("2")], 100)
    assert [(each.rule, each.reason) for each in bench.risk] == [
        ("allowed_symbols", "sim:ETH/USDT is not one of sim:BTC/USDT")
    ]
    assert bench.only().order.instrument == SPOT


def test_an_empty_list_of_allowed_symbols_allows_none() -> None:
    bench = limited(SPOT, allowed_symbols=())
    bench.say(exactly("1"))
    assert refused(bench) == ("allowed_symbols", "sim:BTC/USDT is not one of none")


def test_limits_finer_than_what_they_limit_are_refused() -> None:
    with pytest.raises(DataError, match=r"risk\.max_order_notional"):
        limited(max_order_notional=Decimal("0.000000001"))


# --- latches --------------------------------------------------------------------------------------


def test_pause_refuses_what_opens_and_lets_through_what_reduces() -> None:
    bench = limited()
    bench.enter(perpetual(exactly("4")))
    bench.command(Pause, strategy_id="s", reason="news")
    bench.say(perpetual(exactly("6")))
    assert refused(bench) == ("paused", "news")
    bench.say(perpetual(exactly("-1")))
    assert refused(bench)[0] == "paused"  # a flip would open
    bench.say(perpetual(exactly("1")))
    assert bench.only().quantity_raw == 3 * UNIT


def test_resume_lets_a_strategy_say_again_what_was_refused() -> None:
    bench = limited()
    bench.command(Pause)
    bench.say(perpetual(exactly("4")))
    assert refused(bench) == ("paused", "paused")
    bench.bar()
    assert bench.facts == ()
    bench.command(Resume)
    bench.bar()
    assert len(bench.sent) == 1


def test_a_pause_of_one_strategy_leaves_the_others_alone() -> None:
    bench = Bench(PERPETUAL, names=("a", "b"))
    bench.command(Pause, strategy_id="a")
    bench.say(perpetual(exactly("4")), name="b")
    assert len(bench.sent) == 1


def test_halt_cancels_everything_but_protective_stops_and_sends_nothing_new() -> None:
    bench = limited(PERPETUAL)
    bench.say(perpetual(exactly("4", stop=Decimal(90))))
    bench.fill(bench.only(), 4)
    bench.report(bench.only())
    bench.say(perpetual(exactly("6", limit=Decimal(95), stop=Decimal(90))))
    entry = bench.only()
    bench.command(Halt, reason="smoke")
    assert bench.cancelled == [entry.order.order_id]
    bench.report(entry, OrderStatus.CANCELLED)
    assert bench.requests == ()
    assert [each.order.role for each in bench.ledger.living.values()] == [Role.STOP]
    bench.say(perpetual(exactly("1")))
    assert ([each.rule for each in bench.risk], bench.requests) == (["halt"], ())
    bench.bar()
    assert bench.facts == ()


def test_halt_and_the_limits_let_every_cancel_pass() -> None:
    bench = limited(max_orders_per_minute=1)
    bench.say(perpetual(exactly("4", limit=Decimal(95))))
    order = bench.only()
    bench.report(order)
    bench.say(perpetual(exactly("0")))
    assert bench.cancelled == [order.order.order_id]


def test_a_flatten_passes_every_limit_and_the_halt() -> None:
    bench = limited(
        max_order_notional=Decimal(1000),
        max_position_notional=Decimal(1000),
        max_orders_per_minute=1,
        price_collar=Decimal("0.01"),
        max_data_age_s=Decimal(1),
    )
    bench.enter(perpetual(exactly("9")))
    bench.bar(900)
    bench.command(Halt, reason="smoke")
    bench.tick(1000 * MINUTE)
    bench.command(Flatten)
    assert bench.only().quantity_raw == 9 * UNIT


def test_rearm_releases_the_halt_and_the_same_target_trades_again() -> None:
    bench = limited()
    bench.command(Halt, reason="smoke")
    bench.say(perpetual(exactly("4")))
    bench.command(Rearm, reason="it was the toaster")
    assert [(each.rule, each.reason) for each in bench.risk] == [("rearm", "it was the toaster")]
    bench.bar()
    assert len(bench.sent) == 1


# --- the gate by itself ---------------------------------------------------------------------------


def _order(bench: Bench, **changes: Any) -> OrderEvent:
    terms: dict[str, Any] = {
        "order_id": "o",
        "strategy_id": "s",
        "role": Role.ENTRY,
        "instrument": PERPETUAL,
        "side": Side.SELL,
        "order_type": OrderType.MARKET,
        "quantity_raw": 3 * UNIT,
    }
    return OrderEvent("engine", 1, bench.now, bench.now, **(terms | changes))


@pytest.mark.parametrize("changes", [{"reduce_only": True}, {"role": Role.STOP}, {"role": Role.FLATTEN}])
def test_what_claims_to_reduce_must_reduce(changes: dict[str, Any]) -> None:
    bench = limited()
    gate, view = Gate(()), View(ledger=bench.ledger)
    verdict = gate.review(_order(bench, **changes), view)
    assert isinstance(verdict, tuple)
    assert verdict[0] == "reduce_only"
    bench.enter(perpetual(exactly("3")))
    order = _order(bench, **changes)
    assert gate.review(order, view) == ApprovedOrder(order)
    assert isinstance(gate.review(_order(bench, quantity_raw=4 * UNIT, **changes), view), tuple)


def test_quotes_that_a_limit_refuses_are_not_asked_again_until_they_change() -> None:
    bench = Bench(limits=Limits(max_order_notional=Decimal(100)))
    bench.say(quotes(bids=[(99, 5)]))
    assert refused(bench)[0] == "max_order_notional"
    bench.bar()
    assert bench.facts == ()


def test_on_spot_a_strategy_sells_what_it_holds_and_not_what_else_lies_on_the_account() -> None:
    bench = Bench(limits=Limits(covered_spot=True))
    bench.say(quotes(asks=[(105, 1)]))
    assert [each.rule for each in bench.risk] == ["covered_spot"]
    bench.say(exactly("2"))
    bench.fill(bench.only(), 2)
    bench.say(quotes(asks=[(105, 1), (106, 1), (107, 1)]))
    assert [each.price_raw for each in bench.sent] == [105, 106]
    assert [each.rule for each in bench.risk] == ["covered_spot"]


def test_an_amendment_that_is_not_answered_yet_counts_at_its_larger_total() -> None:
    bench = Bench(limits=Limits(max_position_notional=Decimal(500)))
    bench.say(quotes(bids=[(100, 1)]))
    first = bench.only()
    bench.report(first)
    bench.say(quotes(bids=[(100, 5), (99, 4)]))
    assert ([each.quantity_raw for each in bench.amended], bench.sent) == ([5 * UNIT], [])
    assert [each.rule for each in bench.risk] == ["max_position_notional"]
    bench.report(first, OrderStatus.UNKNOWN)
    bench.say(quotes(bids=[(100, 5), (99, 1)]))
    assert bench.sent == []
    bench.report(first, quantity_raw=UNIT, price_raw=100)  # it was not granted: it is asked for again
    assert [each.quantity_raw for each in bench.amended] == [5 * UNIT]


def test_what_others_sold_on_the_account_buys_no_room_under_the_limit() -> None:
    bench = Bench(limits=Limits(max_position_notional=Decimal(500)))
    bench.process(
        FillEvent(
            *bench.stamp("venue"),
            order_id="web-1",
            trade_id="T1",
            instrument=bench.instrument,
            side=Side.SELL,
            quantity_raw=50 * UNIT,
            price_raw=100,
            fee_raw=0,
            fee_currency="USDT",
        )
    )
    bench.say(exactly("6"))
    assert [each.rule for each in bench.risk] == ["max_position_notional"]
