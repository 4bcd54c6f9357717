"""Keys, paces, logins, pings and faults at the doors of the local exchange in OKX's words."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from aiohttp import ClientSession, WSMsgType

from tests.twin.clients import until
from tests.twin.crowd import rival
from tests.twin.okx import LIMIT, SWAP, ask, call, connected, heard, login, sign
from workbench.core.clock import SECOND, instant_text
from workbench.twin.faults import Action, Fault, Where
from workbench.twin.keys import Permission
from workbench.twin.limits import Limits
from workbench.twin.mischief import Mischief
from workbench.twin.opening import Opening
from workbench.twin.server import LocalExchange
from workbench.twin.sockets import Timing


def with_twin(scene, **how):
    async def whole():
        async with LocalExchange(dialect="okx", **how) as twin, ClientSession() as session:
            await scene(twin, session)

    asyncio.run(whole())


def private(channel, **more):
    return {"op": "subscribe", "args": [{"channel": channel, **more}]}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"OK-ACCESS-KEY": ""}, "50103"),
        ({"OK-ACCESS-PASSPHRASE": ""}, "50104"),
        ({"OK-ACCESS-PASSPHRASE": "wrong"}, "50105"),
        ({"OK-ACCESS-SIGN": ""}, "50106"),
        ({"OK-ACCESS-TIMESTAMP": ""}, "50107"),
        ({"OK-ACCESS-KEY": "nobody"}, "50111"),
        ({"OK-ACCESS-TIMESTAMP": "noon"}, "50112"),
        ({"OK-ACCESS-SIGN": "AAAA"}, "50113"),
        ({"stamp": "2020-01-01T00:00:00.000Z"}, "50102"),
    ],
)
def test_who_does_not_sign_as_due_is_told_what_is_wrong(headers, code):
    async def scene(twin, session):
        status, answer = await call(twin, session, "POST", "trade/order", LIMIT, **headers)
        assert (status, answer["code"], answer["data"]) == (401, code, [])
        assert twin.truth().orders == ()

    with_twin(scene)


def test_a_key_tells_what_it_may_do_and_can_do_no_more():
    async def scene(twin, session):
        config = (await call(twin, session, "GET", "account/config"))[1]["data"][0]
        assert (config["perm"], config["posMode"], config["ip"]) == ("read_only,trade", "net_mode", "")
        Mischief(twin).restrict(key="twin-key", permissions=frozenset({Permission.READ}))
        status, answer = await call(twin, session, "POST", "trade/order", LIMIT)
        assert (status, answer["code"]) == (401, "50120")
        Mischief(twin).restrict(key="twin-key", addresses=("10.0.0.1",))
        assert (await call(twin, session, "GET", "account/config"))[1]["code"] == "50110"
        Mischief(twin).revoke(key="twin-key")
        assert (await call(twin, session, "GET", "account/config"))[1]["code"] == "50111"

    with_twin(scene)


def test_a_request_that_comes_after_its_own_deadline_is_not_carried_out():
    async def scene(twin, session):
        past = str((twin.clock.now() - SECOND) // 1_000_000)
        status, answer = await call(twin, session, "POST", "trade/order", LIMIT, expTime=past)
        assert (status, answer["code"]) == (400, "50036")
        assert twin.truth().orders == ()
        ahead = str((twin.clock.now() + 60 * SECOND) // 1_000_000)
        assert (await call(twin, session, "POST", "trade/order", LIMIT, expTime=ahead))[1]["code"] == "0"

    with_twin(scene)


def test_too_many_calls_of_one_kind_are_refused_and_other_kinds_go_on():
    async def scene(twin, session):
        answers = [await call(twin, session, "GET", "account/config") for _ in range(11)]
        assert (429, "50011") in [(status, answer["code"]) for status, answer in answers]
        assert (await call(twin, session, "GET", "account/balance"))[0] == 200

    async def unpaced(twin, session):
        answers = [await call(twin, session, "GET", "account/config") for _ in range(11)]
        assert {status for status, _ in answers} == {200}

    with_twin(scene)
    with_twin(unpaced, limits=Limits(paces=False))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"apiKey": "nobody"}, "60005"),
        ({"timestamp": "1000000000"}, "60006"),
        ({"timestamp": "noon"}, "60004"),
        ({"sign": "AAAA"}, "60007"),
        ({"passphrase": "wrong"}, "60024"),
    ],
)
def test_a_login_that_is_not_as_due_fails_and_private_channels_stay_shut(changes, code):
    async def scene(twin, session):
        async with connected(twin, "private") as socket:
            failed = await ask(socket, login(twin, **changes))
            assert (failed["event"], failed["code"]) == ("error", code)
            assert (await ask(socket, private("orders", instType="ANY")))["code"] == "60011"
            assert twin.listeners() == 0

    with_twin(scene)


def test_what_is_no_request_or_belongs_elsewhere_is_told_so():
    async def scene(twin, session):
        async with connected(twin, "public") as socket:
            await socket.send_str("{")
            assert (await socket.receive_json(timeout=3))["code"] == "60012"
            assert (await ask(socket, {"op": "shout", "args": []}))["code"] == "60012"
            assert (await ask(socket, login(twin)))["code"] == "60008"
            for channel, native in (("candle1m", "BTC-USDT"), ("trades", "NO-SUCH"), ("mark-price", "BTC-USDT")):
                assert (await ask(socket, private(channel, instId=native)))["code"] == "60018"
            await socket.send_str("ping")
            assert (await socket.receive(timeout=3)).data == "pong"

    with_twin(scene)


def test_an_account_hears_its_orders_stops_positions_and_balances():
    async def scene(twin, session):
        async with connected(twin, "private") as socket, connected(twin, "business") as business:
            for each in (socket, business):
                assert (await ask(each, login(twin)))["event"] == "login"
            await ask(business, private("orders-algo", instType="ANY"))
            for channel in ("account", "positions", "balance_and_position"):
                more = {"instType": "SWAP"} if channel == "positions" else {}
                assert (await ask(socket, private(channel, **more)))["event"] == "subscribe"
                assert (await socket.receive_json(timeout=3))["event"] == "channel-conn-count"
            first = await heard(socket, "balance_and_position")
            assert first["data"][0]["eventType"] == "snapshot"
            rival(twin, "SELL", "5", "60000", symbol=SWAP)
            order = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
            await call(twin, session, "POST", "trade/order", order)
            [row] = (await heard(socket, "positions"))["data"]
            assert (row["pos"], row["avgPx"]) == ("1", "60000")
            changed = (await heard(socket, "balance_and_position"))["data"][0]
            [cash] = changed["balData"]
            total = next(each.total for each in twin.truth().balances if each.asset == "USDT")
            assert (changed["eventType"], Decimal(cash["cashBal"])) == ("filled", total)
            assert [each["tradeId"] for each in changed["trades"]] == ["1"]
            stop = {**order, "side": "sell", "ordType": "conditional", "slTriggerPx": "59000", "slOrdPx": "-1"}
            await call(twin, session, "POST", "trade/order-algo", {**stop, "algoClOrdId": "guard", "reduceOnly": True})
            [row] = (await heard(business, "orders-algo"))["data"]
            assert (row["state"], row["algoClOrdId"], row["reduceOnly"]) == ("live", "guard", "true")
            rival(twin, "BUY", "5", "58990", symbol=SWAP)
            rival(twin, "SELL", "1", symbol=SWAP)
            [row] = (await heard(business, "orders-algo"))["data"]
            assert (row["state"], row["ordId"]) == ("effective", str(twin.truth().orders[1].order_id))
            assert twin.truth().positions == ()
            Mischief(twin).transfer(asset="USDT", amount=Decimal(7))
            while changed["eventType"] != "transferred":
                changed = (await heard(socket, "balance_and_position"))["data"][0]

    with_twin(scene)


def test_a_liquidation_is_heard_with_its_category():
    async def scene(twin, session):
        async with connected(twin, "private") as socket:
            await ask(socket, login(twin))
            await ask(socket, private("orders", instType="SWAP"))
            rival(twin, "SELL", "20", "60000", symbol=SWAP)
            order = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "15"}
            await call(twin, session, "POST", "trade/order", order)
            Mischief(twin).mark(symbol=SWAP, price=Decimal(50_000))
            row = {"category": "normal", "tradeId": ""}
            while row["category"] == "normal" or not row["tradeId"]:
                [row] = (await heard(socket, "orders"))["data"]
            assert (row["category"], row["state"], row["clOrdId"]) == ("full_liquidation", "filled", "")

    with_twin(scene, accounts=[Opening(balances={"USDT": Decimal(1_000)})])


def test_a_connection_on_which_nobody_says_anything_is_closed_and_a_ping_keeps_it():
    async def scene(twin, session):
        async with connected(twin, "private") as quiet, connected(twin, "private") as pinging:
            for _ in range(6):
                await asyncio.sleep(0.1)
                await pinging.send_str("ping")
            closed = await quiet.receive(timeout=3)
            assert (closed.type, closed.data) == (WSMsgType.CLOSE, 4004)
            assert (await pinging.receive(timeout=3)).data == "pong"

    with_twin(scene, timing=Timing(idle_s=0.4))


def test_an_account_stream_that_ends_says_so_and_is_heard_no_more():
    async def scene(twin, session):
        async with connected(twin, "private") as socket:
            await ask(socket, login(twin))
            await ask(socket, private("orders", instType="ANY"))
            assert twin.listeners() == 1
            fault = Fault(where=Where.USER, action=Action.STREAM_TERMINATED, match="orders:live", count=1)
            twin.faults.add(fault)
            await call(twin, session, "POST", "trade/order", LIMIT)
            said = {"event": ""}
            while said.get("event") != "notice":
                said = await socket.receive_json(timeout=3)
            assert said["code"] == "64008"
            await until(lambda: twin.listeners() == 0, "nobody listens")
            await ask(socket, private("orders", instType="ANY"))
            assert twin.end_account_streams() == 1

    with_twin(scene)


@pytest.mark.parametrize(
    ("action", "args", "status", "code", "live"),
    [
        (Action.STATUS_BEFORE, {"status": 503, "code": -1000}, 503, "50026", False),
        (Action.STATUS_AFTER, {"status": 200, "code": 50004}, 200, "50004", True),
        (Action.RATE_LIMIT, {}, 429, "50011", False),
        (Action.TOO_MANY_ORDERS, {}, 429, "50061", False),
    ],
)
def test_faults_speak_the_venues_own_words(action, args, status, code, live):
    async def scene(twin, session):
        fault = Fault(where=Where.REST, action=action, match="POST */trade/order", args=args, count=1)
        twin.faults.add(fault)
        answered, body = await call(twin, session, "POST", "trade/order", LIMIT)
        assert (answered, body["code"]) == (status, code)
        assert bool(twin.truth().orders) is live

    with_twin(scene)


def test_faults_stand_at_logins_and_pushes_too():
    async def scene(twin, session):
        failing = Fault(where=Where.WSAPI, action=Action.STATUS_BEFORE, match="login", count=1)
        twin.faults.add(failing)
        async with connected(twin, "private") as socket:
            assert (await ask(socket, login(twin)))["code"] == "50026"
            assert (await ask(socket, login(twin)))["event"] == "login"
        lying = Fault(where=Where.STREAM, action=Action.NEGATIVE, match="trades:BTC-USDT", count=1)
        twin.faults.add(lying)
        async with connected(twin, "public") as socket:
            await ask(socket, private("trades", instId="BTC-USDT"))
            rival(twin, "SELL", "1", "60000")
            rival(twin, "BUY", "0.1")
            assert (await heard(socket, "trades"))["data"][0]["px"] == "-60000"

    with_twin(scene)


def test_a_restart_keeps_orders_fills_and_their_numbers(tmp_path):
    async def scene(twin, session):
        rival(twin, "SELL", "1", "60000")
        await call(twin, session, "POST", "trade/order", {**LIMIT, "px": "60000"})
        await call(twin, session, "POST", "trade/order", {**LIMIT, "clOrdId": "rests"})
        before = await call(twin, session, "GET", "trade/fills")
        await twin.restart()
        assert await call(twin, session, "GET", "trade/fills") == before
        rows = (await call(twin, session, "GET", "trade/orders-pending"))[1]["data"]
        assert [each["clOrdId"] for each in rows] == ["rests"]
        [filled] = (await call(twin, session, "GET", "trade/orders-history?instType=SPOT"))[1]["data"]
        assert (filled["fee"], filled["tradeId"]) == ("-0.00001", "1")

    with_twin(scene, journal=tmp_path / "journal")


def test_an_old_request_is_measured_by_the_exchanges_clock():
    async def scene(twin, session):
        Mischief(twin).skew(ms=40_000)
        stamp = instant_text((twin.clock.now() - 40 * SECOND) // SECOND * SECOND)
        assert (await call(twin, session, "GET", "account/config", stamp=stamp))[1]["code"] == "50102"
        assert (await call(twin, session, "GET", "account/config"))[1]["code"] == "0"

    with_twin(scene)


def test_every_question_is_answered():
    questions = [
        "public/time",
        "public/instruments?instType=SWAP",
        "public/position-tiers?instType=SWAP&instId=BTC-USDT-SWAP",
        "public/mark-price?instType=SWAP",
        "market/tickers?instType=SPOT",
        "market/history-trades?instId=BTC-USDT",
        "market/history-candles?instId=BTC-USDT&bar=1H",
        "account/trade-fee?instType=SWAP",
        "account/leverage-info?instId=BTC-USDT-SWAP&mgnMode=cross",
        "account/bills-archive?type=8",
        "account/bills?type=2",
        "asset/currencies",
        "trade/orders-algo-pending?ordType=conditional",
        "trade/orders-history-archive?instType=SPOT",
    ]

    async def scene(twin, session):
        for each in questions:
            status, answer = await call(twin, session, "GET", each)
            assert (each, status, answer["code"]) == (each, 200, "0")

    with_twin(scene)


def test_a_leverage_up_to_the_listings_is_remembered_and_shown():
    async def scene(twin, session):
        wanted = {"instId": "BTC-USDT-SWAP", "mgnMode": "cross", "lever": "3"}
        assert (await call(twin, session, "POST", "account/set-leverage", wanted))[1]["data"][0]["lever"] == "3"
        path = "account/leverage-info?instId=BTC-USDT-SWAP&mgnMode=cross"
        assert (await call(twin, session, "GET", path))[1]["data"][0]["lever"] == "3"
        assert (await call(twin, session, "POST", "account/set-leverage", {**wanted, "lever": "11"}))[1][
            "code"
        ] == "59102"
        for changes in ({"mgnMode": "isolated"}, {"instId": "BTC-USDT"}, {"lever": ""}):
            answer = (await call(twin, session, "POST", "account/set-leverage", {**wanted, **changes}))[1]
            assert answer["code"] == "51000"

    with_twin(scene)


def test_a_connection_may_subscribe_to_so_much_and_no_more():
    async def scene(twin, session):
        async with connected(twin, "public") as socket:
            for native, event in (("BTC-USDT", "subscribe"), ("ETH-USDT", "subscribe"), ("BTC-USDT-SWAP", "error")):
                assert (await ask(socket, private("trades", instId=native)))["event"] == event

    with_twin(scene, limits=Limits(streams=2))


@pytest.mark.parametrize("body", ["{", "[1]", "3"])
def test_a_body_that_is_no_order_is_refused(body):
    async def scene(twin, session):
        stamp = instant_text(twin.clock.now() // SECOND * SECOND)
        headers = {
            "OK-ACCESS-KEY": "twin-key",
            "OK-ACCESS-PASSPHRASE": "twin-pass",
            "OK-ACCESS-TIMESTAMP": stamp,
            "OK-ACCESS-SIGN": sign(f"{stamp}POST/api/v5/trade/order{body}"),
        }
        async with session.post(f"{twin.rest_url}/api/v5/trade/order", data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "50002")

    with_twin(scene)
