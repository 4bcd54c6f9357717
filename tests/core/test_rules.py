"""The rule book, law by law, against fractions that know no rounding."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.core import rules
from workbench.core.rules import PPM, RATE

amounts = st.integers(-(10**24), 10**24)
prices = st.integers(1, 10**14)
quantities = st.integers(0, 10**14)
small = st.integers(1, 10**6)
powers = st.integers(0, 9).map(lambda places: 10**places)
sides = st.sampled_from([rules.BUY, rules.SELL])
rates = st.integers(0, RATE // 10)


@given(amounts, small)
def test_floor_and_ceil_are_the_nearest_multiples_below_and_above(value, step):
    assert rules.floor_to(value, step) == floor(Fraction(value, step)) * step
    assert rules.ceil_to(value, step) == ceil(Fraction(value, step)) * step


@given(amounts, st.integers(1, 10**12))
def test_halves_round_up_and_all_else_to_the_nearest(value, divisor):
    assert rules.round_half_up(value, divisor) == floor(Fraction(value, divisor) + Fraction(1, 2))


def test_halves_round_up_on_both_sides_of_zero():
    assert [rules.round_half_up(value, 2) for value in (-3, -1, 1, 3)] == [-1, 0, 1, 2]


@given(prices, small, sides)
def test_a_passive_price_is_on_the_tick_and_never_more_aggressive(price, tick, side):
    passive = rules.passive_price(price, tick, side)
    assert passive % tick == 0
    assert 0 <= (price - passive) * side < tick


@given(prices, small, sides, rates)
def test_a_slipped_price_is_on_the_tick_and_never_better_than_the_slippage_asked_for(price, tick, side, rate):
    assume(price >= tick)
    slipped = rules.slipped_price(price, tick, side, rate)
    asked = price + side * Fraction(price * rate, RATE)
    assert slipped % tick == 0
    assert slipped >= tick
    assert (slipped - asked) * side >= 0 or slipped == tick
    assert (slipped - price) * side >= 0 or price % tick
    assert (slipped - asked) * side < tick + 1


@given(prices, quantities, small, powers)
def test_notional_is_price_times_quantity_and_never_more(price, quantity, multiplier, divisor):
    worth = rules.notional(price, quantity, multiplier, divisor)
    assert 0 <= Fraction(price * quantity * multiplier, divisor) - worth < 1


@given(st.integers(0, 10**20), st.integers(-RATE // 100, RATE // 10), powers)
def test_a_fee_is_half_up_to_whole_units_of_its_currency(amount, rate, quantum):
    fee = rules.fee(amount, rate, quantum)
    assert fee == floor(Fraction(amount * rate, RATE * quantum) + Fraction(1, 2)) * quantum


@given(st.integers(-PPM, PPM), st.integers(-(10**12), 10**20), st.integers(0, 10**12), small, powers, small)
def test_a_sized_quantity_is_the_most_whole_lots_within_its_share_of_the_budget(
    ppm, base, mark, multiplier, divisor, lot
):
    quantity = rules.sized_quantity(ppm, base, mark, multiplier, divisor, lot)
    assert quantity % lot == 0
    assert quantity * ppm >= 0
    if base <= 0 or mark <= 0:
        assert quantity == 0
    else:
        share = Fraction(abs(ppm) * base, PPM)
        worth_of_lot = Fraction(mark * lot * multiplier, divisor)
        assert abs(quantity) // lot * worth_of_lot <= share < (abs(quantity) // lot + 1) * worth_of_lot


def cost(lots, price, multiplier, divisor, rate, quantum, lot):
    worth = price * lots * lot * multiplier // divisor
    fee = floor(Fraction(worth * rate, RATE * quantum) + Fraction(1, 2)) * quantum
    return worth + fee


@given(st.integers(-5, 10**16), prices, small, powers, rates, powers, small)
def test_an_affordable_quantity_is_affordable_and_one_lot_more_is_not(
    cash, price, multiplier, divisor, rate, quantum, lot
):
    quantity = rules.affordable_quantity(cash, price, multiplier, divisor, rate, quantum, lot)
    assert quantity % lot == 0
    if cash <= 0:
        assert quantity == 0
    else:
        terms = (price, multiplier, divisor, rate, quantum, lot)
        assert cost(quantity // lot, *terms) <= cash < cost(quantity // lot + 1, *terms)


def test_rounding_in_our_favour_is_used_to_the_last_lot():
    assert rules.affordable_quantity(100, 1, 1, 1, RATE // 1000, 1, 1) == 100  # a fee of 0.1 units is none


def test_nothing_is_affordable_without_a_price_and_a_rebate_buys_nothing():
    assert rules.affordable_quantity(100, 0, 1, 1, 0, 1, 1) == 0
    assert rules.affordable_quantity(100, 10, 1, 1, -RATE // 2, 1, 1) == 10


@given(st.integers(1, 10**6), st.integers(1, 10**9), small, rates)
def test_what_is_covered_is_the_wish_or_else_what_cash_buys(wanted, cash, price, rate):
    covered = rules.covered_quantity(wanted, cash, price, 1, 1, rate, 1, 1)
    assert covered == min(wanted, rules.affordable_quantity(cash, price, 1, 1, rate, 1, 1))


@given(st.integers(-100, 100), st.integers(-100, 100))
def test_only_the_opposite_side_closes_and_never_more_than_there_is(position, signed):
    closed = rules.closed_quantity(position, signed)
    opposite = position * signed < 0
    assert closed == (min(abs(position), abs(signed)) if opposite else 0)


@given(st.integers(0, 10**20), st.integers(1, 10**12), st.data())
def test_closing_releases_its_share_of_the_cost_and_closing_all_releases_all(cost_, size, data):
    closed = data.draw(st.integers(1, size))
    released = rules.released_cost(cost_, -size, closed)
    assert 0 <= Fraction(cost_ * closed, size) - released < 1
    assert rules.released_cost(cost_, size, size) == cost_


@given(quantities, quantities, st.integers(0, RATE), small)
def test_no_more_trades_than_our_share_of_the_volume(remaining, volume, share, lot):
    traded = rules.bounded_by_volume(remaining, volume, share, lot)
    assert traded <= Fraction(volume * share, RATE)
    assert traded <= remaining
    assert traded == remaining or traded % lot == 0
    assert traded == remaining or traded + lot > Fraction(volume * share, RATE)


@pytest.mark.parametrize(
    ("side", "low", "high", "fills"),
    [(1, 99, 105, True), (1, 100, 105, False), (-1, 95, 101, True), (-1, 95, 100, False)],
)
def test_a_resting_limit_fills_only_when_price_trades_strictly_through_it(side, low, high, fills):
    assert rules.resting_fills(side, 100, low, high) is fills


@given(sides, prices, prices)
def test_a_limit_crosses_where_its_price_is_met_or_bettered(side, limit, price):
    assert rules.crosses(side, limit, price) is ((limit - price) * side >= 0)


@pytest.mark.parametrize(
    ("side", "low", "high", "triggers"),
    [(1, 90, 100, True), (1, 90, 99, False), (-1, 100, 110, True), (-1, 101, 110, False)],
)
def test_a_stop_triggers_when_price_touches_it(side, low, high, triggers):
    assert rules.stop_triggers(side, 100, low, high) is triggers


@given(sides, prices, prices)
def test_the_worse_price_is_the_one_that_costs_the_taker_more(side, first, second):
    worse = rules.worse_price(side, first, second)
    assert worse in (first, second)
    assert worse * side >= max(first * side, second * side)


@given(sides, prices, prices)
def test_a_limited_price_is_never_beyond_the_limit_and_else_unchanged(side, price, limit):
    limited = rules.limited_price(side, price, limit)
    assert limited * side <= limit * side
    assert limited == price or price * side > limit * side


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**12), st.integers(0, PPM))
def test_a_drawdown_is_measured_from_the_peak_and_the_limit_itself_is_allowed(equity, peak, limit):
    assert rules.drawdown_exceeds(equity, peak, limit) is (Fraction(peak - equity, peak) > Fraction(limit, PPM))


@given(prices, prices, st.integers(0, PPM))
def test_a_collar_holds_on_both_sides_of_the_mark_and_the_edge_is_allowed(price, mark, collar):
    assert rules.collar_exceeds(price, mark, collar) is (abs(Fraction(price, mark) - 1) > Fraction(collar, PPM))
