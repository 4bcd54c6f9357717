"""The real ccxt client orders on the local exchange: what it hears is what happened there."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import pytest

from tests.twin.clients import play, until
from tests.twin.crowd import rival
from workbench.twin.words import State

BTC = "BTC/USDT"


def of_main(twin):
    return {each.client_id: each for each in twin.truth().orders}


def agrees(seen, order):
    """A unified order and the exchange's own."""
    assert seen["id"] == str(order.order_id)
    assert (seen["clientOrderId"], seen["side"]) == (order.client_id, order.wanted.side.lower())
    assert Decimal(seen["amount"]) == order.quantity
    assert Decimal(seen["filled"]) == order.filled
    assert Decimal(seen["cost"]) == order.spent


def test_an_order_is_placed_found_and_cancelled_by_its_client_id():
    async def scene(twin, client):
        placed = await client.create_order(BTC, "limit", "buy", "0.01", "50000", {"clientOrderId": "mine-1"})
        agrees(placed, of_main(twin)["mine-1"])
        found = await client.fetch_order(None, BTC, {"clientOrderId": "mine-1"})
        agrees(found, of_main(twin)["mine-1"])
        assert [each["id"] for each in await client.fetch_open_orders(BTC)] == [placed["id"]]
        cancelled = await client.cancel_order(None, BTC, {"clientOrderId": "mine-1"})
        assert cancelled["info"]["origClientOrderId"] == "mine-1"
        assert of_main(twin)["mine-1"].state is State.CANCELED
        assert await client.fetch_open_orders(BTC) == []
        with pytest.raises(ccxt.OrderNotFound, match="Unknown order sent"):
            await client.cancel_order(None, BTC, {"clientOrderId": "mine-1"})
        with pytest.raises(ccxt.OrderNotFound, match="Order does not exist"):
            await client.fetch_order(None, BTC, {"clientOrderId": "never"})

    play(scene)


def test_every_fill_is_told_with_its_fee_and_adds_up_to_the_balance():
    async def scene(twin, client):
        before = {each.asset: each.total for each in twin.truth().balances}
        rival(twin, "SELL", "0.01", "60000")
        rival(twin, "SELL", "0.02", "60010")
        order = await client.create_order(BTC, "market", "buy", "0.015", None, {"clientOrderId": "two-fills"})
        assert (order["status"], order["cost"]) == ("closed", "900.05000000")
        own = await client.fetch_my_trades(BTC)
        assert [(each["price"], each["amount"]) for each in own] == [
            ("60000.00000000", "0.01000000"),
            ("60010.00000000", "0.00500000"),
        ]
        assert [each["id"] for each in own] == [str(each.print.trade_id) for each in twin.truth().trades]
        assert [each["fee"] for each in own] == [
            {"currency": "BTC", "cost": "0.00001000"},
            {"currency": "BTC", "cost": "0.00000500"},
        ]
        after = (await client.fetch_balance())["total"]
        assert Decimal(after["BTC"]) == before["BTC"] + Decimal("0.015") - Decimal("0.000015")
        assert Decimal(after["USDT"]) == before["USDT"] - Decimal("900.05")

    play(scene)


def test_a_market_order_can_say_what_to_spend():
    async def scene(twin, client):
        rival(twin, "SELL", "1", "60000")
        client.options["createOrder"]["quoteOrderQty"] = True
        order = await client.create_market_buy_order_with_cost(BTC, "600.3")
        truth = twin.truth().orders[0]
        agrees(order, truth)
        assert truth.filled == Decimal("0.01000")
        assert truth.wanted.quote_quantity == Decimal("600.3")

    play(scene)


def test_a_market_order_beyond_the_book_fills_what_there_is_and_expires():
    async def scene(twin, client):
        rival(twin, "SELL", "0.01", "60000")
        order = await client.create_order(BTC, "market", "buy", "0.05", None)
        assert (order["status"], order["filled"]) == ("expired", "0.01000000")

    play(scene)


def test_a_post_only_order_that_would_take_is_refused_and_nothing_changes():
    async def scene(twin, client):
        rival(twin, "SELL", "0.01", "60000")
        with pytest.raises(ccxt.OrderImmediatelyFillable, match="would immediately match and take"):
            await client.create_order(BTC, "limit", "buy", "0.01", "60000", {"postOnly": True})
        assert twin.truth().orders == ()
        resting = await client.create_order(BTC, "limit", "buy", "0.01", "59999.99", {"postOnly": True})
        assert resting["status"] == "open"

    play(scene)


def test_a_stop_limit_waits_until_the_market_gets_there():
    async def scene(twin, client):
        rival(twin, "BUY", "0.01", "60000")
        rival(twin, "SELL", "0.01")  # the last price
        with pytest.raises(ccxt.InvalidOrder, match="would trigger immediately"):
            await client.create_order(BTC, "limit", "sell", "0.01", "59000", {"stopPrice": "60000"})
        stop = await client.create_order(BTC, "limit", "sell", "0.01", "58000", {"stopPrice": "59000"})
        assert stop["type"] == "limit" or stop["info"]["type"] == "STOP_LOSS_LIMIT"
        assert (await client.fetch_order(stop["id"], BTC))["info"]["isWorking"] is False
        rival(twin, "BUY", "0.02", "59000")
        rival(twin, "SELL", "0.01")
        found = await client.fetch_order(stop["id"], BTC)
        assert (found["status"], found["average"]) == ("closed", "59000")
        agrees(found, twin.truth().orders[0])

    play(scene)


