"""The real ccxt client watches the local exchange's markets: what it sees is what is there."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
from aiohttp import ClientSession

from tests.twin.clients import play, until
from tests.twin.crowd import rival
from workbench.twin.server import LocalExchange
from workbench.twin.sockets import Timing

BTC = "BTC/USDT"
QUICK = Timing(fast_s=0.01, slow_s=0.02, world_s=0.005)


def as_floats(levels):
    return [[float(price), float(quantity)] for price, quantity in levels]


def test_snapshot_and_diffs_build_the_very_book_of_the_exchange():
    async def scene(twin, client):
        await asyncio.sleep(0.05)
        for _ in range(20):
            await client.watch_order_book(BTC)
        twin.pause()
        await until(lambda: client.orderbooks[BTC]["nonce"] == twin.exchange.book(BTC).update_id, "all diffs heard")
        seen, book = client.orderbooks[BTC], twin.exchange.book(BTC)
        assert [list(each[:2]) for each in seen["bids"]] == as_floats(book.bids)
        assert [list(each[:2]) for each in seen["asks"]] == as_floats(book.asks)
        assert book.update_id > 100

    play(scene, world="synthetic", timing=QUICK)


def test_every_trade_is_heard_once_and_in_order():
    async def scene(twin, client):
        rival(twin, "SELL", "1", "60000")
        heard = asyncio.create_task(client.watch_trades(BTC))
        await until(lambda: any(each.subscriptions for each in client.clients.values()), "subscribed")
        await asyncio.sleep(0.05)
        for lots in range(1, 11):
            rival(twin, "BUY", f"0.0{lots:02d}")
        await heard
        await until(lambda: len(client.trades[BTC]) == 10, "ten trades")
        prints = twin.exchange.prints(BTC)
        assert [each["id"] for each in client.trades[BTC]] == [str(each.trade_id) for each in prints]
        assert [Decimal(each["amount"]) for each in client.trades[BTC]] == [each.quantity for each in prints]
        assert {each["side"] for each in client.trades[BTC]} == {"buy"}

    play(scene)


def test_rest_tells_the_same_market_as_the_exchange():
    async def scene(twin, client):
        await until(lambda: len(twin.exchange.prints(BTC)) > 20, "a market")
        twin.pause()
        book = await client.public_get_depth({"symbol": "BTCUSDT", "limit": 5})
        there = twin.exchange.book(BTC, 5)
        assert book["lastUpdateId"] == there.update_id
        assert [tuple(map(Decimal, each)) for each in book["bids"]] == list(there.bids)
        prints = twin.exchange.prints(BTC)
        trades = await client.public_get_trades({"symbol": "BTCUSDT", "limit": 1000})
        assert [(each["id"], Decimal(each["qty"])) for each in trades] == [(e.trade_id, e.quantity) for e in prints]
        aggregates = await client.public_get_aggtrades({"symbol": "BTCUSDT", "limit": 1000})
        assert sum(Decimal(each["q"]) for each in aggregates) == sum(each.quantity for each in prints)
        assert [each["f"] for each in aggregates[1:]] == [each["l"] + 1 for each in aggregates[:-1]]
        [*_, minute] = await client.public_get_klines({"symbol": "BTCUSDT", "interval": "1M"})
        assert Decimal(minute[5]) == sum(each.quantity for each in prints)
        assert minute[8] == len(prints)
        assert Decimal(minute[1]) == prints[0].price
        assert Decimal(minute[4]) == prints[-1].price
        assert Decimal(minute[2]) == max(each.price for each in prints)
        ticker = await client.public_get_ticker_24hr({"symbol": "BTCUSDT"})
        assert (ticker["firstId"], ticker["lastId"], ticker["count"]) == (1, prints[-1].trade_id, len(prints))
        assert len(await client.public_get_ticker_price()) == 3
        assert (await client.public_get_ticker_bookticker({"symbol": "BTCUSDT"}))["bidPrice"] == book["bids"][0][0]
        average = await client.public_get_avgprice({"symbol": "BTCUSDT"})
        assert Decimal(average["price"]).quantize(Decimal("0.01")) == twin.exchange.average_price(
            BTC, twin.clock.now()
        ).quantize(Decimal("0.01"))

    play(scene, world="synthetic", timing=QUICK)


def test_every_stream_says_what_it_is_about():
    names = [
        "btcusdt@trade",
        "btcusdt@aggTrade",
        "btcusdt@bookTicker",
        "btcusdt@depth",
        "btcusdt@depth@100ms",
        "btcusdt@depth5",
        "btcusdt@depth20@100ms",
        "btcusdt@ticker",
        "btcusdt@miniTicker",
        "btcusdt@kline_1s",
        "btcusdt@kline_1m",
        "btcusdt@avgPrice",
        "!ticker@arr",
        "!miniTicker@arr",
    ]

    async def scene():
        async with LocalExchange(world="synthetic", timing=QUICK) as twin, ClientSession() as session:
            heard: dict[str, dict] = {}
            async with session.ws_connect(f"{twin.stream_url}/stream?streams={'/'.join(names)}") as socket:
                while len(heard) < len(names):
                    said = await socket.receive_json(timeout=5)
                    heard.setdefault(said["stream"], said["data"])
            events = {name: said["e"] for name, said in heard.items() if isinstance(said, dict) and "e" in said}
            assert events == {
                "btcusdt@trade": "trade",
                "btcusdt@aggTrade": "aggTrade",
                "btcusdt@depth": "depthUpdate",
                "btcusdt@depth@100ms": "depthUpdate",
                "btcusdt@ticker": "24hrTicker",
                "btcusdt@miniTicker": "24hrMiniTicker",
                "btcusdt@kline_1s": "kline",
                "btcusdt@kline_1m": "kline",
                "btcusdt@avgPrice": "avgPrice",
            }
            assert set(heard["btcusdt@bookTicker"]) == {"u", "s", "b", "B", "a", "A"}
            assert len(heard["btcusdt@depth5"]["bids"]) == 5

    asyncio.run(scene())


def test_quotes_and_diffs_agree_at_every_common_update():
    async def scene():
        async with LocalExchange(world="synthetic", timing=QUICK) as twin, ClientSession() as session:
            book: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}
            quotes: dict[int, tuple[Decimal, Decimal]] = {}
            last = compared = 0
            url = f"{twin.stream_url}/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
            async with session.ws_connect(url) as socket:
                while compared < 20:
                    said = (await socket.receive_json(timeout=5))["data"]
                    if "e" not in said:
                        quotes[said["u"]] = (Decimal(said["b"]), Decimal(said["a"]))
                        continue
                    assert said["U"] == last + 1 or last == 0
                    last = said["u"]
                    for side, levels in book.items():
                        levels.update((Decimal(price), Decimal(amount)) for price, amount in said[side])
                    best = [{p for p, q in book[side].items() if q} for side in "ba"]
                    if last in quotes and all(best):
                        assert quotes[last] == (max(best[0]), min(best[1]))
                        compared += 1

    asyncio.run(scene())


def test_a_raw_connection_subscribes_lists_and_unsubscribes():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            async with session.ws_connect(f"{twin.stream_url}/stream.spot/ws/7") as socket:

                async def ask(**call):
                    await socket.send_json(call)
                    return await socket.receive_json(timeout=2)

                both = ["btcusdt@trade", "ethusdt@trade"]
                assert await ask(method="SUBSCRIBE", params=both, id=1) == {"result": None, "id": 1}
                assert await ask(method="LIST_SUBSCRIPTIONS", id=2) == {"result": both, "id": 2}
                assert await ask(method="UNSUBSCRIBE", params=both[1:], id=3) == {"result": None, "id": 3}
                rival(twin, "SELL", "0.01", "60000")
                rival(twin, "BUY", "0.01")
                assert (await socket.receive_json(timeout=2))["e"] == "trade"
                assert (await ask(method="SHOUT", id=4))["error"]["code"] == 2
            async with session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade") as socket:
                await socket.send_str("{")
                assert (await socket.receive_json(timeout=2))["error"]["code"] == 3
                await socket.send_json({"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})
                assert await socket.receive_json(timeout=2) == {"result": None, "id": 5}
                rival(twin, "SELL", "0.01", "60000")
                rival(twin, "BUY", "0.01")
                assert (await socket.receive_json(timeout=2))["stream"] == "btcusdt@trade"

    asyncio.run(scene())


def test_a_candle_closes_with_its_last_word_before_the_next_opens():
    async def scene():
        async with LocalExchange(timing=QUICK) as twin, ClientSession() as session:
            rival(twin, "SELL", "1", "60000")
            rival(twin, "BUY", "0.01")
            async with session.ws_connect(f"{twin.stream_url}/ws/btcusdt@kline_1s") as socket:
                heard = []
                while len({each["t"] for each in heard}) < 3:
                    heard.append(msgspec.json.decode(await socket.receive_str(timeout=3))["k"])
            closed = [each["t"] for each in heard if each["x"]]
            assert len(closed) == len(set(closed)) == 2
            openings = sorted({each["t"] for each in heard})
            assert closed == openings[:2]

    asyncio.run(scene())
