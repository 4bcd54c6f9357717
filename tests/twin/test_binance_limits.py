"""Rate limits as clients meet them: headers on every answer, Retry-After, and bans for who goes on."""

from __future__ import annotations

import ccxt
import pytest

from tests.twin.clients import play
from tests.twin.crowd import rival
from workbench.core.clock import MINUTE, SECOND
from workbench.twin.limits import Limits, OrderRule

BTC = "BTC/USDT"


class StillClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 1_700_000_000 * SECOND

    def now(self):
        return self.at


def headers(client):
    return {name.lower(): value for name, value in client.last_response_headers.items()}


def test_every_answer_says_how_much_is_used():
    async def scene(twin, client):
        before = int(headers(client)["x-mbx-used-weight-1m"])
        await client.fetch_ticker(BTC)
        assert int(headers(client)["x-mbx-used-weight-1m"]) == before + 2
        await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        assert int(headers(client)["x-mbx-used-weight-1m"]) == before + 2  # an order that succeeds weighs nothing
        assert headers(client)["x-mbx-order-count-10s"] == "1"
        assert headers(client)["x-mbx-order-count-1d"] == "1"

    play(scene)


def test_too_much_weight_is_refused_with_the_time_to_wait_and_then_banned():
    clock = StillClock()

    async def scene(twin, client):
        client.options["timeDifference"] = client.milliseconds() - clock.at // 1_000_000
        for _ in range(4):
            await client.fetch_balance()
        with pytest.raises(ccxt.DDoSProtection, match="request weight used"):
            await client.fetch_balance()
        assert int(headers(client)["retry-after"]) == 60 - clock.at // SECOND % 60
        for _ in range(4):
            with pytest.raises(ccxt.DDoSProtection, match="request weight used"):
                await client.fetch_balance()
        with pytest.raises(ccxt.DDoSProtection, match="IP banned until"):
            await client.fetch_balance()
        clock.at += MINUTE
        with pytest.raises(ccxt.DDoSProtection, match="IP banned until"):
            await client.fetch_balance()
        assert headers(client)["retry-after"] == "60"
        clock.at += MINUTE
        client.options["timeDifference"] = client.milliseconds() - clock.at // 1_000_000
        await client.fetch_balance()

    play(scene, limits=Limits(weight=100, patience=5), clock=clock)


def test_unfilled_orders_are_limited_and_fills_make_room():
    async def scene(twin, client):
        for number in range(3):
            await client.create_order(BTC, "limit", "buy", "0.01", f"{50000 + number}")
        with pytest.raises(ccxt.DDoSProtection, match=r"-1015.*3 orders per 10 SECOND"):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        assert 1 <= int(headers(client)["retry-after"]) <= 10
        assert len(twin.truth().orders) == 3
        rival(twin, "SELL", "0.01", "50000")  # trades with the best of them
        told = await client.private_get_ratelimit_order()
        assert [each["count"] for each in told] == [0]
        await client.create_order(BTC, "limit", "buy", "0.01", "50000")

    play(scene, limits=Limits(orders=(OrderRule(3, 10),)), clock=None)


def test_a_refused_order_does_not_count():
    async def scene(twin, client):
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order(BTC, "limit", "buy", "100", "50000")
        assert [each["count"] for each in await client.private_get_ratelimit_order()] == [0, 0]

    play(scene)
