"""What the Binance dialect promises: native words both ways, and a verdict only where there is proof."""

from __future__ import annotations

import decimal
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded.files import ROOT, lines, parse, recorded
from workbench.connectors.dialect import Listed, RateLimit, Usage
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.heard import HeardBalance, HeardEnd, HeardFill, HeardOrder, HeardTrade
from workbench.connectors.wire import Answer, Urgency
from workbench.core import events
from workbench.core.clock import DAY, MINUTE, SECOND
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import to_scaled
from workbench.core.order import OrderStatus, OrderType, Role, Side, TimeInForce
from workbench.core.ports import Outcome, Permissions

BINANCE = BinanceDialect()
BTC = Instrument(venue="binance", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))
LISTED = Listed(instrument=BTC, market_id="BTCUSDT")
OURS = "a" * 32

SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quoteAssetPrecision": 8,
    "isSpotTradingAllowed": True,
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01000000",
            "maxPrice": "1000000.00000000",
            "tickSize": "0.01000000",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "76.84829206", "stepSize": "0.00000000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00000000"},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ],
}
RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
]
PLACED = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": OURS,
    "transactTime": 1507725176595,
    "price": "4000.00000000",
    "origQty": "10.00000000",
    "executedQty": "6.00000000",
    "cummulativeQuoteQty": "24000.00000000",
    "status": "PARTIALLY_FILLED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "SELL",
    "fills": [
        {"price": "4000.00000000", "qty": "1.00000000", "commission": "4.0", "commissionAsset": "USDT", "tradeId": 56},
        {"price": "4000.00000000", "qty": "5.00000000", "commission": "0.1", "commissionAsset": "BNB", "tradeId": 57},
    ],
}
REPORT = {
    "e": "executionReport",
    "E": 1499405658658,
    "s": "BTCUSDT",
    "c": OURS,
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "0.10264410",
    "P": "0.00000000",
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4293153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1499405658657,
    "t": -1,
    "I": 8641984,
    "w": True,
    "m": False,
}


def answer(body, status: int = 200, **headers: str) -> Answer:
    whole = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers=headers, body=whole, sent=1, received=2)


def order(**terms) -> OrderEvent:
    defaults = {
        "order_id": OURS,
        "strategy_id": "s",
        "role": Role.ENTRY,
        "instrument": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity_raw": 12_300_000,
        "price_raw": 4_200_010,
    }
    return OrderEvent("test", 1, 0, 0, **(defaults | terms))


def placed(**terms) -> dict:
    call = BINANCE.place(order(**terms), LISTED)
    assert (call.endpoint, call.urgency, call.orders) == ("privatePostOrder", Urgency.ORDER, 1)
    return dict(call.params)


# --- orders --------------------------------------------------------------------------------------

COMMON = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "quantity": "0.123",
    "newClientOrderId": OURS,
    "newOrderRespType": "FULL",
}


