"""The life of an order: what the table says can happen, and nothing else can."""

from __future__ import annotations

import itertools

import pytest

from workbench.core.errors import IllegalTransition
from workbench.core.order import FINAL, STEPS, OrderStatus, Side, may_move, move

PAIRS = list(itertools.product(OrderStatus, OrderStatus))
OPEN = "acknowledged partially_filled cancel_pending amend_pending unknown"
ENDED = "filled cancelled expired rejected"

# The whole life cycle once more, in other words than the code's: from -> to.
LIFE = {
    "pending": "submitted denied",
    "submitted": f"{OPEN} {ENDED} never_accepted",
    "acknowledged": f"partially_filled cancel_pending amend_pending unknown {ENDED}",
    "partially_filled": f"partially_filled cancel_pending amend_pending unknown {ENDED}",
    "cancel_pending": f"cancel_rejected partially_filled unknown {ENDED} never_accepted",
    "cancel_rejected": f"{OPEN} {ENDED}",
    "amend_pending": f"acknowledged partially_filled cancel_pending unknown {ENDED}",
    "unknown": f"acknowledged partially_filled cancel_pending amend_pending cancel_rejected {ENDED} never_accepted",
}


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=lambda each: each.value)
def test_an_order_makes_exactly_the_steps_of_its_life_cycle(old, new):
    if new.value in LIFE.get(old.value, "").split():
        assert move("o1", old, new) is new
    else:
        with pytest.raises(IllegalTransition, match=f"order o1: {old.value} -> {new.value}"):
            move("o1", old, new)


def test_the_life_cycle_has_63_steps():
    assert sum(may_move(old, new) for old, new in PAIRS) == 63


def test_final_is_final():
    assert len(FINAL) == 6
    assert not any(may_move(old, new) for old in FINAL for new in OrderStatus)


def test_every_living_order_can_come_to_every_end_that_a_venue_has():
    for old in STEPS.keys() - {OrderStatus.PENDING}:
        assert all(may_move(old, OrderStatus(end)) for end in ENDED.split())


def test_only_we_deny_and_only_before_the_wire():
    assert [old for old in OrderStatus if may_move(old, OrderStatus.DENIED)] == [OrderStatus.PENDING]


def test_sides_are_opposites():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
