"""The real ccxt client watches the local exchange's markets in OKX's words: what it sees is what is there."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from aiohttp import ClientSession

from tests.twin.clients import until
from tests.twin.crowd import rival
from tests.twin.okx import BTC, SWAP, ask, call, connected, heard, play
from workbench.connectors.dialects import okx_market
from workbench.core.clock import HOUR
from workbench.twin.exchange import Exchange
from workbench.twin.funding import RATE
from workbench.twin.mischief import Mischief
from workbench.twin.opening import OKX_LISTINGS
from workbench.twin.server import LocalExchange
from workbench.twin.sockets import Timing
from workbench.twin.words import OrderKind, Trading, Wanted
from workbench.twin.world import SyntheticWorld

QUICK = Timing(fast_s=0.01, slow_s=0.02, world_s=0.005)


def subscription(channel, **more):
    return {"op": "subscribe", "args": [{"channel": channel, **more}]}


def as_floats(levels):
    return [[float(price), float(quantity)] for price, quantity in levels]


def test_what_is_listed_is_what_the_exchange_lists():
    async def scene(twin, client):
        assert list(client.markets) == list(twin.exchange.listings)
        for symbol, listing in twin.exchange.listings.items():
            market = client.markets[symbol]
            assert Decimal(market["precision"]["price"]) == listing.tick
            assert Decimal(market["precision"]["amount"]) == listing.lot
            assert Decimal(market["limits"]["amount"]["min"]) == listing.min_quantity
        swap = client.markets[SWAP]
        assert (swap["id"], swap["linear"], swap["contractSize"]) == ("BTC-USDT-SWAP", True, "0.01")

    play(scene)


def test_snapshot_and_updates_build_the_very_book_of_the_exchange():
    async def scene(twin, client):
        for symbol in (BTC, SWAP):
            for _ in range(10):
                await client.watch_order_book(symbol)
        twin.pause()
        books = {symbol: twin.exchange.book(symbol) for symbol in (BTC, SWAP)}
        await until(
            lambda: all(client.orderbooks[each]["nonce"] == book.update_id for each, book in books.items()),
            "all updates heard",
        )
        for symbol, book in books.items():
            assert [list(each[:2]) for each in client.orderbooks[symbol]["bids"]] == as_floats(book.bids)
            assert [list(each[:2]) for each in client.orderbooks[symbol]["asks"]] == as_floats(book.asks)

    play(scene, world="synthetic", timing=QUICK)


def test_updates_follow_each_other_also_where_somebody_comes_in_between():
    async def scene():
        async with (
            LocalExchange(dialect="okx", timing=Timing(fast_s=0.3)) as twin,
            connected(twin, "public") as first,
            connected(twin, "public") as second,
        ):
            told: dict[Any, list[tuple[str, int, int]]] = {first: [], second: []}

            async def next_of(socket):
                message = await heard(socket, "books")
                [row] = message["data"]
                assert row["checksum"] == 0
                told[socket].append((message["action"], row["prevSeqId"], row["seqId"]))

            await ask(first, subscription("books", instId="BTC-USDT"))
            await next_of(first)
            for price in ("60000", "60001", "60002"):
                rival(twin, "SELL", "1", price)
            await ask(second, subscription("books", instId="BTC-USDT"))  # while three changes wait to be told
            await next_of(second)
            await next_of(first)
            rival(twin, "SELL", "1", "60003")
            await next_of(second)
            await next_of(first)
            assert told[first] == [("snapshot", -1, 0), ("update", 0, 3), ("update", 3, 4)]
            assert told[second] == [("snapshot", -1, 3), ("update", 3, 4)]

    asyncio.run(scene())


def test_every_trade_is_heard_once_and_in_order():
    async def scene(twin, client):
        rival(twin, "SELL", "1", "60000")
        watching = asyncio.create_task(client.watch_trades(BTC))
        await until(lambda: any(each.subscriptions for each in client.clients.values()), "subscribed")
        await asyncio.sleep(0.1)
        for lots in range(1, 11):
            rival(twin, "BUY", f"0.0{lots:02d}")
        await watching
        await until(lambda: len(client.trades[BTC]) == 10, "ten trades")
        prints = twin.exchange.prints(BTC)
        assert [each["id"] for each in client.trades[BTC]] == [str(each.trade_id) for each in prints]
        assert [Decimal(each["amount"]) for each in client.trades[BTC]] == [each.quantity for each in prints]
        assert {each["side"] for each in client.trades[BTC]} == {"buy"}

    play(scene)


def test_rest_tells_the_same_market_as_the_exchange():
    async def scene(twin, client):
        await until(lambda: len(twin.exchange.prints(SWAP)) > 20, "a market")
        twin.pause()
        for symbol in (BTC, SWAP):
            prints, book = twin.exchange.prints(symbol), twin.exchange.book(symbol, 5)
            seen = await client.fetch_order_book(symbol, 5)
            assert [list(each[:2]) for each in seen["bids"]] == as_floats(book.bids)
            asked = {"instId": client.market_id(symbol), "limit": 500}
            trades = (await client.public_get_market_trades(asked))["data"]
            newest = prints[: -len(trades) - 1 : -1]
            assert [(e["tradeId"], Decimal(e["px"])) for e in trades] == [(str(e.trade_id), e.price) for e in newest]
            candles = await client.fetch_ohlcv(symbol, "1h")
            size = Decimal(1) if symbol == BTC else twin.exchange.listings[symbol].contract_size
            assert sum(Decimal(each[5]) for each in candles) == sum(each.quantity for each in prints) * size
            assert Decimal(candles[-1][4]) == prints[-1].price
            ticker = await client.fetch_ticker(symbol)
            assert Decimal(ticker["last"]) == prints[-1].price
            assert Decimal(ticker["bid"]) == book.bids[0][0]
        mark = await client.public_get_public_mark_price({"instType": "SWAP"})
        assert Decimal(mark["data"][0]["markPx"]) == twin.exchange.mark_price(SWAP)
        rate = await client.fetch_funding_rate(SWAP)
        assert (Decimal(rate["fundingRate"]), rate["fundingTimestamp"] % (8 * 3_600_000)) == (RATE, 0)
        turnover = sum(each.price * each.quantity for each in twin.exchange.prints(SWAP)) * Decimal("0.01")
        [row] = (await client.public_get_market_candles({"instId": "BTC-USDT-SWAP", "bar": "1Dutc"}))["data"]
        assert Decimal(row[7]) == turnover

    play(scene, world="synthetic", timing=QUICK)


def test_every_channel_says_what_it_is_about_in_words_that_are_understood():
    rooms = {
        "public": ["trades", "books", "books5", "bbo-tbt", "tickers", "mark-price", "funding-rate"],
        "business": ["candle1s", "candle1m", "candle1Dutc"],
    }

    async def scene():
        async with LocalExchange(dialect="okx", world="synthetic", timing=QUICK) as twin:
            for room, channels in rooms.items():
                async with connected(twin, room) as socket:
                    for channel in channels:
                        said = await ask(socket, subscription(channel, instId="BTC-USDT-SWAP"))
                        assert (said["event"], said["arg"]["channel"]) == ("subscribe", channel)
                    missing = set(channels)
                    while missing:
                        message = await socket.receive_json(timeout=5)
                        list(okx_market.hear(message))  # raises for what it does not know
                        missing.discard(message["arg"]["channel"])
                    said = await ask(socket, {**subscription(channels[0], instId="BTC-USDT-SWAP"), "op": "unsubscribe"})
                    assert said["event"] == "unsubscribe"

    asyncio.run(scene())


def test_a_candle_closes_with_its_last_word_before_the_next_opens():
    async def scene():
        async with LocalExchange(dialect="okx", timing=QUICK) as twin, connected(twin, "business") as socket:
            rival(twin, "SELL", "1", "60000")
            rival(twin, "BUY", "0.01")
            await ask(socket, subscription("candle1s", instId="BTC-USDT"))
            rows = []
            while len({each[0] for each in rows}) < 3:
                rows += (await heard(socket, "candle1s"))["data"]
            openings = sorted({each[0] for each in rows})
            assert [each[0] for each in rows if each[-1] == "1"] == openings[:2]

    asyncio.run(scene())


def test_the_world_settles_funding_when_its_time_has_come_and_not_before():
    exchange = Exchange(OKX_LISTINGS)
    world = SyntheticWorld(exchange, symbols=[SWAP], seed=1, price=Decimal(60_000))
    exchange.open_account("main", {"USDT": Decimal(10_000)}, now=HOUR)
    world.step(HOUR)
    bought = Wanted(symbol=SWAP, side="BUY", kind=OrderKind.MARKET, quantity=Decimal("0.01"))
    exchange.place("main", bought, HOUR)
    for hours in (2, 7, 8, 9, 15, 16):
        world.step(hours * HOUR)
    paid = exchange.funding_of("main")
    assert [(each.at, each.rate) for each in paid] == [(8 * HOUR, RATE), (16 * HOUR, RATE)]
    assert all(each.amount < 0 for each in paid)


def test_a_halted_instrument_is_listed_as_suspended_and_takes_no_orders():
    async def scene():
        async with LocalExchange(dialect="okx") as twin, ClientSession() as session:
            Mischief(twin).trading(symbol=BTC, allows=Trading.HALT)
            _, listed = await call(twin, session, "GET", "public/instruments?instType=SPOT&instId=BTC-USDT")
            assert listed["data"][0]["state"] == "suspend"
            order = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "1", "px": "1"}
            _, answer = await call(twin, session, "POST", "trade/order", order)
            assert answer["data"][0]["sCode"] == "51022"

    asyncio.run(scene())
