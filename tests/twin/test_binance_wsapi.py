"""The WebSocket API: the calls of REST as messages, and account events on the same connection."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession

from tests.twin.crowd import rival
from tests.twin.signed import LIMIT, ask, signed
from workbench.twin.server import LocalExchange
from workbench.twin.words import State


@asynccontextmanager
async def connected(**how):
    async with (
        LocalExchange(**how) as twin,
        ClientSession() as session,
        session.ws_connect(f"{twin.stream_url}/ws-api/v3") as socket,
    ):
        yield twin, socket


def test_an_order_lives_its_life_over_one_connection():
    async def scene():
        async with connected() as (twin, socket):
            placed = await ask(socket, "order.place", signed(twin, **LIMIT, newClientOrderId="by-ws"))
            assert (placed["status"], placed["result"]["status"], placed["result"]["fills"]) == (200, "NEW", [])
            kinds = [each["rateLimitType"] for each in placed["rateLimits"]]
            assert kinds == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
            found = await ask(socket, "order.status", signed(twin, symbol="BTCUSDT", origClientOrderId="by-ws"))
            assert found["result"]["orderId"] == placed["result"]["orderId"]
            assert len((await ask(socket, "openOrders.status", signed(twin)))["result"]) == 1
            gone = await ask(socket, "order.cancel", signed(twin, symbol="BTCUSDT", origClientOrderId="by-ws"))
            assert gone["result"]["status"] == "CANCELED"
            again = await ask(socket, "openOrders.cancelAll", signed(twin, symbol="BTCUSDT"))
            assert (again["status"], again["error"]["code"]) == (400, -2011)
            assert twin.truth().orders[0].state is State.CANCELED
            history = await ask(socket, "allOrders", signed(twin, symbol="BTCUSDT"))
            assert [each["status"] for each in history["result"]] == ["CANCELED"]

    asyncio.run(scene())


def test_every_public_and_private_question_is_answered():
    async def scene():
        async with connected() as (twin, socket):
            for method in ("ping", "time", "exchangeInfo", "ticker.price", "session.status"):
                assert (await ask(socket, method))["status"] == 200
            for method in ("account.status", "account.rateLimits.orders", "openOrders.status"):
                assert (await ask(socket, f"v3/{method}", signed(twin)))["status"] == 200
            for method in ("myTrades", "allOrders", "account.commission"):
                assert (await ask(socket, method, signed(twin, symbol="BTCUSDT")))["status"] == 200
            assert (await ask(socket, "order.test", signed(twin, **LIMIT)))["result"] == {}
            assert twin.truth().orders == ()
            quiet = await ask(socket, "ping", {"returnRateLimits": False})
            assert "rateLimits" not in quiet

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("no.such", {}, -5000),
        ("order.place", LIMIT, -2014),
        ("session.logon", None, -4056),
        ("userDataStream.subscribe", {}, -1002),
        ("userDataStream.unsubscribe", {"subscriptionId": 3}, -1130),
        ("depth", {"symbol": "NOSUCH"}, -1121),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(method, params, code):
    async def scene():
        async with connected() as (twin, socket):
            refused = await ask(socket, method, signed(twin) if params is None else params)
            assert (refused["status"] >= 400, refused["error"]["code"]) == (True, code)

    asyncio.run(scene())


def test_account_events_come_wrapped_with_every_field():
    async def scene():
        async with connected() as (twin, socket):
            first = await ask(socket, "userDataStream.subscribe.signature", signed(twin))
            assert first["result"] == {"subscriptionId": 0}
            rival(twin, "SELL", "0.004", "50000")
            placed = (await ask(socket, "order.place", signed(twin, **LIMIT)))["result"]
            # events and the answer may overtake each other: what was passed over is fetched from a second order
            assert placed["executedQty"] == "0.00400000"
            rival(twin, "SELL", "0.006", "50000")
            heard = [await socket.receive_json(timeout=3) for _ in range(2)]
            assert [each["subscriptionId"] for each in heard] == [0, 0]
            report, position = (each["event"] for each in heard)
            assert set("eEscSofqpPFgCxXrilzLnNTtIwmMOZYQWV") <= set(report)
            assert (report["x"], report["X"], report["z"], report["l"]) == (
                "TRADE",
                "FILLED",
                "0.01000000",
                "0.00600000",
            )
            assert (report["n"], report["N"], report["m"]) == ("0.00000600", "BTC", True)
            assert position["e"] == "outboundAccountPosition"
            held = {each.asset: (each.free, each.locked) for each in twin.truth().balances}
            assert {each["a"] for each in position["B"]} == {"BTC", "USDT"}
            assert all(f"{held[each['a']][0]:f}" == each["f"] for each in position["B"])

    asyncio.run(scene())


def test_a_subscription_that_ends_says_so_and_another_can_follow():
    async def scene():
        async with connected() as (twin, socket):
            await ask(socket, "userDataStream.subscribe.signature", signed(twin))
            assert twin.end_account_streams() == 1
            ended = await socket.receive_json(timeout=3)
            assert (ended["subscriptionId"], ended["event"]["e"]) == (0, "eventStreamTerminated")
            again = await ask(socket, "userDataStream.subscribe.signature", signed(twin))
            assert again["result"] == {"subscriptionId": 1}
            assert (await ask(socket, "session.status"))["result"]["userDataStream"] is True
            await ask(socket, "userDataStream.unsubscribe", {"subscriptionId": 1})
            assert (await ask(socket, "session.status"))["result"]["userDataStream"] is False
            twin.announce_shutdown()

    asyncio.run(scene())


def test_numbers_may_come_without_quotes_and_keep_their_digits():
    async def scene():
        async with connected() as (twin, socket):
            numbers = {**LIMIT, "quantity": 0.01, "price": 50000.01}
            placed = await ask(socket, "order.place", signed(twin, **numbers))
            assert (placed["result"]["price"], placed["result"]["origQty"]) == ("50000.01000000", "0.01000000")

    asyncio.run(scene())


def test_what_is_no_call_is_told_apart_from_one():
    async def scene():
        async with connected() as (_, socket):
            for text in ("{", "[]", '{"id": 1}'):
                await socket.send_str(text)
                assert (await socket.receive_json(timeout=3))["error"]["code"] == -1135

    asyncio.run(scene())
