"""The real ccxt client orders on the local exchange in OKX's words: what it hears is what happened there."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import pytest
from aiohttp import ClientSession

from tests.twin.clients import until
from tests.twin.crowd import rival
from tests.twin.okx import BTC, LIMIT, SWAP, call, play
from workbench.twin.faults import Action, Fault, Where
from workbench.twin.mischief import Mischief
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange
from workbench.twin.words import State


def of_main(twin):
    return {each.client_id: each for each in twin.truth().orders}


def agrees(seen, order):
    """A unified order and the exchange's own."""
    assert (seen["id"], seen["clientOrderId"]) == (str(order.order_id), order.client_id)
    assert seen["side"] == order.wanted.side.lower()
    assert Decimal(seen["amount"]) == order.quantity
    assert Decimal(seen["filled"]) == order.filled


def test_an_order_is_placed_found_amended_and_cancelled_by_its_client_id():
    async def scene(twin, client):
        mine = {"clientOrderId": "mine1"}
        placed = await client.create_order(BTC, "limit", "buy", "0.01", "50000", mine)
        agrees(await client.fetch_order(None, BTC, mine), of_main(twin)["mine1"])
        await client.edit_order(None, BTC, "limit", "buy", "0.02", "51000", mine)
        [order] = await client.fetch_open_orders(BTC)
        agrees(order, of_main(twin)["mine1"])
        assert (order["id"], order["price"], order["amount"]) == (placed["id"], "51000", "0.02")
        await client.cancel_order(None, BTC, mine)
        assert of_main(twin)["mine1"].state is State.CANCELED
        assert await client.fetch_open_orders(BTC) == []
        assert [each["id"] for each in await client.fetch_canceled_orders(BTC)] == [placed["id"]]
        with pytest.raises(ccxt.OrderNotFound, match="51401"):
            await client.cancel_order(None, BTC, mine)
        with pytest.raises(ccxt.OrderNotFound, match="51400"):
            await client.cancel_order(None, BTC, {"clientOrderId": "never"})
        with pytest.raises(ccxt.OrderNotFound, match="51509"):
            await client.edit_order(None, BTC, "limit", "buy", "0.03", "51000", mine)
        with pytest.raises(ccxt.OrderNotFound, match="51603"):
            await client.fetch_order(None, BTC, {"clientOrderId": "never"})

    play(scene)


def test_every_fill_is_told_with_its_fee_and_adds_up_to_the_balance():
    async def scene(twin, client):
        before = {each.asset: each.total for each in twin.truth().balances}
        rival(twin, "SELL", "0.01", "60000")
        rival(twin, "SELL", "0.02", "60010")
        placed = await client.create_order(BTC, "market", "buy", "0.015", None, {"clientOrderId": "twofills"})
        order = await client.fetch_order(placed["id"], BTC)
        assert (order["status"], order["fee"]) == ("closed", {"currency": "BTC", "cost": "0.000015"})
        assert Decimal(order["average"]) == pytest.approx(Decimal("900.05") / Decimal("0.015"))
        own, truth = await client.fetch_my_trades(BTC), twin.truth().trades
        assert [each["id"] for each in own] == [str(each.print.trade_id) for each in truth]
        assert [Decimal(each["fee"]["cost"]) for each in own] == [each.commission for each in truth]
        assert [each["takerOrMaker"] for each in own] == ["taker", "taker"]
        after = (await client.fetch_balance())["total"]
        assert Decimal(after["BTC"]) == before["BTC"] + Decimal("0.015") - Decimal("0.000015")
        assert Decimal(after["USDT"]) == before["USDT"] - Decimal("900.05")

    play(scene)


def test_a_purchase_at_the_market_is_by_money_unless_it_says_otherwise():
    async def scene():
        async with LocalExchange(dialect="okx") as twin, ClientSession() as session:
            rival(twin, "SELL", "1", "60000")
            order = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market"}
            await call(twin, session, "POST", "trade/order", {**order, "sz": "600"})
            await call(twin, session, "POST", "trade/order", {**order, "sz": "0.01", "tgtCcy": "base_ccy"})
            by_money, by_size = twin.truth().orders
            assert (by_money.filled, by_size.filled) == (Decimal("0.01"), Decimal("0.01"))
            _, found = await call(twin, session, "GET", f"trade/order?instId=BTC-USDT&ordId={by_money.order_id}")
            [row] = found["data"]
            assert (row["sz"], row["tgtCcy"], row["accFillSz"]) == ("600", "quote_ccy", "0.01")

    asyncio.run(scene())


