"""Faults of judgement: prices nobody means, markets that stop, accounts that others touch, keys that may too much."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.faults.bench import KEY, SYMBOL, Stand
from workbench.core.errors import ConfigError, Refused, WorkbenchError
from workbench.core.events import Discrepancy
from workbench.core.order import OrderStatus
from workbench.runtime.venues import reaches
from workbench.twin.keys import READ_AND_TRADE, Permission
from workbench.twin.words import Trading

ORDER, ACCOUNT = "POST /api/v3/order", "GET /api/v3/account"
OPEN_ORDERS, TRADES = "GET /api/v3/openOrders", "GET /api/v3/myTrades"
KEY_OF = f"binance:{SYMBOL}"


@pytest.mark.parametrize("terms", [{"limit": "90000"}, {"limit": "60010", "stop": "30000"}], ids=["limit", "stop"])
async def test_f67_a_price_far_from_the_market_never_leaves(terms):
    async with Stand(risk={"price_collar": "0.05", "max_position_notional": "9000"}) as stand:
        await stand.later(1)
        stand.say(quantity="0.01", **terms)
        await stand.until(lambda: stand.told("price_collar"), "it is refused here")
        await stand.later(1)
        assert all(each.wanted.price != Decimal(90_000) and not each.wanted.stop_price for each in stand.ours())
        await stand.check()


async def test_f67_a_quantity_nobody_means_never_leaves():
    async with Stand(risk={"max_order_notional": "1000", "max_position_notional": "100000"}) as stand:
        stand.say(quantity="1")
        await stand.until(lambda: stand.told("max_order_notional"), "it is refused here")
        await stand.later(1)
        assert not stand.ours()
        await stand.check()


async def test_f67_nothing_is_bought_on_prices_that_are_old():
    async with Stand(symbols=(SYMBOL, "ETH/USDT")) as stand:
        await stand.later(1)
        stand.street.hush(SYMBOL)
        await stand.later(7)
        stand.say(quantity="0.01", at="ETH/USDT")
        await stand.until(lambda: stand.told("stale_data"), "it is refused here")
        await stand.later(1)
        assert not stand.ours()
        await stand.check()


async def test_f67_nothing_is_bought_from_an_empty_book():
    async with Stand() as stand:
        await stand.later(1)
        stand.street.clear(SYMBOL)
        await stand.later(0.5)
        stand.say(quantity="0.01")
        stand.street.place(SYMBOL, "BUY", "0.5", "30000")  # a word of the market, from one side only
        await stand.later(3)
        assert not stand.ours(), "there is no price to buy at"
        await stand.check()


async def test_f68_a_trade_by_hand_and_a_deposit_are_booked_as_others_and_count_against_the_limit():
    async with Stand() as stand:
        await stand.later(1)
        began = stand.clock.now()
        stand.mischief.by_hand(symbol=SYMBOL, side="BUY", quantity=Decimal("0.012"))
        stand.mischief.transfer(asset="USDT", amount=Decimal(5_000))
        await stand.until(lambda: stand.told("external_fill"), "the trade is seen")
        await stand.until(
            lambda: [each for each in stand.heard if isinstance(each, Discrepancy)], "the deposit too", seconds=60
        )
        assert stand.clock.now() - began <= 60 * 10**9
        assert stand.ledger.external[KEY_OF] == 1_200_000
        assert stand.held() == 0, "it is nobody's of ours"
        assert not stand.engine.gate.reducing, "a deposit of what pays stops nothing"
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.told("max_position_notional"), "the limit counts what others hold")
        stand.say(quantity="0.002")
        await stand.until(lambda: stand.held() > 0, "what is left of it may be used")
        await stand.check()


async def test_f68_an_order_by_hand_is_told_and_left_alone():
    async with Stand() as stand:
        await stand.later(1)
        stand.mischief.by_hand(symbol=SYMBOL, side="BUY", quantity=Decimal("0.001"), price=Decimal(50_000))
        await stand.until(lambda: stand.told("external_order"), "it is seen")
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "trading goes on")
        await stand.kill_and_restart()
        await stand.stop()
        (left,) = stand.exchange.open_orders("main")
        assert left.client_id.startswith("web_")


async def test_f69_a_market_that_stops_is_not_asked_in_a_loop_and_trades_once_it_is_back():
    async with Stand() as stand:
        await stand.later(61)  # the listings are older than a minute: they may be read anew
        stand.mischief.trading(symbol=SYMBOL, allows=Trading.HALT)
        asked = stand.fault("rest", "delay_after", ORDER, ms=0, count=None)
        for number in range(40):
            stand.say(quantity=f"0.0{10 + number % 3}")
            await stand.later(0.5)
        assert stand.taken(asked) <= 2, "one refusal tells"
        assert not stand.ours()
        stand.mischief.trading(symbol=SYMBOL, allows=Trading.TRADING)
        for number in range(200):
            stand.say(quantity=f"0.0{10 + number % 3}")
            await stand.later(1)
            if stand.held():
                break
        assert stand.held(), "it trades again"
        await stand.check()


async def test_f69_maintenance_of_the_venue_is_waited_for():
    async with Stand() as stand:
        down = {"status": 503, "code": -1016, "text": "This service is no longer available."}
        for where in ("GET /api/v3/*", "POST /api/v3/*", "DELETE /api/v3/*"):
            stand.fault("rest", "status_before", where, count=None, end_ns=stand.clock.now() + 45 * 10**9, **down)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.told("venue_down"), "it is noticed")
        await stand.later(20)
        assert not stand.ours()
        await stand.ready(seconds=120)
        await stand.until(lambda: stand.held() > 0, "trading goes on")
        await stand.check()


async def test_f70_live_trading_needs_its_second_switch():
    async with Stand(config={"live": {"enabled": False}}, started=False) as stand:
        with pytest.raises(Refused, match=r"live\.enabled"):
            await stand.made(stand.state).run()
        assert not stand.ours()


@pytest.mark.parametrize("may", [{*READ_AND_TRADE, Permission.WITHDRAW}, {Permission.READ}], ids=["withdraw", "read"])
async def test_f70_a_key_that_may_withdraw_or_may_not_trade_is_refused_before_anything_else(may):
    async with Stand(started=False) as stand:
        stand.mischief.restrict(key=KEY, permissions=frozenset(may))
        with pytest.raises(Refused, match="its key may"):
            await stand.made(stand.state).run()
        (log,) = [each for each in stand.files if each.name.startswith("wire-")]
        asked = {line.split(b'"endpoint":"')[1].split(b'"')[0] for line in log.read_bytes().splitlines()}
        assert asked - {b"publicGetTime"} == {b"sapiGetAccountApiRestrictions"}


async def test_f70_what_only_listens_never_reads_a_key():
    async with Stand(started=False, venue={"credentials": "secret://env/NOBODY_HAS_THIS"}) as stand:
        (reach,) = reaches(stand.config(), clock=stand.clock, folder=stand.state, orders=False)
        await reach.connector.connect()
        with pytest.raises(WorkbenchError):
            await reach.connector.get_balances()
        await reach.connector.close()
        with pytest.raises(ConfigError, match="NOBODY_HAS_THIS"):
            reaches(stand.config(), clock=stand.clock, folder=stand.state)


ANSWERS = [
    ("empty_200", {"body": "{}"}),
    ("empty_200", {"body": "[]"}),
    ("empty_200", {"body": '{"balances":[]}'}),
    ("status_before", {"status": 500}),
    ("status_before", {"status": 403}),
    ("html_200", {}),
    ("not_json", {}),
    ("drop_before", {}),
]


@pytest.mark.parametrize(
    ("action", "terms"), ANSWERS, ids=[f"{action}-{'-'.join(map(str, terms.values()))}" for action, terms in ANSWERS]
)
async def test_f71_an_account_that_cannot_be_asked_is_not_an_empty_one(action, terms):
    async with Stand() as stand:
        stand.say(quantity="0.01", stop="58000")
        await stand.until(lambda: stand.held() > 0 and stand.order.status is OrderStatus.ACKNOWLEDGED, "protected")
        await stand.quiet()
        nothing = terms if terms.get("body") != "{}" and "balances" not in terms.get("body", "") else {"body": "[]"}
        failing = [stand.fault("rest", action, ACCOUNT, count=None, **terms)]
        failing += [stand.fault("rest", action, where, count=None, **nothing) for where in (OPEN_ORDERS, TRADES)]
        await stand.later(25)
        assert sum(map(stand.taken, failing)) >= 5, "it was asked"
        assert stand.held() == Decimal("0.00999")
        told = [each for each in stand.heard if isinstance(each, Discrepancy)]
        assert {each.kind for each in told} <= {"order"}, "that a list shows no order is told, and believed of none"
        assert not stand.engine.gate.reducing
        assert stand.order.status is OrderStatus.ACKNOWLEDGED
        assert len(stand.exchange.open_orders("main")) == 1, "the stop stays"
        stand.twin.faults.clear()
        await stand.check(seconds=90)