def test_an_open_client_id_is_refused_and_a_closed_one_can_be_used_again():
    async def scene(twin, client):
        first = await client.create_order(BTC, "limit", "buy", "0.01", "50000", {"clientOrderId": "again"})
        with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000", {"clientOrderId": "again"})
        await client.cancel_order(first["id"], BTC)
        second = await client.create_order(BTC, "limit", "buy", "0.01", "50000", {"clientOrderId": "again"})
        assert second["id"] != first["id"]
        assert (await client.fetch_order(None, BTC, {"clientOrderId": "again"}))["id"] == second["id"]
        assert len(twin.truth().orders) == 2

    play(scene)


def test_orders_of_one_account_do_not_trade_with_each_other():
    async def scene(twin, client):
        resting = await client.create_order(BTC, "limit", "sell", "0.01", "60000")
        how = {"selfTradePreventionMode": "EXPIRE_MAKER"}
        taking = await client.create_order(BTC, "limit", "buy", "0.01", "60000", how)
        assert (await client.fetch_order(resting["id"], BTC))["info"]["status"] == "EXPIRED_IN_MATCH"
        assert taking["status"] == "open"
        assert twin.truth().trades == ()

    play(scene)


@pytest.mark.parametrize(("force", "quantity", "status"), [("IOC", "0.02", "expired"), ("FOK", "0.02", "expired")])
def test_what_cannot_fill_at_once_expires_where_that_was_asked_for(force, quantity, status):
    async def scene(twin, client):
        rival(twin, "SELL", "0.01", "60000")
        order = await client.create_order(BTC, "limit", "buy", quantity, "60000", {"timeInForce": force})
        assert order["status"] == status
        assert Decimal(order["filled"]) == (Decimal("0.01") if force == "IOC" else 0)
        agrees(order, twin.truth().orders[0])

    play(scene)


@pytest.mark.parametrize(
    ("amount", "price", "error", "words"),
    [
        ("0.01", "60000.001", ccxt.InvalidOrder, "PRICE_FILTER"),
        ("0.000001", "60000", ccxt.InvalidOrder, "LOT_SIZE"),
        ("0.00001", "60000", ccxt.BadRequest, "NOTIONAL"),
        ("4", "60000", ccxt.InsufficientFunds, "insufficient balance"),
        ("0.123456789", "60000", ccxt.BadRequest, "too much precision"),
    ],
)
def test_what_a_filter_forbids_is_refused_with_its_name(amount, price, error, words):
    async def scene(twin, client):
        rival(twin, "BUY", "1", "60000")
        rival(twin, "SELL", "0.5")
        raw = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        with pytest.raises(error, match=words):
            await client.private_post_order({**raw, "quantity": amount, "price": price})
        assert twin.truth().orders == ()

    play(scene)


def test_cancelling_and_replacing_says_what_became_of_both():
    async def scene(twin, client):
        resting = await client.create_order(BTC, "limit", "buy", "0.01", "50000")
        new = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.02"}
        how = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": resting["id"], "price": "51000"}
        both = await client.private_post_order_cancelreplace({**new, **how})
        assert (both["cancelResult"], both["newOrderResult"]) == ("SUCCESS", "SUCCESS")
        assert [each.state for each in twin.truth().orders] == [State.CANCELED, State.NEW]
        with pytest.raises(ccxt.ExchangeError, match="-2022"):
            await client.private_post_order_cancelreplace({**new, **how})
        with pytest.raises(ccxt.ExchangeError, match="-2021"):
            await client.private_post_order_cancelreplace({**new, **how, "cancelReplaceMode": "ALLOW_FAILURE"})
        assert len(twin.truth().orders) == 3

    play(scene)


def test_everything_open_can_be_cancelled_at_once():
    async def scene(twin, client):
        for price in ("50000", "50001", "50002"):
            await client.create_order(BTC, "limit", "buy", "0.01", price)
        await client.cancel_all_orders(BTC)
        assert {each.state for each in twin.truth().orders} == {State.CANCELED}
        assert all(each.locked == 0 for each in twin.truth().balances)

    play(scene)


def test_orders_and_balances_are_heard_as_they_change():
    async def scene(twin, client):
        heard = asyncio.create_task(client.watch_orders(BTC))
        balance = asyncio.create_task(client.watch_balance())
        await until(lambda: twin_listens(client), "subscribed")
        placed = await client.create_order(BTC, "limit", "sell", "0.02", "60000", {"clientOrderId": "heard"})
        [first] = await heard
        assert (first["id"], first["status"], first["info"]["x"], first["info"]["w"]) == (
            placed["id"],
            "open",
            "NEW",
            True,
        )
        await balance
        more = asyncio.create_task(client.watch_orders(BTC))
        await asyncio.sleep(0.01)
        rival(twin, "BUY", "0.005", "60000")
        [partial] = await more
        assert (partial["filled"], partial["info"]["x"], partial["info"]["m"]) == ("0.00500000", "TRADE", True)
        assert partial["info"]["t"] == twin.truth().trades[0].print.trade_id
        last = asyncio.create_task(client.watch_orders(BTC))
        await asyncio.sleep(0.01)
        await client.cancel_order(placed["id"], BTC, {"newClientOrderId": "goodbye"})
        [gone] = await last
        assert (gone["info"]["c"], gone["info"]["C"], gone["status"]) == ("goodbye", "heard", "canceled")

    play(scene)


def twin_listens(client) -> bool:
    """Whether the account events are subscribed to."""
    return any("spot" in each.subscriptions and not each.futures.get("1") for each in client.clients.values())