@pytest.mark.parametrize(
    ("terms", "native"),
    [
        ({}, {"type": "LIMIT", "timeInForce": "GTC", "price": "42000.1"}),
        ({"time_in_force": TimeInForce.IOC}, {"type": "LIMIT", "timeInForce": "IOC", "price": "42000.1"}),
        ({"time_in_force": TimeInForce.FOK}, {"type": "LIMIT", "timeInForce": "FOK", "price": "42000.1"}),
        ({"post_only": True}, {"type": "LIMIT_MAKER", "price": "42000.1"}),
        ({"order_type": OrderType.MARKET, "price_raw": None}, {"type": "MARKET"}),
        ({"order_type": OrderType.MARKET}, {"type": "MARKET"}),
        ({"order_type": OrderType.STOP, "price_raw": None, "stop_raw": 1}, {"type": "STOP_LOSS", "stopPrice": "0.01"}),
        (
            {"order_type": OrderType.STOP_LIMIT, "stop_raw": 4_300_000},
            {"type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "42000.1", "stopPrice": "43000"},
        ),
        ({"reduce_only": True}, {"type": "LIMIT", "timeInForce": "GTC", "price": "42000.1"}),
    ],
)
def test_every_kind_of_order_is_said_in_native_words(terms, native):
    assert placed(**terms) == COMMON | native


def test_an_order_that_binance_does_not_have_is_refused_before_it_is_sent():
    for terms in (
        {"post_only": True, "order_type": OrderType.MARKET, "price_raw": None},
        {"post_only": True, "time_in_force": TimeInForce.IOC},
        {"post_only": True, "order_type": OrderType.STOP_LIMIT, "stop_raw": 1},
    ):
        with pytest.raises(Unsupported, match="post-only"):
            placed(**terms)
    with pytest.raises(DataError, match="needs a stop"):
        placed(order_type=OrderType.STOP, price_raw=None)
    with pytest.raises(Unsupported, match="cannot be changed"):
        BINANCE.amend(
            AmendEvent("test", 1, 0, 0, order_id=OURS, strategy_id="s", instrument=BTC, quantity_raw=1), LISTED
        )


def test_an_order_is_taken_back_and_asked_for_by_our_id():
    cancel = BINANCE.cancel(OURS, LISTED, stop=True)
    assert cancel == BINANCE.cancel(OURS, LISTED, stop=False)
    assert (cancel.endpoint, cancel.urgency) == ("privateDeleteOrder", Urgency.CANCEL)
    assert cancel.params == {"symbol": "BTCUSDT", "origClientOrderId": OURS}
    (query,) = BINANCE.order(OURS, LISTED)
    assert (query.endpoint, query.params) == ("privateGetOrder", cancel.params)


# --- what an answer proves -----------------------------------------------------------------------


def judged(body, status: int = 200):
    return BINANCE.verdict(answer(body, status), order_id=OURS, listed=LISTED)


def test_an_accepted_order_brings_its_fills_and_its_state():
    verdict = judged(PLACED)
    assert verdict.outcome is Outcome.ACCEPTED
    taken_in, first, second, state = verdict.heard
    assert (taken_in.status, taken_in.filled) == (OrderStatus.ACKNOWLEDGED, "0")
    at = 1507725176595 * 10**6
    assert first == HeardFill(
        market_id="BTCUSDT",
        order_id=OURS,
        venue_order_id="28",
        trade_id="56",
        side=Side.SELL,
        quantity="1.00000000",
        price="4000.00000000",
        fee="4.0",
        fee_currency="USDT",
        maker=False,
        at=at,
    )
    assert (second.trade_id, second.fee, second.fee_currency) == ("57", "0.1", "BNB")
    assert (state.order_id, state.status, state.filled) == (OURS, OrderStatus.PARTIALLY_FILLED, "6.00000000")
    assert (state.quantity, state.price, state.stop, state.at) == ("10.00000000", "4000.00000000", None, at)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", OrderStatus.ACKNOWLEDGED),
        ("FILLED", OrderStatus.FILLED),
        ("CANCELED", OrderStatus.CANCELLED),
        ("EXPIRED", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("REJECTED", OrderStatus.REJECTED),
    ],
)
def test_the_venues_status_is_heard(word, status):
    assert judged(PLACED | {"status": word, "fills": []}).heard[-1].status is status


def test_a_cancel_is_about_the_order_it_names_not_about_its_own_id():
    cancelled = {"origClientOrderId": OURS, "clientOrderId": "of-the-cancel", "status": "CANCELED", "fills": []}
    verdict = judged(PLACED | cancelled)
    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.heard[-1].order_id == OURS
    assert judged(PLACED | cancelled | {"origClientOrderId": "other"}).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>Welcome</html>",
        b'{"symbol":"BTCUSDT","orderId":1',
        b"\xff\xfe",
        json.dumps(PLACED | {"clientOrderId": "another"}).encode(),
        json.dumps(PLACED | {"status": "SOMETHING_NEW"}).encode(),
        b'{"code":-2010,"msg":"Account has insufficient balance for requested action."}',
    ],
)
def test_a_success_that_does_not_show_our_order_proves_nothing(body):
    assert judged(body).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "code", "flag"),
    [
        (400, -1013, "stale_terms"),
        (400, -1111, "stale_terms"),
        (400, -1121, "stale_terms"),
        (400, -1021, "clock"),
        (401, -2015, "key"),
        (401, -2014, "key"),
        (400, -1022, "key"),
        (400, -2010, ""),
        (400, -2011, ""),
        (400, -1102, ""),
        (403, -2010, ""),
    ],
)
def test_a_refusal_with_a_code_is_a_refusal_and_says_what_to_learn_anew(status, code, flag):
    verdict = judged({"code": code, "msg": "no"}, status)
    assert (verdict.outcome, verdict.code, verdict.reason) == (Outcome.REJECTED, str(code), "no")
    assert {name for name in ("stale_terms", "clock", "key") if getattr(verdict, name)} == ({flag} - {""})