def test_of_several_orders_each_stands_for_itself():
    async def scene():
        async with LocalExchange(dialect="okx") as twin, ClientSession() as session:
            rows = [{**LIMIT, "clOrdId": "good"}, {**LIMIT, "clOrdId": "good"}, {**LIMIT, "sz": "9", "clOrdId": "dear"}]
            status, answer = await call(twin, session, "POST", "trade/batch-orders", rows)
            assert (status, answer["code"]) == (200, "2")
            assert [each["sCode"] for each in answer["data"]] == ["0", "51016", "51008"]
            assert answer["data"][2]["sMsg"] == "Order failed. Insufficient USDT balance in account"
            assert list(of_main(twin)) == ["good"]
            named = [{"instId": "BTC-USDT", "clOrdId": each} for each in ("good", "dear")]
            _, answer = await call(twin, session, "POST", "trade/cancel-batch-orders", named)
            assert (answer["code"], [each["sCode"] for each in answer["data"]]) == ("2", ["0", "51400"])
            _, answer = await call(twin, session, "POST", "trade/batch-orders", [LIMIT] * 21)
            assert answer["code"] == "50025"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sz": "0.000000001"}, "51020"),
        ({"px": "60000.01"}, "51000"),
        ({"sz": "9"}, "51008"),
        ({"sz": "x"}, "51000"),
        ({"px": ""}, "51204"),
        ({"clOrdId": "not-alphanumeric"}, "51000"),
        ({"clOrdId": "a" * 33}, "51000"),
        ({"tdMode": "cross"}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"ordType": "iceberg"}, "51000"),
        ({"reduceOnly": True}, "51139"),
        ({"attachAlgoOrds": [{"slTriggerPx": "1"}]}, "51000"),
        ({"instId": "NO-SUCH"}, "51001"),
        ({"instId": "BTC-USDT-SWAP"}, "51000"),
        ({"ordType": "post_only", "px": "60000"}, "51511"),
        ({"px": "1000"}, "51006"),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_its_code_and_changes_nothing(changes, code):
    async def scene():
        async with LocalExchange(dialect="okx") as twin, ClientSession() as session:
            rival(twin, "SELL", "1", "60000")
            rival(twin, "BUY", "0.1")
            status, answer = await call(twin, session, "POST", "trade/order", {**LIMIT, **changes})
            assert (status, answer["code"], answer["data"][0]["sCode"]) == (200, "1", code)
            assert twin.truth().orders == ()

    asyncio.run(scene())


@pytest.mark.parametrize(("kind", "source", "filled"), [("ioc", "14", "0.01"), ("fok", "13", "0")])
def test_what_cannot_fill_at_once_is_cancelled_where_that_was_asked_for(kind, source, filled):
    async def scene(twin, client):
        rival(twin, "SELL", "0.01", "60000")
        placed = await client.create_order(BTC, "limit", "buy", "0.02", "60000", {"timeInForce": kind.upper()})
        order = await client.fetch_order(placed["id"], BTC)
        assert (order["status"], order["filled"]) == ("canceled", filled)
        assert (order["info"]["ordType"], order["info"]["cancelSource"]) == (kind, source)

    play(scene)


def test_orders_balances_and_fees_are_heard_as_they_change():
    async def scene(twin, client):
        client.newUpdates = True
        watching = asyncio.create_task(client.watch_orders())
        balance = asyncio.create_task(client.watch_balance())
        await until(lambda: twin.listeners() == 2, "subscribed")
        await balance
        placed = await client.create_order(BTC, "limit", "sell", "0.02", "60000", {"clientOrderId": "heard"})
        [first] = await watching
        assert (first["id"], first["clientOrderId"], first["status"]) == (placed["id"], "heard", "open")
        more = asyncio.create_task(client.watch_orders())
        await asyncio.sleep(0.01)
        rival(twin, "BUY", "0.005", "60000")
        [partial] = await more
        row, [trade] = partial["info"], twin.truth().trades
        assert (row["state"], row["accFillSz"], row["fillSz"], row["fillPx"]) == (
            "partially_filled",
            "0.005",
            "0.005",
            "60000",
        )
        assert (row["tradeId"], row["execType"]) == (str(trade.print.trade_id), "M")
        assert (Decimal(row["fillFee"]), row["fillFeeCcy"]) == (-trade.commission, "USDT")
        last = asyncio.create_task(client.watch_orders())
        await asyncio.sleep(0.01)
        await client.cancel_order(placed["id"], BTC)
        [gone] = await last
        assert (gone["status"], gone["info"]["cancelSource"], gone["info"]["tradeId"]) == ("canceled", "1", "")
        await until(
            lambda: all(client.balance[each.asset]["total"] == f"{each.total.normalize():f}" for each in owned(twin)),
            "the balance as it is",
        )

    def owned(twin):
        return [each for each in twin.truth().balances if each.asset in ("BTC", "USDT")]

    play(scene)


