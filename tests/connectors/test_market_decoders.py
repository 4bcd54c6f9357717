"""What the decoders of market data promise beyond what was recorded."""

from __future__ import annotations

import copy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors.dialects import bybit_market, coinbase_market, deribit_market, generic_market
from workbench.connectors.dialects.bitfinex_market import SEQUENCE, BitfinexMarket, read_bars
from workbench.connectors.heard import HeardBar, HeardBook, HeardEnd, HeardMark, HeardQuote, HeardTrade
from workbench.core.clock import MINUTE
from workbench.core.errors import DataError
from workbench.core.order import Side

AT = 1_700_000_000_123
NS = AT * 10**6

parse = msgspec.json.Decoder(float_hook=str).decode

# --- every venue --------------------------------------------------------------------------------

HEAR = {
    "coinbase": coinbase_market.hear,
    "bybit": bybit_market.hear,
    "deribit": deribit_market.hear,
    "bitfinex": BitfinexMarket().hear,
    "ccxt": generic_market.hear,
}

UNKNOWN = [
    ("coinbase", {"type": "received", "product_id": "BTC-USD"}),
    ("bybit", {"topic": "liquidation.BTCUSDT", "data": {}}),
    ("bybit", {"op": "auth", "success": True}),
    ("deribit", {"method": "subscription", "params": {"channel": "perpetual.BTC-PERPETUAL.raw", "data": {}}}),
    ("deribit", {"method": "reboot"}),
    ("bitfinex", {"event": "auth", "status": "OK"}),
    ("bitfinex", [17, [1, 2, 3]]),
    ("ccxt", {"symbol": "BTC/USDT", "fundingRate": "0.0001"}),
]


@pytest.mark.parametrize(("venue", "message"), UNKNOWN)
def test_a_message_that_no_table_names_is_refused(venue, message):
    with pytest.raises(DataError, match=f"^{venue}: (a message of no known kind|channel 17 was never explained)"):
        HEAR[venue](message)


REFUSALS = [
    ("coinbase", {"type": "error", "message": "Failed to subscribe", "reason": "BTC-XXX is not valid"}, "BTC-XXX"),
    ("bybit", {"success": False, "ret_msg": "handler not found", "op": "subscribe"}, "handler not found"),
    ("deribit", {"jsonrpc": "2.0", "id": 1, "error": {"code": 11050, "message": "bad_request"}}, "bad_request"),
    ("bitfinex", {"event": "error", "code": 10300, "msg": "symbol: invalid"}, "10300 symbol: invalid"),
]


@pytest.mark.parametrize(("venue", "message", "words"), REFUSALS)
def test_what_the_venue_refuses_is_an_error_in_its_words(venue, message, words):
    with pytest.raises(DataError, match=f"{venue}: .*refused.*{words}"):
        HEAR[venue](message)


@pytest.mark.parametrize("venue", HEAR)
@pytest.mark.parametrize("message", [{}, [], None, 7, "text", {"data": None}, {"type": None}, [[]]])
def test_a_message_of_another_shape_is_an_error_that_names_the_venue(venue, message):
    if venue == "ccxt" and message == []:
        assert list(HEAR[venue](message)) == []  # a list of no trades
        return
    with pytest.raises(DataError, match=f"^{venue}: "):
        HEAR[venue](message)


def test_a_message_is_heard_whole_or_not_at_all():
    trade = {"s": "BTCUSDT", "S": "Buy", "p": "100", "v": "1", "T": AT, "i": "a"}
    with pytest.raises(DataError, match=r"cannot read .*'Hold'"):
        bybit_market.hear({"topic": "publicTrade.BTCUSDT", "data": [trade, {**trade, "S": "Hold"}]})


def test_a_float_is_refused_since_its_digits_are_not_the_venues():
    trade = {"s": "BTCUSDT", "S": "Buy", "p": 100.1, "v": "1", "T": AT, "i": "a"}
    with pytest.raises(DataError, match=r"as text or int, got float 100\.1"):
        bybit_market.hear({"topic": "publicTrade.BTCUSDT", "data": [trade]})


def test_a_long_message_is_quoted_in_part():
    with pytest.raises(DataError) as refused:
        coinbase_market.hear({"type": "?" * 10_000})
    assert len(str(refused.value)) < 300


