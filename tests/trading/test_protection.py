"""Protective stops, flattening and quotes: what rests at the venue follows what is held and wanted."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from tests.trading.trading_bench import PERPETUAL, SELL, SPOT, UNIT, Bench, exactly, perpetual, quotes
from workbench.core.clock import SECOND
from workbench.core.events import Flatten
from workbench.core.ledger import OrderState
from workbench.core.order import OrderStatus, OrderType, Role


def protected(bench: Bench, quantity: str = "4", stop: str = "90") -> OrderState:
    """A filled long with its stop resting."""
    bench.say(perpetual(exactly(quantity, stop=Decimal(stop))))
    bench.fill(bench.only(), int(quantity))
    order = bench.only()
    bench.report(order)
    return order


# --- protective stops -----------------------------------------------------------------------------


def test_a_protective_stop_is_placed_only_after_the_fill_and_only_for_what_was_filled() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("4", stop=Decimal("90.5"))))
    entry = bench.only()
    assert entry.order.role is Role.ENTRY
    bench.report(entry)
    assert bench.requests == ()
    bench.fill(entry, 3)
    stop = bench.only()
    assert (stop.order.role, stop.order.order_type, stop.order.side) == (Role.STOP, OrderType.STOP, SELL)
    assert (stop.quantity_raw, stop.stop_raw, stop.order.reduce_only) == (3 * UNIT, 90, True)


def test_a_protective_stop_follows_the_position_by_amend() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("4", stop=Decimal(90))))
    entry = bench.only()
    bench.fill(entry, 3)
    stop = bench.only()
    bench.fill(entry, 1)
    assert bench.requests == ()  # its acknowledgement is still on the way
    bench.report(stop)
    (amend,) = bench.amended
    assert (amend.order_id, amend.quantity_raw, amend.stop_raw) == (stop.order.order_id, 4 * UNIT, 90)
    bench.report(stop, quantity_raw=4 * UNIT, stop_raw=90)
    assert bench.requests == ()


def test_a_new_stop_price_is_one_amend() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.say(perpetual(exactly("4", stop=Decimal(95))))
    assert [each.stop_raw for each in bench.amended] == [95]
    assert bench.sent == []
    bench.report(stop, stop_raw=95)
    assert bench.requests == ()


def test_a_protective_stop_is_cancelled_when_the_position_is_flat() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.say(perpetual(exactly("0", stop=Decimal(90))))
    assert (bench.cancelled, bench.sent) == ([stop.order.order_id], [])
    bench.report(stop, OrderStatus.CANCELLED)
    assert bench.only().order.role is Role.ENTRY


def test_a_stop_is_not_placed_for_the_part_that_leaves() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.say(perpetual(exactly("1", stop=Decimal(90))))
    bench.report(stop, OrderStatus.CANCELLED)
    leaving, kept = bench.sent
    assert (leaving.order.role, leaving.quantity_raw) == (Role.ENTRY, 3 * UNIT)
    assert (kept.order.role, kept.quantity_raw) == (Role.STOP, UNIT)


def test_a_stop_without_its_target_is_taken_back() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.say(perpetual(exactly("4")))
    assert (bench.cancelled, bench.sent) == ([stop.order.order_id], [])


def test_a_position_that_was_stopped_out_stays_out() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.fill(stop, 4, 89)
    assert (bench.held(), bench.requests) == (0, ())
    bench.bar(120)
    assert bench.facts == ()


def test_a_stop_that_fills_in_parts_is_left_as_it_is() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.fill(stop, 1, 89)
    assert bench.requests == ()


@pytest.mark.parametrize("status", [OrderStatus.REJECTED, OrderStatus.EXPIRED])
def test_a_stop_that_the_venue_will_not_have_leaves_nothing_naked(status: OrderStatus) -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("4", stop=Decimal(90))))
    bench.fill(bench.only(), 4)
    bench.report(bench.only(), status, reason="not like this")
    assert [each.rule for each in bench.risk] == ["naked_position"]
    close = bench.only()
    assert (close.order.role, close.order.order_type, close.quantity_raw) == (Role.FLATTEN, OrderType.MARKET, 4 * UNIT)
    bench.fill(close, 4)
    assert bench.held() == 0


def test_an_amendment_of_a_stop_that_the_venue_will_not_have_is_asked_for_once() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.say(perpetual(exactly("4", stop=Decimal(95))))
    assert len(bench.amended) == 1
    bench.report(stop, quantity_raw=4 * UNIT, stop_raw=90, reason="not amended")
    assert bench.requests == ()


def test_a_stop_below_the_minimum_quantity_is_not_sent() -> None:
    bench = Bench(msgspec.structs.replace(PERPETUAL, min_quantity=Decimal(2)))
    bench.say(perpetual(exactly("4", stop=Decimal(90))))
    entry = bench.only()
    bench.fill(entry, 1)
    assert bench.requests == ()
    bench.fill(entry, 1)
    assert bench.only().quantity_raw == 2 * UNIT


def test_a_short_is_protected_by_a_buy_stop_on_the_tick_further_out() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("-4", stop=Decimal("110.5"))))
    bench.fill(bench.only(), 4)
    assert (bench.only().order.side.sign, bench.only().stop_raw) == (1, 111)


# --- flattening -----------------------------------------------------------------------------------


def test_flatten_takes_everything_back_then_closes_and_holds_closed_until_something_new_is_said() -> None:
    bench = Bench(PERPETUAL)
    stop = protected(bench)
    bench.command(Flatten, reason="enough")
    assert (bench.cancelled, bench.sent) == ([stop.order.order_id], [])
    bench.report(stop, OrderStatus.CANCELLED)
    closing = bench.only()
    assert (closing.order.role, closing.quantity_raw, closing.order.reduce_only) == (Role.FLATTEN, 4 * UNIT, True)
    bench.fill(closing, 4)
    bench.bar(101)
    assert (bench.held(), bench.facts) == (0, ())
    bench.say(perpetual(exactly("3")))
    assert bench.only().quantity_raw == 3 * UNIT


def test_a_flatten_that_expires_unfilled_is_retried_but_not_more_than_once_a_second() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exactly("4")))
    bench.command(Flatten)
    asked = [bench.now]
    bench.report(bench.only(), OrderStatus.EXPIRED)
    assert bench.sent == []
    for _ in range(100):
        bench.bar(100, after=SECOND // 10)
        if bench.sent:
            asked.append(bench.now)
            bench.report(bench.only(), OrderStatus.EXPIRED)
            assert bench.sent == []
    assert len(asked) == 11
    assert min(later - sooner for sooner, later in pairwise(asked)) >= SECOND


def test_a_position_too_small_to_close_is_left_and_ends_the_flatten() -> None:
    bench = Bench(SPOT)
    bench.enter(exactly("1"), 60)
    bench.say(None, 40)
    bench.command(Flatten)
    assert bench.requests == ()
    assert not bench.engine.portfolio.desk(bench.engine.portfolio.traders["s"], "BTC/USDT").closing


def test_a_new_target_ends_a_flatten_that_is_under_way() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exactly("4")))
    bench.command(Flatten)
    closing = bench.only()
    bench.report(closing)
    bench.say(perpetual(exactly("2")))
    assert bench.cancelled == [closing.order.order_id]
    bench.report(closing, OrderStatus.CANCELLED)
    assert (bench.only().order.role, bench.only().quantity_raw) == (Role.ENTRY, 2 * UNIT)


# --- quotes ---------------------------------------------------------------------------------------


def test_quotes_become_one_post_only_order_for_each_level() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 2), (98, 3)], asks=[(101, 1), (102, 2)]))
    found = [(each.order.role, each.price_raw, each.quantity_raw // UNIT, each.order.post_only) for each in bench.sent]
    assert found == [
        (Role.ASK, 101, 1, True),
        (Role.ASK, 102, 2, True),
        (Role.BID, 99, 2, True),
        (Role.BID, 98, 3, True),
    ]
    bench.say(quotes(bids=[(99, 2), (98, 3)], asks=[(101, 1), (102, 2)]))
    assert bench.facts == ()


def test_a_changed_level_is_amended_a_missing_one_withdrawn_and_the_others_are_left_alone() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 2), (98, 3), (97, 4)]))
    best, second, third = bench.sent
    for order in (best, second, third):
        bench.report(order)
    bench.say(quotes(bids=[(99, 2), (96, 3)]))
    assert [(each.order_id, each.price_raw) for each in bench.amended] == [(second.order.order_id, 96)]
    assert bench.cancelled == [third.order.order_id]
    assert bench.sent == []


def test_a_filled_quote_is_quoted_again_when_the_same_quotes_are_said_again() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 4)]))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 1, 99)
    assert bench.requests == ()
    bench.bar()
    assert [each.quantity_raw for each in bench.amended] == [5 * UNIT]
    bench.report(order, quantity_raw=5 * UNIT)
    bench.fill(order, 4, 99)
    assert order.status is OrderStatus.FILLED
    bench.bar()
    assert bench.only().quantity_raw == 4 * UNIT


def test_a_quote_changed_before_its_acknowledgement_is_amended_once_that_is_there() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 2)]))
    order = bench.only()
    bench.say(quotes(bids=[(98, 2)]))
    assert bench.requests == ()
    bench.report(order)
    assert [each.price_raw for each in bench.amended] == [98]


def test_a_quote_too_small_to_send_is_withdrawn_rather_than_amended() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 2)]))
    order = bench.only()
    bench.report(order)
    bench.say(quotes(bids=[(40, 1)]))
    assert (bench.amended, bench.cancelled) == ([], [order.order.order_id])


def test_a_target_takes_all_quotes_back_before_it_trades() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 2)], asks=[(101, 2)]))
    ask, bid = bench.sent
    bench.say(exactly("3"))
    assert (sorted(bench.cancelled), bench.sent) == (sorted([ask.order.order_id, bid.order.order_id]), [])
    bench.report(ask, OrderStatus.CANCELLED)
    assert bench.requests == ()
    bench.report(bid, OrderStatus.CANCELLED)
    assert bench.only().quantity_raw == 3 * UNIT


def test_quotes_take_a_resting_target_and_its_stop_back() -> None:
    bench = Bench()
    bench.say(exactly("4", limit=Decimal(99), stop=Decimal(90)))
    entry = bench.only()
    bench.report(entry)
    bench.fill(entry, 2, 99)
    stop = bench.only()
    bench.say(quotes(asks=[(105, 2)]))
    assert sorted(bench.cancelled) == sorted([entry.order.order_id, stop.order.order_id])
    assert bench.only().order.role is Role.ASK


def test_quotes_stay_closed_after_an_operator_flattened_until_other_quotes_are_said() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(99, 4)]))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 4, 99)
    bench.say(quotes(bids=[(98, 4)]))
    resting = bench.only()
    bench.command(Flatten)
    bench.report(resting, OrderStatus.CANCELLED)
    bench.fill(bench.only(), 4)
    bench.bar()
    assert bench.facts == ()
    bench.say(quotes(bids=[(97, 4)]))
    assert len(bench.sent) == 1


def test_quotes_said_while_a_flatten_is_under_way_take_its_place() -> None:
    bench = Bench(PERPETUAL)
    bench.enter(perpetual(exactly("4")))
    bench.command(Flatten)
    closing = bench.only()
    said = msgspec.structs.replace(quotes(asks=[(105, 4)]), symbol="BTC/USDT:USDT")
    bench.say(said)
    assert bench.cancelled == [closing.order.order_id]
    assert bench.only().order.role is Role.ASK
