"""What the simulated venue promises on trades, quotes and order books."""

from __future__ import annotations

from tests.connectors.matching_bench import PERPETUAL, SPOT, UNIT, Bench, filled, fills, reason, statuses
from workbench.connectors.book import DEPTH, Levels
from workbench.connectors.matching import Profile
from workbench.core.events import MarketDataEvent
from workbench.core.order import TimeInForce

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def test_without_quotes_an_order_takes_at_the_next_trades_price_bounded_by_its_quantity() -> None:
    bench = Bench(profile=Profile(volume_share=50_000_000, slippage_rate=1_000_000))
    bench.buy(3)
    assert fills(bench.trade(100, 4)) == [(101, 2)]
    assert fills(bench.trade(200, 4)) == [(202, 1)]


def test_a_limit_that_crosses_a_trade_when_it_arrives_takes_and_else_rests() -> None:
    bench = Bench()
    bench.buy(1, limit=100, id="takes")
    bench.buy(1, limit=99, id="rests")
    assert [(each.order_id, each.price_raw, each.maker) for each in filled(bench.trade(100))] == [("takes", 100, False)]
    assert bench.trade(99) == []
    assert [(each.order_id, each.price_raw, each.maker) for each in filled(bench.trade(98))] == [("rests", 99, True)]


def test_a_resting_limit_takes_no_more_than_the_trade_that_went_through_it() -> None:
    bench = Bench()
    bench.buy(5, limit=99)
    bench.trade(100)
    assert fills(bench.trade(98, 2)) == [(99, 2)]
    assert fills(bench.trade(98, 9)) == [(99, 3)]


def test_an_order_meets_no_trade_from_before_it_arrived() -> None:
    bench = Bench(profile=Profile(latency_ns=10))
    bench.buy(1)
    assert bench.trade(100, after=9) == []
    assert fills(bench.trade(101, after=1)) == [(101, 1)]


def test_a_cancel_on_its_way_loses_to_an_earlier_trade_and_beats_a_later_one() -> None:
    bench = Bench(profile=Profile(latency_ns=10))
    bench.buy(2, limit=99, id="a")
    bench.trade(100, after=10)
    bench.cancel("a")
    assert fills(bench.trade(98, 1, after=9)) == [(99, 1)]
    said = bench.trade(98, after=1)
    assert (fills(said), statuses(said)) == ([], ["cancelled"])


def test_on_quotes_an_order_takes_the_opposite_side_bounded_by_its_size() -> None:
    bench = Bench(btc="9")
    bench.buy(3)
    bench.sell(3)
    assert fills(bench.quote(99, 101, sizes=(3, 2))) == [(101, 2), (99, 3)]
    assert fills(bench.quote(100, 102)) == [(102, 1)]


def test_where_quotes_are_known_trades_fill_what_rests_but_are_not_taken_from() -> None:
    bench = Bench(btc="9")
    bench.quote(99, 101)
    bench.buy(1, id="market")
    bench.buy(1, limit=101, id="crosses")
    bench.buy(1, limit=100, id="rests")
    bench.buy(1, limit=50, id="now or never", tif=IOC)
    (fill,) = filled(bench.trade(90))
    assert (fill.order_id, fill.price_raw, fill.maker) == ("rests", 100, True)
    said = bench.quote(99, 101)
    assert [each.order_id for each in filled(said)] == ["market", "crosses"]
    assert reason(said) == "IOC: 0 of 1 filled"


def test_a_resting_limit_fills_when_the_opposite_quote_goes_strictly_through_it() -> None:
    bench = Bench()
    bench.buy(3, limit=100)
    bench.quote(99, 101)
    assert bench.quote(99, 100) == []
    assert fills(bench.quote(98, 99, sizes=(9, 2))) == [(100, 2)]


def test_an_empty_side_of_a_quote_offers_nothing() -> None:
    bench = Bench(btc="2")
    bench.buy(1)
    bench.sell(1)
    bench.sell(1, stop=90)
    assert fills(bench.quote(0, 101)) == [(101, 1)]
    assert fills(bench.quote(95, 0)) == [(95, 1)]
    assert statuses(bench.buy(1, limit=500, post_only=True)) == ["acknowledged"]


def test_a_post_only_order_is_held_against_the_side_it_would_take_from() -> None:
    bench = Bench(btc="9")
    bench.quote(99, 101)
    assert statuses(bench.buy(1, limit=100, post_only=True)) == ["acknowledged"]
    assert reason(bench.buy(1, limit=101, post_only=True)) == "post-only at 101 would cross 101"
    assert reason(bench.sell(1, limit=99, post_only=True)) == "post-only at 99 would cross 99"


