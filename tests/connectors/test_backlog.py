"""Promises of the backlog: of the account everything, of the market what still counts, at a bounded cost."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors.backlog import NEWEST, Backlog
from workbench.core.events import (
    Bar,
    BookUpdate,
    FillEvent,
    MarketStale,
    MarkPrice,
    OrderReport,
    Quote,
    Trade,
    VenueLink,
)
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus, Side
from workbench.core.venue import LinkState

BTC = Instrument(venue="x", symbol="BTC/USDT", tick=Decimal(1), lot=Decimal("0.1"))
ETH = Instrument(venue="x", symbol="ETH/USDT", tick=Decimal("0.1"), lot=Decimal("0.01"))


def report(number, instrument=BTC):
    status = OrderStatus.ACKNOWLEDGED
    return OrderReport("x", number, number, number, order_id=f"o{number}", status=status, instrument=instrument)


def fill(number, instrument=ETH):
    return FillEvent(
        "x",
        number,
        number,
        number,
        order_id="",
        trade_id=f"t{number}",
        instrument=instrument,
        side=Side.SELL,
        quantity_raw=3,
        price_raw=7,
        fee_raw=-1,
        fee_currency="USDT",
    )


def link(number):
    return VenueLink("x", number, number, number, venue="x", state=LinkState.SYNCING, reason="connected")


def quote(number, instrument=BTC):
    return Quote("x", number, number, number, instrument, number, number + 1, 1, 1)


def trade(number, instrument=BTC):
    return Trade("x", number, number, number, instrument, number, 1)


def bar(number, instrument=BTC):
    return Bar("x", number, number, number, instrument, 60, 1, 1, 1, 1, 1)


def mark(number, instrument=BTC):
    return MarkPrice("x", number, number, number, instrument, number)


def stale(number, instrument=BTC):
    return MarketStale("x", number, number, number, instrument, "gap")


def update(number, bids=(), asks=(), *, snapshot=False, instrument=BTC):
    return BookUpdate("x", number, number, number, instrument, tuple(bids), tuple(asks), snapshot)


def drained(backlog):
    events = []
    while (event := backlog.get_nowait()) is not None:
        events.append(event)
    return events


def is_private(event):
    return isinstance(event, OrderReport | FillEvent | VenueLink)


def test_a_reader_that_keeps_up_gets_everything_in_the_order_it_came():
    backlog = Backlog(bound=8)
    events = [quote(1), report(2), trade(3), trade(4), link(5), quote(6), fill(7)]
    for event in events:
        backlog.put(event)
    assert drained(backlog) == events
    assert backlog.conflated == {}


def test_order_events_survive_ten_times_too_much_in_order_and_market_data_is_conflated():
    backlog = Backlog(bound=100, in_memory=50)
    private = []
    for number in range(1, 20_000, 2):
        backlog.put(quote(number))
        if number % 10 == 1:
            private.append(report(number + 1))
            backlog.put(private[-1])
    assert len(backlog) < 100 + len(private) + 1
    taken = drained(backlog)
    assert [each for each in taken if is_private(each)] == private
    assert [each for each in taken if isinstance(each, Quote)][-1] == quote(19_999)
    assert backlog.conflated["Quote"] > 9_800
    assert backlog.spilled == len(private) - 50


def test_what_went_by_way_of_the_disk_comes_back_exactly(tmp_path):
    path = tmp_path / "deep" / "spill"
    backlog = Backlog(spill=path, in_memory=1)
    finer = Instrument(venue="x", symbol="BTC/USDT", tick=Decimal("0.001"), lot=Decimal("0.1"))
    events = [report(1), fill(2), report(3, finer), link(4), report(5)]
    for event in events:
        backlog.put(event)
    assert path.stat().st_size > 0
    assert drained(backlog) == events
    assert path.stat().st_size == 0
    backlog.put(fill(6))
    assert drained(backlog) == [fill(6)]


def test_of_a_market_the_last_quote_and_mark_all_bars_and_the_newest_trades_stay():
    backlog = Backlog(bound=8)
    for event in [quote(1), mark(2), bar(3), trade(4), quote(5, ETH), mark(6), quote(7), bar(8)]:
        backlog.put(event)
    assert drained(backlog) == [bar(3), trade(4), quote(5, ETH), mark(6), quote(7), bar(8)]
    assert backlog.conflated == {"Quote": 1, "MarkPrice": 1}


def test_of_a_flood_of_trades_the_newest_thousand_stay_and_other_markets_lose_nothing():
    backlog = Backlog(bound=10)
    backlog.put(trade(1, ETH))
    for number in range(2, 50_000):
        backlog.put(trade(number))
    taken = drained(backlog)
    assert taken[0] == trade(1, ETH)
    assert taken[-NEWEST:] == [trade(number) for number in range(50_000 - NEWEST, 50_000)]
    assert len(taken) <= 2 * NEWEST + 10


def test_what_a_market_said_before_it_went_stale_is_not_told_after_it():
    backlog = Backlog(bound=5)
    for event in [quote(1), update(2, [(5, 1)]), stale(3), update(4, [(6, 1)], snapshot=True), stale(5)]:
        backlog.put(event)
    assert drained(backlog) == [stale(5)]


def test_updates_of_a_book_become_one_that_says_the_same():
    backlog = Backlog(bound=3)
    backlog.put(update(1, [(10, 1), (9, 1)], [(11, 1)]))
    backlog.put(update(2, [(10, 0)]))
    backlog.put(update(3, [(8, 2)], [(12, 3), (11, 5)]))
    assert drained(backlog) == [update(3, [(10, 0), (9, 1), (8, 2)], [(11, 5), (12, 3)])]


def test_a_snapshot_takes_the_place_of_all_before_it():
    backlog = Backlog(bound=3)
    backlog.put(update(1, [(10, 1)]))
    backlog.put(update(2, [(9, 1), (8, 1)], [(11, 1)], snapshot=True))
    backlog.put(update(3, [(9, 0)]))
    assert drained(backlog) == [update(3, [(8, 1)], [(11, 1)], snapshot=True)]


def test_a_reader_that_waits_is_woken_and_ends_with_the_backlog():
    async def work():
        backlog = Backlog()
        reader = asyncio.create_task(backlog.get())
        await asyncio.sleep(0)
        backlog.put(report(1))
        assert await reader == report(1)
        backlog.put(report(2))
        backlog.close()
        backlog.put(report(3))
        return [await backlog.get(), await backlog.get(), await backlog.get()]

    assert asyncio.run(work()) == [report(2), None, None]


MAKERS = st.sampled_from([report, fill, link, quote, trade, bar, mark, stale])
STEPS = st.lists(st.one_of(MAKERS, st.just("take"), st.lists(MAKERS, min_size=10, max_size=30)), max_size=60)


@given(steps=STEPS, bound=st.integers(1, 20), in_memory=st.integers(1, 5))
def test_order_events_all_come_out_in_order_whatever_the_load(steps, bound, in_memory):
    backlog = Backlog(bound=bound, in_memory=in_memory)
    put, taken = [], []
    for step in steps:
        for make in step if isinstance(step, list) else [step]:
            if make == "take":
                taken += [event] if (event := backlog.get_nowait()) is not None else []
            else:
                put.append(make(len(put) + 1))
                backlog.put(put[-1])
    taken += drained(backlog)
    assert [each for each in taken if is_private(each)] == [each for each in put if is_private(each)]
    numbers = [each.sequence for each in taken if not is_private(each)]
    assert numbers == sorted(numbers)
    for kind in (Quote, MarkPrice):
        last = [each for each in put if isinstance(each, kind | MarketStale)][-1:]
        assert [each for each in taken if isinstance(each, kind | MarketStale)][-1:] == last


LEVELS = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), max_size=4)
BOOKS = st.lists(st.tuples(LEVELS, LEVELS, st.booleans()), max_size=30)


def final_book(updates):
    bids, asks = {}, {}
    for each in updates:
        if each.snapshot:
            bids, asks = {}, {}
        bids.update(each.bids_raw)
        asks.update(each.asks_raw)
    return [{price: size for price, size in side.items() if size} for side in (bids, asks)]


@given(books=BOOKS, bound=st.integers(1, 10))
def test_a_conflated_book_ends_where_the_whole_one_does(books, bound):
    updates = [
        update(number, dict(bids).items(), dict(asks).items(), snapshot=snapshot)
        for number, (bids, asks, snapshot) in enumerate(books, 1)
    ]
    backlog = Backlog(bound=bound)
    for each in updates:
        backlog.put(each)
    assert final_book(drained(backlog)) == final_book(updates)
