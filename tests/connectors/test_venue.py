"""Promises of a venue's policy: what is heard comes out, in order, and silence is never taken for peace."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from tests.connectors.venue_bench import (
    BTC,
    LISTED,
    START,
    Bench,
    book,
    cancel,
    end,
    fill,
    heard_order,
    lost,
    order,
    quote,
    trade,
)
from workbench.connectors import listening as listening_module
from workbench.connectors.listening import LIFE_NS, SPREAD_NS, Listening
from workbench.core.clock import HOUR, MINUTE, SECOND
from workbench.core.errors import ConfigError, Unsupported, VenueRejected, VenueUnavailable
from workbench.core.events import (
    AmendEvent,
    ApprovedOrder,
    BookUpdate,
    FillEvent,
    MarketStale,
    OrderReport,
    Quote,
    TermsChanged,
    Trade,
)
from workbench.core.money import canonical
from workbench.core.order import OrderStatus
from workbench.core.ports import Outcome, Permissions
from workbench.core.venue import LinkState, VenueLink

SYNCING, DOWN = LinkState.SYNCING, LinkState.DOWN


def links(events):
    return [each.state for each in events if isinstance(each, VenueLink)]


def of(kind, events):
    return [each for each in events if isinstance(each, kind)]


# --- the stream -----------------------------------------------------------------------------------


def test_events_come_out_in_the_order_they_were_heard_with_growing_ids():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_trades("BTC/USDT")
        bench.wire.link("public", up=True)
        bench.wire.hear(trade(1), quote())
        bench.wire.hear(heard_order("a1"), fill("t1"), channel="private")
        bench.wire.hear(trade(2))
        events = []
        async for event in venue.stream():
            events.append(event)
            if len(events) == 6:
                break
        return events

    events = bench.run(work)
    assert [type(each) for each in events] == [VenueLink, Trade, Quote, OrderReport, FillEvent, Trade]
    assert len({each.id for each in events}) == 6
    assert [each.sequence for each in events] == sorted(each.sequence for each in events)


def test_a_message_that_cannot_be_read_does_not_end_the_others_and_on_the_account_is_asked_about():
    bench = Bench()

    async def work(venue):
        bench.taken()
        bench.wire.hear(ValueError("garbage"))
        bench.wire.hear(trade(1))
        await bench.time.sleep(0.1)
        public = bench.taken()
        bench.wire.hear(fill("t1"), msgspec.structs.replace(fill("t2"), fee="NaN"), fill("t3"), channel="private")
        await bench.time.sleep(0.1)
        return public, bench.taken()

    public, private = bench.run(work)
    assert [type(each) for each in public] == [Trade]
    assert [type(each) for each in private] == [FillEvent, VenueLink]
    assert private[1].state is SYNCING


def test_an_order_that_others_made_is_reported_under_the_venues_id():
    bench = Bench()

    async def work(venue):
        bench.wire.hear(heard_order(""), channel="private")
        await bench.time.sleep(0.1)

    bench.run(work)
    assert [each.order_id for each in of(OrderReport, bench.taken())] == ["v-"]


def test_a_wire_that_breaks_for_good_ends_the_stream_with_an_error():
    bench = Bench()

    async def work(venue):
        bench.wire.breaks(RuntimeError("a fault of the wire"))
        stream = venue.stream()
        events = [await anext(stream), await anext(stream)]
        with pytest.raises(VenueUnavailable, match="a fault of the wire"):
            await anext(stream)
        return events

    assert links(bench.run(work)) == [SYNCING, DOWN]


def test_close_ends_the_stream_and_may_be_called_twice():
    bench = Bench()

    async def work(venue):
        await venue.close()
        await venue.close()
        return [each async for each in venue.stream()]

    assert links(bench.run(work)) == [SYNCING]


# --- the account's channel ------------------------------------------------------------------------


def test_connect_returns_when_the_account_is_listened_to_and_says_so_itself_never_up():
    bench = Bench()

    async def work(venue):
        assert venue.linked
        return bench.taken()

    (link,) = bench.run(work)
    assert (link.state, link.reason, link.venue, link.account) == (SYNCING, "connected", "bench", "main")


def test_without_a_private_channel_connect_gives_up():
    bench = Bench()

    async def refuse(topic):
        return None

    bench.wire.subscribe = refuse
    with pytest.raises(VenueUnavailable, match="no private channel within 30 s"):
        bench.run(lambda venue: asyncio.sleep(0))


def test_market_data_alone_needs_no_account():
    bench = Bench(private=False)

    async def work(venue):
        await venue.subscribe_quotes("BTC/USDT")
        return bench.wire.topics

    assert [topic.kind for topic in bench.run(work)] == ["quotes"]


@pytest.mark.parametrize(("away_s", "states"), [(4, [SYNCING, SYNCING]), (6, [SYNCING, DOWN, SYNCING])])
def test_a_private_channel_that_drops_is_syncing_and_down_if_it_stays_away(away_s, states):
    bench = Bench()

    async def work(venue):
        bench.taken()
        bench.wire.link("private", up=False, reason="reset")
        await bench.time.sleep(away_s)
        assert not venue.linked
        bench.wire.generation["private"] += 1
        bench.wire.link("private", up=True)
        await bench.time.sleep(6)
        assert venue.linked
        return bench.taken()

    assert links(bench.run(work)) == states


def test_a_private_frame_of_a_new_connection_says_that_something_may_be_missing():
    bench = Bench()

    async def work(venue):
        bench.taken()
        bench.wire.hear(fill("t9"), channel="private", generation=2)
        await bench.time.sleep(0.1)
        return bench.taken()

    assert [type(each) for each in bench.run(work)] == [VenueLink, FillEvent]


def test_a_stream_that_the_venue_ends_is_connected_anew_at_once():
    bench = Bench()

    async def work(venue):
        bench.wire.hear(end("eventStreamTerminated"), channel="private")
        await bench.time.sleep(0.01)
        return list(bench.wire.reconnects)

    assert bench.run(work) == [("private", "eventStreamTerminated")]


def test_connections_are_made_anew_before_a_day_is_over():
    listening = Listening()
    listening.came_up("first", START, 0.0, public=True)
    listening.came_up("second", START, 0.999, public=False)
    begin, finish = START + LIFE_NS - SPREAD_NS, START + LIFE_NS
    assert listening.due(begin) == {}
    assert listening.due(begin + SECOND) == {"second": "planned"}
    assert listening.due(finish) == {"first": "planned", "second": "planned"}
    assert finish < START + 24 * HOUR
    assert listening.due(finish + 1) == {}  # it is under way


def test_a_connection_near_the_end_of_its_life_is_made_anew(monkeypatch):
    monkeypatch.setattr(listening_module, "LIFE_NS", 30 * SECOND)
    monkeypatch.setattr(listening_module, "SPREAD_NS", 0)
    bench = Bench()

    async def work(venue):
        await bench.time.sleep(29)
        assert bench.wire.reconnects == []
        await bench.time.sleep(2)
        return bench.wire.reconnects

    assert bench.run(work) == [("private", "planned")]


def test_a_refused_key_takes_the_venue_down():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("place", (401, {"code": -2015, "msg": "invalid key", "key": True}))
        return await venue.place_order(order())

    assert bench.run(work).outcome is Outcome.REJECTED
    assert links(bench.taken()) == [SYNCING, DOWN]


# --- market data ----------------------------------------------------------------------------------


def test_a_public_channel_that_drops_makes_its_markets_stale():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_trades("BTC/USDT")
        await venue.subscribe_quotes("BTC/USDT")
        await venue.subscribe_trades("ETH/USDT")
        bench.wire.link("public", up=True)
        bench.wire.hear(trade(1), quote(), trade(1, "ETHUSDT"))
        bench.wire.link("public", up=False, reason="closed 1006")
        await bench.time.sleep(0.1)
        return of(MarketStale, bench.taken())

    assert [(each.symbol, each.reason) for each in bench.run(work)] == [
        ("BTC/USDT", "closed 1006"),
        ("ETH/USDT", "closed 1006"),
    ]


def test_a_connection_that_was_replaced_without_a_word_makes_its_markets_stale():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_trades("BTC/USDT")
        bench.wire.link("public", up=True)
        bench.wire.hear(trade(1))
        bench.wire.hear(trade(9), generation=2)
        bench.wire.hear(trade(10), generation=1)  # left over from the connection before
        await bench.time.sleep(0.1)
        return bench.taken()[1:]

    events = bench.run(work)
    assert [type(each) for each in events] == [Trade, MarketStale, Trade]
    assert events[2].trade_id == "9"


def test_quotes_that_stop_are_stale_after_five_seconds_and_connected_anew_after_fifteen():
    bench = Bench()
    bench.wire.answers_reconnect = False

    async def work(venue):
        await venue.subscribe_quotes("BTC/USDT")
        bench.wire.link("public", up=True)
        bench.wire.hear(quote())
        stale = []
        for second in range(17):
            stale += [second for _ in of(MarketStale, bench.taken())]
            if second < 15:
                assert bench.wire.reconnects == []
            await bench.time.sleep(1)
        return stale

    assert bench.run(work) == [6]
    assert [channel for channel, _ in bench.wire.reconnects] == ["public"]


def test_a_topic_that_never_says_anything_is_found_although_trades_flow():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_trades("BTC/USDT")
        await venue.subscribe_quotes("BTC/USDT")
        bench.wire.link("public", up=True)
        for number in range(1, 21):
            bench.wire.hear(trade(number))
            await bench.time.sleep(0.5)
        return of(MarketStale, bench.taken())

    stale = bench.run(work)
    assert len(stale) > 5  # said again after each trade: data of another kind does not heal it
    assert "no quotes for 5 s" in stale[0].reason


def test_quiet_trades_are_no_silence():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_trades("BTC/USDT")
        bench.wire.link("public", up=True)
        await bench.time.sleep(120)
        return of(MarketStale, bench.taken()), bench.wire.reconnects

    assert bench.run(work) == ([], [])


def test_a_book_starts_with_a_snapshot_that_was_asked_for_and_a_gap_starts_it_anew():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_orderbook("BTC/USDT", 10)
        bench.wire.link("public", up=True)
        bench.wire.hear(book(first=9, last=11, bids=[("98", "2")]))
        await bench.time.sleep(0.5)
        live = of(BookUpdate, bench.taken())
        bench.wire.reply("book", lost(), (200, {"last": 20, "bids": [["97", "1"]], "asks": [["103", "1"]]}))
        bench.wire.hear(book(first=13, last=14, asks=[("102", "1")]))
        await bench.time.sleep(2)
        return live, bench.taken()

    live, after = bench.run(work)
    assert [(each.snapshot, len(each.bids_raw)) for each in live] == [(True, 2)]
    kinds = [type(each) for each in after if not isinstance(each, VenueLink)]
    assert kinds == [MarketStale, BookUpdate]
    assert after[-1].snapshot
    assert after[-1].bids_raw == ((9_700, 10**8),)


def test_a_book_is_not_asked_for_while_its_connection_is_down():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_orderbook("BTC/USDT", 10)
        bench.wire.link("public", up=True)
        bench.wire.hear(book(first=9, last=11, bids=[("98", "2")]))
        await bench.time.sleep(0.5)
        bench.wire.link("public", up=False, reason="lost")
        await bench.time.sleep(3)
        meanwhile = len(bench.wire.calls("book"))
        bench.wire.generation["public"] += 1
        bench.wire.link("public", up=True)
        await bench.time.sleep(1)
        return meanwhile

    assert bench.run(work) == 1
    assert len(bench.wire.calls("book")) > 1


def test_a_snapshot_older_than_what_waits_is_asked_for_again():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_orderbook("BTC/USDT", 10)
        bench.wire.link("public", up=True)
        bench.wire.reply("book", *[(200, {"last": 10, "bids": [["99", "1"]], "asks": []})] * 2)
        bench.wire.reply("book", (200, {"last": 60, "bids": [["99", "1"]], "asks": [["101", "1"]]}))
        bench.wire.hear(book(first=50, last=61, bids=[("98", "2")]))
        await bench.time.sleep(3)
        return of(BookUpdate, bench.taken())

    assert [each.snapshot for each in bench.run(work)] == [True]
    assert len(bench.wire.calls("book")) == 3


def test_what_is_subscribed_twice_is_asked_for_once_and_an_unknown_symbol_is_named():
    bench = Bench()

    async def work(venue):
        await venue.subscribe_bars("BTC/USDT", "1m")
        await venue.subscribe_bars("BTC/USDT", "1m")
        await venue.subscribe_bars("BTC/USDT", "1h")
        with pytest.raises(ConfigError, match="bench: lists no 'DOGE/USDT'"):
            await venue.subscribe_trades("DOGE/USDT")

    bench.run(work)
    assert [topic.interval for topic in bench.wire.topics if topic.kind == "bars"] == ["1m", "1h"]


# --- questions ------------------------------------------------------------------------------------


def test_an_order_is_looked_for_wherever_the_venue_keeps_it_and_none_is_its_word():
    bench = Bench()

    async def work(venue):
        bench.wire.usual |= {"order": (200, None), "algo_order": (200, {"id": "a1", "status": "cancelled"})}
        found = await venue.get_order("a1", "BTC/USDT")
        bench.wire.usual["algo_order"] = (200, None)
        return found, await venue.get_order("a1", "BTC/USDT")

    found, none = bench.run(work)
    assert (found.status, none) == (OrderStatus.CANCELLED, None)


def test_a_question_without_an_answer_is_not_an_answer():
    bench = Bench()

    async def work(venue):
        bench.wire.usual |= {"order": (502, b"<html>"), "open_orders": (200, b"<html>")}
        for question in (lambda: venue.get_order("a1", "BTC/USDT"), venue.get_open_orders):
            with pytest.raises(VenueUnavailable):
                await question()

    bench.run(work)
    assert len(bench.wire.calls("order")) == 4


def test_a_clear_no_to_a_question_is_asked_once():
    bench = Bench()

    async def work(venue):
        bench.wire.usual["permissions"] = (401, {"code": -2015, "msg": "invalid key"})
        with pytest.raises(VenueRejected, match="-2015"):
            await venue.get_permissions()
        bench.wire.usual["permissions"] = (200, {"trade": True, "withdraw": False})
        return await venue.get_permissions()

    assert bench.run(work) == Permissions(trade=True, withdraw=False)
    assert len(bench.wire.calls("permissions")) == 2


def test_own_trades_are_read_page_by_page_each_once():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("my_trades", (200, {"trades": ["t1", "t2"], "after": "2"}), lost())
        bench.wire.reply("my_trades", (200, {"trades": ["t2", "t3"], "after": ""}))
        return await venue.get_my_trades("BTC/USDT", START)

    assert [each.trade_id for each in bench.run(work)] == ["t1", "t2", "t3"]
    assert [each.params["after"] for each in bench.wire.calls("my_trades")] == ["", "2", "2"]


def test_history_is_read_to_its_end_and_not_beyond():
    bench = Bench()

    async def work(venue):
        minutes = [START - number * MINUTE for number in range(9, 4, -1)]
        bench.wire.reply("bars", (200, minutes[:2]), (200, minutes[2:4]), (200, minutes[4:]))
        bars = await venue.fetch_bars("BTC/USDT", "1m", minutes[0], minutes[4])
        bench.wire.reply("trades", (200, {"ids": [1, 2], "after": "2"}), (200, {"ids": [3, 900], "after": "x"}))
        trades = await venue.fetch_trades("BTC/USDT", START, START + 100)
        return bars, trades

    bars, trades = bench.run(work)
    assert [bar.ts_event for bar in bars] == [START - number * MINUTE for number in range(8, 4, -1)]
    assert [each.trade_id for each in trades] == ["1", "2", "3"]


def test_balances_and_instruments_are_exact_and_by_name():
    bench = Bench(symbols=["BTC/USDT"])

    async def work(venue):
        bench.wire.usual["balances"] = (200, {"BTC": "1.00000001"})
        return await venue.get_balances(), await venue.get_instruments(), await venue.get_positions()

    assert bench.run(work) == ({"BTC": Decimal("1.00000001")}, {"bench:BTC/USDT": BTC}, [])


def test_a_run_keeps_the_decimal_places_it_began_with():
    finer = msgspec.structs.replace(BTC, price_places=4)
    bench = Bench(instruments={finer.key: finer})

    async def work(venue):
        bench.wire.hear(trade(1))
        await bench.time.sleep(0.1)
        return await venue.get_instruments()

    assert bench.run(work)["bench:BTC/USDT"] == finer
    assert [each.price_raw for each in of(Trade, bench.taken())] == [1_000_000]


def test_what_cannot_be_amended_says_so():
    bench = Bench()
    amend = AmendEvent(
        "e", 1, 1, 1, order_id="a1", strategy_id="s", instrument=BTC, quantity_raw=10**8, price_raw=10_000
    )

    async def work(venue):
        with pytest.raises(Unsupported):
            await venue.amend_order(permitted(amend))

    bench.run(work)


def permitted(request):
    return ApprovedOrder(request)


# --- time -----------------------------------------------------------------------------------------


def test_the_venues_clock_is_the_median_of_five_and_learned_anew_after_ten_minutes():
    bench = Bench()
    ahead = iter([100, 900, 110, 120, 105])

    def skewed(_):
        return 200, {"time": bench.time.now() + next(ahead, 300) * 1_000_000}

    bench.wire.usual["time"] = skewed

    async def work(venue):
        first = venue.time.offset_ns
        await bench.time.sleep(11 * 60)
        return first, venue.time.offset_ns

    first, second = bench.run(work)
    assert first == pytest.approx(110 * 1_000_000, abs=1_000_000)
    assert second == pytest.approx(300 * 1_000_000, abs=1_000_000)


def test_a_refusal_for_the_time_stamp_learns_the_clock_anew_and_sends_nothing_again(caplog):
    bench = Bench()

    async def work(venue):
        bench.wire.usual["time"] = lambda _: (200, {"time": bench.time.now() + SECOND})
        bench.wire.reply("place", (400, {"code": -1021, "msg": "timestamp", "clock": True}))
        result = await venue.place_order(order())
        await bench.time.sleep(1)
        return result, venue.time.alarming

    result, alarming = bench.run(work)
    assert (result.outcome, alarming) == (Outcome.REJECTED, True)
    assert len(bench.wire.calls("place")) == 1
    assert "its clock is +1000 ms from ours" in caplog.text


def test_terms_that_changed_are_read_anew_at_most_every_ten_seconds():
    bench = Bench()

    async def work(venue):
        await bench.time.sleep(11)
        for number in range(3):
            bench.wire.reply("place", (400, {"code": -1013, "msg": "LOT_SIZE", "stale_terms": True}))
            await venue.place_order(order(f"a{number}"))
            await bench.time.sleep(1)

    bench.run(work)
    assert len(bench.wire.calls("listings")) == 2


def test_a_run_is_told_of_the_steps_a_venue_trades_in_now():
    bench = Bench()

    async def work(venue):
        await bench.time.sleep(11)
        finer = msgspec.structs.replace(LISTED.instrument, lot=LISTED.instrument.lot * 10)
        bench.dialect.listed = [msgspec.structs.replace(LISTED, instrument=finer), *bench.dialect.listed[1:]]
        bench.wire.reply("place", (400, {"code": -1013, "msg": "LOT_SIZE", "stale_terms": True}))
        await venue.place_order(order())
        await bench.time.sleep(1)
        return bench.taken()

    told = [each for each in bench.run(work) if isinstance(each, TermsChanged)]
    assert [(each.instrument, each.lot) for each in told] == [(BTC, canonical(BTC.lot * 10))]


def test_a_cancel_for_what_is_not_listed_says_so():
    bench = Bench()
    foreign = msgspec.structs.replace(BTC, symbol="DOGE/USDT")

    async def work(venue):
        with pytest.raises(ConfigError, match="DOGE"):
            await venue.cancel_order(msgspec.structs.replace(cancel(), instrument=foreign))
        return await venue.place_order(order(instrument=foreign))

    assert bench.run(work).outcome is Outcome.REJECTED


def test_a_venue_that_does_not_answer_is_left_with_everything_closed():
    bench = Bench()
    bench.wire.usual["time"] = lost()
    closed = []
    bench.wire.close = lambda: closed.append(True) or asyncio.sleep(0)
    with pytest.raises(VenueUnavailable, match="connection reset"):
        bench.run(lambda venue: asyncio.sleep(0))
    assert closed == [True]
