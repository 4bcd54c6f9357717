"""Faults of market data: what is missing, false, old or too much never becomes an order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from tests.connectors.venue_bench import Bench, fill, quote, trade
from tests.faults.bench import SYMBOL, Stand
from tests.faults.street import MID, SPREAD
from tests.faults.virtual import seldom
from workbench.connectors.quarantine import Doubt
from workbench.core.clock import MINUTE, SECOND
from workbench.core.events import (
    Bar,
    BookUpdate,
    Event,
    FillEvent,
    MarketDataEvent,
    MarketStale,
    Quote,
    Trade,
)
from workbench.core.money import to_scaled

DEPTH, QUOTES, TRADES = "btcusdt@depth*", "btcusdt@bookTicker", "btcusdt@trade"
STALE_S = 5.0  # after which nothing is opened on what a market said
NEW_BOOK_S = 2.0

E = TypeVar("E", bound=Event)


class Pit(Stand):
    """A stand that keeps what the run heard of the market too, and the book that follows from it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.market: list[Event] = []
        self.book: dict[str, dict[int, int]] = {"bids": {}, "asks": {}}

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        super().record(event, consequences)
        if isinstance(event, MarketDataEvent):
            self.market.append(event)
        if isinstance(event, MarketStale):
            self.book = {"bids": {}, "asks": {}}
        if isinstance(event, BookUpdate):
            self._follow(event)

    def _follow(self, update: BookUpdate) -> None:
        for side, levels in (("bids", update.bids_raw), ("asks", update.asks_raw)):
            before = {} if update.snapshot else self.book[side]
            self.book[side] = {price: size for price, size in (before | dict(levels)).items() if size}

    def of(self, kind: type[E], since: int = 0) -> list[E]:
        """What was heard of a kind since an instant, oldest first."""
        return [each for each in self.market if isinstance(each, kind) and each.ts_init >= since]

    def book_is_the_exchanges(self) -> bool:
        """Whether our book is the exchange's, level by level."""
        there = self.exchange.book(SYMBOL)
        instrument = self.ledger.instruments["binance:BTC/USDT"]
        scales = instrument.price_places, instrument.quantity_places
        theirs = {
            side: {to_scaled(price, scales[0]): to_scaled(size, scales[1]) for price, size in levels}
            for side, levels in (("bids", there.bids), ("asks", there.asks))
        }
        return bool(self.book["bids"]) and self.book == theirs

    async def followed(self) -> None:
        """Returns once the book follows updates that came after its snapshot."""
        await self.until(lambda: any(not each.snapshot for each in self.of(BookUpdate)), "an update of the book")

    @property
    def quarantined(self) -> dict[Any, int]:
        """How much was heard and not believed, by market and reason."""
        return dict(self.run._reaches[0].connector.hearing.normaliser.quarantine.counts)


async def test_f32_a_missing_update_invalidates_the_book_at_once_and_no_order_comes_of_it_until_it_is_whole_again():
    async with Pit(on=["book:50"]) as stand:
        await stand.followed()
        stand.fault("rest", "delay_before", "GET /api/v3/depth", ms=1_000)
        gap = stand.fault("stream", "gap", DEPTH)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.taken(gap), "the gap")
        broke = stand.clock.now()
        await stand.until(lambda: stand.of(MarketStale, broke), "the book is called invalid", seconds=1)
        assert stand.engine.view.stale
        await stand.until(lambda: any(each.snapshot for each in stand.of(BookUpdate, broke)), "a new one")
        whole = next(each.ts_init for each in stand.of(BookUpdate, broke) if each.snapshot)
        assert whole - broke <= (NEW_BOOK_S + 1) * SECOND, "one second of it was the venue's"
        await stand.until(stand.book_is_the_exchanges, "the book again")
        await stand.check()


async def test_f32_while_a_book_is_invalid_its_instrument_stays_closed_although_quotes_flow():
    async with Pit(on=["book:50", "quotes"]) as stand:
        await stand.followed()
        stand.fault("rest", "status_before", "GET /api/v3/depth", status=503, count=None)
        gap = stand.fault("stream", "gap", DEPTH)
        await stand.until(lambda: stand.of(MarketStale), "the book is called invalid")
        broke = stand.of(MarketStale)[0].ts_init
        stand.say(quantity="0.01")
        await asyncio.sleep(2)
        assert stand.of(Quote, broke + SECOND), "quotes flow"
        assert not stand.ours()
        stand.twin.faults.clear()
        stand.say(quantity="0")
        await stand.until(stand.book_is_the_exchanges, "the book again", seconds=90)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "it trades again")
        await stand.check()
        assert stand.taken(gap)


