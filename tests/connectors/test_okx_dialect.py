"""What the OKX dialect promises: native words both ways, and a verdict only where there is proof."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded.files import ROOT, parse, recorded
from workbench.connectors.dialect import Listed
from workbench.connectors.dialects.okx import OkxDialect
from workbench.connectors.dialects.okx_words import charged
from workbench.connectors.heard import (
    HeardBalance,
    HeardEnd,
    HeardFill,
    HeardFunding,
    HeardOrder,
    HeardSettled,
    HeardTrade,
)
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.clock import DAY, HOUR, MINUTE, SECOND
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import to_decimal, to_scaled
from workbench.core.order import OrderStatus, OrderType, Role, Side, TimeInForce
from workbench.core.ports import Outcome, Permissions

OKX = OkxDialect()
BTC = Instrument(venue="okx", symbol="BTC/USDT", tick=Decimal("0.1"), lot=Decimal("0.00000001"))
SPOT = Listed(instrument=BTC, market_id="BTC-USDT")
PERP = Instrument(
    venue="okx",
    symbol="BTC/USDT:USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.01"),
    contract_size=Decimal("0.01"),
    fee_places=16,
    quantity_places=8,
)
SWAP = Listed(instrument=PERP, market_id="BTC-USDT-SWAP")
OURS = "a" * 32


def answer(rows, status: int = 200, code: str = "0", msg: str = "") -> Answer:
    body = rows if isinstance(rows, bytes) else json.dumps({"code": code, "msg": msg, "data": rows}).encode()
    return Answer(status=status, headers={}, body=body, sent=1, received=2)


def order(instrument: Instrument = BTC, **terms) -> OrderEvent:
    defaults = {
        "order_id": OURS,
        "strategy_id": "s",
        "role": Role.ENTRY,
        "instrument": instrument,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity_raw": to_scaled("1.5", instrument.quantity_places),
        "price_raw": to_scaled("60000.1", instrument.price_places),
    }
    return OrderEvent("test", 1, 0, 0, **(defaults | terms))


def placed(listed: Listed, **terms) -> tuple[str, dict]:
    call = OKX.place(order(listed.instrument, **terms), listed)
    assert (call.urgency, call.orders, call.rows) == (Urgency.ORDER, 1, ())
    return call.endpoint, dict(call.params)


ROW = {
    "accFillSz": "0",
    "algoClOrdId": "",
    "algoId": "",
    "category": "normal",
    "cancelSource": "",
    "cancelSourceReason": "",
    "clOrdId": OURS,
    "execType": "",
    "fillFee": "0",
    "fillFeeCcy": "",
    "fillPx": "",
    "fillSz": "0",
    "fillTime": "",
    "instId": "BTC-USDT",
    "ordId": "312269865356374016",
    "ordType": "limit",
    "px": "60000.1",
    "side": "buy",
    "state": "live",
    "sz": "1.5",
    "tgtCcy": "",
    "tradeId": "",
    "uTime": "1597026383085",
}
FILL = {
    "state": "partially_filled",
    "accFillSz": "0.5",
    "fillSz": "0.5",
    "fillPx": "60000.1",
    "fillFee": "-0.0005",
    "fillFeeCcy": "BTC",
    "fillTime": "1597026383086",
    "tradeId": "77",
    "execType": "M",
}
ALGO = {
    "instId": "BTC-USDT",
    "algoId": "1001",
    "algoClOrdId": OURS,
    "ordId": "",
    "state": "live",
    "sz": "1.5",
    "slTriggerPx": "55000",
    "slOrdPx": "-1",
    "cTime": "1597026383085",
    "uTime": "1597026383090",
}


def push(channel: str, *rows: dict) -> list:
    return list(OKX.hear({"arg": {"channel": channel, "instType": "ANY", "uid": "1"}, "data": list(rows)}))


# --- orders --------------------------------------------------------------------------------------

NAMED = {"side": "buy", "sz": "1.5"}
AT_SPOT = {"instId": "BTC-USDT", "tdMode": "cash", **NAMED}
AT_SWAP = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", **NAMED}
STOP = {
    "ordType": "conditional",
    "algoClOrdId": OURS,
    "clOrdId": OURS,
    "slTriggerPx": "61000",
    "slTriggerPxType": "last",
}
AT_61000 = {"stop_raw": 61_000 * 10**BTC.price_places}


@pytest.mark.parametrize(
    ("listed", "terms", "native"),
    [
        (SPOT, {}, AT_SPOT | {"clOrdId": OURS, "ordType": "limit", "px": "60000.1"}),
        (SPOT, {"post_only": True}, AT_SPOT | {"clOrdId": OURS, "ordType": "post_only", "px": "60000.1"}),
        (
            SPOT,
            {"time_in_force": TimeInForce.IOC},
            AT_SPOT | {"clOrdId": OURS, "ordType": "ioc", "px": "60000.1"},
        ),
        (
            SWAP,
            {"time_in_force": TimeInForce.FOK, "reduce_only": True},
            AT_SWAP | {"clOrdId": OURS, "ordType": "fok", "px": "60000.1", "reduceOnly": True},
        ),
        (
            SPOT,
            {"order_type": OrderType.MARKET, "price_raw": None, "reduce_only": True},
            AT_SPOT | {"clOrdId": OURS, "ordType": "market", "tgtCcy": "base_ccy"},
        ),
        (
            SWAP,
            {"order_type": OrderType.MARKET, "price_raw": None},
            AT_SWAP | {"clOrdId": OURS, "ordType": "market"},
        ),
        (
            SPOT,
            {"order_type": OrderType.STOP, "price_raw": None, **AT_61000},
            AT_SPOT | STOP | {"slOrdPx": "-1", "tgtCcy": "base_ccy"},
        ),
        (
            SWAP,
            {"order_type": OrderType.STOP_LIMIT, "reduce_only": True, **AT_61000},
            AT_SWAP | STOP | {"slOrdPx": "60000.1", "reduceOnly": True},
        ),
    ],
)
def test_every_kind_of_order_is_said_in_native_words(listed, terms, native):
    endpoint, params = placed(listed, **terms)
    assert params == native
    assert endpoint == ("privatePostTradeOrderAlgo" if "slTriggerPx" in native else "privatePostTradeOrder")


def test_an_order_that_okx_does_not_have_is_refused_before_it_is_sent():
    with pytest.raises(Unsupported, match="post-only"):
        placed(SPOT, post_only=True, time_in_force=TimeInForce.IOC)
    with pytest.raises(Unsupported, match="a stop becomes a plain"):
        placed(SPOT, order_type=OrderType.STOP_LIMIT, time_in_force=TimeInForce.FOK, **AT_61000)
    with pytest.raises(DataError, match="needs a stop"):
        placed(SPOT, order_type=OrderType.STOP, price_raw=None)


def test_an_amendment_names_the_new_total_and_a_stops_new_trigger():
    terms = {"order_id": OURS, "strategy_id": "s", "instrument": BTC, "quantity_raw": 2 * 10**BTC.quantity_places}
    price = to_scaled("59000.5", BTC.price_places)
    call = OKX.amend(AmendEvent("t", 1, 0, 0, price_raw=price, **terms), SPOT)
    assert call.endpoint == "privatePostTradeAmendOrder"
    assert call.params == {"instId": "BTC-USDT", "clOrdId": OURS, "newSz": "2", "newPx": "59000.5"}
    call = OKX.amend(AmendEvent("t", 1, 0, 0, price_raw=None, stop_raw=price, **terms), SPOT)
    assert call.endpoint == "privatePostTradeAmendAlgos"
    assert call.params == {
        "instId": "BTC-USDT",
        "algoClOrdId": OURS,
        "newSz": "2",
        "newSlTriggerPx": "59000.5",
        "newSlOrdPx": "-1",
    }


def test_an_order_and_a_stop_are_taken_back_by_our_id_and_what_a_stop_became_by_the_venues():
    order_, stop = (OKX.cancel(OURS, SPOT, stop=each) for each in (False, True))
    assert (order_.endpoint, order_.params) == (
        "privatePostTradeCancelOrder",
        {"instId": "BTC-USDT", "clOrdId": OURS},
    )
    assert (stop.endpoint, stop.rows) == (
        "privatePostTradeCancelAlgos",
        ({"instId": "BTC-USDT", "algoClOrdId": OURS},),
    )
    became = OKX.cancel_became("42", SPOT)
    assert (became.endpoint, became.params) == (
        "privatePostTradeCancelOrder",
        {"instId": "BTC-USDT", "ordId": "42"},
    )
    assert {each.urgency for each in (order_, stop, became)} == {Urgency.CANCEL}


def ack(code: str = "0", msg: str = "", **named: str) -> dict:
    return {"ordId": "7", "clOrdId": OURS, "tag": "", "ts": "1", "sCode": code, "sMsg": msg} | named


def judged(came: Answer):
    return OKX.verdict(came, order_id=OURS, listed=SPOT)


def test_an_accepted_request_names_the_order_as_the_venue_does():
    assert (judged(answer([ack()])).outcome, judged(answer([ack()])).venue_order_id) == (Outcome.ACCEPTED, "7")
    algo = {"algoId": "1001", "algoClOrdId": OURS, "clOrdId": "", "sCode": "0", "sMsg": ""}
    assert judged(answer([algo])).venue_order_id == "1001"
    assert judged(answer([ack(clOrdId="another")])).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("code", "outcome", "flag"),
    [
        ("51008", Outcome.REJECTED, None),
        ("51020", Outcome.REJECTED, "stale_terms"),
        ("51400", Outcome.REJECTED, None),
        ("51401", Outcome.REJECTED, None),
        ("51402", Outcome.REJECTED, None),
        ("51503", Outcome.REJECTED, None),
        ("50011", Outcome.REJECTED, None),
        ("50102", Outcome.REJECTED, "clock"),
        ("50036", Outcome.REJECTED, "clock"),
        ("50110", Outcome.REJECTED, "key"),
        ("50111", Outcome.REJECTED, "key"),
        ("50113", Outcome.REJECTED, "key"),
        ("50001", Outcome.UNKNOWN, None),
        ("50004", Outcome.UNKNOWN, None),
        ("50013", Outcome.UNKNOWN, None),
        ("50026", Outcome.UNKNOWN, None),
        ("51149", Outcome.UNKNOWN, None),
        ("51016", Outcome.UNKNOWN, None),
        ("51068", Outcome.UNKNOWN, None),
        ("1", Outcome.UNKNOWN, None),
        ("59999", Outcome.UNKNOWN, None),
    ],
)
def test_a_code_proves_a_refusal_or_proves_nothing_whether_of_the_call_or_of_the_order(code, outcome, flag):
    for came in (answer([], code=code, msg="why"), answer([ack(code, "why", ordId="")], code="1", msg="All failed")):
        verdict = judged(came)
        assert (verdict.outcome, verdict.code, verdict.reason) == (outcome, code, "why")
        assert [name for name in ("stale_terms", "clock", "key") if getattr(verdict, name)] == ([flag] if flag else [])


@pytest.mark.parametrize("status", [200, 400, 403, 500, 502, 503])
def test_an_answer_that_is_no_envelope_proves_nothing(status):
    assert judged(answer(b"<html>Bad Gateway</html>", status)).outcome is Outcome.UNKNOWN


def test_what_came_too_fast_was_certainly_not_executed():
    for came in (answer(b"slow down", 429), answer([], 429, code="50011"), answer([], code="50011")):
        assert OKX.refuses_for_pace(came)
        assert OKX.wait_s(came) == 2.0
        assert judged(came).outcome is Outcome.REJECTED
    assert not OKX.refuses_for_pace(answer([ack()]))
    assert OKX.wait_s(answer([ack()])) is None


@given(st.integers(100, 599), st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode()))
def test_no_answer_whatever_is_taken_for_an_acceptance_or_an_error(status, body):
    assert judged(answer(body, status)).outcome is not Outcome.ACCEPTED


# --- what the account hears ----------------------------------------------------------------------


def test_a_trade_is_heard_before_the_state_it_leads_to_and_its_fee_is_what_was_charged():
    fill, state = push("orders", ROW | FILL)
    assert fill == HeardFill(
        market_id="BTC-USDT",
        order_id=OURS,
        venue_order_id="312269865356374016",
        trade_id="77",
        side=Side.BUY,
        quantity="0.5",
        price="60000.1",
        fee="0.0005",
        fee_currency="BTC",
        maker=True,
        at=1597026383086 * 10**6,
    )
    assert (state.status, state.filled, state.quantity) == (OrderStatus.PARTIALLY_FILLED, "0.5", "1.5")
    (rebate, _) = push("orders", ROW | FILL | {"fillFee": "0.0001"})
    assert rebate.fee == "-0.0001"


@given(st.integers(-(10**20), 10**20), st.integers(0, 18))
def test_a_fee_changes_its_sign_and_nothing_else(raw, places):
    fee = to_decimal(raw, places)
    assert to_scaled(charged(f"{fee:f}"), 18) == -to_scaled(fee, 18)


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"state": "live"}, OrderStatus.ACKNOWLEDGED, ""),
        ({"state": "filled"}, OrderStatus.FILLED, ""),
        ({"state": "canceled", "cancelSource": "1"}, OrderStatus.CANCELLED, ""),
        ({"state": "canceled", "cancelSource": "1", "ordType": "ioc"}, OrderStatus.CANCELLED, ""),
        ({"state": "canceled", "cancelSource": "14", "ordType": "ioc"}, OrderStatus.EXPIRED, ""),
        ({"state": "canceled", "cancelSource": "13", "ordType": "fok"}, OrderStatus.EXPIRED, ""),
        ({"state": "canceled", "cancelSource": "0", "ordType": "market"}, OrderStatus.EXPIRED, ""),
        ({"state": "canceled", "cancelSource": "31"}, OrderStatus.REJECTED, "it would have taken"),
        ({"state": "canceled", "cancelSource": "32"}, OrderStatus.CANCELLED, "self-trade prevention"),
        (
            {"state": "canceled", "cancelSource": "3", "cancelSourceReason": "risk"},
            OrderStatus.CANCELLED,
            "risk",
        ),
    ],
)
def test_every_report_says_how_the_order_stands_and_why_it_ended(changed, status, reason):
    (state,) = push("orders", ROW | changed)
    assert (state.order_id, state.status, state.reason) == (OURS, status, reason)


def test_an_order_that_came_from_a_stop_is_heard_under_the_stops_own_id():
    fill, state = push("orders", ROW | FILL | {"clOrdId": "", "algoClOrdId": OURS, "algoId": "1001"})
    assert (fill.order_id, state.order_id) == (OURS, OURS)
    assert state.venue_order_id == "312269865356374016"


def test_fees_of_several_trades_together_are_not_taken_for_the_fee_of_one():
    whole = {key: value for key, value in (ROW | FILL).items() if not key.startswith("fillFee")}
    fees = {"fee": "-0.7", "feeCcy": "USDT"}
    (fill, _) = push("orders", whole | fees)
    assert (fill.fee, fill.fee_currency) == ("0.7", "USDT")
    (state,) = push("orders", whole | fees | {"accFillSz": "1.1"})
    assert (type(state), state.filled) == (HeardOrder, "1.1")


@pytest.mark.parametrize("category", ["full_liquidation", "partial_liquidation", "adl"])
def test_what_the_venue_closed_by_force_is_told_once_and_as_nobodys_order(category):
    (fill,) = push("orders", ROW | FILL | {"category": category, "clOrdId": "", "state": "filled"})
    assert (fill.forced, fill.order_id, fill.trade_id) == (True, "", "77")


def test_a_stop_is_heard_with_its_trigger_until_it_becomes_an_order():
    (state,) = push("orders-algo", ALGO)
    assert (state.order_id, state.venue_order_id, state.status) == (OURS, "1001", OrderStatus.ACKNOWLEDGED)
    assert (state.stop, state.price, state.quantity) == ("55000", None, "1.5")
    (state,) = push("orders-algo", ALGO | {"state": "effective", "ordId": "42", "slOrdPx": "54900"})
    assert (state.venue_order_id, state.price, state.status) == ("42", "54900", OrderStatus.ACKNOWLEDGED)
    (state,) = push("orders-algo", ALGO | {"state": "order_failed", "failCode": "51008"})
    assert (state.status, state.reason) == (OrderStatus.REJECTED, "51008")
    with pytest.raises(DataError, match="stop state 'odd'"):
        push("orders-algo", ALGO | {"state": "odd"})


def test_holdings_are_cash_and_a_settlement_is_to_be_asked_for():
    details = [{"ccy": "USDT", "cashBal": "94.42612990333333", "uTime": "5"}]
    (held,) = push("account", {"details": details})
    assert held == HeardBalance(asset="USDT", total="94.42612990333333", at=5_000_000)
    changed = {"eventType": "funding_fee", "pTime": "9", "balData": details}
    held, settled = push("balance_and_position", changed | {"posData": [{"instId": "BTC-USDT-SWAP", "pos": "1"}]})
    assert settled == HeardSettled(market_id="BTC-USDT-SWAP", at=9_000_000)
    _, settled = push("balance_and_position", changed | {"posData": []})
    assert settled.market_id == ""  # it does not say which
    (moved,) = push("balance_and_position", changed | {"eventType": "transferred"})
    assert (moved.external, held.external) == (True, False)


def test_what_is_unknown_is_an_error_and_the_market_goes_to_its_own_decoder():
    with pytest.raises(DataError, match="order state 'odd' is unknown"):
        push("orders", ROW | {"state": "odd"})
    with pytest.raises(DataError, match="okx: Order"):
        push("orders", {"instId": "BTC-USDT"})
    with pytest.raises(DataError, match="no known kind"):
        push("something-new", {})
    trade = {"instId": "BTC-USDT", "px": "1", "sz": "2", "ts": "3", "side": "buy", "tradeId": "4"}
    (heard,) = OKX.hear({"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [trade]})
    assert isinstance(heard, HeardTrade)
    (end,) = OKX.hear({"event": "notice", "code": "64008", "msg": "the connection will soon be closed"})
    assert isinstance(end, HeardEnd)
    answers = ({"event": "subscribe", "arg": {"channel": "orders"}}, {"event": "login", "code": "0"}, "pong")
    assert [list(OKX.hear(each)) for each in answers] == [[], [], []]


# --- questions -----------------------------------------------------------------------------------


def test_an_order_is_asked_for_among_orders_then_stops_and_then_what_the_stop_became():
    first, second = OKX.order(OURS, SPOT)
    assert (first.endpoint, first.params) == ("privateGetTradeOrder", {"instId": "BTC-USDT", "clOrdId": OURS})
    assert (second.endpoint, second.params) == ("privateGetTradeOrderAlgo", {"algoClOrdId": OURS})
    assert OKX.read_order(answer([], code="51603", msg="Order does not exist"), SPOT) is None
    assert OKX.read_order(answer([ROW]), SPOT).status is OrderStatus.ACKNOWLEDGED
    assert OKX.read_order(answer([ALGO]), SPOT).stop == "55000"
    led = OKX.read_order(answer([ALGO | {"ordId": "42", "state": "effective"}]), SPOT)
    assert isinstance(led, Call)
    assert led.params == {"instId": "BTC-USDT", "ordId": "42"}
    for broken in (answer([], code="50013"), answer([], 500, code="50001"), answer(b"no")):
        with pytest.raises(DataError):
            OKX.read_order(broken, SPOT)


def test_open_orders_are_read_page_by_page_stops_too():
    orders, stops = OKX.open_orders()
    page = answer([ROW | {"ordId": str(number)} for number in range(200, 100, -1)])
    assert len(OKX.read_open_orders(page)) == 100
    further = OKX.further_open_orders(page)
    assert (further.endpoint, further.params) == (orders.endpoint, {**orders.params, "after": "101"})
    page = answer([ALGO | {"algoId": str(number)} for number in range(200, 100, -1)])
    assert OKX.read_open_orders(page)[0].stop == "55000"
    further = OKX.further_open_orders(page)
    assert (further.endpoint, further.params) == (stops.endpoint, {**stops.params, "after": "101"})
    assert OKX.further_open_orders(answer([ROW])) is None


OWN = {
    "instId": "BTC-USDT-SWAP",
    "tradeId": "9",
    "ordId": "42",
    "billId": "100",
    "side": "sell",
    "fillSz": "1",
    "fillPx": "60000",
    "fee": "-0.3",
    "feeCcy": "USDT",
    "execType": "T",
    "ts": "1000",
    "subType": "2",
}


def test_own_trades_are_paged_backwards_and_name_their_order_by_the_venues_id():
    call = OKX.my_trades(SWAP, 5 * SECOND, "77")
    assert call.params == {
        "instType": "SWAP",
        "instId": "BTC-USDT-SWAP",
        "begin": "5000",
        "limit": "100",
        "after": "77",
    }
    fills, further = OKX.read_my_trades(answer([OWN, OWN | {"tradeId": "8", "billId": "99", "subType": "104"}]))
    assert ([each.trade_id for each in fills], further) == (["8", "9"], "")
    assert [(each.order_id, each.venue_order_id, each.forced) for each in fills] == [
        ("", "42", True),
        ("", "42", False),
    ]
    _, further = OKX.read_my_trades(answer([OWN | {"billId": str(number)} for number in range(200, 100, -1)]))
    assert further == "101"


def test_funding_is_what_its_bill_moved_and_spot_has_none():
    bill = {
        "instId": "BTC-USDT-SWAP",
        "billId": "5",
        "ccy": "USDT",
        "balChg": "-0.0123",
        "type": "8",
        "subType": "173",
        "ts": "7",
    }
    assert OKX.funding(SPOT, 0, "") is None
    assert OKX.funding(SWAP, 0, "").params["type"] == "8"
    (paid,), further = OKX.read_funding(answer([bill]))
    assert paid == HeardFunding(
        market_id="BTC-USDT-SWAP", amount="-0.0123", currency="USDT", funding_id="5", at=7_000_000
    )
    assert further == ""


def test_positions_are_net_and_sides_that_are_kept_apart_add_up():
    rows = [{"instId": "BTC-USDT-SWAP", "pos": "-3.5", "posSide": "net", "avgPx": "60000.5"}]
    assert OKX.read_positions(answer(rows)) == {"BTC-USDT-SWAP": (Decimal("-3.5"), Decimal("60000.5"))}
    rows = [{"instId": "A-B-SWAP", "pos": "3", "posSide": side, "avgPx": "1"} for side in ("long", "short")]
    assert OKX.read_positions(answer(rows)) == {"A-B-SWAP": (Decimal(0), None)}


@pytest.mark.parametrize(
    ("perm", "trade", "withdraw"),
    [
        ("read_only", False, False),
        ("read_only,trade", True, False),
        ("read_only,withdraw,trade", True, True),
        ("", None, None),
    ],
)
def test_the_keys_permissions_are_read(perm, trade, withdraw):
    assert OKX.read_permissions(answer([{"perm": perm}])) == Permissions(trade=trade, withdraw=withdraw)


# --- listings, bars ------------------------------------------------------------------------------

TERMS = {
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctMult": "1",
    "ctValCcy": "BTC",
    "settleCcy": "USDT",
    "uly": "BTC-USDT",
    "lever": "100",
    "lotSz": "0.01",
    "minSz": "0.01",
    "tickSz": "0.1",
    "maxLmtSz": "100000000",
    "maxMktSz": "20000",
    "state": "live",
    "baseCcy": "",
    "quoteCcy": "",
}
AT_HAND = TERMS | {
    "instId": "BTC-USDT",
    "instType": "SPOT",
    "baseCcy": "BTC",
    "quoteCcy": "USDT",
    "ctType": "",
    "uly": "",
    "lotSz": "0.00000001",
    "minSz": "0.00001",
}


def listed(*terms: dict) -> list[Listed]:
    return list(OKX.read_listings([answer(list(terms))], venue="okx", account="main"))


def test_a_perpetual_is_listed_in_contracts_with_the_margin_it_needs():
    (found,) = listed(TERMS)
    instrument = found.instrument
    assert (instrument.symbol, instrument.contract_size, instrument.lot) == (
        "BTC/USDT:USDT",
        Decimal("0.01"),
        Decimal("0.01"),
    )
    assert (instrument.max_leverage, instrument.maintenance, instrument.amendable) == (100, Decimal("0.004"), True)
    assert [each.max_leverage for each in instrument.tiers] == [50, 25, 12]
    assert (found.market_id, found.max_quantity, found.max_market_quantity) == (
        "BTC-USDT-SWAP",
        Decimal(100_000_000),
        Decimal(20_000),
    )


def test_spot_takes_its_fee_of_what_is_received_and_counts_no_dollars_as_coins():
    (found,) = listed(AT_HAND)
    assert (found.instrument.symbol, found.instrument.fee_currency) == ("BTC/USDT", FeeCurrency.RECEIVED)
    assert (found.instrument.min_quantity, found.max_market_quantity) == (Decimal("0.00001"), None)


@pytest.mark.parametrize("leverage", ["1", "3", "5", "10", "20", "50", "75", "100", "125"])
def test_every_leverage_has_margin_terms_that_hold_together(leverage):
    (found,) = listed(TERMS | {"lever": leverage})
    assert found.instrument.max_leverage == int(leverage)


def test_what_is_not_ours_to_trade_is_left_out_and_a_broken_listing_is_named():
    inverse = TERMS | {"ctType": "inverse", "settleCcy": "BTC", "ctValCcy": "USD", "uly": "BTC-USD"}
    third = TERMS | {"uly": "BTC-USD", "settleCcy": "USDC"}
    assert listed(inverse, third, TERMS | {"state": "preopen"}) == []
    (halted,) = listed(TERMS | {"state": "suspend"})
    assert not halted.open
    with pytest.raises(DataError, match=r"okx BTC-USDT-SWAP: .*lotSz"):
        listed(TERMS | {"lotSz": "many"})


@pytest.mark.parametrize("odd", [{"lotSz": "many"}, {"tickSz": 1}, {"lever": "ten"}])
def test_one_odd_market_among_many_is_left_out(odd):
    (found,) = listed(TERMS | {"instId": "ODD-USDT-SWAP"} | odd, TERMS)
    assert found.market_id == "BTC-USDT-SWAP"


def test_bars_are_asked_for_in_half_open_spans_of_a_page_and_by_utc():
    params = OKX.bars(SPOT, "1h", 0, 1_000 * HOUR).params
    assert (params["bar"], params["before"], params["after"]) == ("1H", "-1", str(100 * HOUR // 10**6))
    assert OKX.bars(SPOT, "1d", DAY, 3 * DAY).params["bar"] == "1Dutc"
    assert OKX.bars(SPOT, "1m", MINUTE, 2 * MINUTE).params["after"] == "120000"
    with pytest.raises(Unsupported, match="no bars of '7m'"):
        OKX.bars(SPOT, "7m", 0, HOUR)
    with pytest.raises(Unsupported, match="past trades"):
        OKX.trades(SPOT, 0, HOUR, "")


# --- what was recorded ---------------------------------------------------------------------------


@recorded
def test_every_recorded_payload_of_an_account_is_read():
    found = {}
    with gzip.open(ROOT / "rest/okx_payloads.jsonl.gz") as file:
        for line in file:
            record = parse(line)
            raw = record["raw"]
            found[record["path"].rsplit("/", 1)[-1]] = raw if isinstance(raw, str) else json.dumps(raw)
    pushes = [name for name in found if name.startswith(("ws_orders", "ws_account"))]
    assert len(pushes) > 8
    for name in pushes:
        list(OKX.hear(parse(found[name])))
    (forced,) = OKX.hear(parse(found["ws_orders_liquidation.json"]))
    assert (forced.forced, forced.fee) == (True, "20.0")
    pages = {
        "http_get_orders_pending.json": OKX.read_open_orders,
        "http_get_orders_history.json": OKX.read_open_orders,
        "http_get_orders_algo_pending.json": OKX.read_open_orders,
        "http_get_orders_algo_history.json": OKX.read_open_orders,
        "http_get_positions.json": OKX.read_positions,
        "http_get_account_balance.json": OKX.read_balances,
    }
    for name, read in pages.items():
        assert read(answer(found[name].encode())), name
    trades, _ = OKX.read_my_trades(answer([json.loads(found["http_transaction_detail.json"])]))
    assert trades[0].fee == "-0.042"
    rejected = judged(answer(found["http_place_algo_order_rejected.json"].encode()))
    assert (rejected.outcome, rejected.code) == (Outcome.REJECTED, "51000")
    names = ("http_get_instruments_spot.json", "http_get_instruments_swap.json")
    answers = [answer(found[name].encode()) for name in names]
    kinds = {each.instrument.kind for each in OKX.read_listings(answers, venue="okx", account="main")}
    assert len(kinds) == 2


def test_every_endpoint_that_is_asked_has_a_limit_of_its_own():
    limited = {each.endpoint for each in OKX.limits}
    stop = {"order_type": OrderType.STOP, "price_raw": None, **AT_61000}
    terms = {"order_id": OURS, "strategy_id": "s", "instrument": BTC, "quantity_raw": 1, "price_raw": 1}
    asked = [
        OKX.time(),
        OKX.permissions(),
        OKX.balances(),
        OKX.positions(),
        OKX.book(SPOT, 10),
        OKX.bars(SPOT, "1m", 0, HOUR),
        OKX.my_trades(SPOT, 0, ""),
        OKX.funding(SWAP, 0, ""),
        *OKX.listings(),
        *OKX.open_orders(),
        *OKX.order(OURS, SPOT),
        OKX.place(order(), SPOT),
        OKX.place(order(**stop), SPOT),
        OKX.amend(AmendEvent("t", 1, 0, 0, **terms), SPOT),
        OKX.amend(AmendEvent("t", 1, 0, 0, stop_raw=1, **terms), SPOT),
        *(OKX.cancel(OURS, SPOT, stop=each) for each in (False, True)),
    ]
    assert {each.endpoint for each in asked} == limited
