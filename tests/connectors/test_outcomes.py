"""Promises about what is known of a request, about refusing before sending, and about what a log may show."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from tests.connectors.venue_bench import (
    BTC,
    LISTED,
    START,
    Bench,
    BenchDialect,
    call,
    cancel,
    heard_order,
    lost,
    never_sent,
    order,
)
from workbench.connectors.listed_checks import refused_amendment, refused_order
from workbench.connectors.outcomes import broken, judged
from workbench.connectors.wire import Answer
from workbench.connectors.wirelog import WireLog, redacted
from workbench.core.events import AmendEvent, FillEvent, OrderReport
from workbench.core.order import OrderStatus, OrderType, TimeInForce
from workbench.core.ports import Outcome
from workbench.core.secret import Secret

NO = {"code": -2010, "msg": "insufficient balance"}


def outcome_of(status, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(status=status, headers={}, body=data, sent=START, received=START)
    return judged(answer, BenchDialect(), order_id="a1", listed=LISTED).outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, {}, Outcome.ACCEPTED),
        (400, NO, Outcome.REJECTED),
        (200, NO, Outcome.REJECTED),  # venues that answer a refusal with 200
        (200, b"<html>welcome</html>", Outcome.UNKNOWN),
        (200, b'{"orderId": 1', Outcome.UNKNOWN),
        (403, b"<html>denied</html>", Outcome.UNKNOWN),
        (200, [], Outcome.UNKNOWN),
        (200, 7, Outcome.UNKNOWN),
        (503, NO, Outcome.UNKNOWN),
        (408, NO, Outcome.UNKNOWN),
        (409, NO, Outcome.UNKNOWN),
    ],
)
def test_only_a_whole_answer_that_says_no_is_a_no(status, body, outcome):
    assert outcome_of(status, body) is outcome


def test_without_an_answer_only_what_never_left_us_is_a_no():
    assert broken(never_sent()).outcome is Outcome.REJECTED
    assert broken(lost()).outcome is Outcome.UNKNOWN
    assert broken(RuntimeError("anything")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "fault", [lost(), RuntimeError("a fault of the wire"), (502, b"<html>bad gateway</html>"), (200, b"<html>")]
)
def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(fault):
    bench = Bench()

    async def work(venue):
        bench.wire.reply("place", fault)
        result = await venue.place_order(order())
        await bench.time.sleep(60)
        return result

    assert bench.run(work).outcome is Outcome.UNKNOWN
    assert len(bench.wire.calls("place")) == 1


def test_an_order_that_could_not_leave_is_refused_with_the_reason():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("place", never_sent())
        return await venue.place_order(order())

    result = bench.run(work)
    assert result.outcome is Outcome.REJECTED
    assert result.evidence == "not sent: connection refused"


def test_what_the_answer_to_an_order_says_also_enters_the_stream():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("place", (200, {"fills": ["t1", "t2"]}))
        return await venue.place_order(order("a1"))

    result = bench.run(work)
    assert (result.outcome, result.venue_order_id) == (Outcome.ACCEPTED, "v-a1")
    heard = [each for each in bench.taken() if isinstance(each, OrderReport | FillEvent)]
    assert [type(each) for each in heard] == [OrderReport, FillEvent, FillEvent]
    assert [each.trade_id for each in heard[1:]] == ["t1", "t2"]
    assert heard[1].quantity == Decimal("0.1")


def test_a_lost_cancel_is_unknown_and_a_refused_one_leaves_the_order():
    bench = Bench()

    async def work(venue):
        bench.wire.reply("cancel", lost(), (400, {"code": -2011, "msg": "unknown order"}))
        return [await venue.cancel_order(cancel()) for _ in range(2)]

    lost_one, refused = bench.run(work)
    assert lost_one.outcome is Outcome.UNKNOWN
    assert (refused.outcome, refused.evidence) == (Outcome.REJECTED, "-2011 unknown order")


def test_where_stops_are_cancelled_elsewhere_a_no_is_asked_there_too():
    bench = Bench()
    bench.dialect.separate_stops = True

    async def work(venue):
        bench.wire.reply("cancel", (400, {"code": 51400, "msg": "does not exist"}))
        bench.wire.usual["cancel_stop"] = (200, {})
        return await venue.cancel_order(cancel())

    assert bench.run(work).outcome is Outcome.ACCEPTED


# --- refused before it is sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approved", "reason"),
    [
        (order(price="100.001", price_raw=None), "limit order without a price"),
        (order(price=None, price_raw=10_000), "market order with a price of 100"),
        (order(price="100", stop_raw=1), "limit order with a stop of 0.01"),
        (order(order_type=OrderType.STOP, price=None), "stop order without a stop"),
        (order(price="-1"), "price: expected more than 0, got -1"),
        (order(price="2000000"), "price 2000000 is above the maximum of 1000000"),
        (order(quantity="0"), "quantity: expected more than 0, got 0"),
        (order(quantity="0.1005"), "quantity 0.1005 is off the lot of 0.001"),
        (order(quantity="10000"), "quantity 10000 is above the maximum of 9000"),
        (order(price=None, quantity="101"), "quantity 101 is above the maximum of 100"),
        (order(price="1", quantity="4.999"), "notional 4.999 is below the minimum of 5"),
        (order(price="100000", quantity="100"), "notional 10000000 is above the maximum of 9000000"),
        (order(post_only=True, time_in_force=TimeInForce.IOC), "post-only needs a resting limit order, got limit ioc"),
    ],
)
def test_what_the_venue_would_refuse_is_refused_with_figures(approved, reason):
    assert refused_order(approved.request, LISTED) == reason


@pytest.mark.parametrize(
    "approved",
    [
        order(),
        order(price=None),
        order(price="1000000", quantity="0.001"),
        order(price="1", quantity="5"),
        order(price="1", quantity="1", reduce_only=True),
    ],
)
def test_what_keeps_the_terms_may_go(approved):
    assert refused_order(approved.request, LISTED) == ""


def test_terms_that_became_coarser_or_finer_than_the_run_began_with_are_judged_exactly():
    coarser = msgspec.structs.replace(BTC, tick=Decimal("0.05"))
    listed = msgspec.structs.replace(LISTED, instrument=coarser)
    assert refused_order(order(price="100.01").request, listed) == "price 100.01 is off the tick of 0.05"
    finer = msgspec.structs.replace(BTC, tick=Decimal("0.0025"), price_places=4)
    listed = msgspec.structs.replace(LISTED, instrument=finer)
    assert refused_order(order(price="100.01").request, listed) == ""


def test_an_amendment_keeps_the_same_terms():
    def amend(**values):
        return AmendEvent("e", 1, 1, 1, order_id="a1", strategy_id="s", instrument=BTC, **values)

    assert refused_amendment(amend(quantity_raw=10**8, price_raw=10_000), LISTED) == ""
    assert "off the lot" in refused_amendment(amend(quantity_raw=10**8 + 1, price_raw=10_000), LISTED)


def test_a_market_order_with_a_price_never_leaves():
    bench = Bench()

    async def work(venue):
        return await venue.place_order(order(price=None, price_raw=10_000))

    result = bench.run(work)
    assert (result.outcome, result.evidence) == (Outcome.REJECTED, "not sent: market order with a price of 100")
    assert bench.wire.calls("place") == []


def test_one_open_order_too_many_is_refused_until_one_ends():
    bench = Bench()

    async def work(venue):
        results = [await venue.place_order(order(f"a{number}")) for number in range(4)]
        bench.wire.usual["open_orders"] = (200, ["a1"])
        await venue.get_open_orders()
        results += [await venue.place_order(order(f"b{number}")) for number in range(3)]
        bench.wire.hear(heard_order("a1", OrderStatus.CANCELLED), channel="private")
        await bench.time.sleep(0.1)
        return [*results, await venue.place_order(order("c1"))]

    results = bench.run(work)
    yes, no = Outcome.ACCEPTED, Outcome.REJECTED
    assert [each.outcome for each in results] == [yes, yes, yes, no, yes, yes, no, yes]
    assert "3 orders rest in bench:BTC/USDT already, the venue allows 3" in results[3].evidence


def test_a_closed_market_is_refused_and_its_listing_read_anew():
    bench = Bench()
    bench.dialect.listed = [msgspec.structs.replace(LISTED, open=False)]

    async def work(venue):
        await bench.time.sleep(61)
        closed = await venue.place_order(order("a1"))
        bench.dialect.listed = [LISTED]
        await bench.time.sleep(1)
        return closed, await venue.place_order(order("a2"))

    closed, opened = bench.run(work)
    assert (closed.outcome, closed.evidence) == (Outcome.REJECTED, "not sent: bench:BTC/USDT: the market is closed")
    assert opened.outcome is Outcome.ACCEPTED


# --- what a log may show --------------------------------------------------------------------------

CANARY = "5f4dcc3b5aa765d61d8327deb882cf99"


@pytest.mark.parametrize(
    "text",
    [
        f"https://x/order?symbol=A&signature={CANARY}&timestamp=1",
        f'{{"signature": "{CANARY}"}}',
        f"{{'X-MBX-APIKEY': '{CANARY}'}}",
        f'"{{\\"apiKey\\":\\"{CANARY}\\"}}"',
        f"listenKey={CANARY}",
        f"OK-ACCESS-PASSPHRASE: {CANARY}",
        f'{{"op":"login","args":[{{"passphrase":"{CANARY}"}}]}}',
    ],
)
def test_what_is_named_like_a_secret_is_starred(text):
    assert CANARY not in redacted(text)


@pytest.mark.parametrize("name", ["api_key", "Secret", "SIGN", "token", "passphrase", "listenKey", "authorization"])
def test_each_name_of_a_secret_is_enough(name):
    assert redacted(f"{name}={CANARY}") != f"{name}={CANARY}"
    assert CANARY not in redacted(f'"{name}": "{CANARY}"')


@pytest.mark.parametrize("name", ["ok-access-passphrase", "ok-access-timestamp", "password", "x-mbx-apikey", "apiSign"])
def test_so_is_each_name_of_a_header(name):
    assert CANARY not in redacted(f"{name}: {CANARY}")


def test_what_is_no_secret_stays_readable():
    text = '{"symbol":"BTCUSDT","design":"x","clientOrderId":"abc","price":"1"}'
    assert redacted(text) == text


def test_no_secret_appears_in_the_log_or_in_the_evidence(tmp_path):
    log = WireLog(tmp_path / "wire.log", secrets=[Secret("plain-canary")])
    bench = Bench(log=log)

    async def work(venue):
        broken_url = lost()
        broken_url.args = (f"POST /order?signature={CANARY}",)
        bench.wire.reply("place", broken_url, (400, {"code": -1, "msg": f"plain-canary signature={CANARY}"}))
        return [await venue.place_order(order(order_id)) for order_id in ("a1", "a2")]

    unknown, refused = bench.run(work)
    written = (tmp_path / "wire.log").read_text()
    assert CANARY not in written + unknown.evidence + refused.evidence
    assert "plain-canary" not in written
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["endpoint"] for line in lines][-2:] == ["place", "place"]
    assert lines[-1]["status"] == 400


def test_the_log_is_turned_over_by_size_and_the_oldest_goes(tmp_path):
    log = WireLog(tmp_path / "wire.log", file_bytes=1_000, files=3)
    answer = Answer(status=200, headers={}, body=b"x" * 100_000, sent=START, received=START)
    for number in range(50):
        log.record(call("time", number=number), answer, START)
    log.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["wire.log", "wire.log.1", "wire.log.2"]
    assert '"49"' in (tmp_path / "wire.log").read_text()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_000
