"""What the dialect of any exchange promises: unified words both ways, and no proof where ccxt gives none."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.connectors.test_binance_dialect import BTC, OURS, order
from workbench.connectors.dialect import Listed
from workbench.connectors.dialects.generic import GenericDialect
from workbench.connectors.heard import HeardBalance, HeardFill, HeardTrade
from workbench.connectors.wire import Answer
from workbench.core.errors import DataError, Unsupported
from workbench.core.order import OrderStatus, OrderType, Side, TimeInForce
from workbench.core.ports import Outcome

ANY = GenericDialect("some")
LISTED = Listed(instrument=BTC, market_id="BTC/USDT")
ORDER = {"id": "9", "clientOrderId": OURS, "symbol": "BTC/USDT", "status": "open", "amount": "1.0", "filled": "0.0"}
TRADE = {
    "id": "5",
    "order": "9",
    "symbol": "BTC/USDT",
    "side": "sell",
    "takerOrMaker": "maker",
    "amount": "0.1",
    "price": "2.50",
    "timestamp": 7,
    "fee": {"cost": "0.01", "currency": "USDT"},
}
MARKET = {
    "symbol": "BTC/USDT",
    "spot": True,
    "active": True,
    "precision": {"price": "0.01", "amount": "0.001"},
    "limits": {"amount": {"min": "0.001", "max": None}, "cost": {"min": "5"}, "price": {}, "market": None},
}


def answer(body, status: int = 200, error: str = "") -> Answer:
    headers = {"x-ccxt-error": error} if error else {}
    return Answer(status=status, headers=headers, body=json.dumps(body).encode(), sent=1, received=2)


def judged(body, status: int = 200, error: str = ""):
    return ANY.verdict(answer(body, status, error), order_id=OURS, listed=LISTED)


@pytest.mark.parametrize(
    ("terms", "kind", "price", "extra"),
    [
        ({}, "limit", "42000.1", {"timeInForce": "GTC"}),
        ({"time_in_force": TimeInForce.IOC}, "limit", "42000.1", {"timeInForce": "IOC"}),
        ({"post_only": True}, "limit", "42000.1", {"timeInForce": "GTC", "postOnly": True}),
        ({"order_type": OrderType.MARKET}, "market", None, {}),
        ({"order_type": OrderType.STOP, "stop_raw": 100}, "market", None, {"triggerPrice": "1"}),
        (
            {"order_type": OrderType.STOP_LIMIT, "stop_raw": 100},
            "limit",
            "42000.1",
            {"timeInForce": "GTC", "triggerPrice": "1"},
        ),
    ],
)
def test_an_order_is_said_in_unified_words_and_a_market_order_never_carries_a_price(terms, kind, price, extra):
    call = ANY.place(order(**terms), LISTED)
    assert call.endpoint == "unified:create_order"
    assert call.params["args"] == ["BTC/USDT", kind, "buy", "0.123", price, {"clientOrderId": OURS, **extra}]
    with pytest.raises(Unsupported):
        ANY.place(order(order_type=OrderType.MARKET, post_only=True), LISTED)


def test_only_a_refusal_that_ccxt_can_tell_from_all_else_is_one():
    for error in ("InvalidOrder", "InsufficientFunds", "BadSymbol", "AuthenticationError", "OrderNotFound"):
        assert judged({}, 400, error).outcome is Outcome.REJECTED
        assert judged({}, 200, error).outcome is Outcome.REJECTED  # some venues refuse with a 200
        assert judged({}, 502, error).outcome is Outcome.UNKNOWN
        assert judged({}, 408, error).outcome is Outcome.UNKNOWN
    for error in (
        "ExchangeError",
        "ExchangeNotAvailable",
        "RequestTimeout",
        "DuplicateOrderId",
        "OnMaintenance",
        "KeyError",
    ):
        assert judged({}, 400, error).outcome is Outcome.UNKNOWN
    assert judged({}, 429, "DDoSProtection").outcome is Outcome.REJECTED
    assert judged({}, 400, "DDoSProtection").outcome is Outcome.UNKNOWN
    assert judged({}, 401, "PermissionDenied").key
    assert judged({}, 400, "InvalidNonce").clock


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, OrderStatus.ACKNOWLEDGED),
        ({"status": None}, OrderStatus.ACKNOWLEDGED),
        ({"filled": "0.4"}, OrderStatus.PARTIALLY_FILLED),
        ({"status": "closed", "filled": "1.0"}, OrderStatus.FILLED),
        ({"status": "closed", "filled": "0.4"}, OrderStatus.CANCELLED),
        ({"status": "canceled", "clientOrderId": "of-the-cancel"}, OrderStatus.CANCELLED),
        ({"status": "expired"}, OrderStatus.EXPIRED),
    ],
)
def test_an_accepted_order_is_heard_under_our_id(changed, status):
    verdict = judged(ORDER | changed)
    assert verdict.outcome is Outcome.ACCEPTED
    (heard,) = verdict.heard
    assert (heard.order_id, heard.venue_order_id, heard.status) == (OURS, "9", status)


@pytest.mark.parametrize("body", [{}, [], None, ORDER | {"clientOrderId": "other"}, ORDER | {"status": "odd"}])
def test_a_structure_that_does_not_show_our_order_proves_nothing(body):
    assert judged(body).outcome is Outcome.UNKNOWN


def test_a_fill_is_exact_and_one_without_a_fee_is_an_error():
    fills, further = ANY.read_my_trades(answer([TRADE]))
    assert fills == [
        HeardFill(
            market_id="BTC/USDT",
            order_id="",
            venue_order_id="9",
            trade_id="5",
            side=Side.SELL,
            quantity="0.1",
            price="2.50",
            fee="0.01",
            fee_currency="USDT",
            maker=True,
            at=7_000_000,
        )
    ]
    assert further == "7"
    for spoilt in ({"fee": None}, {"amount": 0.1}, {"fee": {"cost": None}}):
        with pytest.raises(DataError):
            ANY.read_my_trades(answer([TRADE | spoilt]))


def test_the_account_and_the_market_are_heard_apart():
    assert [type(word) for word in ANY.hear({"my_trades": [TRADE]})] == [HeardFill]
    assert [type(word) for word in ANY.hear([TRADE])] == [HeardTrade]
    (order_heard,) = ANY.hear({"orders": [ORDER]})
    assert order_heard.order_id == OURS
    balance = {"balance": {"total": {"BTC": "0.10", "X": None}, "timestamp": 3}}
    assert list(ANY.hear(balance)) == [HeardBalance(asset="BTC", total="0.10", at=3_000_000)]


def test_an_order_nobody_knows_is_none_and_every_other_error_is_raised():
    assert ANY.read_order(answer({}, 400, "OrderNotFound"), LISTED) is None
    for status, error in ((500, "OrderNotFound"), (400, "ExchangeError"), (429, "DDoSProtection")):
        with pytest.raises(DataError):
            ANY.read_order(answer({}, status, error), LISTED)


@pytest.mark.parametrize("odd", [{"precision": {"price": 0.01, "amount": "1"}}, {"precision": None}, {"limits": 1}])
def test_one_odd_market_among_many_is_left_out(odd):
    (found,) = ANY.read_listings([answer({"x": MARKET | odd, "BTC/USDT": MARKET})], venue="some", account="main")
    assert found.market_id == "BTC/USDT"


def test_listings_are_exact_and_perpetuals_come_only_where_positions_do():
    swap = MARKET | {"symbol": "BTC/USDT:USDT", "spot": False, "swap": True, "linear": True}
    swap |= {"settle": "USDT", "quote": "USDT", "contractSize": "0.01"}
    page = [answer({"BTC/USDT": MARKET, "BTC/USDT:USDT": swap})]
    (spot,) = ANY.read_listings(page, venue="some", account="main")
    assert (spot.instrument.tick, spot.instrument.lot) == (Decimal("0.01"), Decimal("0.001"))
    assert (spot.instrument.min_notional, spot.max_quantity, spot.instrument.amendable) == (Decimal(5), None, False)
    _, perpetual = GenericDialect("some", positions=True).read_listings(page, venue="some", account="main")
    assert perpetual.instrument.contract_size == Decimal("0.01")
    inexact = MARKET | {"precision": {"price": 0.01, "amount": "1"}}
    with pytest.raises(DataError, match="BTC/USDT"):
        ANY.read_listings([answer({"x": inexact})], venue="some", account="main")
    unknown = MARKET | {"precision": {"price": None, "amount": "1"}}
    assert ANY.read_listings([answer({"x": unknown})], venue="some", account="main") == []
    held = GenericDialect("some", positions=True).read_positions(
        answer([{"symbol": "BTC/USDT:USDT", "contracts": "3", "side": "short", "entryPrice": "9.5"}])
    )
    assert held == {"BTC/USDT:USDT": (Decimal(-3), Decimal("9.5"))}