def test_a_stop_waits_triggers_and_fills_as_an_order_of_its_own():
    async def scene(twin, client):
        rival(twin, "BUY", "0.01", "60000")
        rival(twin, "SELL", "0.01")  # the last price
        how = {"stopLossPrice": "60001", "clientOrderId": "stop1"}
        with pytest.raises(ccxt.InvalidOrder, match="51280"):
            await client.create_order(BTC, "market", "sell", "0.01", None, how)
        stop = await client.create_order(BTC, "market", "sell", "0.01", None, {**how, "stopLossPrice": "59000"})
        [waiting] = await client.fetch_open_orders(BTC, None, None, {"ordType": "conditional"})
        assert (waiting["id"], waiting["info"]["slTriggerPx"]) == (stop["id"], "59000")
        assert await client.fetch_open_orders(BTC) == []
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, BTC, {"clientOrderId": "stop1"})
        rival(twin, "BUY", "0.02", "59000")
        rival(twin, "SELL", "0.01")
        algo = (await client.fetch_order(None, BTC, {"trigger": True, "clientOrderId": "stop1"}))["info"]
        order = await client.fetch_order(algo["ordId"], BTC)
        assert (algo["state"], order["status"], order["average"]) == ("effective", "closed", "59000")
        assert (order["info"]["algoId"], order["info"]["algoClOrdId"], order["info"]["clOrdId"]) == (
            stop["id"],
            "stop1",
            "",
        )
        with pytest.raises(ccxt.OrderNotFound):  # the order has no client id: that was the stop's
            await client.fetch_order(None, BTC, {"clientOrderId": "stop1"})
        assert of_main(twin)["stop1"].state is State.FILLED
        [fill] = await client.fetch_my_trades(BTC)
        assert (fill["order"], fill["info"]["clOrdId"]) == (algo["ordId"], "")

    play(scene)


def test_a_waiting_stop_is_cancelled_by_its_own_client_id_and_only_once():
    async def scene(twin, client):
        rival(twin, "BUY", "0.01", "60000")
        rival(twin, "SELL", "0.01")
        how = {"triggerPrice": "61000", "algoClOrdId": "rise"}
        placed = await client.create_order(BTC, "limit", "buy", "0.01", "61000", how)
        [waiting] = await client.fetch_open_orders(BTC, None, None, {"trigger": True})
        assert (waiting["id"], waiting["triggerPrice"], waiting["info"]["ordPx"]) == (placed["id"], "61000", "61000")
        named = {"trigger": True, "clientOrderId": "rise"}
        await client.cancel_orders([], BTC, named)
        assert of_main(twin)["rise"].state is State.CANCELED
        with pytest.raises(ccxt.OrderNotFound, match="51400"):
            await client.cancel_orders([], BTC, named)
        asked = {"ordType": "trigger", "state": "canceled"}
        rows = (await client.private_get_trade_orders_algo_history(asked))["data"]
        assert [each["algoClOrdId"] for each in rows] == ["rise"]

    play(scene)