async def test_f33_no_level_of_before_an_interruption_is_left_in_the_book():
    async with Pit(on=["book:50"]) as stand:
        for n in range(5):
            stand.street.place(SYMBOL, "BUY", "0.5", MID - SPREAD - 10 * n)
        await stand.until(stand.book_is_the_exchanges, "the book")
        before = set(stand.book["bids"])
        stand.twin.kick("/ws/*")
        stand.street.move(MID - 1000)
        await stand.until(lambda: stand.of(MarketStale), "it is called invalid")
        assert not stand.book["bids"]
        await stand.until(stand.book_is_the_exchanges, "the new book")
        assert not before & set(stand.book["bids"])
        await stand.check()


async def test_f34_a_snapshot_older_than_the_first_update_is_put_aside_and_the_book_becomes_whole():
    async with Pit(on=["book:50"], started=False) as stand:
        late = stand.fault("rest", "stale_snapshot", "GET /api/v3/depth", count=3)
        await stand.start()
        await stand.until(stand.book_is_the_exchanges, "the book", seconds=60)
        assert stand.taken(late)
        assert stand.of(BookUpdate)[0].snapshot
        await stand.check()


@pytest.mark.parametrize(
    ("action", "args", "doubt"),
    [
        ("crossed", {}, Doubt.CROSSED),
        ("zero", {"field": "price"}, Doubt.PRICE),
        ("negative", {"field": "price"}, Doubt.PRICE),
        ("nan", {"field": "price"}, Doubt.UNREADABLE),
        ("future", {}, Doubt.FUTURE),
    ],
)
async def test_f35_a_tick_that_cannot_be_true_is_counted_and_reaches_no_strategy(action, args, doubt):
    topic = QUOTES if action == "crossed" else TRADES
    async with Pit(on=["quotes", "trades"]) as stand:
        bad = stand.fault("stream", action, topic, count=3, **args)
        began = stand.clock.now()
        for _ in range(5):
            stand.street.place(SYMBOL, "SELL", "0.01", account="passer-by")
            await asyncio.sleep(0.2)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "it trades on")
        assert stand.quarantined["BTCUSDT", doubt] == stand.taken(bad) == 3
        assert all(0 < each.bid < each.ask for each in stand.of(Quote, began))
        assert all(each.price > 0 and each.quantity > 0 for each in stand.of(Trade, began))
        now = stand.clock.now()
        assert all(each.ts_event <= now + 5 * SECOND for each in stand.market)
        await stand.check()


async def test_f36_a_topic_that_falls_silent_while_pings_are_answered_closes_its_instrument_and_pulls_its_quotes():
    async with Pit(on=["quotes"]) as stand:
        stand.quote(bids=[("59000", "0.01")])
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "the quote rests")
        sockets = stand.twin.connections()
        mute = stand.fault("stream", "drop", "*", count=None)
        began = stand.clock.now()
        await stand.until(lambda: stand.of(MarketStale, began), "it is called stale")
        assert stand.of(MarketStale)[0].ts_init - began <= (STALE_S + 1) * SECOND
        assert stand.engine.view.stale
        assert stand.twin.connections() == sockets, "nobody hung up"
        await stand.until(lambda: not stand.exchange.open_orders("main"), "the quote is pulled", seconds=1)
        await asyncio.sleep(30)
        assert len(stand.ours()) == 1, "nothing is quoted blindly"
        stand.twin.faults.clear(mute)
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 1, "it quotes again", seconds=30)
        await stand.check()


