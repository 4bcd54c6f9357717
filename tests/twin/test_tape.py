"""The tape adds trades up: candles, aggregates and the day, exact to the last unit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.clock import DAY, HOUR, MINUTE, SECOND, parse_instant
from workbench.twin.tape import INTERVALS, Tape, closing, opening
from workbench.twin.words import Print

START = parse_instant("2024-02-28T23:50:00")


def printed(trade_id, at, price="100", quantity="1", *, taker=None, sold=False):
    mine = taker if taker is not None else trade_id
    return Print(
        trade_id=trade_id,
        symbol="BTC/USDT",
        price=Decimal(price),
        quantity=Decimal(quantity),
        at=at,
        buyer_order=0 if sold else mine,
        seller_order=mine if sold else 0,
        buyer_is_maker=sold,
    )


def tape_of(trades):
    tape = Tape()
    for each in trades:
        tape.add(each)
    return tape


seconds = st.lists(st.integers(0, 400), min_size=1, max_size=40).map(
    lambda gaps: [sum(gaps[:n]) for n in range(len(gaps))]
)
walks = seconds.flatmap(
    lambda stamps: st.tuples(
        st.just(stamps),
        st.lists(st.integers(1, 500), min_size=len(stamps), max_size=len(stamps)),
        st.lists(st.booleans(), min_size=len(stamps), max_size=len(stamps)),
    )
)


@given(walks, st.sampled_from(["1m", "5m", "1h"]))
def test_candles_of_any_length_hold_every_trade_once_and_have_no_holes(walk, interval):
    stamps, prices, sold = walk
    trades = [
        printed(n + 1, START + stamp * SECOND, str(price), "0.5", sold=side)
        for n, (stamp, price, side) in enumerate(zip(stamps, prices, sold, strict=True))
    ]
    now = trades[-1].at + 2 * HOUR
    candles = tape_of(trades).candles("BTC/USDT", interval, now=now, limit=1_000)
    assert sum(each.trades for each in candles) == len(trades)
    assert sum(each.volume for each in candles) == 50_000_000 * len(trades)
    assert sum(each.bought for each in candles) == 50_000_000 * sold.count(False)
    assert all(closing(one.opened, interval) == next_.opened for one, next_ in pairwise(candles))
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in candles)
    assert candles[-1].close == prices[-1] * 10**8
    assert candles[-1].opened == opening(now, interval)
    last = tape_of(trades).candles("BTC/USDT", interval, now=now, limit=3)
    assert last == candles[-3:]


def test_quiet_minutes_are_flat_at_the_last_close():
    tape = tape_of([printed(1, START, "100"), printed(2, START + 3 * MINUTE, "90")])
    candles = tape.candles("BTC/USDT", "1m", now=START + 4 * MINUTE, limit=10)
    assert [(each.close // 10**8, each.trades, each.first_id) for each in candles] == [
        (100, 1, 1),
        (100, 0, -1),
        (100, 0, -1),
        (90, 1, 2),
        (90, 0, -1),
    ]


def test_a_span_is_read_from_its_start_and_the_last_ones_without_one():
    tape = tape_of([printed(n, START + n * MINUTE) for n in range(10)])
    now = START + 9 * MINUTE
    from_start = tape.candles("BTC/USDT", "1m", now=now, limit=2, start=START + 3 * MINUTE)
    assert [each.first_id for each in from_start] == [3, 4]
    until = tape.candles("BTC/USDT", "1m", now=now, limit=2, end=START + 5 * MINUTE)
    assert [each.first_id for each in until] == [4, 5]
    assert Tape().candles("BTC/USDT", "1m", now=now, limit=2) == []


@pytest.mark.parametrize(
    ("interval", "opened", "closed"),
    [
        ("1w", "2024-02-26", "2024-03-04"),
        ("1M", "2024-02-01", "2024-03-01"),
        ("1d", "2024-02-28", "2024-02-29"),
        ("8h", "2024-02-28T16:00", "2024-02-29"),
    ],
)
def test_long_candles_open_where_exchanges_open_them(interval, opened, closed):
    assert opening(START, interval) == parse_instant(opened)
    assert closing(opening(START, interval), interval) == parse_instant(closed)


@given(st.integers(0, 4 * 10**9), st.sampled_from(INTERVALS))
def test_every_instant_lies_in_exactly_one_candle(second, interval):
    at = second * SECOND
    opened = opening(at, interval)
    assert opened <= at < closing(opened, interval)
    assert opening(closing(opened, interval), interval) == closing(opened, interval)
    assert interval != "1M" or datetime.fromtimestamp(opened // SECOND, UTC).day == 1


def test_trades_of_one_taker_at_one_price_are_one_aggregate():
    at = START
    trades = [
        printed(1, at, "100", taker=7),
        printed(2, at, "100", taker=7),
        printed(3, at, "101", taker=7),
        printed(4, at, "101", taker=8),
        printed(5, at + 1, "101", taker=8),
    ]
    found = tape_of(trades).aggregates("BTC/USDT")
    assert [(each.first_id, each.last_id, each.quantity // 10**8) for each in found] == [
        (1, 2, 2),
        (3, 3, 1),
        (4, 4, 1),
        (5, 5, 1),
    ]
    assert [each.number for each in found] == [1, 2, 3, 4]


def test_the_day_forgets_what_is_older_and_stays_flat_without_trades():
    tape = tape_of([printed(1, START, "100"), printed(2, START + 2 * HOUR, "120")])
    assert tape.day("BTC/USDT", START + 2 * HOUR).trades == 2
    assert tape.day("BTC/USDT", START + DAY + HOUR).trades == 1
    quiet = tape.day("BTC/USDT", START + 3 * DAY)
    assert (quiet.trades, quiet.open // 10**8, quiet.close // 10**8) == (0, 120, 120)
    assert Tape().day("BTC/USDT", START) is None


def test_a_clock_that_is_set_back_loses_no_trade():
    tape = tape_of([printed(1, START + 5 * MINUTE), printed(2, START)])
    candles = tape.candles("BTC/USDT", "1m", now=START + 5 * MINUTE, limit=10)
    assert sum(each.trades for each in candles) == 2