@pytest.mark.parametrize("code", [-1000, -1001, -1004, -1006, -1007, -1008, -1016])
@pytest.mark.parametrize("status", [400, 500, 503, 504])
def test_a_venue_that_lost_track_of_the_order_proves_nothing(code, status):
    assert judged({"code": code, "msg": "?"}, status).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [403, 404, 408, 409, 500, 502, 503, 504])
def test_a_page_of_html_proves_nothing(status):
    assert judged(b"<html>WAF</html>", status).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [408, 409, 500, 503, 302])
def test_a_status_that_leaves_it_open_proves_nothing_whatever_the_code(status):
    assert judged({"code": -2010, "msg": "no"}, status).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.parametrize("body", [b"", b"<html>slow</html>", b'{"code":-1015,"msg":"Too many new orders."}'])
def test_what_came_too_fast_was_certainly_not_executed(status, body):
    assert judged(body, status).outcome is Outcome.REJECTED


def test_an_id_that_is_in_use_may_be_this_very_order():
    assert judged({"code": -2010, "msg": "Duplicate order sent."}, 400).outcome is Outcome.UNKNOWN
    assert judged({"code": -1, "msg": "System is under maintenance."}, 400).outcome is Outcome.UNKNOWN


@given(st.integers(100, 599), st.binary(max_size=60) | st.builds(lambda code: b'{"code":%d}' % code, st.integers()))
def test_no_answer_whatever_is_taken_for_an_acceptance_or_an_error(status, body):
    verdict = judged(body, status)
    assert verdict.outcome is not Outcome.ACCEPTED
    if verdict.outcome is Outcome.REJECTED:
        assert 400 <= status < 500


# --- the account ---------------------------------------------------------------------------------


def heard(message) -> list:
    return list(BINANCE.hear(message))


def test_a_new_order_is_heard_bare_or_wrapped():
    expected = HeardOrder(
        market_id="BTCUSDT",
        order_id=OURS,
        venue_order_id="4293153",
        status=OrderStatus.ACKNOWLEDGED,
        at=1499405658657 * 10**6,
        quantity="1.00000000",
        price="0.10264410",
        filled="0.00000000",
        sequence=8641984,
    )
    assert heard(REPORT) == heard({"subscriptionId": 0, "event": REPORT}) == [expected]


def test_a_trade_is_heard_before_the_state_it_leads_to():
    trade = {"x": "TRADE", "X": "FILLED", "l": "1.00000000", "z": "1.00000000", "L": "0.1", "t": 77, "m": True}
    fill, state = heard(REPORT | trade | {"n": "-0.00010000", "N": "BNB"})
    assert (fill.trade_id, fill.quantity, fill.price, fill.maker) == ("77", "1.00000000", "0.1", True)
    assert (fill.fee, fill.fee_currency, fill.side) == ("-0.00010000", "BNB", Side.BUY)
    assert (state.status, state.filled) == (OrderStatus.FILLED, "1.00000000")


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"x": "CANCELED", "X": "CANCELED", "c": "of-the-cancel", "C": OURS}, OrderStatus.CANCELLED, ""),
        ({"x": "CANCELED", "X": "CANCELED"}, OrderStatus.CANCELLED, ""),
        ({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCE"}, OrderStatus.REJECTED, "INSUFFICIENT_BALANCE"),
        (
            {"x": "EXPIRED", "X": "EXPIRED", "eR": "INSUFFICIENT_LIQUIDITY"},
            OrderStatus.EXPIRED,
            "INSUFFICIENT_LIQUIDITY",
        ),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"}, OrderStatus.EXPIRED, "self-trade prevention"),
        ({"x": "REPLACED", "X": "NEW"}, OrderStatus.ACKNOWLEDGED, ""),
    ],
)
def test_every_report_names_the_order_and_why_it_ended(changed, status, reason):
    (state,) = heard(REPORT | changed)
    assert (state.order_id, state.status, state.reason) == (OURS, status, reason)


def test_what_self_trade_prevention_took_is_no_longer_part_of_the_order():
    (state,) = heard(REPORT | {"x": "TRADE_PREVENTION", "X": "NEW", "A": "0.30000000", "B": "0.10000000"})
    assert Decimal(state.quantity) == Decimal("0.7")


