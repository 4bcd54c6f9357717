"""Which fault is taken: by door, glob, order, count, chance and time, and the same every time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import ConfigError
from workbench.twin.actions import TERMS
from workbench.twin.calls import CALLS
from workbench.twin.faults import FAULTS, LOGGED, Action, Fault, Faults, Phase, Where
from workbench.twin.messages import MESSAGES
from workbench.twin.requests import REQUESTS
from workbench.twin.schedule import read_schedule
from workbench.twin.words import Order, OrderKind, Wanted

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
GOLDEN = "x.xx.........x....x....x"  # of seed 7 at 30 %
PLACE = "POST /api/v3/order"


def fault(**words: Any) -> Fault:
    return Fault(**{"where": Where.REST, "action": Action.DROP_AFTER, "match": PLACE, **words})


def taken(faults: Faults, calls: int, what: str = PLACE, now: int = NOW) -> list[bool]:
    return [faults.hit(Where.REST, what, now) is not None for _ in range(calls)]


def order(client_id: str, order_id: int = 1, created: int = NOW) -> Order:
    wanted = Wanted(symbol="BTC/USDT", side="BUY", kind=OrderKind.LIMIT, quantity=Decimal(1), price=Decimal(10))
    return Order(
        order_id=order_id,
        account="main",
        wanted=wanted,
        client_id=client_id,
        quantity=Decimal(1),
        price=Decimal(10),
        created=created,
    )


def test_a_fault_is_taken_where_its_door_and_glob_say_and_nowhere_else():
    faults = Faults()
    faults.add(fault(match="* /api/v3/order"))
    assert faults.hit(Where.REST, "DELETE /api/v3/order", NOW) is not None
    assert faults.hit(Where.REST, "GET /api/v3/orders", NOW) is None
    assert faults.hit(Where.WSAPI, "POST /api/v3/order", NOW) is None


def test_the_first_matches_are_skipped_and_then_so_many_are_hit():
    faults = Faults()
    faults.add(fault(skip=2, count=3))
    assert taken(faults, 7) == [False, False, True, True, True, False, False]


def test_a_fault_is_taken_only_in_its_time():
    faults = Faults()
    faults.add(fault(start_ns=NOW + SECOND, end_ns=NOW + 2 * SECOND))
    at = [NOW, NOW + SECOND, NOW + 2 * SECOND - 1, NOW + 2 * SECOND]
    assert [taken(faults, 1, now=each)[0] for each in at] == [False, True, True, False]


def test_of_several_faults_the_first_that_was_added_is_taken():
    faults = Faults()
    first = faults.add(fault(count=1))
    faults.add(fault(action=Action.BAN))
    found = [faults.hit(Where.REST, PLACE, NOW) for _ in range(2)]
    assert [each.action for each in found if each] == [Action.DROP_AFTER, Action.BAN]
    assert [each.fault for each in faults.log] == [first, first + 1]


def test_a_fault_of_one_moment_is_not_taken_at_another():
    faults = Faults()
    faults.add(Fault(where=Where.STREAM, action=Action.KILL))
    assert faults.hit(Where.STREAM, "/ws", NOW, phase=Phase.HANDSHAKE) is None
    assert faults.hit(Where.STREAM, "btcusdt@trade", NOW, phase=Phase.MESSAGE) is not None


@given(st.integers(0, 2**32), st.integers(0, 1_000_000), st.integers(0, 200))
def test_the_same_seed_and_the_same_calls_give_the_same_hits(seed: int, ppm: int, calls: int):
    one, other = Faults(seed), Faults(seed)
    for each in (one, other):
        each.add(fault(probability_ppm=ppm))
    assert taken(one, calls) == taken(other, calls)


def test_the_hits_of_a_seed_stay_what_they_were():
    faults = Faults(7)
    faults.add(fault(probability_ppm=300_000))
    assert "".join("x" if each else "." for each in taken(faults, 24)) == GOLDEN


def test_one_fault_does_not_change_when_another_is_taken():
    alone, beside = Faults(3), Faults(3)
    for each in (alone, beside):
        each.add(fault(probability_ppm=500_000))
    beside.add(fault(probability_ppm=500_000, action=Action.BAN))
    for _ in range(50):
        one, other = (each.hit(Where.REST, PLACE, NOW) for each in (alone, beside))
        assert (one is not None) == (other is not None and other.action is Action.DROP_AFTER)


def test_about_as_many_are_hit_as_the_chance_says():
    faults = Faults(1)
    faults.add(fault(probability_ppm=50_000))
    assert 400 <= sum(taken(faults, 10_000)) <= 600


def test_the_log_is_bounded_and_the_count_is_not():
    faults = Faults()
    faults.add(fault())
    taken(faults, LOGGED + 5)
    assert (len(faults.log), faults.hits) == (LOGGED, LOGGED + 5)


def test_cleared_faults_are_taken_no_more_and_the_log_stays():
    faults = Faults()
    one, _ = faults.add(fault()), faults.add(fault(match="GET *"))
    assert taken(faults, 1) == [True]
    faults.clear(one)
    assert taken(faults, 1) == [False]
    faults.clear()
    assert taken(faults, 1, "GET /api/v3/time") == [False]
    assert len(faults.log) == 1


def test_queries_do_not_see_young_orders_until_they_are_old_enough():
    faults = Faults()
    faults.add(Fault(where=Where.REST, action=Action.QUERY_LAG, match="mine-*", args={"ms": 500}))
    assert faults.hides(order("mine-1"), NOW + 499_999_999)
    assert not faults.hides(order("mine-1"), NOW + 500_000_000)
    assert not faults.hides(order("other"), NOW)
    assert taken(faults, 1, "mine-1") == [False]


def test_an_order_is_hidden_or_shown_alike_each_time_it_is_asked_for():
    faults = Faults(5)
    faults.add(Fault(where=Where.REST, action=Action.QUERY_LAG, probability_ppm=500_000))
    answers = [[faults.hides(order("a", number), NOW) for number in range(40)] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert 5 < sum(answers[0]) < 35


def test_every_action_has_its_terms_and_a_part_that_takes_it_at_each_of_its_doors():
    assert set(TERMS) == set(Action)
    elsewhere = {Action.REFUSE_CONNECTIONS, Action.REFUSE_HANDSHAKE, Action.QUERY_LAG}
    parts = {(Where.REST, Phase.REQUEST): REQUESTS, (Where.WSAPI, Phase.REQUEST): CALLS}
    for action, terms in TERMS.items():
        for door in terms.doors:
            for phase in terms.phases:
                if action not in elsewhere:
                    assert action in parts.get((door, phase), MESSAGES), (action, door, phase)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"where": Where.USER}, "fault drop_after: where is 'user', expected one of rest, wsapi"),
    ({"args": {"ms": 1}}, "fault drop_after: no argument 'ms'; it has none"),
    ({"action": Action.BAN, "args": {"status": "418"}}, "fault ban: status is '418', expected a value like 418"),
    ({"action": Action.BAN, "args": {"status": True}}, "fault ban: status is True, expected a value like 418"),
    ({"action": Action.DELAY_AFTER, "args": {"ms": -1}}, "fault delay_after: ms is -1, expected 0 or more"),
    ({"action": Action.FILL_FIRST, "args": {"quantity": "all"}}, "quantity is 'all', expected a decimal number"),
    ({"where": Where.STREAM, "action": Action.NAN, "args": {"field": "size"}}, "expected one of price, quantity"),
    ({"probability_ppm": 1_000_001}, "probability_ppm is 1000001, expected 0 to 1000000"),
    ({"count": 0}, "expected a skip of 0 or more and a count of 1 or more"),
    ({"skip": -1}, "expected a skip of 0 or more and a count of 1 or more"),
    ({"start_ns": NOW, "end_ns": NOW}, "before it starts"),
    ({"action": Action.QUERY_LAG, "count": 1}, "query_lag: count and skip mean nothing here"),
]


@pytest.mark.parametrize(("words", "complaint"), WRONG)
def test_a_fault_that_makes_no_sense_is_refused_and_not_armed(words: dict[str, Any], complaint: str):
    faults = Faults()
    with pytest.raises(ConfigError) as refused:
        faults.add_all([fault(), fault(**words)])
    assert complaint in str(refused.value)
    assert faults.armed() == {}


def test_only_so_many_faults_are_armed_at_once():
    faults = Faults()
    faults.add_all([fault()] * FAULTS)
    with pytest.raises(ConfigError, match="clear some first"):
        faults.add(fault())


SCHEDULE = """
- {where: rest, match: "POST /api/v3/order", action: drop_after, count: 1, at_s: 10, for_s: 0.5}
- where: stream
  action: kill
