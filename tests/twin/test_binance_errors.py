"""Errors come with Binance's codes, words and statuses, and change nothing."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession

from tests.twin.signed import LIMIT, call, sign, stamp
from workbench.twin.binance import errors
from workbench.twin.server import LocalExchange
from workbench.twin.words import Problem

ORDER = "/api/v3/order"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
STOP = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01"}

WRONG = [
    ({**LIMIT, "symbol": "NOSUCH"}, errors.INVALID_SYMBOL, ()),
    ({**LIMIT, "symbol": "btcusdt"}, errors.ILLEGAL, ("symbol", "^[A-Z0-9-_.]{1,20}$")),
    ({name: text for name, text in LIMIT.items() if name != "price"}, errors.MISSING, ("price",)),
    ({name: text for name, text in LIMIT.items() if name != "side"}, errors.MISSING, ("side",)),
    ({**LIMIT, "price": ""}, errors.EMPTY, ("price",)),
    ({**LIMIT, "stopPrice": "1"}, errors.SUPERFLUOUS, ("stopPrice",)),
    ({**MARKET, "quantity": "1", "timeInForce": "GTC"}, errors.SUPERFLUOUS, ("timeInForce",)),
    ({**MARKET, "quantity": "1", "price": "1"}, errors.SUPERFLUOUS, ("price",)),
    ({**MARKET, "quantity": "1", "quoteOrderQty": "1"}, errors.SUPERFLUOUS, ("quoteOrderQty",)),
    (MARKET, errors.EITHER_MISSING, ("quantity", "quoteOrderQty")),
    (STOP, errors.EITHER_MISSING, ("stopPrice", "trailingDelta")),
    ({**LIMIT, "timeInForce": "DAY"}, errors.INVALID_FORCE, ()),
    ({**LIMIT, "type": "PEG"}, errors.INVALID_KIND, ()),
    ({**LIMIT, "side": "HOLD"}, errors.INVALID_SIDE, ()),
    ({**LIMIT, "price": "1e5"}, errors.ILLEGAL, ("price", r"^([0-9]{1,20})(\.[0-9]{1,20})?$")),
    ({**LIMIT, "price": "-1"}, errors.ILLEGAL, ("price", r"^([0-9]{1,20})(\.[0-9]{1,20})?$")),
    ({**LIMIT, "price": "50000.123456789"}, errors.TOO_PRECISE, ("price",)),
    ({**LIMIT, "price": "0"}, errors.INVALID_PRICE, ()),
    ({**LIMIT, "quantity": "0.000"}, errors.INVALID_QUANTITY, ()),
    ({**LIMIT, "newClientOrderId": "x" * 37}, errors.ILLEGAL, ("newClientOrderId", "^[a-zA-Z0-9-_]{1,36}$")),
    ({**LIMIT, "newOrderRespType": "LOUD"}, errors.INVALID_VALUE, ("newOrderRespType",)),
    ({**LIMIT, "selfTradePreventionMode": "HOPE"}, errors.INVALID_VALUE, ("selfTradePreventionMode",)),
    ({**LIMIT, "leverage": "5"}, errors.UNREAD, (6, 7)),
    ({**LIMIT, "recvWindow": "60001"}, errors.LONG_WINDOW, ()),
    ({**LIMIT, "timestamp": "1600000000000"}, errors.OUTSIDE_WINDOW, ()),
]


@pytest.mark.parametrize(("params", "error", "blanks"), WRONG, ids=lambda each: getattr(each, "text", None))
def test_a_malformed_order_is_refused_in_binances_words(params, error, blanks):
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            status, body = await call(twin, session, "POST", ORDER, **params)
            assert (status, body) == (error.status, error(*blanks).body())
            assert twin.truth().orders == ()

    asyncio.run(scene())


QUESTIONS = [
    ("GET", ORDER, {"symbol": "BTCUSDT"}, errors.EITHER_MISSING, ("origClientOrderId", "orderId")),
    ("GET", ORDER, {"symbol": "BTCUSDT", "orderId": "77"}, errors.NO_SUCH_ORDER, ()),
    ("DELETE", ORDER, {"symbol": "BTCUSDT", "orderId": "77"}, errors.REFUSED[Problem.UNKNOWN_ORDER], ()),
    ("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}, errors.REFUSED[Problem.UNKNOWN_ORDER], ()),
    ("GET", "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, errors.INVALID_INTERVAL, ()),
    ("GET", "/api/v3/exchangeInfo", {"symbol": "BTCUSDT", "symbols": "[]"}, errors.BAD_COMBINATION, ()),
    ("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, errors.BAD_COMBINATION, ()),
    (
        "GET",
        "/api/v3/allOrders",
        {"symbol": "BTCUSDT", "startTime": "1600000000000", "endTime": "1700000000000"},
        errors.SPAN_TOO_LONG,
        (24,),
    ),
    ("POST", "/api/v3/userDataStream", {}, errors.RETIRED, ()),
]


@pytest.mark.parametrize(("verb", "path", "params", "error", "blanks"), QUESTIONS)
def test_a_question_that_has_no_answer_is_refused_in_binances_words(verb, path, params, error, blanks):
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            assert await call(twin, session, verb, path, **params) == (error.status, error(*blanks).body())

    asyncio.run(scene())


def test_a_parameter_sent_twice_and_one_without_a_signature_are_refused():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            key = {"X-MBX-APIKEY": "twin-key"}
            async with session.get(f"{twin.rest_url}/api/v3/depth?symbol=A&symbol=B") as answer:
                assert await answer.json() == errors.TWICE().body()
            async with session.get(f"{twin.rest_url}/api/v3/account?timestamp={stamp(twin)}", headers=key) as answer:
                assert await answer.json() == errors.MISSING("signature").body()
            async with session.get(f"{twin.rest_url}/api/v3/account?signature=00", headers=key) as answer:
                assert await answer.json() == errors.MISSING("timestamp").body()

    asyncio.run(scene())


def test_a_signature_covers_query_and_body_together():
    async def scene():
        async with LocalExchange() as twin, ClientSession() as session:
            query = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timestamp={stamp(twin)}"
            body = "timeInForce=GTC&quantity=0.01&price=50000"
            url = f"{twin.rest_url}{ORDER}?{query}"
            form = {"X-MBX-APIKEY": "twin-key", "Content-Type": "application/x-www-form-urlencoded"}
            good = f"{body}&signature={sign(query + body)}"
            async with session.post(url, data=good, headers=form) as answer:
                assert answer.status == 200
            bad = f"{body.replace('50000', '60000')}&signature={sign(query + body)}"
            async with session.post(url, data=bad, headers=form) as answer:
                assert await answer.json() == errors.BAD_SIGNATURE().body()
            assert len(twin.truth().orders) == 1

    asyncio.run(scene())


def test_every_problem_of_the_exchange_has_words():
    assert set(errors.REFUSED) == set(Problem)
    assert all(error().code < 0 and error.status >= 400 for error in errors.REFUSED.values())