async def test_f37_a_topic_that_is_silent_is_found_although_others_flow_and_nothing_is_opened_meanwhile():
    async with Pit(on=["quotes", "trades"]) as stand:
        mute = stand.fault("stream", "drop", QUOTES, count=None)
        began = stand.clock.now()

        async def trades() -> None:
            while True:
                stand.street.place(SYMBOL, "SELL", "0.01", account="passer-by")
                await asyncio.sleep(0.1)

        busy = asyncio.create_task(trades())
        try:
            await stand.until(lambda: stand.of(MarketStale, began), "it is called stale")
            assert stand.of(MarketStale)[0].ts_init - began <= (STALE_S + 1) * SECOND
            told = stand.clock.now()
            stand.say(quantity="0.01")
            await asyncio.sleep(10)
            assert stand.of(Trade, told), "trades flow"
            assert not stand.ours()
            stand.twin.faults.clear(mute)
            await stand.until(lambda: stand.of(Quote, told), "quotes are back")
            stand.say(quantity="0.009")
            await stand.until(lambda: stand.held() > 0, "it trades again")
        finally:
            busy.cancel()
        await stand.check()


def test_f38_of_a_flood_the_market_is_conflated_and_every_fill_comes_out_in_order():
    bench = Bench()

    async def work(venue: Any) -> None:
        await venue.subscribe_trades("BTC/USDT")
        await venue.subscribe_quotes("BTC/USDT")
        for n in range(40_000):
            bench.wire.hear(trade(n + 1), quote(bid=str(90 + n % 10)))
            if n % 100 == 0:
                bench.wire.hear(fill(f"t{n}", at=n), channel="private")
            if n % 1_000 == 0:
                await asyncio.sleep(0)  # the connector listens; nobody reads what it heard
        await bench.time.sleep(1)

    bench.run(work)
    assert len(bench.venue.backlog) < 70_000, "memory is bounded"
    events = bench.taken()
    fills = [each.trade_id for each in events if isinstance(each, FillEvent)]
    assert fills == [f"t{n}" for n in range(0, 40_000, 100)]
    assert [each for each in events if isinstance(each, Quote)][-1].bid == 99, "the newest is kept"
    assert bench.venue.backlog.conflated["Quote"] > 20_000


async def test_f38_a_burst_in_the_stream_delays_no_order_and_loses_none():
    async with Pit(on=["quotes", "trades"]) as stand:
        burst = stand.fault("stream", "burst", QUOTES, count=2, times=8_000)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.taken(burst) == 2, "the burst")
        await stand.until(lambda: stand.held() > 0, "it is bought")
        stand.say(quantity="0")
        await stand.until(lambda: stand.held() < Decimal("0.0001"), "it is sold")
        await stand.check()


async def test_f39_what_is_delivered_twice_is_taken_once():
    async with Pit(on=["quotes", "trades", "book:50"]) as stand:
        stand.twin.kick()
        stand.fault("stream", "duplicate", "*", count=None)
        stand.fault("user", "duplicate", "*", count=None)
        await stand.until(lambda: stand.of(MarketStale), "the connection is lost")
        await stand.ready()
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "it is bought")
        stand.say(quantity="0")
        await stand.until(lambda: stand.held() < Decimal("0.0001"), "it is sold")
        trades = [each.sequence for each in stand.of(Trade)]
        assert len(trades) == len(set(trades)) >= 2
        await stand.until(stand.book_is_the_exchanges, "the book")
        await stand.check()


async def test_f40_only_finished_bars_are_heard_and_those_of_an_outage_are_asked_for(monkeypatch):
    seldom(monkeypatch)
    async with Pit(on=["bars:1m"]) as stand:

        async def trades() -> None:
            while True:
                stand.street.place(SYMBOL, "SELL", "0.01", account="passer-by")
                await asyncio.sleep(5)

        busy = asyncio.create_task(trades())
        try:
            await stand.until(lambda: len(stand.of(Bar)) >= 1, "a bar", seconds=130)
            stand.fault("stream", "refuse_connections", "*", ms=150_000)
            stand.twin.kick()
            await asyncio.sleep(160)
            await stand.ready(60)
            count = len(stand.of(Bar))
            await stand.until(lambda: len(stand.of(Bar)) > count, "the next bar", seconds=130)
        finally:
            busy.cancel()
        bars = stand.of(Bar)
        assert [each.ts_event for each in bars] == [bars[0].ts_event + n * MINUTE for n in range(len(bars))]
        assert len(bars) >= 4
        assert all(each.ts_event <= each.ts_init + SECOND for each in bars), "no bar before its end"
        await stand.check()