def test_a_perpetual_position_its_margin_profit_and_funding_are_the_exchanges_own():
    async def scene(twin, client):
        rival(twin, "SELL", "5", "60000", symbol=SWAP)
        await client.create_order(SWAP, "market", "buy", "2")
        mischief = Mischief(twin)
        mischief.mark(symbol=SWAP, price=Decimal(60100))
        mischief.funding(symbol=SWAP, rate=Decimal("0.0001"))
        [position], truth = await client.fetch_positions(), twin.truth()
        [held] = truth.positions
        assert (Decimal(position["contracts"]), position["side"]) == (held.quantity, "long")
        assert Decimal(position["entryPrice"]) == held.entry_price
        assert Decimal(position["unrealizedPnl"]) == held.unrealised == 2
        [paid] = await client.fetch_funding_history(SWAP)
        assert Decimal(paid["amount"]) == truth.funding[0].amount == Decimal("-0.1202")
        cash = next(each.total for each in truth.balances if each.asset == "USDT")
        [detail] = (await client.private_get_account_balance({"ccy": "USDT"}))["data"][0]["details"]
        assert (Decimal(detail["cashBal"]), Decimal(detail["eq"])) == (cash, cash + 2)
        assert Decimal(detail["frozenBal"]) == 120  # a tenth of 2 contracts of 0.01 BTC
        with pytest.raises(ccxt.InsufficientFunds, match="51008"):
            await client.create_order(SWAP, "limit", "buy", "2000", "60000")
        rival(twin, "BUY", "5", "60100", symbol=SWAP)
        await client.create_order(SWAP, "market", "sell", "3", None, {"reduceOnly": True})
        assert (await client.fetch_positions(), twin.truth().positions) == ([], ())

    play(scene)


def test_a_liquidation_is_an_order_and_a_fill_that_say_so():
    async def scene(twin, client):
        rival(twin, "SELL", "20", "60000", symbol=SWAP)
        await client.create_order(SWAP, "market", "buy", "15", None, {"clientOrderId": "risky"})
        Mischief(twin).mark(symbol=SWAP, price=Decimal(50000))
        assert twin.truth().positions == ()
        rows = (await client.private_get_trade_orders_history({"instType": "SWAP"}))["data"]
        assert [(each["category"], each["clOrdId"]) for each in rows] == [
            ("full_liquidation", ""),
            ("normal", "risky"),
        ]
        fills = (await client.private_get_trade_fills({"instType": "SWAP"}))["data"]
        assert [each["subType"] for each in fills] == ["107", "1"]
        assert fills[0]["ordId"] == rows[0]["ordId"]

    play(scene, accounts=[Opening(balances={"USDT": Decimal(1_000)})])


def test_pages_go_back_by_id_without_a_gap():
    async def scene():
        async with LocalExchange(dialect="okx") as twin, ClientSession() as session:
            rival(twin, "SELL", "1", "60000")
            for _ in range(5):
                await call(twin, session, "POST", "trade/order", {**LIMIT, "sz": "0.001", "px": "60000"})
            bills, after = [], ""
            while True:
                path = f"trade/fills-history?instType=SPOT&limit=2&after={after}"
                rows = (await call(twin, session, "GET", path))[1]["data"]
                if not rows:
                    break
                bills += [int(each["billId"]) for each in rows]
                after = rows[-1]["billId"]
            assert bills == [5, 4, 3, 2, 1]
            history = (await call(twin, session, "GET", "trade/orders-history?instType=SPOT&before=3"))[1]["data"]
            assert {int(each["ordId"]) > 3 for each in history} == {True}

    asyncio.run(scene())


def test_a_lost_answer_leaves_an_order_that_queries_find_after_a_while():
    async def scene(twin, client):
        lag = Fault(where=Where.REST, action=Action.QUERY_LAG, match="late*", args={"ms": 300})
        lost = Fault(where=Where.REST, action=Action.DROP_AFTER, match="POST */trade/batch-orders", count=1)
        twin.faults.add_all([lag, lost])
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000", {"clientOrderId": "late1"})
        assert of_main(twin)["late1"].open
        with pytest.raises(ccxt.OrderNotFound):
            await client.fetch_order(None, BTC, {"clientOrderId": "late1"})
        assert await client.fetch_open_orders(BTC) == []
        await asyncio.sleep(0.35)
        agrees(await client.fetch_order(None, BTC, {"clientOrderId": "late1"}), of_main(twin)["late1"])
        late = Fault(where=Where.REST, action=Action.LATE_ACCEPT, match="POST */batch-orders", args={"ms": 50}, count=1)
        twin.faults.add(late)
        with pytest.raises(ccxt.RequestTimeout, match="50004"):
            await client.create_order(BTC, "limit", "buy", "0.01", "50000", {"clientOrderId": "afterwards"})
        assert "afterwards" not in of_main(twin)
        await until(lambda: "afterwards" in of_main(twin), "accepted late")

    play(scene)