def test_balances_are_free_and_locked_together_and_exact():
    position = {
        "e": "outboundAccountPosition",
        "E": 2,
        "u": 1,
        "B": [{"a": "X", "f": "0.123456789012345678", "l": "1"}],
    }
    assert heard(position) == [HeardBalance(asset="X", total="1.123456789012345678", at=1_000_000)]
    update = {"e": "balanceUpdate", "E": 2, "a": "BTC", "d": "-100.00000000", "T": 1}
    assert heard(update) == [HeardBalance(asset="BTC", total="", change="-100.00000000", at=1_000_000, external=True)]


def test_holdings_are_exact_whatever_the_decimal_context():
    account = {"balances": [{"asset": "X", "free": "9999999999999999999.00000001", "locked": "0.00000002"}]}
    with decimal.localcontext() as context:
        context.prec = 3
        held = BINANCE.read_balances(answer(account))
    assert held == {"X": Decimal("9999999999999999999.00000003")}


def test_the_venue_says_when_a_stream_ends():
    assert heard({"e": "eventStreamTerminated", "E": 1}) == [HeardEnd(reason="eventStreamTerminated")]
    assert heard({"subscriptionId": 0, "event": {"e": "serverShutdown", "E": 1}}) == [HeardEnd(reason="serverShutdown")]


def test_what_concerns_others_is_silent_and_what_is_unknown_is_an_error():
    assert heard({"e": "listStatus", "E": 1}) == []
    assert heard({"e": "externalLockUpdate", "E": 1}) == []
    for message in ({"e": "somethingNew"}, {"subscriptionId": 0, "event": {"e": "somethingNew"}}):
        with pytest.raises(DataError, match="binance"):
            heard(message)
    with pytest.raises(DataError, match=r"binance: ExecutionReport.*`q`|missing required field `q`"):
        heard({name: value for name, value in REPORT.items() if name != "q"})
    with pytest.raises(DataError, match="float"):
        heard(REPORT | {"q": 1.5})


def test_market_messages_go_to_the_markets_decoder():
    trade = {"e": "trade", "E": 2, "s": "BTCUSDT", "t": 5, "p": "1.10", "q": "2", "T": 1, "m": False, "M": True}
    (word,) = heard(trade)
    assert isinstance(word, HeardTrade)
    assert (word.market_id, word.price, word.trade_id) == ("BTCUSDT", "1.10", "5")


def test_own_trades_are_paged_by_trade_id():
    first = BINANCE.my_trades(LISTED, 1_700_000_000_123_456_789, "")
    assert first.params == {"symbol": "BTCUSDT", "limit": 1000, "startTime": 1_700_000_000_123}
    assert BINANCE.my_trades(LISTED, 5, "78").params == {"symbol": "BTCUSDT", "limit": 1000, "fromId": "78"}
    row = {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "price": "4.00",
        "qty": "12.0",
        "commission": "10.1",
        "commissionAsset": "BNB",
        "time": 1499865549590,
        "isBuyer": False,
        "isMaker": True,
    }
    fills, further = BINANCE.read_my_trades(answer([row | {"id": n} for n in (3, 1, 2)]))
    assert ([fill.trade_id for fill in fills], further) == (["1", "2", "3"], "")
    assert (fills[0].venue_order_id, fills[0].order_id, fills[0].side, fills[0].maker) == ("28", "", Side.SELL, True)
    _, further = BINANCE.read_my_trades(answer([row | {"id": n} for n in range(1000)]))
    assert further == "1000"


def test_an_unknown_order_is_none_and_every_other_failure_an_error():
    assert BINANCE.read_order(answer({"code": -2013, "msg": "Order does not exist."}, 400), LISTED) is None
    assert BINANCE.read_order(answer(PLACED | {"stopPrice": "0.0"}), LISTED).status is OrderStatus.PARTIALLY_FILLED
    for body, status in (
        ({"code": -1001, "msg": "?"}, 500),
        ({"code": -1003, "msg": "?"}, 429),
        ({}, 200),
        (b"<", 200),
    ):
        with pytest.raises(DataError, match="binance"):
            BINANCE.read_order(answer(body, status), LISTED)
        with pytest.raises(DataError, match="binance"):
            BINANCE.read_open_orders(answer(body, status))
    assert BINANCE.read_open_orders(answer([])) == []


