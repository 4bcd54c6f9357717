"""Faults as the real client meets them: what it believes, and what the exchange knows."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import ccxt
import pytest

from tests.twin.clients import play, until
from workbench.twin.faults import Action, Fault, Where
from workbench.twin.mischief import Mischief
from workbench.twin.server import LocalExchange
from workbench.twin.words import State

SYMBOL = "BTC/USDT"


def arm(twin: LocalExchange, action: Action, match: str, where: Where = Where.REST, **args: Any) -> None:
    """A fault that is taken once."""
    twin.faults.add(Fault(where=where, action=action, match=match, args=args, count=1))


def place(client: Any, client_id: str, price: str = "10000") -> Any:
    return client.create_order(SYMBOL, "limit", "buy", "0.01", price, {"clientOrderId": client_id})


def states(twin: LocalExchange) -> dict[str, State]:
    return {each.client_id: each.state for each in twin.truth().orders}


LOST: list[tuple[Action, dict[str, Any], str, bool]] = [
    (Action.DROP_BEFORE, {}, "ExchangeNotAvailable", False),
    (Action.DROP_AFTER, {}, "ExchangeNotAvailable", True),
    (Action.RESET_MID_BODY, {}, "ExchangeError", True),
    (Action.TRUNCATED_BODY, {}, "ExchangeError", True),
    (Action.STATUS_AFTER, {"status": 502}, "ExchangeNotAvailable", True),
    (Action.STATUS_AFTER, {"status": 400, "code": -1006}, "OperationFailed", True),
    (Action.STATUS_BEFORE, {"status": 400, "code": -1001}, "OperationFailed", False),
    (Action.RATE_LIMIT, {}, "DDoSProtection", False),
    (Action.BAN, {}, "DDoSProtection", False),
]


def test_what_the_client_is_told_does_not_say_whether_the_order_is_live():
    async def scene(twin: LocalExchange, client: Any) -> None:
        for number, (action, args, error, live) in enumerate(LOST):
            arm(twin, action, "POST /api/v3/order", **args)
            with pytest.raises(getattr(ccxt, error)):
                await place(client, f"lost-{number}")
            assert (f"lost-{number}" in states(twin)) is live, action
        assert twin.faults.hits == len(LOST)

    play(scene)


def test_a_web_page_with_status_200_looks_like_success_without_an_id():
    async def scene(twin: LocalExchange, client: Any) -> None:
        arm(twin, Action.HTML_200, "POST /api/v3/order")
        assert (await place(client, "page"))["id"] is None
        assert states(twin) == {"page": State.NEW}

    play(scene)


def test_a_late_order_is_not_found_and_then_live():
    async def scene(twin: LocalExchange, client: Any) -> None:
        arm(twin, Action.LATE_ACCEPT, "POST /api/v3/order", ms=300)
        with pytest.raises(ccxt.RequestTimeout):
            await place(client, "late")
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, SYMBOL, {"clientOrderId": "late"})
        await until(lambda: "late" in states(twin), "the late order")
        assert (await client.fetch_order(None, SYMBOL, {"clientOrderId": "late"}))["status"] == "open"

    play(scene)


def test_a_lagging_query_does_not_see_an_order_that_is_live():
    async def scene(twin: LocalExchange, client: Any) -> None:
        twin.faults.add(Fault(where=Where.REST, action=Action.QUERY_LAG, args={"ms": 400}))
        await place(client, "young")
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, SYMBOL, {"clientOrderId": "young"})
        assert await client.fetch_open_orders(SYMBOL) == []
        assert states(twin) == {"young": State.NEW}
        await asyncio.sleep(0.45)
        assert len(await client.fetch_open_orders(SYMBOL)) == 1

    play(scene)


def test_a_fill_races_a_cancel_either_way():
    async def scene(twin: LocalExchange, client: Any) -> None:
        for client_id in ("beaten", "canceled"):
            await place(client, client_id)
        arm(twin, Action.FILL_FIRST, "DELETE /api/v3/order", client_id="beaten")
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(None, SYMBOL, {"clientOrderId": "beaten"})
        arm(twin, Action.CANCEL_FIRST, "DELETE /api/v3/order", client_id="canceled", quantity="0.004")
        await client.cancel_order(None, SYMBOL, {"clientOrderId": "canceled"})
        assert states(twin) == {"beaten": State.FILLED, "canceled": State.CANCELED}
        traded = [str(each.print.quantity.normalize()) for each in twin.truth().trades]
        assert traded == ["0.01", "0.004"]

    play(scene)


def test_a_lost_event_of_the_account_is_in_the_truth_alone():
    async def scene(twin: LocalExchange, client: Any) -> None:
        heard: list[tuple[str, str]] = []

        async def listen() -> None:
            while True:
                for each in await client.watch_orders():
                    heard.append((each["clientOrderId"], each["status"]))

        listening = asyncio.create_task(listen())
        try:
            await asyncio.sleep(0.3)  # the subscription has no event of its own that a client could wait for
            arm(twin, Action.DROP, "executionReport:TRADE", Where.USER)
            await place(client, "mine")
            await until(lambda: ("mine", "open") in heard, "the new order")
            Mischief(twin).fill(symbol=SYMBOL, quantity=twin.truth().orders[0].quantity, client_id="mine")
            await until(lambda: twin.faults.hits == 1, "the lost report")
            await asyncio.sleep(0.1)
            assert ("mine", "closed") not in heard
            assert states(twin) == {"mine": State.FILLED}
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    play(scene)


async def watch_for_ever(client: Any) -> None:
    async with asyncio.timeout(10):
        while True:
            await client.watch_order_book(SYMBOL)


def test_a_gap_in_the_book_makes_the_client_ask_again():
    async def scene(twin: LocalExchange, client: Any) -> None:
        await client.watch_order_book(SYMBOL)
        arm(twin, Action.GAP, "btcusdt@depth*", Where.STREAM)
        with pytest.raises(ccxt.ChecksumError):
            await watch_for_ever(client)
        assert [each.action for each in twin.faults.log] == [Action.GAP]

    play(scene, world="synthetic", seed=1)


def test_a_revoked_key_and_a_skewed_clock_are_told_in_the_venues_own_codes():
    async def scene(twin: LocalExchange, client: Any) -> None:
        mischief = Mischief(twin)
        mischief.skew(ms=-60_000)
        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            await client.fetch_balance()
        mischief.skew(ms=0)
        await client.fetch_balance()
        mischief.revoke(key="twin-key")
        with pytest.raises(ccxt.BaseError, match="-2015"):
            await client.fetch_balance()

    play(scene)


def test_a_server_that_restarts_while_it_refuses_connections_lets_them_in_again() -> None:
    async def work() -> None:
        async with LocalExchange() as twin, aiohttp.ClientSession() as session:
            arm(twin, Action.REFUSE_CONNECTIONS, "GET /api/v3/ping", ms=60_000)
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"{twin.rest_url}/api/v3/ping")
            await twin.restart()
            async with session.get(f"{twin.rest_url}/api/v3/ping") as answer:
                assert answer.status == 200

    asyncio.run(work())
