"""The server as a whole: it comes back as it was, ends what should end, and lets faults through at every door."""

from __future__ import annotations

import asyncio
import socket as plain
from decimal import Decimal

import ccxt
import pytest
from aiohttp import ClientSession, WSMsgType

from tests.twin.clients import play, until
from tests.twin.crowd import rival
from tests.twin.signed import LIMIT, ask, call, signed
from workbench.core.errors import ConfigError
from workbench.twin import sockets
from workbench.twin.actions import Action, Where
from workbench.twin.faults import Fault
from workbench.twin.limits import Limits
from workbench.twin.mischief import Mischief
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange
from workbench.twin.sockets import Timing
from workbench.twin.words import Trading

BTC = "BTC/USDT"


def test_it_comes_back_on_its_port_with_open_orders_and_the_client_goes_on(tmp_path):
    async def scene(twin, client):
        port, before = twin.port, twin.truth()
        for number in range(3):
            await client.create_order(BTC, "limit", "buy", "0.01", f"{50000 + number}", {"clientOrderId": f"o{number}"})
        watching = asyncio.create_task(client.watch_orders(BTC))
        await asyncio.sleep(0.1)
        before, digest = twin.truth(), twin.exchange.digest()
        await twin.restart()
        assert (twin.port, twin.truth(), twin.exchange.digest()) == (port, before, digest)
        with pytest.raises(ccxt.NetworkError):
            await watching
        assert len(await client.fetch_open_orders(BTC)) == 3
        watching = asyncio.create_task(client.watch_orders(BTC))
        await until(lambda: twin.listeners() == 1, "subscribed again")
        rival(twin, "SELL", "0.01", "50002")
        [filled] = await watching
        assert (filled["clientOrderId"], filled["filled"]) == ("o2", "0.01000000")

    play(scene, journal=tmp_path / "journal.jsonl")


def test_another_process_finds_what_the_journal_holds(tmp_path):
    async def scene():
        journal = tmp_path / "journal.jsonl"
        async with LocalExchange(journal=journal, world="synthetic") as twin, ClientSession() as session:
            await until(lambda: len(twin.exchange.prints(BTC)) > 3, "a market")
            status, _ = await call(twin, session, "POST", "/api/v3/order", **LIMIT)
            assert status == 200
        digest, truth = twin.exchange.digest(), twin.truth()
        async with LocalExchange(journal=journal, world="synthetic") as again:
            again.pause()
            assert (again.exchange.digest(), again.truth()) == (digest, truth)
            again.pause(False)
            prints = len(again.exchange.prints(BTC))
            await until(lambda: len(again.exchange.prints(BTC)) > prints, "the world goes on")

    asyncio.run(scene())


def test_without_a_journal_a_restart_only_cuts_the_connections():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            status, placed = await call(twin, session, "POST", "/api/v3/order", **LIMIT)
            assert status == 200
            await twin.restart(down_s=0.05)
            status, found = await call(
                twin, session, "GET", "/api/v3/order", symbol="BTCUSDT", orderId=str(placed["orderId"])
            )
            assert (status, found["status"]) == (200, "NEW")

    asyncio.run(scene())


def test_it_listens_on_this_computer_only():
    async def scene():
        async with LocalExchange() as twin:
            assert twin.rest_url == f"http://127.0.0.1:{twin.port}"
            others = {each[4][0] for each in plain.getaddrinfo(plain.gethostname(), None, plain.AF_INET)} - {
                "127.0.0.1"
            }
            for address in others:
                with pytest.raises(OSError, match="refused"), plain.create_connection((address, twin.port), timeout=1):
                    pass

    asyncio.run(scene())


@pytest.mark.parametrize(
    "how", [{"dialect": "morse"}, {"speed": 0}, {"world": "flat"}, {"world": "replay:"}, {"world": "replay:none.gz"}]
)
def test_what_makes_no_sense_is_said_before_anything_starts(how):
    with pytest.raises(ConfigError):
        LocalExchange(**how)


def test_one_key_cannot_belong_to_two_accounts():
    with pytest.raises(ConfigError, match="exists already"):
        LocalExchange(accounts=[Opening(), Opening(name="other")])


def test_a_client_that_answers_no_ping_is_cut_off_and_one_that_does_stays():
    async def scene():
        quick = Timing(ping_s=0.05, pong_s=0.15)
        async with LocalExchange(timing=quick, limits=Limits(messages=100)) as twin, ClientSession() as session:
            url = f"{twin.stream_url}/ws/btcusdt@trade"
            good, bad = await session.ws_connect(url), await session.ws_connect(url, autoping=False)
            reading = asyncio.create_task(good.receive())
            await until(lambda: twin.connections() == 1, "the silent one is gone")
            assert (await bad.receive()).type is WSMsgType.PING
            assert not reading.done()
            reading.cancel()

    asyncio.run(scene())


def test_connections_end_after_their_lifetime_with_a_goodbye():
    async def scene():
        async with LocalExchange(timing=Timing(lifetime_s=0.1)) as twin, ClientSession() as session:
            socket = await session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade")
            assert (await socket.receive(timeout=2)).type is WSMsgType.CLOSE
            assert socket.close_code == 1001

    asyncio.run(scene())


def test_a_client_that_talks_too_much_on_a_stream_is_disconnected():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            socket = await session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade")
            for number in range(6):
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            while not socket.closed:
                await socket.receive(timeout=2)
            assert socket.close_code == 1008

    asyncio.run(scene())


