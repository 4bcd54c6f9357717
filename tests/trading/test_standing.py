"""While a venue or its data cannot be relied on nothing is opened, and what was wanted waits."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.trading.trading_bench import PERPETUAL, SPOT, UNIT, Bench, exactly, perpetual, quotes
from workbench.core.clock import SECOND
from workbench.core.events import LinkState, MarketStale, RiskAction, TermsChanged, VenueLink, Withdraw
from workbench.core.order import OrderStatus, Role
from workbench.risk.limits import Limits

RIGID = msgspec.structs.replace(PERPETUAL, amendable=False)


def link(bench: Bench, state: LinkState, reason: str = "") -> None:
    bench.process(VenueLink(*bench.stamp("venue"), venue=bench.instrument.venue, state=state, reason=reason))


def stale(bench: Bench, reason: str = "gap") -> None:
    bench.process(MarketStale(*bench.stamp("venue"), bench.instrument, reason))


@pytest.mark.parametrize("state", [LinkState.SYNCING, LinkState.DOWN])
def test_what_is_wanted_while_an_account_cannot_be_relied_on_waits_and_is_then_asked_for_once(state: LinkState) -> None:
    bench = Bench()
    link(bench, state, "private channel lost")
    bench.say(exactly("3"))
    assert bench.requests == ()
    assert not bench.risk  # it waits; it is not refused
    link(bench, LinkState.UP)
    assert bench.only().quantity_raw == 3 * UNIT
    bench.bar()
    assert bench.requests == ()


def test_the_last_wish_counts_when_an_account_is_back() -> None:
    bench = Bench()
    link(bench, LinkState.SYNCING)
    bench.say(exactly("3"))
    bench.say(exactly("1"))
    link(bench, LinkState.UP)
    assert [each.quantity_raw for each in bench.sent] == [UNIT]


def test_a_blip_leaves_resting_orders_alone() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(90)))
    bench.report(bench.only())
    link(bench, LinkState.SYNCING, "blip")
    assert bench.requests == ()
    link(bench, LinkState.UP)
    assert bench.requests == ()


def test_an_outage_takes_back_what_may_open_and_keeps_what_protects() -> None:
    bench = Bench(PERPETUAL)
    bench.say(perpetual(exactly("4", stop=Decimal(90))))
    bench.fill(bench.only(), 4)
    stop = bench.only()
    bench.report(stop)
    bench.say(perpetual(exactly("6", limit=Decimal(95), stop=Decimal(90))))
    entry = next(each for each in bench.sent if each.order.role is Role.ENTRY)
    bench.report(entry)
    link(bench, LinkState.DOWN, "unreachable")
    assert bench.cancelled == [entry.order.order_id]
    assert [(each.rule, each.action) for each in bench.risk] == [("venue_down", RiskAction.NOTED)]
    link(bench, LinkState.DOWN, "still unreachable")
    assert bench.facts == ()  # told once


def test_after_an_outage_the_same_opinion_is_news_again() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(90)))
    first = bench.only()
    bench.report(first)
    link(bench, LinkState.DOWN, "unreachable")
    bench.report(first, OrderStatus.CANCELLED)
    link(bench, LinkState.SYNCING, "connected")
    bench.bar()
    assert bench.requests == ()
    link(bench, LinkState.UP)
    assert [each.quantity_raw for each in bench.sent] == [3 * UNIT]


def test_one_account_waits_and_the_other_goes_on() -> None:
    other = msgspec.structs.replace(SPOT, account="hedge")
    bench = Bench(SPOT, other)
    bench.process(VenueLink(*bench.stamp("venue"), venue=SPOT.venue, account="hedge", state=LinkState.SYNCING))
    bench.bar()
    bench.bar(instrument=other)
    bench.speakers["s"].says = [
        msgspec.structs.replace(exactly("1"), symbol=SPOT.key),
        msgspec.structs.replace(exactly("1"), symbol=other.key),
    ]
    bench.bar(instrument=other)
    bench.bar()
    assert {each.order.instrument.key for each in bench.ledger.living.values()} == {SPOT.key}


def test_on_a_market_known_to_be_out_of_date_nothing_is_opened_and_closing_goes_on() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    bench.fill(bench.only(), 3)
    stale(bench, "a sequence broke")
    gate, view = bench.engine.gate, bench.engine.view
    assert view.stale == {SPOT.key: "a sequence broke"}
    assert gate.halted == ""
    bench.bar()  # the next word heals it
    assert view.stale == {}


def test_quotes_are_pulled_from_a_market_that_went_stale_and_come_back_with_it() -> None:
    bench = Bench()
    bench.say(quotes(bids=[(95, 1), (94, 1)]))
    for each in bench.sent:
        bench.report(each)
    resting = sorted(bench.ledger.living)
    stale(bench)
    assert sorted(bench.cancelled) == resting
    for each in [bench.ledger.orders[name] for name in resting]:
        bench.report(each, OrderStatus.CANCELLED)
    bench.bar()
    assert len(bench.sent) == 2


def test_quotes_are_pulled_when_data_grows_too_old_to_quote_on() -> None:
    bench = Bench(limits=Limits(max_data_age_s=Decimal(5)))
    bench.say(quotes(bids=[(95, 1)]))
    bench.report(bench.only())
    bench.tick(60 * SECOND)  # a bar is due every minute: it is not late yet
    assert bench.cancelled == []
    bench.tick(6 * SECOND)
    assert len(bench.cancelled) == 1


def test_a_process_that_is_about_to_stop_opens_nothing_and_the_next_one_does() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(90)))
    entry = bench.only()
    bench.report(entry)
    bench.command(Withdraw, reason="stopping")
    assert bench.cancelled == [entry.order.order_id]
    bench.report(entry, OrderStatus.CANCELLED)
    bench.bar()
    assert bench.requests == ()
    bench.engine.go_on()
    bench.bar()
    assert bench.only().quantity_raw == 3 * UNIT


def test_a_stop_may_close_everything_first() -> None:
    bench = Bench()
    bench.say(exactly("3"))
    bench.fill(bench.only(), 3)
    bench.command(Withdraw, flatten=True)
    close = bench.only()
    assert (close.order.role, close.quantity_raw) == (Role.FLATTEN, 3 * UNIT)


def test_new_steps_of_a_venue_count_from_the_next_order_on() -> None:
    bench = Bench()
    bench.process(
        TermsChanged(
            *bench.stamp("venue"),
            instrument=bench.instrument,
            tick="1",
            lot="2",
            min_quantity="2",
            min_notional="0",
        )
    )
    bench.say(exactly("3"))
    assert bench.only().quantity_raw == 2 * UNIT


def test_steps_finer_than_the_run_can_hold_leave_the_instrument_to_be_reduced_only() -> None:
    bench = Bench()
    terms = {"tick": "0." + "0" * 17 + "1", "lot": "1", "min_quantity": "0", "min_notional": "0"}
    bench.process(TermsChanged(*bench.stamp("venue"), instrument=bench.instrument, **terms))
    assert [(each.rule, each.action) for each in bench.risk] == [("terms", RiskAction.REDUCING)]
    bench.say(exactly("3"))
    assert bench.requests == ()


# --- a venue that changes no resting order ---------------------------------------------------------


def test_where_nothing_can_be_amended_a_changed_limit_is_taken_back_first_and_then_placed() -> None:
    bench = Bench(RIGID)
    bench.say(perpetual(exactly("3", limit=Decimal(90))))
    first = bench.only()
    bench.report(first)
    bench.say(perpetual(exactly("3", limit=Decimal(91))))
    assert (bench.amended, bench.cancelled, bench.sent) == ([], [first.order.order_id], [])
    bench.report(first, OrderStatus.CANCELLED)
    assert bench.only().price_raw == 91


def test_where_nothing_can_be_amended_a_changed_stop_is_never_there_twice() -> None:
    bench = Bench(RIGID)
    bench.say(perpetual(exactly("4", stop=Decimal(90))))
    bench.fill(bench.only(), 4)
    stop = bench.only()
    bench.report(stop)
    bench.say(perpetual(exactly("4", stop=Decimal(95))))
    assert (bench.cancelled, bench.sent) == ([stop.order.order_id], [])
    bench.report(stop, OrderStatus.CANCELLED)
    assert bench.only().stop_raw == 95


def test_where_nothing_can_be_amended_a_changed_quote_waits_for_the_old_one_to_go() -> None:
    bench = Bench(msgspec.structs.replace(SPOT, amendable=False))
    bench.say(quotes(bids=[(95, 1)]))
    bid = bench.only()
    bench.report(bid)
    bench.say(quotes(bids=[(96, 1)]))
    assert (bench.amended, bench.cancelled, bench.sent) == ([], [bid.order.order_id], [])
    bench.report(bid, OrderStatus.CANCELLED)
    assert bench.only().price_raw == 96
