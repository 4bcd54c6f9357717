"""Promises of the limiter: within every limit, the urgent first, and silence when the venue asks for it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.venue_bench import START, Bench, Time, cancel, order
from workbench.connectors import limiter as module
from workbench.connectors.dialect import RateLimit, Usage
from workbench.connectors.limiter import Limiter
from workbench.connectors.silence import Silence
from workbench.connectors.wire import Call, NotSent, Urgency
from workbench.core.clock import DAY, SECOND
from workbench.core.ports import Outcome

MINUTE_LIMIT = RateLimit(name="weight", most=100, window_ns=60 * SECOND)
BURST = RateLimit(name="orders", most=10, window_ns=10 * SECOND)


def request(urgency: Urgency, weight: int = 1, orders: int = 0) -> Call:
    return Call(endpoint=urgency, urgency=urgency, weight=weight, orders=orders)


class Line:
    """A limiter whose calls take a millisecond; `went` tells what left when, in seconds."""

    def __init__(self, *limits: RateLimit, silence: Silence | None = None) -> None:
        self.time = Time()
        self.limiter = Limiter(limits, clock=self.time, sleep=self.time.sleep, silence=silence)
        self.went: list[tuple[float, Urgency]] = []

    async def go(self, call: Call) -> None:
        await self.limiter.admit(call)
        self.went.append(((self.time.now() - START) / SECOND, call.urgency))
        await self.time.sleep(0.001)
        self.limiter.settle(call, self.time.now())

    async def all_of(self, calls: list[Call]) -> None:
        await asyncio.gather(*(self.go(each) for each in calls))


def test_a_cancel_passes_a_full_limiter_before_a_hundred_queued_snapshots():
    line = Line(MINUTE_LIMIT)

    async def work():
        snapshots = [asyncio.create_task(line.go(request(Urgency.MARKET, 5))) for _ in range(100)]
        await line.time.sleep(1)
        assert len(line.went) == 12  # 60 of the 100, the rest is kept
        await line.go(request(Urgency.CANCEL))
        assert line.went[-1][1] is Urgency.CANCEL
        assert line.went[-1][0] == pytest.approx(1.0)
        for each in snapshots:
            each.cancel()

    line.time.run(work)


def test_what_waits_goes_in_the_order_cancel_order_query_market():
    line = Line(MINUTE_LIMIT)

    async def work():
        line.limiter.hold(START + 2 * SECOND)
        await line.all_of([request(each) for each in reversed(Urgency)])

    line.time.run(work)
    assert [urgency for _, urgency in line.went] == list(Urgency)


def test_nothing_goes_before_the_venue_wants_to_hear_again_not_even_a_cancel():
    line = Line(MINUTE_LIMIT)

    async def work():
        line.limiter.hold(START + 3 * SECOND)
        await line.all_of([request(Urgency.QUERY), request(Urgency.CANCEL)])

    line.time.run(work)
    assert line.went == [(3.0, Urgency.CANCEL), (3.0, Urgency.QUERY)]


def test_what_became_of_an_order_is_found_out_although_the_books_are_compared_all_the_time():
    line = Line(MINUTE_LIMIT)

    async def work():
        comparing = [asyncio.create_task(line.go(request(Urgency.QUERY))) for _ in range(120)]
        await line.time.sleep(0.1)
        await line.go(request(Urgency.FATE, 4))
        assert line.went[-1] == (0.1, Urgency.FATE)
        for each in comparing:
            each.cancel()

    line.time.run(work)


def test_a_fifth_of_a_limit_is_kept_from_orders_and_a_tenth_from_questions():
    line = Line(MINUTE_LIMIT)

    async def work():
        tasks = [asyncio.create_task(line.go(request(each))) for each in Urgency for _ in range(120)]
        await line.time.sleep(0.5)
        for task in tasks:
            task.cancel()

    line.time.run(work)
    assert Counter(urgency for _, urgency in line.went) == {Urgency.CANCEL: 100}

    line = Line(MINUTE_LIMIT)

    async def without_cancels():
        kinds = [Urgency.ORDER, Urgency.QUERY]
        tasks = [asyncio.create_task(line.go(request(each))) for each in kinds for _ in range(120)]
        await line.time.sleep(0.5)
        for task in tasks:
            task.cancel()

    line.time.run(without_cancels)
    assert Counter(urgency for _, urgency in line.went) == {Urgency.ORDER: 80, Urgency.QUERY: 10}


def test_orders_that_wait_for_their_own_window_do_not_stop_questions():
    line = Line(MINUTE_LIMIT, BURST)

    async def work():
        orders = [asyncio.create_task(line.go(request(Urgency.ORDER, 0, 1))) for _ in range(12)]
        await line.go(request(Urgency.QUERY))
        assert Counter(urgency for _, urgency in line.went) == {Urgency.ORDER: 8, Urgency.QUERY: 1}
        for each in orders:
            each.cancel()

    line.time.run(work)


def test_a_big_order_is_not_overtaken_for_ever_by_small_snapshots():
    line = Line(MINUTE_LIMIT)

    async def work():
        await line.go(request(Urgency.QUERY, 60))
        big = asyncio.create_task(line.go(request(Urgency.ORDER, 30)))
        small = [asyncio.create_task(line.go(request(Urgency.MARKET, 1))) for _ in range(5)]
        await line.time.sleep(1)
        assert len(line.went) == 1
        for each in (big, *small):
            each.cancel()

    line.time.run(work)


def test_what_the_venue_counts_beyond_our_own_is_respected():
    line = Line(MINUTE_LIMIT)

    async def work():
        line.limiter.hear([Usage(name="weight", used=59, window_ns=60 * SECOND)], line.time.now())
        await line.all_of([request(Urgency.MARKET), request(Urgency.MARKET)])

    line.time.run(work)
    assert [at for at, _ in line.went] == pytest.approx([0, 60], abs=0.1)


def test_a_limit_that_the_venue_publishes_takes_the_place_of_the_first_guess():
    line = Line(MINUTE_LIMIT)

    async def work():
        line.limiter.learn([RateLimit(name="weight", most=200, window_ns=60 * SECOND)])
        await line.all_of([request(Urgency.MARKET, 5) for _ in range(24)])

    line.time.run(work)
    assert {at for at, _ in line.went} == {0.0}


def test_an_order_that_waited_too_long_comes_back_unsent():
    line = Line(MINUTE_LIMIT)

    async def work():
        line.limiter.hold(START + 60 * SECOND)
        with pytest.raises(NotSent, match="waited too long"):
            await line.go(request(Urgency.ORDER))
        assert line.time.now() == START + module.PATIENCE_S[Urgency.ORDER] * SECOND

    line.time.run(work)
    assert line.went == []


def test_somebody_who_gives_up_leaves_no_trace():
    line = Line(RateLimit(name="weight", most=10, window_ns=60 * SECOND))

    async def work():
        line.limiter.hold(START + SECOND)
        gone = asyncio.create_task(line.go(request(Urgency.MARKET, 8)))
        await line.time.sleep(0.5)
        gone.cancel()
        await line.go(request(Urgency.MARKET, 8))

    line.time.run(work)
    assert line.went == [(1.0, Urgency.MARKET)]


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(list(Urgency)), st.integers(0, 30), st.integers(0, 2), st.floats(0, 30), st.floats(0, 3)
        ),
        max_size=40,
    )
)
def test_no_window_wherever_it_begins_ever_holds_more_than_its_limit(calls):
    line = Line(MINUTE_LIMIT, BURST)
    counted: list[tuple[int, Call]] = []

    async def one(urgency, weight, orders, start_s, took_s):
        await line.time.sleep(start_s)
        call = request(urgency, weight, orders)
        try:
            await line.limiter.admit(call)
        except NotSent:
            return
        await line.time.sleep(took_s)
        counted.append((line.time.now(), call))  # the venue counts it as late as it can
        line.limiter.settle(call, line.time.now())

    async def work():
        await asyncio.gather(*(one(*each) for each in calls))

    line.time.run(work)
    for limit, cost in ((MINUTE_LIMIT, "weight"), (BURST, "orders")):
        for begin, _ in counted:
            inside = [getattr(call, cost) for at, call in counted if begin <= at < begin + limit.window_ns]
            assert sum(inside) <= limit.most


def test_a_refusal_for_pace_silences_the_connector_until_its_time_is_over():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("place", (429, {"code": -1003, "msg": "slow down"}, {"retry-after": "7"}))
        refused = await venue.place_order(order("a1"))
        sent, since = len(bench.wire.sent), bench.time.now()
        query = asyncio.create_task(venue.server_time())
        await asyncio.gather(venue.cancel_order(cancel("a1")), query)
        return refused, since, bench.wire.sent[sent:]

    refused, since, later = bench.run(work)
    assert refused.outcome is Outcome.REJECTED
    assert [call.endpoint for _, call in later[:2]] == ["cancel", "time"]
    assert all(at >= since + 7 * SECOND for at, _ in later)


def test_a_limit_of_one_endpoint_holds_up_nobody_else():
    mine = RateLimit(name=Urgency.QUERY, most=10, window_ns=2 * SECOND, endpoint=Urgency.QUERY)
    line = Line(mine)

    async def work():
        questions = [asyncio.create_task(line.go(request(Urgency.QUERY))) for _ in range(20)]
        await line.time.sleep(0.001)
        await line.go(request(Urgency.ORDER))
        await asyncio.gather(*questions)

    line.time.run(work)
    left = [at for at, urgency in line.went if urgency is Urgency.QUERY]
    assert sum(at < 2 for at in left) == 9
    assert next(at for at, urgency in line.went if urgency is Urgency.ORDER) < 1


def test_a_silence_is_kept_by_the_next_process_and_forgotten_by_none(tmp_path):
    silence = Silence(tmp_path / "silence-binance")
    first = Line(MINUTE_LIMIT, silence=silence)
    first.limiter.hold(START + 3 * SECOND)
    second = Line(MINUTE_LIMIT, silence=silence)

    async def work():
        await second.go(request(Urgency.CANCEL))

    second.time.run(work)
    assert second.went == [(3.0, Urgency.CANCEL)]


@pytest.mark.parametrize("kept", ["", "soon", str(START + 365 * DAY)])
def test_what_cannot_be_a_silence_holds_nobody_for_ever(tmp_path, kept):
    path = tmp_path / "silence-binance"
    path.write_text(kept)
    assert Silence(path).until(START) <= START + 3 * DAY