WELL_FORMED = [
    (
        "coinbase",
        {"type": "l2update", "product_id": "X", "changes": [["buy", "1", "2"]], "time": "2024-01-31T12:00:00Z"},
    ),
    ("coinbase", {"type": "match", "product_id": "X", "price": "1", "size": "2", "side": "buy", "trade_id": 7}),
    ("bybit", {"topic": "publicTrade.X", "data": [{"s": "X", "S": "Buy", "p": "1", "v": "2", "T": AT, "i": "a"}]}),
    (
        "bybit",
        {"topic": "orderbook.1.X", "type": "delta", "ts": AT, "data": {"s": "X", "b": [["1", "2"]], "a": [], "u": 9}},
    ),
    (
        "deribit",
        {
            "method": "subscription",
            "params": {
                "channel": "book.X.raw",
                "data": {
                    "type": "change",
                    "timestamp": AT,
                    "prev_change_id": 1,
                    "change_id": 2,
                    "instrument_name": "X",
                    "bids": [["new", "1", "2"]],
                    "asks": [],
                },
            },
        },
    ),
    ("bitfinex", {"event": "subscribed", "channel": "book", "chanId": 1, "symbol": "tX"}),
    ("bitfinex", [1, ["1", 2, "-3"]]),
    ("ccxt", {"symbol": "X/Y", "timestamp": AT, "id": "7", "side": "sell", "price": "1", "amount": "2"}),
    ("ccxt", {"symbol": "X/Y", "timestamp": AT, "bids": [[1.5, 2.5]], "asks": []}),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["1.5", "buy", "Sell", "te"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw):
    """A venue and a message of which one part, at any depth, is something else."""
    venue, message = draw(st.sampled_from(WELL_FORMED))
    message = place = copy.deepcopy(message)
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            place[key] = draw(json_values)
            return venue, message
        place = inner


@given(damaged())
def test_a_damaged_message_is_an_error_or_says_well_formed_words(damage):
    venue, message = damage
    ears = BitfinexMarket()
    ears.hear({"event": "subscribed", "channel": "book", "chanId": 1, "symbol": "tX"})
    try:
        words = list((ears.hear if venue == "bitfinex" else HEAR[venue])(message))
    except DataError as error:
        assert str(error).startswith(f"{venue}: ")  # noqa: PT017 - either way is right
        return
    for word in words:
        assert msgspec.json.decode(msgspec.json.encode(word), type=type(word)) == word


# --- Coinbase -----------------------------------------------------------------------------------


def test_a_coinbase_ticker_with_sizes_is_a_quote():
    ticker = {
        "type": "ticker",
        "sequence": 5,
        "product_id": "BTC-USD",
        "best_bid": "99.5",
        "best_bid_size": "2",
        "best_ask": "100.25",
        "best_ask_size": "0.5",
        "time": "2023-11-14T22:13:20.123Z",
    }
    assert list(coinbase_market.hear(ticker)) == [HeardQuote("BTC-USD", "99.5", "2", "100.25", "0.5", NS, 5)]


# --- Bybit --------------------------------------------------------------------------------------


def test_a_bybit_trade_names_the_side_that_took():
    trade = {
        "T": AT,
        "s": "BTCUSDT",
        "S": "Sell",
        "v": "0.001",
        "p": "16578.50",
        "L": "PlusTick",
        "i": "20f4",
        "BT": False,
    }
    message = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": AT + 1, "data": [trade]}
    assert list(bybit_market.hear(message)) == [HeardTrade("BTCUSDT", "16578.50", "0.001", NS, Side.SELL, "20f4")]


def test_a_bybit_book_that_begins_anew_is_a_snapshot_whatever_it_is_called():
    data = {"s": "BTCUSDT", "b": [["1", "2"]], "a": [["3", "4"]], "u": 1, "seq": 7}
    [book] = bybit_market.hear({"topic": "orderbook.50.BTCUSDT", "type": "delta", "ts": AT, "data": data})
    assert book.snapshot
    assert (book.bids, book.asks, book.at) == ((("1", "2"),), (("3", "4"),), NS)


def test_a_bybit_book_is_stamped_by_the_matching_engine():
    data = {"s": "BTCUSDT", "b": [], "a": [], "u": 9, "seq": 7}
    message = {"topic": "orderbook.50.BTCUSDT", "type": "delta", "ts": AT + 5, "cts": AT, "data": data}
    assert next(bybit_market.hear(message)).at == NS


@pytest.mark.parametrize("message", [{"op": "pong"}, {"success": True, "ret_msg": "pong", "op": "ping"}])
def test_a_bybit_pong_says_nothing(message):
    assert list(bybit_market.hear(message)) == []


# --- Deribit ------------------------------------------------------------------------------------


def deribit(channel: str, data: str):
    frame = '{"method":"subscription","params":{"channel":"%s","data":%s}}'
    return list(deribit_market.hear(parse(frame % (channel, data))))


def test_a_deribit_trade_keeps_its_digits_and_is_counted():
    row = (
        '{"trade_seq":30289442,"trade_id":"48079269","timestamp":1700000000123,"price":1e-7,"amount":10.10,'
        '"instrument_name":"BTC-PERPETUAL","direction":"sell"}'
    )
    assert deribit("trades.BTC-PERPETUAL.raw", f"[{row}]") == [
        HeardTrade("BTC-PERPETUAL", "1e-7", "10.10", NS, Side.SELL, "48079269", 30_289_442)
    ]


def test_what_deribit_deletes_has_no_quantity_whatever_it_says():
    data = (
        '{"type":"change","timestamp":1700000000123,"prev_change_id":1,"instrument_name":"X","change_id":2,'
        '"bids":[["delete",10.5,3.0],["change",10,4.0]],"asks":[["new",11,1]]}'
    )
    [book] = deribit("book.X.raw", data)
    assert book == HeardBook(
        market_id="X", bids=(("10.5", "0"), ("10", "4.0")), asks=(("11", "1"),), at=NS, last=2, previous=1
    )


def test_a_side_that_deribit_leaves_empty_is_empty():
    data = (
        '{"instrument_name":"X","timestamp":1700000000123,"best_bid_price":null,"best_bid_amount":0.0,'
        '"best_ask_price":11.5,"best_ask_amount":2.0,"mark_price":11.25}'
    )
    assert deribit("ticker.X.raw", data) == [
        HeardQuote("X", "", "0.0", "11.5", "2.0", NS),
        HeardMark("X", "11.25", NS),
    ]


def test_a_deribit_heartbeat_says_nothing():
    assert list(deribit_market.hear({"method": "heartbeat", "params": {"type": "test_request"}})) == []


# --- Bitfinex -----------------------------------------------------------------------------------


def bitfinex(*frames: str, flags: int = 0) -> list[object]:
    ears = BitfinexMarket()
    opening = [
        '{"event":"info","version":2}',
        f'{{"event":"conf","status":"OK","flags":{flags}}}',
        '{"event":"subscribed","channel":"book","chanId":1,"symbol":"tBTCUSD"}',
        '{"event":"subscribed","channel":"trades","chanId":2,"symbol":"tBTCUSD"}',
    ]
    return [word for frame in [*opening, *frames] for word in ears.hear(parse(frame))]


def test_a_bitfinex_trade_is_told_when_it_is_done_and_not_again_when_it_is_settled():
    told = bitfinex('[2,"te",[7,1700000000123,-0.005,36160.9]]', '[2,"tu",[7,1700000000123,-0.005,36160.9]]')
    assert told == [HeardTrade("tBTCUSD", "36160.9", "0.005", NS, Side.SELL, "7", 7)]


def test_the_sign_of_an_amount_is_the_side_of_a_bitfinex_level_even_where_it_goes():
    assert bitfinex("[1,[99.5,2,0.25]]", "[1,[100,1,-3]]", "[1,[99.5,0,1]]", "[1,[100,0,-1]]") == [
        HeardBook(market_id="tBTCUSD", bids=(("99.5", "0.25"),), asks=(), at=0),
        HeardBook(market_id="tBTCUSD", bids=(), asks=(("100", "3"),), at=0),
        HeardBook(market_id="tBTCUSD", bids=(("99.5", "0"),), asks=(), at=0),
        HeardBook(market_id="tBTCUSD", bids=(), asks=(("100", "0"),), at=0),
    ]


def test_an_empty_bitfinex_book_is_a_snapshot():
    assert bitfinex("[1,[]]") == [HeardBook(market_id="tBTCUSD", bids=(), asks=(), at=0, snapshot=True)]


@pytest.mark.parametrize(("code", "ends"), [(20051, True), (20060, False), (20061, True)])
def test_bitfinex_says_when_to_connect_anew(code, ends):
    told = bitfinex(f'{{"event":"info","code":{code},"msg":"..."}}')
    assert [type(word) for word in told] == [HeardEnd] * ends


def test_a_heartbeat_counts_too_and_may_come_before_its_channel_is_explained():
    assert bitfinex('[9,"hb",1]', '[1,"hb",2]', flags=SEQUENCE) == []
    assert bitfinex('[9,"hb",1]', '[1,"hb",3]', flags=SEQUENCE) == [HeardEnd(reason="message 3 came after 1")]


def test_a_new_bitfinex_connection_begins_with_an_empty_memory():
    ears = BitfinexMarket()
    for frame in ('{"event":"info","version":2}', '{"event":"conf","flags":65536}', '[1,"hb",40]'):
        assert list(ears.hear(parse(frame))) == []
    for frame in ('{"event":"info","version":2}', '{"event":"conf","flags":65536}', '[1,"hb",1]'):
        assert list(ears.hear(parse(frame))) == []


def test_a_channel_that_was_left_is_no_longer_explained():
    with pytest.raises(DataError, match="channel 1 was never explained"):
        bitfinex('{"event":"unsubscribed","status":"OK","chanId":1}', "[1,[99.5,2,0.25]]")


def test_a_candle_is_closed_when_its_time_is_over():
    page = parse("[[1700000000000,3832.6286242,3833.1,3834.7,3832.6,5.81267964]]")
    start = 1_700_000_000_000 * 10**6
    for now, closed in ((start + MINUTE - 1, False), (start + MINUTE, True)):
        [bar] = read_bars(page, "tBTCUSD", interval_ns=MINUTE, now=now)
        assert bar == HeardBar(
            market_id="tBTCUSD",
            start=start,
            interval_ns=MINUTE,
            open="3832.6286242",
            high="3834.7",
            low="3832.6",
            close="3833.1",
            volume="5.81267964",
            closed=closed,
        )