def test_the_keys_permissions_are_read():
    restrictions = {"ipRestrict": True, "enableWithdrawals": False, "enableSpotAndMarginTrading": True}
    assert BINANCE.read_permissions(answer(restrictions)) == Permissions(trade=True, withdraw=False)
    assert BINANCE.read_permissions(answer({})) == Permissions(trade=None, withdraw=None)


# --- listings, limits, pace ----------------------------------------------------------------------


def listed(symbol: dict) -> Listed:
    (found,) = BINANCE.read_listings([answer({"symbols": [symbol]})], venue="binance", account="main")
    return found


def test_a_listing_carries_every_filter_as_an_exact_number():
    found = listed(SYMBOL)
    instrument = found.instrument
    assert (instrument.key, found.market_id, found.open) == ("binance:BTC/USDT", "BTCUSDT", True)
    assert (instrument.tick, instrument.lot) == (Decimal("0.01"), Decimal("0.00001"))
    assert (instrument.min_quantity, instrument.min_notional) == (Decimal("0.00001"), Decimal(5))
    assert (instrument.fee_currency, instrument.amendable) == (FeeCurrency.RECEIVED, False)
    assert (found.min_price, found.max_price) == (Decimal("0.01"), Decimal(1_000_000))
    assert (found.max_quantity, found.max_market_quantity) == (Decimal(9000), Decimal("76.84829206"))
    assert (found.max_notional, found.max_open_orders) == (Decimal(9_000_000), 200)


def test_a_filter_that_is_switched_off_is_no_limit():
    off = [{"filterType": "PRICE_FILTER", "minPrice": "0.0", "maxPrice": "0.0", "tickSize": "0.00000000"}]
    found = listed(SYMBOL | {"filters": off, "status": "HALT"})
    assert (found.instrument.tick, found.instrument.lot) == (Decimal("1E-8"), Decimal("1E-8"))
    assert (found.min_price, found.max_price, found.max_quantity, found.max_notional) == (None, None, None, None)
    assert not found.open


def test_symbols_without_spot_trading_are_not_listed_and_a_broken_one_is_named():
    info = {"symbols": [SYMBOL | {"isSpotTradingAllowed": False}]}
    assert BINANCE.read_listings([answer(info)], venue="binance", account="main") == []
    with pytest.raises(DataError, match="BTCUSDT"):
        listed(SYMBOL | {"filters": [{"filterType": "LOT_SIZE", "stepSize": "ten"}]})


@pytest.mark.parametrize("odd", [{"baseAsset": "A B"}, {"baseAssetPrecision": "eight"}, {"filters": [1]}])
def test_one_odd_symbol_among_many_is_left_out(odd):
    info = {"symbols": [SYMBOL | {"symbol": "ODD"} | odd, SYMBOL]}
    found = BINANCE.read_listings([answer(info)], venue="binance", account="main")
    assert [each.market_id for each in found] == ["BTCUSDT"]


def test_an_instrument_written_by_a_journal_before_is_written_the_same():
    started = events.RunStarted(
        "run", 1, 0, 0, run_id="r", base_currency="USDT", instruments=(BTC,), cash={}, strategies={}
    )
    from workbench.core.codec import decode, encode

    assert b"amendable" not in encode(started)
    frozen = msgspec.structs.replace(started, instruments=(msgspec.structs.replace(BTC, amendable=False),))
    assert b'"amendable":false' in encode(frozen)
    assert decode(encode(frozen), {}) == frozen


def test_the_venues_own_limits_and_counts_are_read():
    info = answer({"symbols": [], "rateLimits": RATE_LIMITS})
    assert BINANCE.published_limits([info]) == [
        RateLimit(name="weight", most=6000, window_ns=MINUTE),
        RateLimit(name="orders", most=100, window_ns=10 * SECOND),
        RateLimit(name="orders", most=200_000, window_ns=DAY),
    ]
    headers = {
        "x-mbx-used-weight": "99",
        "x-mbx-used-weight-1m": "17",
        "x-mbx-order-count-10s": "3",
        "x-mbx-order-count-1d": "400",
        "content-type": "application/json",
    }
    assert BINANCE.usage(answer({}, **headers)) == [
        Usage(name="weight", used=17, window_ns=MINUTE),
        Usage(name="orders", used=3, window_ns=10 * SECOND),
        Usage(name="orders", used=400, window_ns=DAY),
    ]