def test_too_many_connections_are_refused_with_the_time_to_wait():
    async def scene():
        async with LocalExchange(limits=Limits(connects=1)) as twin, ClientSession() as session:
            await session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade")
            for path in ("/ws/btcusdt@trade", "/ws-api/v3"):
                headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
                async with session.get(f"{twin.rest_url}{path}", headers=headers) as answer:
                    assert (answer.status, 1 <= int(answer.headers["Retry-After"]) <= 300) == (429, True)

    asyncio.run(scene())


def test_a_reader_that_is_too_slow_is_cut_off_and_the_others_are_not(monkeypatch):
    monkeypatch.setattr(sockets, "WAITING", 5)

    async def scene():
        async with LocalExchange(limits=Limits(messages=1_000)) as twin, ClientSession() as session:
            url = f"{twin.stream_url}/ws/btcusdt@trade"
            fast, slow = await session.ws_connect(url), await session.ws_connect(url)
            long = [f"{number}@{'x' * 900}" for number in range(1_000)]  # to list them takes most of a megabyte
            await slow.send_json({"method": "SUBSCRIBE", "params": long, "id": 1})
            await slow.receive_json(timeout=2)
            slow._conn.transport.pause_reading()
            for number in range(100):
                if twin.connections() == 2:
                    await slow.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
                    await asyncio.sleep(0.005)
            await until(lambda: twin.connections() == 1, "the slow one is cut off")
            rival(twin, "SELL", "0.01", "60000")
            rival(twin, "BUY", "0.01")
            assert (await fast.receive_json(timeout=2))["e"] == "trade"

    asyncio.run(scene())


def test_kicked_clients_lose_their_connection_and_can_come_back():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            one = await session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade")
            two = await session.ws_connect(f"{twin.stream_url}/ws-api/v3")
            assert twin.kick("/ws/*") == 1
            assert (await one.receive(timeout=2)).type in (WSMsgType.CLOSED, WSMsgType.ERROR)
            assert (await ask(two, "ping"))["status"] == 200
            assert await twin.part(text="maintenance") == 1
            assert (await two.receive(timeout=2)).extra == "maintenance"
            again = await session.ws_connect(f"{twin.stream_url}/ws-api/v3")
            assert (await ask(again, "ping"))["status"] == 200

    asyncio.run(scene())


def test_faults_reach_every_door():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            twin.faults.add(Fault(where=Where.REST, match="POST */order", action=Action.STATUS_AFTER, count=1))
            async with session.ws_connect(f"{twin.stream_url}/ws-api/v3") as socket:
                await ask(socket, "userDataStream.subscribe.signature", signed(twin))
                twin.faults.add(Fault(where=Where.USER, match="executionReport:NEW", action=Action.DROP, count=1))
                with pytest.raises(Exception, match="unexpected mimetype"):
                    await call(twin, session, "POST", "/api/v3/order", **LIMIT, newClientOrderId="lost")
                assert twin.truth().orders[0].client_id == "lost"  # done, although the answer said nothing of it
                assert (await socket.receive_json(timeout=2))["event"]["e"] == "outboundAccountPosition"
                twin.faults.add(
                    Fault(where=Where.WSAPI, match="time", action=Action.RATE_LIMIT, args={"retry_after_s": 3}, count=1)
                )
                assert (await ask(socket, "time"))["status"] == 429
            twin.faults.add(Fault(where=Where.STREAM, match="/ws/*", action=Action.REFUSE_HANDSHAKE, count=1))
            with pytest.raises(Exception, match="503"):
                await session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade")
            twin.faults.add(Fault(where=Where.STREAM, match="btcusdt@trade", action=Action.DROP, count=1))
            async with session.ws_connect(f"{twin.stream_url}/ws/btcusdt@trade") as socket:
                rival(twin, "SELL", "0.01", "60000")
                rival(twin, "BUY", "0.004")
                rival(twin, "BUY", "0.006")
                assert (await socket.receive_json(timeout=2))["q"] == "0.00600000"
            assert twin.faults.hits == 5

    asyncio.run(scene())


def test_queries_may_lag_behind_orders():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            twin.faults.add(Fault(where=Where.REST, action=Action.QUERY_LAG, args={"ms": 100}))
            await call(twin, session, "POST", "/api/v3/order", **LIMIT, newClientOrderId="young")
            asking = {"symbol": "BTCUSDT", "origClientOrderId": "young"}
            assert (await call(twin, session, "GET", "/api/v3/order", **asking))[1]["code"] == -2013
            assert await call(twin, session, "GET", "/api/v3/openOrders") == (200, [])
            await asyncio.sleep(0.12)
            assert (await call(twin, session, "GET", "/api/v3/order", **asking))[0] == 200
            assert len((await call(twin, session, "GET", "/api/v3/openOrders"))[1]) == 1

    asyncio.run(scene())


def test_a_halted_symbol_takes_cancels_only():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            _, placed = await call(twin, session, "POST", "/api/v3/order", **LIMIT)
            Mischief(twin).trading(symbol=BTC, allows=Trading.HALT)
            status, refused = await call(twin, session, "POST", "/api/v3/order", **LIMIT)
            assert (status, refused) == (400, {"code": -2010, "msg": "Market is closed."})
            _, info = await call(twin, session, "GET", "/api/v3/exchangeInfo", symbol="BTCUSDT")
            assert info["symbols"][0]["status"] == "HALT"
            status, _ = await call(
                twin, session, "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=str(placed["orderId"])
            )
            assert status == 200
            assert all(each.locked == Decimal(0) for each in twin.truth().balances)

    asyncio.run(scene())
