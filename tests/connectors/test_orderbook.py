"""A book is shown only while every update is known to be in it, whichever way its venue tells that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from workbench.connectors.continuity import CONTINUITY, UNNUMBERED
from workbench.connectors.heard import HeardBook
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.orderbook import WAITING, BookState, OrderBook
from workbench.connectors.quarantine import Doubt
from workbench.connectors.side import BETWEEN
from workbench.core.clock import SECOND
from workbench.core.events import BookUpdate, MarketStale
from workbench.core.instrument import Instrument

NOW = 1_700_000_000 * SECOND
INSTRUMENT = Instrument(venue="x", symbol="BTC/USDT", tick=Decimal("1"), lot=Decimal("1"), quantity_places=8)
UNIT = 10**8


def book(venue: str = "binance", **terms: Any) -> OrderBook:
    reader = Normaliser({"M": INSTRUMENT}, source="x", numbering=Numbering())
    return OrderBook("M", reader, CONTINUITY[venue], **terms)


def take(target: OrderBook, *heard: HeardBook, received: int = NOW) -> list[Any]:
    return [event for each in heard for event in target.take(each, received=received, clock_offset_ns=0)]


def said(bids: Any = (), asks: Any = (), **terms: Any) -> HeardBook:
    """Levels given as numbers."""
    sides = {
        side: tuple((str(price), str(size)) for price, size in levels)
        for side, levels in (("bids", bids), ("asks", asks))
    }
    return HeardBook(**{"market_id": "M", "at": NOW, **sides, **terms})


def snapshot(
    last: int | None = None, bids: Any = ((99, 1), (98, 2)), asks: Any = ((101, 1),), **terms: Any
) -> HeardBook:
    return said(bids, asks, snapshot=True, last=last, **terms)


def sides(target: OrderBook) -> tuple[dict[int, int], dict[int, int]]:
    return tuple({price: size // UNIT for price, size in side} for side in (target.bids, target.asks))  # type: ignore[return-value]


# --- going live, and what is told -------------------------------------------------------------------


def test_a_book_shows_nothing_and_wants_a_snapshot_until_it_has_one():
    target = book()
    assert take(target, said([(1, 1)], first=5, last=6)) == []
    assert (target.state, target.wants_snapshot, target.bids, target.asks) == (BookState.SYNCING, True, (), ())


def test_a_snapshot_and_the_updates_that_waited_are_told_as_one_whole_book():
    target = book()
    take(target, said([(99, 5)], first=1, last=10), said([(97, 7), (98, 0)], first=11, last=12))
    [whole] = take(target, snapshot(10))
    assert isinstance(whole, BookUpdate)
    assert whole.snapshot
    assert whole.bids_raw == ((99, 1 * UNIT), (97, 7 * UNIT))
    assert (target.state, target.wants_snapshot) == (BookState.LIVE, False)


def test_updates_of_a_live_book_are_told_as_they_are():
    target = book()
    take(target, snapshot(10))
    [update] = take(target, said([(98, 0)], [(102, 4)], first=11, last=13))
    assert (update.snapshot, update.bids_raw, update.asks_raw) == (False, ((98, 0),), ((102, 4 * UNIT),))
    assert target.best == ((99, UNIT), (101, UNIT))


def test_a_snapshot_older_than_the_first_update_is_put_aside_and_a_newer_one_wanted():
    target = book()
    take(target, said([(99, 5)], first=20, last=22))
    assert take(target, snapshot(10)) == []
    assert (target.wants_snapshot, target.bids) == (True, ())
    assert len(take(target, snapshot(21))) == 1
    assert sides(target)[0] == {99: 5, 98: 2}


def test_a_hole_among_the_updates_that_waited_is_bridged_by_a_snapshot_from_after_it():
    target = book()
    take(target, said([(99, 5)], first=1, last=10), said([(99, 6)], first=15, last=16))
    assert take(target, snapshot(5)) == []
    assert target.state is BookState.SYNCING
    assert take(target, snapshot(14))
    assert sides(target)[0] == {99: 6, 98: 2}


def test_a_snapshot_that_comes_late_for_a_live_book_changes_nothing():
    target = book()
    take(target, snapshot(10), said([(99, 5)], first=11, last=11))
    assert take(target, snapshot(10), snapshot(50)) == []
    assert sides(target)[0] == {99: 5, 98: 2}


def test_no_more_updates_wait_than_the_limit():
    target = book()
    take(target, *[said([(1, 1)], first=number, last=number) for number in range(1, WAITING + 11)])
    assert take(target, snapshot(5)) == []
    assert take(target, snapshot(10))


def test_a_whole_book_in_the_stream_replaces_the_one_before():
    target = book("bybit")
    take(target, snapshot(10), said([(50, 1)], last=11))
    [whole] = take(target, snapshot(1, [(80, 1)], [(90, 1)]))
    assert whole.snapshot
    assert sides(target) == ({80: 1}, {90: 1})
    assert take(target, said([(81, 1)], last=2))


# --- breaking ---------------------------------------------------------------------------------------

FOLLOWS = {  # venue -> an update that follows a snapshot at 10, the next one, one after a gap, one said before
    "binance": [
        {"first": 8, "last": 12},
        {"first": 13, "last": 14},
        {"first": 16, "last": 17},
        {"first": 8, "last": 12},
    ],
    "binanceusdm": [
        {"first": 7, "last": 12, "previous": 6},
        {"first": 20, "last": 25, "previous": 12},
        {"first": 40, "last": 45, "previous": 30},
        {"first": 7, "last": 12, "previous": 6},
    ],
    "okx": [
        {"last": 15, "previous": 10},
        {"last": 3, "previous": 15},
        {"last": 9, "previous": 5},
        {"last": 3, "previous": 15},
    ],
    "bybit": [{"last": 11}, {"last": 12}, {"last": 14}, {"last": 11}],
    "deribit": [
        {"last": 15, "previous": 10},
        {"last": 20, "previous": 15},
        {"last": 30, "previous": 25},
        {"last": 15, "previous": 10},
    ],
}


@pytest.mark.parametrize("venue", FOLLOWS)
def test_each_venue_s_own_chain_is_followed_and_repetitions_change_nothing(venue):
    first, second, _, again = FOLLOWS[venue]
    target = book(venue)
    take(target, snapshot(10))
    assert take(target, said([(90, 1)], **first))
    assert take(target, said([(91, 1)], **second))
    assert take(target, said([(92, 1)], **again)) == []
    assert sides(target)[0] == {99: 1, 98: 2, 90: 1, 91: 1}


@pytest.mark.parametrize("venue", FOLLOWS)
def test_a_gap_makes_the_market_stale_once_and_the_book_empty(venue):
    first, second, later, _ = FOLLOWS[venue]
    target = book(venue)
    take(target, snapshot(10), said([(90, 1)], **first), said([(91, 1)], **second))
    [stale] = take(target, said([(92, 1)], **later), said([(93, 1)], **later))
    assert isinstance(stale, MarketStale)
    assert stale.reason.startswith("gap")
    assert (target.state, target.wants_snapshot, target.bids, target.best) == (BookState.STALE, True, (), (None, None))


@pytest.mark.parametrize("venue", FOLLOWS)
def test_an_update_without_the_ids_its_venue_gives_is_no_proof(venue):
    target = book(venue)
    take(target, snapshot(10))
    events = take(target, said([(90, 1)]))
    if venue == "okx":  # its older streams have none, and a checksum instead
        assert isinstance(events[0], BookUpdate)
    else:
        assert isinstance(events[0], MarketStale)


@pytest.mark.parametrize(
    ("venue", "overlap"),
    [("binance", {"first": 12, "last": 14}), ("binanceusdm", {"first": 11, "last": 25, "previous": 11})],
)
def test_an_update_that_overlaps_the_one_before_is_of_another_chain(venue, overlap):
    target = book(venue)
    take(target, snapshot(10), said([(90, 1)], **FOLLOWS[venue][0]))
    assert isinstance(take(target, said([(91, 1)], **overlap))[0], MarketStale)


def test_the_update_after_a_gap_waits_for_the_snapshot():
    target = book()
    take(target, snapshot(10), said([(99, 9)], first=13, last=14))
    [whole] = take(target, snapshot(12, [(99, 1)]))
    assert whole.snapshot
    assert sides(target)[0] == {99: 9}


def test_after_a_reset_no_level_of_before_is_left():
    target = book()
    take(target, snapshot(10, [(99, 1), (95, 1)]))
    [stale] = target.reset("connection lost", received=NOW + 1, clock_offset_ns=5)
    assert (type(stale), stale.reason, stale.ts_event) == (MarketStale, "connection lost", NOW + 6)
    assert target.reset("again", received=NOW + 2) == []
    [whole] = take(target, snapshot(20, [(98, 1)]))
    assert whole.bids_raw == ((98, UNIT),)
    assert sides(target)[0] == {98: 1}


def test_a_reset_forgets_what_waited():
    target = book()
    take(target, said([(97, 1)], first=11, last=12))
    target.reset("connection lost", received=NOW)
    take(target, snapshot(10))
    assert sides(target)[0] == {99: 1, 98: 2}


@pytest.mark.parametrize(
    ("bad", "doubt"),
    [
        ({"bids": [(101, 1)]}, Doubt.CROSSED),
        ({"bids": [(100, -1)]}, Doubt.SIZE),
        ({"bids": [(0, 1)]}, Doubt.PRICE),
        ({"bids": [("NaN", 1)]}, Doubt.UNREADABLE),
        ({"bids": [(100, "0.000000001")]}, Doubt.TOO_FINE),
        ({"bids": [(100, 1)], "at": NOW + 6 * SECOND}, Doubt.FUTURE),
    ],
)
def test_what_cannot_be_true_breaks_the_book_and_is_counted(bad, doubt):
    target = book()
    take(target, snapshot(10))
    [stale] = take(target, said(first=11, last=12, **bad))
    assert isinstance(stale, MarketStale)
    assert target._normaliser.quarantine.counts[("M", doubt)] >= 1
    assert take(target, snapshot(12))[0].snapshot


def test_a_crossed_snapshot_is_not_shown():
    target = book()
    assert take(target, snapshot(10, [(101, 1)], [(101, 1)])) == []
    assert (target.state, target.bids) == (BookState.SYNCING, ())


# --- levels between two steps -----------------------------------------------------------------------


def test_a_level_left_over_from_a_finer_tick_is_left_out_and_counted():
    target = book()
    [whole] = take(target, snapshot(10, [(99, 1), ("97.5", 3)]))
    assert whole.bids_raw == ((99, UNIT),)
    assert target._normaliser.quarantine.counts == {("M", Doubt.TOO_FINE): 1}
    assert take(target, said([("97.5", 0), (97, 1)], first=11, last=11))[0].bids_raw == ((97, UNIT),)


@pytest.mark.parametrize("better", [{"bids": [("99.5", 1)]}, {"asks": [("100.5", 1)]}])
def test_a_best_level_that_cannot_be_told_exactly_breaks_the_book(better):
    target = book()
    take(target, snapshot(10))
    assert isinstance(take(target, said(first=11, last=11, **better))[0], MarketStale)


def test_a_level_between_that_becomes_the_best_breaks_the_book_and_one_that_left_does_not():
    for size, breaks in ((1, True), (0, False)):
        target = book()
        take(target, snapshot(10, [(99, 1), ("97.5", 3), (97, 1)]), said([("97.5", size)], first=11, last=11))
        [event] = take(target, said([(99, 0)], first=12, last=12))
        assert isinstance(event, MarketStale) is breaks


def test_many_levels_between_mean_that_the_tick_is_wrong():
    target = book()
    assert take(target, snapshot(10, [(99, 1), *[(f"50.{number}", 1) for number in range(1, 2 * BETWEEN)]])) == []
    assert target.wants_snapshot


# --- depth and checksums ----------------------------------------------------------------------------


def test_what_falls_below_the_depth_is_told_as_removed():
    target = book("kraken", depth=2)
    take(target, snapshot(None, [(99, 1), (98, 2)]))
    [update] = take(target, said([(100, 1)]))
    assert update.bids_raw == ((100, UNIT), (98, 0))
    assert sides(target)[0] == {100: 1, 99: 1}


def okx_sum(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    """As its documentation spells it, signed."""
    parts = []
    for depth in range(25):
        parts += [f"{price}:{size}" for side in (bids, asks) for price, size in side[depth : depth + 1]]
    found = crc32(":".join(parts).encode())
    return found - 2**32 if found >= 2**31 else found


def test_a_checksum_is_taken_over_the_digits_as_the_venue_wrote_them():
    bids, asks = [("99", "1.500"), ("98", "2")], [("101", "3.0")]
    right = okx_sum(bids, asks)
    assert right != okx_sum([("99", "1.5"), ("98", "2")], asks)
    for checksum, state in ((right, BookState.LIVE), (right + 1, BookState.SYNCING), (0, BookState.LIVE)):
        target = book("okx")
        take(target, snapshot(1, bids, asks, checksum=checksum))
        assert target.state is state


def test_a_wrong_checksum_breaks_the_book():
    target = book("kraken")
    take(target, snapshot())
    [stale] = take(target, said([(97, 1)], checksum=1))
    assert isinstance(stale, MarketStale)
    assert stale.reason.startswith("checksum")


def test_kraken_s_checksum_leaves_out_points_and_leading_zeros():
    instrument = msgspec.structs.replace(INSTRUMENT, tick=Decimal("0.1"), price_places=1)
    reader = Normaliser({"M": instrument}, source="x", numbering=Numbering())
    target = OrderBook("M", reader, CONTINUITY["kraken"])
    heard = snapshot(None, [("0.5", "0.00100")], [("10.0", "2.50")])
    take(target, msgspec.structs.replace(heard, checksum=crc32(b"1002505100")))
    assert target.state is BookState.LIVE


def test_without_numbers_a_crossed_book_is_all_that_tells():
    reader = Normaliser({"M": INSTRUMENT}, source="x", numbering=Numbering())
    target = OrderBook("M", reader, UNNUMBERED)
    take(target, snapshot())
    assert isinstance(take(target, said([(105, 1)]))[0], MarketStale)


# --- laws -------------------------------------------------------------------------------------------

changes = some.lists(
    some.tuples(some.sampled_from(["bids", "asks"]), some.integers(1, 20), some.integers(0, 3)), min_size=1, max_size=4
)


def difference(number: int, levels: list[tuple[str, int, int]]) -> HeardBook:
    bids = [(price, size) for side, price, size in levels if side == "bids"]
    asks = [(price + 100, size) for side, price, size in levels if side == "asks"]
    return said(bids, asks, first=number, last=number)


@given(some.lists(changes, min_size=1, max_size=12), some.data())
def test_the_book_is_the_same_whenever_its_snapshot_was_made_and_whenever_it_came(steps, data):
    updates = [difference(number, levels) for number, levels in enumerate(steps, 1)]
    made = data.draw(some.integers(0, len(updates)), "updates in the snapshot")
    came = data.draw(some.integers(made, len(updates)), "updates heard before the snapshot came")
    whole: dict[str, dict[int, int]] = {"bids": {5: 1}, "asks": {105: 1}}
    start = snapshot(0, [(5, 1)], [(105, 1)])
    for number, update in enumerate(updates, 1):
        for side, held in whole.items():
            held |= {int(price): int(size) for price, size in getattr(update, side)}
        if number == made:
            levels = {side: [each for each in held.items() if each[1]] for side, held in whole.items()}
            start = snapshot(made, levels["bids"], levels["asks"])
    target = book()
    take(target, *updates[:came], start, *updates[came:])
    assert target.state is BookState.LIVE
    assert sides(target) == tuple({price: size for price, size in held.items() if size} for held in whole.values())
    assert [price for price, _ in target.bids] == sorted((price for price, _ in target.bids), reverse=True)
    assert [price for price, _ in target.asks] == sorted(price for price, _ in target.asks)


@given(some.lists(changes, min_size=2, max_size=12), some.data())
def test_whoever_keeps_a_book_from_its_events_has_the_same_book_or_knows_that_it_is_stale(steps, data):
    target = book(depth=5)
    heard = [snapshot(0, [(5, 1)], [(105, 1)]), *(difference(n, levels) for n, levels in enumerate(steps, 1))]
    lost = data.draw(some.integers(1, len(heard)), "the message that is lost")
    shown: dict[str, dict[int, int]] | None = None
    for number, each in enumerate(heard):
        for event in take(target, *([each] if number != lost else [])):
            if isinstance(event, MarketStale):
                shown = None
                continue
            before = shown if shown and not event.snapshot else {"bids": {}, "asks": {}}
            shown = {
                "bids": {price: size for price, size in (before["bids"] | dict(event.bids_raw)).items() if size},
                "asks": {price: size for price, size in (before["asks"] | dict(event.asks_raw)).items() if size},
            }
        assert (shown is not None) == (target.state is BookState.LIVE)
        assert shown is None or shown == {"bids": dict(target.bids), "asks": dict(target.asks)}
    assert (target.state is BookState.LIVE) == (lost >= len(heard) - 1)
