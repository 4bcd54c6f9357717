"""What the wire through ccxt promises: answers untouched, breaks told for what they are, frames exact and in order."""

from __future__ import annotations

import asyncio
import decimal
import json
import logging
import struct
from decimal import Decimal
from socket import SO_LINGER, SOL_SOCKET

import pytest
from aiohttp import web

from tests.connectors.wire_bench import Ear, venue, wire_to
from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.sending import send
from workbench.connectors.wire import ACCOUNT, Call, Link, Topic, WireBroken
from workbench.core.errors import ConfigError, Unsupported, VenueUnavailable

TRADES = Topic(kind="trades", market_id="BTCUSDT", symbol="BTC/USDT")
QUOTES = Topic(kind="quotes", market_id="BTCUSDT", symbol="BTC/USDT")
TIME = Call(endpoint="publicGetTime")
ORDER = Call(endpoint="privatePostOrder", params={"symbol": "BTCUSDT", "newClientOrderId": "one", "quantity": "0.1"})


def answering(status: int, body: str, headers: dict[str, str] | None = None):
    async def answer(_):
        return web.Response(status=status, text=body, headers=headers)

    return answer


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, '{"serverTime":1}'),
        (400, '{"code":-2010,"msg":"Duplicate order sent."}'),
        (401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'),
        (418, '{"code":-1003,"msg":"banned"}'),
        (429, '{"code":-1003,"msg":"Too much request weight used"}'),
        (403, "<html>WAF</html>"),
        (502, "<html>Bad Gateway</html>"),
        (503, '{"code":-1008,"msg":"overloaded"}'),
        (200, "<html>Welcome</html>"),
        (200, ""),
    ],
)
def test_an_answer_comes_back_as_it_is_whatever_ccxt_thinks_of_it(status, body):
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            server.answer = answering(status, body, {"X-MBX-USED-WEIGHT-1M": "17", "Retry-After": "3"})
            answer = await wire.call(ORDER)
            assert (answer.status, answer.body) == (status, body.encode())
            assert answer.headers["x-mbx-used-weight-1m"] == "17"
            assert answer.headers["retry-after"] == "3"
            assert 0 < answer.sent <= answer.received
            assert len(server.requests) == 1

    asyncio.run(run())


def test_an_order_is_signed_and_carries_our_id_alone():
    async def run():
        async with venue() as (server, address), wire_to(address, recv_window_ms=2_500) as wire:
            await wire.call(ORDER)
            request, body = server.requests[0], server.bodies[0]
            assert request.path == "/api/v3/order"
            assert request.headers["X-MBX-APIKEY"] == "the-key"
            sent = dict(part.split("=") for part in body.split("&"))
            assert len(sent.pop("signature")) == 64
            assert sent.pop("timestamp").isdigit()
            assert sent == {"symbol": "BTCUSDT", "newClientOrderId": "one", "quantity": "0.1", "recvWindow": "2500"}

    asyncio.run(run())


