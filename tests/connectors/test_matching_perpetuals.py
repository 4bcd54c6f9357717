"""Perpetuals on the simulated venue: margin at the door, funding at its times, liquidation before ruin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.matching_bench import FREE, PERPETUAL, SPOT, UNIT, Bench, fills, reason, statuses
from workbench.connectors.matching import Profile
from workbench.core.clock import MINUTE
from workbench.core.events import Event, FundingEvent, FundingRate, Liquidation, MarkPrice
from workbench.core.instrument import Instrument
from workbench.core.order import Side

LENT = msgspec.structs.replace(PERPETUAL, max_leverage=10, maintenance=Decimal("0.05"))
OTHER = msgspec.structs.replace(LENT, symbol="ETH/USDT:USDT")
KEY = LENT.key
PERCENT = 10**16  # of a funding rate


def bench(usdt: str = "100", *, profile: Profile = FREE, instrument: Instrument = LENT, **more: Any) -> Bench:
    return Bench(instrument=instrument, usdt=usdt, profile=profile, **more)


def mark(on: Bench, price: int, *, after: int = 1, instrument: Instrument | None = None) -> list[Event]:
    on.now += after
    return on.event(MarkPrice("marks", on.now, on.now, on.now, instrument or on.instrument, price))


def fund(on: Bench, rate: int, *, after: int = 1) -> list[Event]:
    on.now += after
    return on.event(FundingRate("rates", on.now, on.now, on.now, on.instrument, rate))


def taken(said: list[Event]) -> list[tuple[str, int, int, int]]:
    return [
        (str(each.side), each.quantity_raw // UNIT, each.price_raw, each.fee_raw)
        for each in said
        if isinstance(each, Liquidation)
    ]


def entered(lots: int, *, usdt: str = "100", profile: Profile = FREE, price: int = 100) -> Bench:
    on = bench(usdt, profile=profile)
    on.order(Side.BUY if lots > 0 else Side.SELL, abs(lots))
    on.bar(open=price)
    return on


# --- margin at the door ---


def test_an_order_that_equity_does_not_carry_is_refused_with_its_figures() -> None:
    on = bench()
    on.bar(open=100)
    assert statuses(on.buy(10)) == ["acknowledged"]
    assert reason(on.buy(1)) == "insufficient margin: needs 110 USDT, there are 100"
    assert statuses(on.sell(10)) == ["acknowledged"], "only the worse side counts"
    assert reason(on.buy(1, limit=120)) == "insufficient margin: needs 132 USDT, there are 100"


def test_without_stated_terms_nothing_is_lent() -> None:
    on = bench(instrument=PERPETUAL)
    on.bar(open=100)
    assert statuses(on.buy(1)) == ["acknowledged"]
    assert statuses(on.sell(2)) == ["rejected"]


def test_what_reduces_or_turns_a_position_needs_no_more_margin_even_after_a_loss() -> None:
    on = entered(10)
    on.bar(open=96)
    assert statuses(on.sell(20)) == ["acknowledged"]
    assert statuses(on.sell(1)) == ["rejected"]
    assert statuses(on.sell(9, reduce_only=True)) == ["acknowledged"]


def test_profit_at_the_mark_carries_new_orders_and_loss_does_not() -> None:
    on = entered(5)
    mark(on, 120)
    assert statuses(on.buy(10)) == ["acknowledged"]  # 180 for 200 of equity
    on = entered(5)
    mark(on, 90)
    assert reason(on.buy(1)) == "insufficient margin: needs 54 USDT, there are 50"


def test_an_amendment_that_equity_does_not_carry_leaves_the_order_as_it_was() -> None:
    on = bench()
    on.bar(open=100)
    on.buy(5, id="a", limit=90)
    assert reason(on.amend("a", 20, limit=90)) == "not amended: insufficient margin: needs 200 USDT, there are 100"
    assert on.venue.open_orders()[0].quantity_raw == 5 * UNIT


def test_cash_that_stands_behind_a_perpetual_buys_no_coins() -> None:
    on = bench(others=[SPOT])
    on.bar(open=100)
    on.buy(8)
    on.bar(open=100)
    assert statuses(on.buy(1, limit=20, instrument=SPOT)) == ["acknowledged"]
    assert statuses(on.buy(1, limit=1, instrument=SPOT)) == ["rejected"]


# --- funding ---


@pytest.mark.parametrize(
    ("lots", "rate", "amount"), [(5, PERCENT, "-5"), (-5, PERCENT, "5"), (5, -PERCENT, "5"), (-5, -PERCENT, "-5")]
)
def test_longs_pay_and_shorts_receive_a_positive_rate(lots: int, rate: int, amount: str) -> None:
    on = entered(lots)
    (paid,) = fund(on, rate)
    assert isinstance(paid, FundingEvent)
    assert (paid.amount_raw, paid.cause) == (int(amount) * UNIT, f"rates/{on.now}")
    assert on.usdt() == 100 + Decimal(amount)


def test_funding_is_on_the_mark_and_a_mark_that_is_old_gives_way_to_the_last_price() -> None:
    on = entered(5)
    mark(on, 110)
    fund(on, PERCENT)
    assert on.usdt() == Decimal("94.5")
    on.now += MINUTE
    on.bar(open=100)
    fund(on, PERCENT)
    assert on.usdt() == Decimal("89.5")


def test_a_settlement_that_is_told_twice_is_paid_once() -> None:
    on = entered(5)
    fund(on, PERCENT)
    assert fund(on, PERCENT, after=0) == []
    assert on.usdt() == 95


def test_whoever_holds_nothing_pays_nothing_and_spot_has_no_funding() -> None:
    on = bench()
    on.bar(open=100)
    assert fund(on, PERCENT) == []
    on = bench(instrument=SPOT)
    on.buy(1)
    on.bar(open=100)
    assert fund(on, PERCENT) == []
    assert mark(on, 50) == []


def test_funding_that_takes_equity_below_maintenance_ends_in_a_liquidation() -> None:
    on = entered(10)
    assert [type(each).__name__ for each in fund(on, 6 * PERCENT)] == ["FundingEvent", "Liquidation"]


# --- liquidation ---


def test_a_position_is_closed_whole_below_maintenance_and_not_at_it() -> None:
    on = entered(10, profile=FREE)  # equity 100, maintenance 5 % of the worth
    assert mark(on, 95) == []  # 50 left, 47.5 needed
    said = mark(on, 94)  # 40 left, 47 needed
    assert taken(said) == [("sell", 10, 94, 0)]
    assert (on.usdt(), on.venue.positions()[KEY]) == (40, 0)


def test_a_short_is_closed_when_the_mark_rises() -> None:
    on = entered(-10)
    said = mark(on, 106)
    assert taken(said) == [("buy", 10, 106, 0)]
    assert on.usdt() == 40


def test_the_liquidation_pays_the_takers_fee_and_slips() -> None:
    on = entered(10, usdt="101", profile=Profile(taker_rate=100_000, slippage_rate=1_000_000))
    # bought at 101 with 1 % slippage for a fee of 1.01; at 96 it owns 49.99 and needs 48; at 95, 39.99 and 47.5
    assert mark(on, 96) == []
    assert taken(mark(on, 95)) == [("sell", 10, 94, 94_000_000)]
    assert on.usdt() == Decimal("29.05")


def test_every_order_on_margin_is_cancelled_before_positions_are_taken() -> None:
    on = bench("110", others=[OTHER, SPOT])
    on.buy(9)
    on.bar(open=100)
    on.buy(1, limit=50)
    on.sell(9, stop=80, reduce_only=True)
    on.buy(1, limit=1, instrument=SPOT)
    said = mark(on, 91)
    assert (statuses(said), {each.reason for each in said[:2]}) == (["cancelled"] * 2, {"liquidation"})  # type: ignore[attr-defined]
    assert taken(said) == [("sell", 9, 91, 0)]
    assert [each.instrument.symbol for each in on.venue.open_orders()] == ["BTC/USDT"]


def test_a_gap_beyond_ruin_costs_the_account_and_no_more() -> None:
    on = entered(10)
    said = on.bar(open=50)
    assert taken(said) == [("sell", 10, 90, 0)]
    assert on.usdt() == 0


def test_the_fee_takes_no_more_than_is_left() -> None:
    on = entered(10, profile=Profile(taker_rate=1_000_000, slippage_rate=0))  # 10 paid to get in
    said = on.bar(open=92)
    assert taken(said) == [("sell", 10, 92, 9_2 * UNIT // 10)]
    on = entered(10, profile=Profile(taker_rate=1_000_000, slippage_rate=0))
    assert taken(on.bar(open=91)) == [("sell", 10, 91, 0)]
    assert on.usdt() == 0


def test_inside_a_bar_the_worst_price_liquidates_where_no_mark_is_fresh() -> None:
    on = entered(10)
    assert taken(on.bar(open=100, low=94, close=100)) == [("sell", 10, 94, 0)]
    on = entered(10)
    mark(on, 100, after=60)
    assert taken(on.bar(open=100, low=94, close=100)) == []


def test_a_stop_on_the_way_saves_what_a_stop_beyond_liquidation_cannot() -> None:
    near, far = entered(10), entered(10)
    near.sell(10, stop=97, reduce_only=True)
    far.sell(10, stop=93, reduce_only=True)
    assert fills(near.bar(open=100, low=80)) == [(97, 10)]
    said = far.bar(open=100, low=80)
    assert (fills(said), taken(said)) == ([], [("sell", 10, 93, 0)])


def test_a_profit_that_the_same_bar_also_reached_does_not_save_a_position() -> None:
    on = entered(10)
    on.sell(10, limit=110, reduce_only=True)
    said = on.bar(open=100, low=90, high=120, close=115)
    assert (fills(said), taken(said)) == ([], [("sell", 10, 90, 0)])


def test_one_markets_profit_carries_anothers_loss_and_the_neediest_is_closed_first() -> None:
    on = bench(others=[OTHER])
    on.buy(4)
    on.bar(open=100)
    on.instrument = OTHER
    on.sell(4)
    on.bar(open=100)
    assert mark(on, 50) == []  # 200 won
    on.instrument = LENT
    assert mark(on, 40) == []  # 240 lost: 60 left, 8 + 10 needed
    assert taken(mark(on, 28)) == [("buy", 4, 50, 0)]  # 12 left, 5.6 + 10 needed
    assert on.venue.positions() == {LENT.key: 4 * UNIT, OTHER.key: 0}


# --- laws ---

PRICES = st.integers(60, 140)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from(Side), st.integers(1, 12), st.none() | PRICES, st.booleans()),
        st.tuples(st.just("order"), st.sampled_from(Side), st.integers(1, 12), st.none(), st.booleans()),
        st.tuples(st.just("stop"), st.sampled_from(Side), st.integers(1, 12), PRICES),
        st.tuples(st.just("bar"), PRICES, PRICES, st.integers(0, 20), st.integers(0, 20)),
        st.tuples(st.just("mark"), PRICES),
        st.tuples(st.just("fund"), st.integers(-3 * PERCENT, 3 * PERCENT)),
        st.tuples(st.just("quote"), PRICES),
    ),
    min_size=3,
    max_size=40,
)


def play(on: Bench, step: tuple[Any, ...]) -> list[Event]:
    name, *rest = step
    if name == "order":
        return on.order(rest[0], rest[1], limit=rest[2], reduce_only=rest[3])
    if name == "stop":
        return on.order(rest[0], rest[1], stop=rest[2], reduce_only=True)
    if name == "bar":
        opened, close, up, down = rest
        return on.bar(open=opened, close=close, high=max(opened, close) + up, low=min(opened, close) - down)
    if name == "quote":
        return on.quote(rest[0], rest[0] + 1)
    return mark(on, rest[0]) if name == "mark" else fund(on, rest[0])


@settings(max_examples=200, deadline=None)
@given(STEPS, st.sampled_from([FREE, Profile(slippage_rate=0)]))
def test_an_account_without_a_position_owns_nothing_below_zero_but_its_last_fee(
    steps: list[tuple[Any, ...]], profile: Profile
) -> None:
    on, fees = bench("1000", profile=profile), Decimal(0)
    for step in steps:
        for each in play(on, step):
            fees = max(fees, Decimal(getattr(each, "fee_raw", 0)) / UNIT)
        if not on.venue.positions()[KEY]:
            assert on.usdt() >= -fees


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_same_market_leads_to_the_same_bytes(steps: list[tuple[Any, ...]]) -> None:
    first, second = bench("1000"), bench("1000")
    assert [play(first, each) for each in steps] == [play(second, each) for each in steps]