def test_stops_trigger_on_the_trade_price_and_on_the_quote_they_would_trade_against() -> None:
    bench = Bench(btc="2")
    bench.sell(1, stop=95)
    assert bench.trade(96) == []
    assert fills(bench.trade(94)) == [(94, 1)]
    bench.sell(1, stop=90)
    bench.buy(1, stop=110)
    assert bench.quote(91, 109) == []
    assert fills(bench.quote(90, 109)) == [(90, 1)]
    assert fills(bench.quote(91, 112)) == [(112, 1)]


def test_a_stop_triggered_by_a_trade_takes_from_the_next_quote() -> None:
    bench = Bench(btc="3")
    bench.quote(99, 101)
    bench.sell(1, stop=95, id="stop")
    bench.sell(1, stop=95, limit=94, id="within")
    bench.sell(1, stop=95, limit=98, id="beyond")
    said = bench.trade(95)
    assert (fills(said), statuses(said)) == ([], ["acknowledged", "acknowledged"])
    said = bench.quote(94, 96)
    assert [(each.order_id, each.price_raw) for each in filled(said)] == [("stop", 94), ("within", 94)]
    assert fills(bench.quote(99, 101)) == [(98, 1)]


def test_a_taker_walks_the_book_level_by_level_within_its_limit() -> None:
    bench = Bench()
    bench.buy(9, limit=102)
    said = bench.book([(99, 5)], [(101, 2), (102, 3), (103, 9)])
    assert fills(said) == [(101, 2), (102, 3)]
    assert all(not each.maker for each in filled(said))


def test_what_we_take_is_gone_until_the_venue_updates_the_level() -> None:
    bench = Bench()
    bench.buy(3)
    assert fills(bench.book([], [(101, 2), (105, 1)])) == [(101, 2), (105, 1)]
    bench.buy(1)
    assert bench.book([(90, 1)], [], snapshot=False) == []
    assert fills(bench.book([], [(101, 2)], snapshot=False)) == [(101, 1)]


def test_a_book_update_changes_levels_and_a_snapshot_replaces_them() -> None:
    bench = Bench()
    bench.book([(99, 1), (98, 1)], [(101, 1), (102, 1)])
    bench.book([(99, 0), (97, 0)], [(101, 0), (100, 1)], snapshot=False)
    assert reason(bench.buy(1, limit=100, post_only=True)) == "post-only at 100 would cross 100"
    assert reason(bench.sell(1, limit=98, post_only=True)) == "post-only at 98 would cross 98"
    bench.book([], [(150, 1)])
    assert statuses(bench.buy(1, limit=149, post_only=True)) == ["acknowledged"]


def test_a_resting_limit_takes_all_levels_that_went_through_it_at_its_price() -> None:
    bench = Bench()
    bench.buy(9, limit=100)
    bench.book([], [(101, 1)])
    assert fills(bench.book([], [(98, 1), (99, 2), (100, 9)])) == [(100, 1), (100, 2)]


def test_fill_or_kill_counts_all_levels_and_the_cash_for_them() -> None:
    bench = Bench(usdt="303")
    bench.buy(3, tif=FOK)
    assert statuses(bench.book([], [(100, 1), (101, 1), (103, 1)])) == ["expired"]
    bench.buy(3, tif=FOK)
    assert fills(bench.book([], [(100, 1), (101, 1), (102, 1)])) == [(100, 1), (101, 1), (102, 1)]
    assert bench.usdt() == 0


def test_one_side_of_a_book_keeps_a_bounded_number_of_levels_best_first() -> None:
    levels = Levels(1)
    levels.update([(price, 1) for price in range(1, DEPTH + 11)], replace=False)
    kept = [price for price, _ in levels]
    assert (len(kept), kept[0], kept[-1]) == (DEPTH, DEPTH + 10, 11)
    levels.update([(5, 0)], replace=False)
    assert levels.best() == DEPTH + 10


def test_an_event_that_offers_nothing_changes_nothing() -> None:
    bench = Bench()
    bench.buy(1)
    assert bench.event(MarketDataEvent("md", 1, 1, 1, SPOT)) == []


def test_a_perpetual_is_sold_short_on_quotes() -> None:
    bench = Bench(instrument=PERPETUAL)
    bench.sell(2)
    assert fills(bench.quote(99, 101)) == [(99, 2)]
    assert bench.venue.positions() == {PERPETUAL.key: -2 * UNIT}