def test_requests_are_stamped_by_the_venues_clock():
    async def run():
        async with venue() as (server, address), wire_to(address, clock_offset=lambda: 3_600 * 10**9) as wire:
            answer = await wire.call(ORDER)
            stamp = int(dict(part.split("=") for part in server.bodies[0].split("&"))["timestamp"])
            assert abs(stamp - answer.sent // 10**6 - 3_600_000) < 2_000

    asyncio.run(run())


def test_answers_to_requests_at_the_same_time_are_never_mixed_up():
    async def echo(request):
        await asyncio.sleep(0.001 * (7 * int(request.query["limit"]) % 10))
        return web.json_response({"limit": request.query["limit"]}, headers={"X-Limit": request.query["limit"]})

    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            server.answer = echo
            calls = [Call(endpoint="publicGetDepth", params={"symbol": "A", "limit": n}) for n in range(40)]
            answers = await asyncio.gather(*map(wire.call, calls))
            assert [answer.headers["x-limit"] for answer in answers] == [str(n) for n in range(40)]
            assert [json.loads(answer.body)["limit"] for answer in answers] == [str(n) for n in range(40)]

    asyncio.run(run())


def test_a_refused_connection_certainly_sent_nothing():
    async def run():
        async with venue() as (_, address):
            pass
        async with wire_to(address) as wire:
            with pytest.raises(WireBroken) as broken:
                await wire.call(ORDER)
            assert broken.value.reached is False

    asyncio.run(run())


def test_a_host_that_is_not_allowed_is_never_reached():
    async def run():
        wire = CcxtWire("binance", hosts={})
        await wire.open()
        try:
            with pytest.raises(WireBroken, match="not among the hosts allowed") as broken:
                await wire.call(TIME)
            assert broken.value.reached is False
        finally:
            await wire.close()

    asyncio.run(run())


def test_a_host_name_is_led_to_a_port_of_this_machine():
    async def run():
        async with venue() as (server, address):
            _, _, port = address.partition(":")
            wire = CcxtWire(
                "binance", rest_url="http://local.test", stream_url="ws://local.test", hosts={"local.test": int(port)}
            )
            await wire.open()
            try:
                assert (await wire.call(TIME)).status == 200
                assert server.requests[0].host == "local.test"
            finally:
                await wire.close()

    asyncio.run(run())


async def _reset(request):
    transport = request.transport
    transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return web.Response()


async def _cut(request):
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"orderId":1')
    request.transport.close()
    return response


async def _silence(_):
    await asyncio.sleep(30)


@pytest.mark.parametrize("fault", [_reset, _cut, _silence])
def test_a_request_without_a_whole_answer_may_have_reached_the_venue_and_is_not_repeated(fault):
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            server.answer = fault
            with pytest.raises(WireBroken) as broken:
                await wire.call(Call(endpoint="privatePostOrder", params=ORDER.params, timeout_s=0.3))
            assert broken.value.reached is True
            assert len(server.requests) == 1

    asyncio.run(run())


def test_a_break_tells_neither_signature_nor_key():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            server.answer = _reset
            for endpoint in ("privateGetAccount", "privateDeleteOrder", "privatePostOrder"):
                with pytest.raises(WireBroken) as broken:
                    await wire.call(Call(endpoint=endpoint, params=ORDER.params))
                assert broken.value.__cause__ is None
                for secret in ("signature", "the-key", "the-secret", "timestamp"):
                    assert secret not in str(broken.value)

    asyncio.run(run())


def test_a_signed_address_is_not_told_whatever_the_break_says():
    async def fail():
        raise ConnectionError("GET https://api.binance.com/api/v3/account?timestamp=1&signature=abc was cut")

    async def run():
        with pytest.raises(WireBroken, match=r"/api/v3/account was cut$"):
            await send(fail, name="binance", timeout_s=1.0, now=lambda: 1)

    asyncio.run(run())


def test_ccxt_logs_no_request(caplog):
    async def run():
        async with venue() as (_, address), wire_to(address) as wire:
            await wire.call(ORDER)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert "the-key" not in caplog.text
    assert "signature" not in caplog.text


def test_a_call_without_keys_is_never_sent():
    async def run():
        async with venue() as (server, address), wire_to(address, credentials=None) as wire:
            with pytest.raises(WireBroken) as broken:
                await wire.call(ORDER)
            assert broken.value.reached is False
            assert server.requests == []

    asyncio.run(run())


def test_the_callers_decimal_context_stays_as_it_is():
    markets = {
        "BTC/USDT": {
            "id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "type": "spot",
            "precision": {"price": 0.01, "amount": 0.00001}, "limits": {}, "info": {"orderTypes": ["LIMIT"]},
        }
    }  # fmt: skip

    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            wire._exchange.set_markets(markets)
            before = decimal.getcontext().copy()
            call = Call(endpoint="unified:create_order", params={"args": ["BTC/USDT", "limit", "buy", "0.5", "2.5"]})
            await asyncio.create_task(wire.call(call))
            await wire.call(call)
            assert len(server.requests) == 2
            after = decimal.getcontext()
            assert (after.rounding, after.traps, after.prec) == (before.rounding, before.traps, before.prec)
            assert Decimal("2.5").quantize(Decimal(1)) == 2

    asyncio.run(run())


def test_a_unified_call_gives_ccxts_structure_and_its_error_names_the_venues_answer():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            server.answer = answering(200, '{"serverTime":1700000000123}')
            answer = await wire.call(Call(endpoint="unified:fetch_time", params={"args": []}))
            assert (answer.status, answer.body) == (200, b"1700000000123")
            server.answer = answering(400, '{"code":-1121,"msg":"Invalid symbol."}')
            answer = await wire.call(Call(endpoint="unified:fetch_time", params={"args": []}))
            assert (answer.status, answer.headers["x-ccxt-error"]) == (400, "BadSymbol")
            assert b"-1121" in answer.body

    asyncio.run(run())


def test_an_endpoint_or_exchange_that_ccxt_does_not_know_is_named():
    async def run():
        async with venue() as (_, address), wire_to(address) as wire:
            with pytest.raises(ConfigError, match="privatePostNonsense"):
                await wire.call(Call(endpoint="privatePostNonsense"))
        with pytest.raises(ConfigError, match="nonsense"):
            await CcxtWire("nonsense").open()
        with pytest.raises(VenueUnavailable, match="not open"):
            await CcxtWire("binance").call(TIME)
        with pytest.raises(ConfigError, match="stream_url"):
            CcxtWire("binance", rest_url="http://127.0.0.1:1")

    asyncio.run(run())


# --- streams -------------------------------------------------------------------------------------


def test_frames_come_exact_whole_and_in_order():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            await wire.subscribe(TRADES)
            await wire.subscribe(QUOTES)
            await wire.subscribe(TRADES)
            await ear.until(lambda _: server.told)
            for n in range(3_000):
                await server.sockets[0].send_str(f'{{"e":"trade","t":{n},"p":"1.10","x":0.12345678901234567890}}')
            await ear.until(lambda heard: len(heard.frames) == 3_000)
            assert [frame.message["t"] for frame in ear.frames] == list(range(3_000))
            assert ear.frames[0].message == {"e": "trade", "t": 0, "p": "1.10", "x": "0.12345678901234567890"}
            assert {frame.generation for frame in ear.frames} == {1}
            names = [name for message in server.told for name in message["params"]]
            assert names == ["btcusdt@trade", "btcusdt@bookTicker"]
            assert isinstance(ear.heard[0], Link)
            assert (ear.heard[0].up, ear.heard[0].private) == (True, False)

    asyncio.run(run())


def test_the_accounts_channel_is_up_only_once_it_is_signed_in():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            await wire.subscribe(ACCOUNT)
            await ear.until(lambda heard: heard.links)
            assert ear.links[0].private
            assert ear.links[0].up
            assert server.told[0]["method"] == "userDataStream.subscribe.signature"
            assert "the-secret" not in json.dumps(server.told[0])
            await server.sockets[0].send_json({"subscriptionId": 0, "event": {"e": "executionReport", "s": "X"}})
            await ear.until(lambda heard: heard.frames)
            assert ear.frames[0].message["event"]["e"] == "executionReport"

    asyncio.run(run())


def test_a_connection_that_breaks_is_made_anew_with_all_its_topics_and_a_new_generation():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            await wire.subscribe(TRADES)
            await wire.subscribe(QUOTES)
            await ear.until(lambda _: server.told and server.sockets)
            server.refuse_dials = 2
            server.told.clear()
            server.sockets[0]._req.transport.abort()
            await ear.until(lambda _: server.told)
            assert [link.up for link in ear.links] == [True, False, True]
            assert ear.links[-1].generation == 2
            assert server.told[0]["params"] == ["btcusdt@trade", "btcusdt@bookTicker"]
            await server.sockets[-1].send_json({"e": "trade"})
            await ear.until(lambda heard: heard.frames)
            assert ear.frames[0].generation == 2

    asyncio.run(run())


def test_the_account_is_signed_in_anew_after_every_break_and_after_a_refusal():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            server.refuse_logins = 1
            await wire.subscribe(ACCOUNT)
            await ear.until(lambda heard: heard.links)
            assert len(server.told) == 2
            await server.sockets[-1].close(code=1001)
            await ear.until(lambda heard: len(heard.links) == 3)
            assert [link.up for link in ear.links] == [True, False, True]
            assert len(server.told) == 3

    asyncio.run(run())


def test_a_channel_is_made_anew_on_demand():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            await wire.subscribe(TRADES)
            await ear.until(lambda heard: heard.links)
            await wire.reconnect(ear.links[0].channel, "it was silent")
            await wire.reconnect("no such channel", "nothing happens")
            await ear.until(lambda heard: len(heard.links) == 3)
            assert ear.links[1].reason == "it was silent"
            assert server.dials == 2

    asyncio.run(run())


def test_a_refused_topic_and_an_unreadable_message_are_told_as_breaks():
    async def run():
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            await wire.subscribe(Topic(kind="trades", market_id="WRONG"))
            await ear.until(lambda heard: len(heard.links) >= 2)
            assert "Invalid request" in ear.links[1].reason
        async with venue() as (server, address), wire_to(address) as wire:
            ear = Ear(wire)
            await wire.subscribe(TRADES)
            await ear.until(lambda _: server.told)
            await server.sockets[0].send_str('{"e":')
            await ear.until(lambda heard: len(heard.links) == 3)
            assert "unreadable" in ear.links[1].reason
            with pytest.raises(Unsupported, match="moods"):
                await wire.subscribe(Topic(kind="moods", market_id="BTCUSDT"))

    asyncio.run(run())


def test_a_reader_too_slow_makes_its_channel_start_over_instead_of_missing_frames_unknown():
    async def run():
        async with venue() as (server, address), wire_to(address, waiting=100) as wire:
            await wire.subscribe(TRADES)
            async with asyncio.timeout(8):
                while not server.told:
                    await asyncio.sleep(0.01)
            for n in range(150):
                await server.sockets[0].send_json({"e": "trade", "t": n})
            async with asyncio.timeout(8):
                while server.dials < 2:
                    await asyncio.sleep(0.01)
            ear = Ear(wire)
            await ear.until(lambda heard: len(heard.links) == 3)
            assert [frame.message["t"] for frame in ear.frames] == list(range(99))
            assert "wait to be read" in ear.links[1].reason

    asyncio.run(run())


def test_nothing_is_left_behind_and_no_failure_goes_unheeded(caplog):
    async def run():
        noise = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
        async with venue() as (server, address):
            async with wire_to(address) as wire:
                Ear(wire)
                server.refuse_logins, server.refuse_dials, server.cut_logins = 1, 1, 1
                await wire.subscribe(ACCOUNT)
                await wire.subscribe(TRADES)
                await asyncio.sleep(2.5)
                for socket in server.sockets:
                    socket._req.transport and socket._req.transport.abort()
                await asyncio.sleep(0.5)
            await wire.close()
        import gc

        gc.collect()
        await asyncio.sleep(0.05)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert noise == []
        assert left == []

    asyncio.run(run())
    assert "never retrieved" not in caplog.text
    assert "explicit call" not in caplog.text
