"""Binance as it was recorded: books that bridge, tops that equal the exchange's own, trades that build its candles."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import NamedTuple

import pyarrow
import pyarrow.parquet as parquet
import pytest

from tests.recorded.files import ROOT, Line, conversation, recorded, stream
from workbench.connectors.continuity import CONTINUITY
from workbench.connectors.dialects.binance_market import hear, read_book
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardQuote, HeardTrade
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.orderbook import BookState, OrderBook
from workbench.connectors.quarantine import Doubt
from workbench.core.clock import MINUTE, SECOND, parse_instant
from workbench.core.events import BookUpdate, Event, MarketStale, Quote, Trade
from workbench.core.instrument import Instrument

pytestmark = recorded

SPOT = ("binance_spot_btcusdt_20240808", "binance_spot_btcusdt_20240809")  # one session over midnight
FUTURES = ("binance_usdm_btcusdt_20240808",)

BTC = Instrument(venue="binance", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))
PERPETUAL = Instrument(venue="binance", symbol="BTC/USDT:USDT", tick=Decimal("0.1"), lot=Decimal("0.001"))


def session(names: tuple[str, ...]) -> Iterator[tuple[Line, Heard]]:
    """What is heard in recordings that follow each other."""
    for name in names:
        for line in stream(name):
            for heard in words(line):
                yield line, heard


def words(line: Line) -> list[Heard]:
    """What a frame of an l2 file says; the snapshot lies there as REST answered it."""
    if "lastUpdateId" in line.message:
        return [read_book(line.message, "BTCUSDT")]
    return list(hear(line.message))


class Replay(NamedTuple):
    """What a recording came to; tops are pairs of (ours, the exchange's own) for the same update id."""

    events: list[Event]
    told_before: list[tuple[object, object]]  # the exchange told its top before the difference that leads to it
    told_after: list[tuple[object, object]]
    quarantined: int


@cache
def replayed(names: tuple[str, ...], instrument: Instrument, rule: str) -> Replay:
    normaliser = Normaliser({"BTCUSDT": instrument}, source="binance", numbering=Numbering())
    book = OrderBook("BTCUSDT", normaliser, CONTINUITY[rule])
    replay = Replay([], [], [], 0)
    ours: dict[int | None, object] = {}
    theirs: dict[int | None, object] = {}
    for line, heard in session(names):
        if isinstance(heard, HeardBook):
            replay.events.extend(book.take(heard, received=line.received, clock_offset_ns=0))
            if book.state is BookState.LIVE:
                ours[heard.last] = book.best
                if heard.last in theirs:
                    replay.told_before.append((book.best, theirs[heard.last]))
            continue
        events = normaliser.take(heard, received=line.received, clock_offset_ns=0)
        replay.events.extend(events)
        for quote in events:
            if isinstance(quote, Quote):
                best = (quote.bid_raw, quote.bid_quantity_raw), (quote.ask_raw, quote.ask_quantity_raw)
                theirs[heard.sequence] = best
                if heard.sequence in ours:
                    replay.told_after.append((ours[heard.sequence], best))
    return replay._replace(quarantined=normaliser.quarantine.total)


@pytest.mark.parametrize(
    ("names", "instrument", "rule", "before", "after"),
    [(SPOT, BTC, "binance", 1_072, 0), (FUTURES, PERPETUAL, "binanceusdm", 503, 126)],
    ids=["spot", "futures"],
)
def test_the_top_of_the_book_is_the_exchange_s_own_at_every_common_update(names, instrument, rule, before, after):
    replay = replayed(names, instrument, rule)
    assert (len(replay.told_before), len(replay.told_after)) == (before, after)
    assert all(ours == theirs for ours, theirs in replay.told_before + replay.told_after)
    assert not any(isinstance(event, MarketStale) for event in replay.events)
    assert [event.snapshot for event in replay.events if isinstance(event, BookUpdate)].count(True) == 1
    assert replay.quarantined == 0


def test_a_clock_that_is_behind_makes_nothing_a_thing_of_the_future():
    events, quarantined = replayed(SPOT, BTC, "binance").events, replayed(SPOT, BTC, "binance").quarantined
    trades = [event for event in events if isinstance(event, Trade)]
    assert all(SECOND < trade.ts_event - trade.ts_init < 1.4 * SECOND for trade in trades)
    assert quarantined == 0
    assert [event.sequence for event in events] == sorted({event.sequence for event in events})


def test_trades_build_the_candles_that_somebody_else_downloaded():
    trades = [event for event in replayed(SPOT, BTC, "binance").events if isinstance(event, Trade)]
    assert len(trades) == 19_904
    table = parquet.read_table(ROOT / "candles/binance_spot_BTCUSDT_1m.parquet")
    dates = table.column("date").cast(pyarrow.timestamp("ns", "UTC")).cast("int64").to_pylist()
    candles = dict(zip(dates, table.drop_columns("date").to_pylist(), strict=True))
    first, end = parse_instant("2024-08-08T23:55"), parse_instant("2024-08-09T00:05")
    minutes = {start * MINUTE: list(traded) for start, traded in groupby(trades, lambda each: each.ts_event // MINUTE)}
    whole = [start for start in minutes if first <= start < end]
    assert len(whole) == 10
    for start in whole:
        prices = [trade.price for trade in minutes[start]]
        volume = sum(trade.quantity for trade in minutes[start])
        built = (prices[0], max(prices), min(prices), prices[-1], volume)
        names = ("open", "high", "low", "close", "volume")
        assert built == tuple(Decimal(repr(candles[start][name])) for name in names)


def test_snapshots_asked_for_bridge_to_the_stream_once_five_frames_are_dropped():
    records = sorted(conversation("BINANCE"), key=lambda record: record.at)
    listed = {each["symbol"]: each for each in records_of_listings(records)}
    asked = [record for record in records if "/depth?symbol=" in record.url]
    markets = [record.url.split("symbol=")[1].split("&")[0] for record in asked]
    instruments = {market: instrument(listed[market]) for market in markets}
    normaliser = Normaliser(instruments, source="binance", numbering=Numbering())
    books = {market: OrderBook(market, normaliser, CONTINUITY["binance"]) for market in markets}
    snapshots: dict[str, HeardBook] = {}
    differences: dict[str, list[HeardBook]] = {market: [] for market in markets}
    kinds: set[type] = set()
    for record in records:
        if record in asked:
            market = markets[asked.index(record)]
            heards: list[Heard] = [read_book(record.message, market)]
            snapshots[market] = heards[0]
        else:
            heards = list(hear(record.message)) if record.kind == "recv" else []
            for heard in heards:
                if isinstance(heard, HeardBook):
                    differences[heard.market_id].append(heard)
        for heard in heards:
            kinds.add(type(heard))
            take = books[heard.market_id].take if isinstance(heard, HeardBook) else normaliser.take
            assert not any(isinstance(each, MarketStale) for each in take(heard, received=record.at, clock_offset_ns=0))
    assert kinds == {HeardBook, HeardQuote, HeardTrade, HeardBar}
    assert len(books) == 4
    assert {book.state for book in books.values()} == {BookState.LIVE}
    assert normaliser.quarantine.counts == {("NKNUSDT", Doubt.TOO_FINE): 1}  # an order from before the tick grew
    dropped = 0
    for market, book in books.items():
        held = {
            side: {Decimal(price): Decimal(size) for price, size in getattr(snapshots[market], side)}
            for side in ("bids", "asks")
        }
        for difference in differences[market]:
            if difference.last <= snapshots[market].last:
                dropped += 1
                continue
            for side in held:
                held[side] |= {Decimal(price): Decimal(size) for price, size in getattr(difference, side)}
        for side, levels in held.items():
            places = instruments[market].price_places, instruments[market].quantity_places
            stands = {
                price.scaleb(places[0]): size.scaleb(places[1])
                for price, size in levels.items()
                if size and not price % instruments[market].tick
            }
            assert dict(getattr(book, side)) == stands
    assert dropped == 5


def records_of_listings(records):
    return next(record.message["symbols"] for record in records if record.url.endswith("exchangeInfo"))


def instrument(listing) -> Instrument:
    """As its filters say."""
    filters = {each["filterType"]: each for each in listing["filters"]}
    return Instrument(
        venue="binance",
        symbol=f"{listing['baseAsset']}/{listing['quoteAsset']}",
        tick=Decimal(filters["PRICE_FILTER"]["tickSize"]),
        lot=Decimal(filters["LOT_SIZE"]["stepSize"]),
    )