def test_a_venue_that_is_asked_too_fast_says_how_long_to_wait():
    assert BINANCE.wait_s(answer({}, 429, **{"retry-after": "7"})) == 7.0
    assert BINANCE.wait_s(answer({}, 418)) == 60.0
    assert BINANCE.wait_s(answer({}, 400)) is None
    assert BINANCE.refuses_for_pace(answer({}, 429))
    assert not BINANCE.refuses_for_pace(answer({}, 503))


def test_bars_and_trades_are_asked_for_in_half_open_spans():
    call = BINANCE.bars(LISTED, "1h", 3_600_000_000_000, 7_200_000_000_000)
    assert (call.params["startTime"], call.params["endTime"]) == (3_600_000, 7_199_999)
    with pytest.raises(Unsupported, match="7m"):
        BINANCE.bars(LISTED, "7m", 0, 1)
    row = [3_600_000, "1.0", "2.0", "0.5", "1.5", "10", 7_199_999, "15", 3, "5", "7", "0"]
    done = msgspec.structs.replace(answer([row]), received=7_200_000_000_000)
    (bar,) = BINANCE.read_bars(done, LISTED, "1h")
    assert (bar.start, bar.open, bar.close, bar.closed) == (3_600_000_000_000, "1.0", "1.5", True)
    (bar,) = BINANCE.read_bars(msgspec.structs.replace(done, received=7_199_000_000_000), LISTED, "1h")
    assert not bar.closed
    rows = [{"a": n, "p": "1", "q": "2", "f": n, "l": n, "T": 5, "m": True, "M": True} for n in range(1000)]
    trades, further = BINANCE.read_trades(answer(rows), LISTED)
    assert (len(trades), further) == (1000, "1000")
    assert BINANCE.trades(LISTED, 0, 1, "1000").params["fromId"] == "1000"
    assert BINANCE.read_trades(answer(rows[:5]), LISTED)[1] == ""


@pytest.mark.parametrize(("depth", "levels", "weight"), [(0, 1000, 50), (20, 20, 5), (400, 400, 25), (9999, 5000, 250)])
def test_a_snapshot_costs_what_its_depth_costs(depth, levels, weight):
    call = BINANCE.book(LISTED, depth)
    assert (call.params["limit"], call.weight) == (levels, weight)


# --- recorded ------------------------------------------------------------------------------------


@recorded
def test_every_recorded_spot_payload_is_read():
    seen = 0
    for line in lines("rest/binance_payloads.jsonl.gz"):
        record = parse(line)
        name = record["path"].rpartition("/")[2].removesuffix(".json")
        if "/spot/" not in record["path"]:
            continue
        if "user_data_json" in record["path"]:
            words = heard(parse(record["raw"]))
            assert bool(words) == ("list_status" not in name), name
            seen += 1
        elif name in _READERS:
            assert _READERS[name](answer(record["raw"].encode())), name
            seen += 1
    assert seen == 11 + len(_READERS)


_READERS = {
    "account_response": BINANCE.read_balances,
    "account_trades_response": lambda page: BINANCE.read_my_trades(page)[0],
    "all_orders_response": BINANCE.read_open_orders,
    "cancel_order_response": lambda page: BINANCE.verdict(page, order_id="myOrder1", listed=LISTED).heard,
    "depth_response": lambda page: BINANCE.read_book(page, "LTCBTC").bids,
    "exchange_info_response": lambda page: BINANCE.read_listings([page], venue="binance", account="main"),
    "klines_response": lambda page: BINANCE.read_bars(page, LISTED, "1w"),
    "new_order_full_response": lambda page: (
        BINANCE.verdict(page, order_id="6gCrw2kRUAF9CvJDGP16IP", listed=LISTED).heard
    ),
    "open_orders_response": BINANCE.read_open_orders,
    "order_response": lambda page: [BINANCE.read_order(page, LISTED)],
    "server_time_response": BINANCE.read_time,
}


@recorded
def test_a_recorded_exchange_info_is_listed_whole():
    (info,) = [
        record["response"]
        for record in map(parse, lines("rest/binance_public_rest.jsonl.gz"))
        if record["path"] == "/api/v3/exchangeInfo"
    ]
    found = BINANCE.read_listings([answer(info)], venue="binance", account="main")
    assert len(found) == sum(symbol["isSpotTradingAllowed"] for symbol in info["symbols"]) > 0
    assert ROOT.is_dir()
    for each in found:
        to_scaled(each.instrument.tick, each.instrument.price_places)
    assert {limit.name for limit in BINANCE.published_limits([answer(info)])} == {"weight", "orders"}
