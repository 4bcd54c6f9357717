"""Promises of the breaker and of asking again."""

from __future__ import annotations

import pytest

from tests.connectors.venue_bench import START, Bench, Time, cancel, lost, order
from workbench.connectors.breaker import FAILURES, PAUSE_NS, Breaker, Circuit
from workbench.connectors.retry import pause_s, retried
from workbench.connectors.wire import NotSent, Urgency
from workbench.core.clock import SECOND
from workbench.core.errors import VenueRejected, VenueUnavailable
from workbench.core.ports import Outcome
from workbench.core.venue import LinkState, VenueLink


class Watched:
    """A breaker and what it said."""

    def __init__(self) -> None:
        self.said: list[Circuit] = []
        self.breaker = Breaker(lambda circuit, _: self.said.append(circuit))

    def fail(self, times: int, now: int = START) -> None:
        for _ in range(times):
            self.breaker.failed(now, "no answer")


def test_it_opens_at_the_fifth_failure_in_a_row_and_not_before():
    watched = Watched()
    watched.fail(FAILURES - 1)
    watched.breaker.succeeded(START)
    watched.fail(FAILURES - 1)
    assert watched.said == []
    watched.fail(1)
    assert watched.said == [Circuit.OPEN]


def test_while_it_is_open_only_cancels_and_questions_pass():
    watched = Watched()
    watched.fail(FAILURES)
    watched.breaker.enter(Urgency.CANCEL, START)
    watched.breaker.enter(Urgency.QUERY, START)
    for urgency in (Urgency.ORDER, Urgency.MARKET):
        with pytest.raises(NotSent, match="5 times in a row"):
            watched.breaker.enter(urgency, START)


def test_after_the_pause_one_order_tries_and_its_answer_decides():
    watched = Watched()
    watched.fail(FAILURES)
    later = START + PAUSE_NS
    watched.breaker.enter(Urgency.ORDER, later)
    with pytest.raises(NotSent):
        watched.breaker.enter(Urgency.ORDER, later)
    watched.fail(1, later)
    with pytest.raises(NotSent):
        watched.breaker.enter(Urgency.ORDER, later)
    watched.breaker.enter(Urgency.ORDER, later + PAUSE_NS)
    watched.breaker.succeeded(later + PAUSE_NS)
    assert watched.breaker.circuit(later + PAUSE_NS) is Circuit.CLOSED
    assert watched.said == [Circuit.OPEN, Circuit.CLOSED]


def test_a_trial_that_was_never_sent_lets_another_one_try():
    watched = Watched()
    watched.fail(FAILURES)
    watched.breaker.enter(Urgency.ORDER, START + PAUSE_NS)
    watched.breaker.left()
    watched.breaker.enter(Urgency.ORDER, START + PAUSE_NS)


def test_five_lost_answers_take_the_venue_down_a_cancel_still_goes_and_it_finds_its_way_back():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("place", *(lost() for _ in range(5)))
        unknown = [await venue.place_order(order(f"a{number}")) for number in range(5)]
        refused = await venue.place_order(order("a6"))
        cancelled = await venue.cancel_order(cancel("a1"))
        await bench.time.sleep(31)
        placed = await venue.place_order(order("a7"))
        return unknown, refused, cancelled, placed

    unknown, refused, cancelled, placed = bench.run(work)
    assert {each.outcome for each in unknown} == {Outcome.UNKNOWN}
    assert refused.outcome is Outcome.REJECTED
    assert "not sent" in refused.evidence
    assert cancelled.outcome is Outcome.ACCEPTED
    assert placed.outcome is Outcome.ACCEPTED
    assert len(bench.wire.calls("place")) == 6
    links = [(each.state, each.reason) for each in bench.taken() if isinstance(each, VenueLink)]
    assert [state for state, _ in links] == [LinkState.SYNCING, LinkState.DOWN, LinkState.SYNCING]
    assert "5 failures in a row" in links[1][1]


def test_a_question_is_asked_again_with_growing_pauses_and_then_given_up():
    time, asked = Time(), []

    async def attempt():
        asked.append(time.now() - START)
        raise VenueUnavailable("no answer")

    async def work():
        with pytest.raises(VenueUnavailable):
            await retried(attempt, sleep=time.sleep, random=lambda: 1.0, tries=4)

    time.run(work)
    assert asked == [0, SECOND // 4, 3 * SECOND // 4, 7 * SECOND // 4]


@pytest.mark.parametrize("answer", [VenueRejected("no"), NotSent("held")])
def test_a_clear_no_and_what_never_left_are_not_asked_again(answer):
    time, asked = Time(), []

    async def attempt():
        asked.append(1)
        raise answer

    async def work():
        with pytest.raises(type(answer)):
            await retried(attempt, sleep=time.sleep, random=lambda: 1.0)

    time.run(work)
    assert asked == [1]


def test_a_pause_never_grows_beyond_its_limit():
    assert max(pause_s(tries, 1.0) for tries in range(1, 200)) == 8.0
    assert pause_s(1, 0.0) == 0.125