"""


def test_a_schedule_says_in_seconds_from_the_start_when_its_faults_begin_and_end():
    one, other = read_schedule(SCHEDULE, now=NOW, source="faults.yaml")
    assert (one.start_ns, one.end_ns, one.count) == (NOW + 10 * SECOND, NOW + 10 * SECOND + SECOND // 2, 1)
    assert (other.action, other.start_ns, other.end_ns) == (Action.KILL, None, None)


BAD_SCHEDULES = [
    ("- 7", "faults.yaml: fault 1: expected a map"),
    ("", "faults.yaml: fault 1: expected a map"),
    ("- {where: rest", "faults.yaml: not YAML"),
    ("- {where: here, action: kill}", "fault 1: where is 'here', expected one of rest, wsapi, stream, user"),
    ("- {where: rest, action: kil}", "fault 1: action is 'kil', expected one of delay_before"),
    ("- {where: rest, action: ban, at_s: soon}", "fault 1: at_s is 'soon', expected seconds, 0 or more"),
    ("- {where: rest, action: ban, for_s: .nan}", "fault 1: for_s is nan, expected seconds, 0 or more"),
    ("- {where: rest, action: ban, often: 3}", "unknown field `often`"),
    ("- {where: rest, action: ban, count: 1.5}", "Expected `int | null`, got `float`"),
]


@pytest.mark.parametrize(("text", "complaint"), BAD_SCHEDULES)
def test_a_schedule_that_is_wrong_is_refused_with_the_entry_and_what_was_expected(text: str, complaint: str):
    with pytest.raises(ConfigError) as refused:
        read_schedule(text, now=NOW, source="faults.yaml")
    assert complaint in str(refused.value)
