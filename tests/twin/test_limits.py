"""What the exchange counts: windows that start anew, bans that grow, fills that give room back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.clock import MINUTE, SECOND
from workbench.twin.limits import Excess, Limited, Limits, Meter, OrderRule

HERE = "127.0.0.1"


def refusal(act):
    with pytest.raises(Limited) as caught:
        act()
    return caught.value


def test_weight_is_counted_by_clock_minute():
    meter = Meter(Limits(weight=10))
    meter.spend(HERE, 10, 59 * SECOND)
    limited = refusal(lambda: meter.spend(HERE, 1, 59 * SECOND))
    assert (limited.excess, limited.until, limited.retry_after_s) == (Excess.WEIGHT, MINUTE, 1)
    meter.spend(HERE, 10, MINUTE)
    assert meter.used(HERE, MINUTE) == 10


def test_each_ban_is_twice_as_long_up_to_the_longest():
    meter = Meter(Limits(ban_s=120, longest_ban_s=300))
    seconds = []
    now = 0
    for _ in range(4):
        limited = meter.ban(HERE, now)
        seconds.append(limited.retry_after_s)
        assert refusal(lambda: meter.spend(HERE, 1, now)).excess is Excess.BAN  # noqa: B023
        now = limited.until
        meter.spend(HERE, 1, now)
    assert seconds == [120, 240, 300, 300]


def test_connections_are_limited_in_five_minutes():
    meter = Meter(Limits(connects=2))
    meter.connect(HERE, 0)
    meter.connect(HERE, 0)
    assert refusal(lambda: meter.connect(HERE, 0)).until == 5 * MINUTE
    meter.connect(HERE, 5 * MINUTE)


def test_a_first_fill_takes_one_off_the_count_and_five_where_the_order_rested():
    meter = Meter(Limits(orders=(OrderRule(100, 10),)))
    for _ in range(8):
        meter.ordered("a", 0)
    meter.traded("a", 0, maker=False)
    assert meter.orders("a", 0)[0][1] == 7
    meter.traded("a", 0, maker=True)
    assert meter.orders("a", 0)[0][1] == 2
    meter.traded("a", 0, maker=True)
    assert meter.orders("a", 0)[0][1] == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["order", "maker", "taker"])), max_size=30))
def test_no_window_ever_takes_more_orders_than_its_rule(steps):
    meter = Meter(Limits(orders=(OrderRule(5, 10), OrderRule(8, 60))))
    now = 0
    for seconds, what in steps:
        now += seconds * SECOND
        if what != "order":
            meter.traded("a", now, maker=what == "maker")
            continue
        full = any(count >= rule.limit for rule, count in meter.orders("a", now))
        if full:
            assert refusal(lambda: meter.may_order("a", now)).until > now  # noqa: B023
        else:
            meter.may_order("a", now)
            meter.ordered("a", now)
        assert all(0 <= count <= rule.limit for rule, count in meter.orders("a", now))
