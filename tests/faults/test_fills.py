"""Faults of what traded: fills lost, twice, late, early, nameless, too large, and taken back. Each is booked once."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tests.faults.bench import KEY, MAIN, SECRET, SYMBOL, Stand
from tests.trading.trading_bench import SPOT, Bench, exactly
from workbench.connectors.account_words import event_of
from workbench.connectors.heard import HeardFill
from workbench.core.events import Discrepancy, FillEvent, OrderEvent, OrderReport, Rearm, RiskAction
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus, Side
from workbench.core.secret import Secret
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.schema import fills
from workbench.data.store import Store
from workbench.twin.opening import Opening
from workbench.twin.words import Listing, SelfTrade

ORDER, QUERY, TRADES = "POST /api/v3/order", "GET /api/v3/order", "GET /api/v3/myTrades"
REPORTS, FILLS = "executionReport*", "executionReport:TRADE"
BELOW = "59000"
KEY_OF = f"binance:{SYMBOL}"


async def resting(stand: Stand, quantity: str = "0.01") -> str:
    """Lets the strategy rest an order below the market; returns its client id."""
    stand.say(quantity=quantity, limit=BELOW)
    await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.ACKNOWLEDGED, "it rests")
    return stand.order.order.order_id


def trades(stand: Stand, order_id: str, *quantities: str) -> None:
    """Somebody trades with a resting order, in these parts."""
    for each in quantities:
        stand.mischief.fill(symbol=SYMBOL, quantity=Decimal(each), client_id=order_id)


@pytest.mark.parametrize("ms", [1_000, 20_000])
async def test_f19_fills_of_a_gap_in_the_stream_are_booked_before_anything_new_is_sent(ms):
    async with Stand(risk={"max_position_notional": "1500"}) as stand:
        order_id = await resting(stand)
        stand.fault("wsapi", "refuse_handshake", count=None, end_ns=stand.clock.now() + ms * 1_000_000, status=503)
        stand.twin.kick("/ws-api*")
        trades(stand, order_id, "0.004", "0.003")
        stand.say(quantity="0.02", limit=BELOW)
        await stand.until(lambda: stand.engine.gate.links, "the gap is noticed")
        await stand.until(lambda: len(stand.ours()) == 2, "trading goes on", seconds=60)
        kinds = [type(each) for each in stand.heard]
        assert kinds.index(FillEvent) < len(kinds) - 1 - kinds[::-1].index(OrderEvent)
        assert sum(each is FillEvent for each in kinds[: len(kinds) - 1 - kinds[::-1].index(OrderEvent)]) >= 2
        await stand.check()


@pytest.mark.parametrize("percent", [20, 80])
async def test_f20_fills_that_a_living_stream_drops_are_found_by_asking(percent):
    async with Stand() as stand:
        order_id = await resting(stand)
        dropped = stand.fault("user", "drop", FILLS, count=None, probability_ppm=percent * 10_000)
        trades(stand, order_id, *["0.00025"] * 40)
        began = stand.clock.now()
        await stand.until(lambda: len(stand.ledger.fills) == 40, "all are found", seconds=60)
        assert stand.clock.now() - began <= 60 * 10**9
        assert 0 < stand.taken(dropped) <= 40
        await stand.check()


async def test_f21_fills_that_are_told_twice_and_replayed_are_booked_once():
    async with Stand() as stand:
        stand.fault("user", "duplicate", REPORTS, count=None, times=2)
        order_id = await resting(stand)
        trades(stand, order_id, "0.004")
        await stand.until(lambda: stand.ledger.fills, "it is booked")
        stand.twin.kick("/ws-api*")  # what is asked for after the gap names the same fill again
        trades(stand, order_id, "0.006")
        await stand.until(lambda: stand.order.status is OrderStatus.FILLED, "the rest too")
        heard = Counter(each.trade_id for each in stand.heard if isinstance(each, FillEvent))
        assert max(heard.values()) >= 3
        await stand.check()
        await stand.kill_and_restart()
        await stand.check()


async def test_f22_one_trade_id_on_both_sides_of_the_account_is_two_fills():
    listing = Listing(symbol=SYMBOL, tick=Decimal("0.01"), lot=Decimal("0.00001"), stp_default=SelfTrade.NONE)
    async with Stand(listings=(listing,), hands=("hand", "other")) as stand:
        stand.say(hand="other", quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "one has something to sell")
        stand.say(quantity="0.005", limit="59995")  # the best bid is ours
        await stand.until(lambda: stand.order.status is OrderStatus.ACKNOWLEDGED, "the other bids for it")
        stand.say(hand="other", quantity="0.006")
        await stand.until(lambda: len(stand.ledger.fills) == 3, "they meet")
        _, *both = stand.ledger.fills
        assert len({each.trade_id for each in both}) == 1
        assert {each.side for each in both} == {Side.BUY, Side.SELL}
        await stand.check()


async def test_f22_one_trade_id_for_two_orders_is_two_fills():
    async with Stand() as stand:
        stand.quote(bids=[("59000", "0.003"), ("58900", "0.003")])
        await stand.until(lambda: len(stand.ours()) == 2 and not stand.unsettled(), "both rest")
        one, other = stand.orders
        fills = [
            FillEvent(
                "binance",
                stand.clock.now() + number,
                stand.clock.now(),
                stand.clock.now(),
                order_id=state.order.order_id,
                trade_id="777",
                instrument=state.order.instrument,
                side=Side.BUY,
                quantity_raw=100_000,
                price_raw=state.price_raw or 0,
                fee_raw=0,
                fee_currency="USDT",
            )
            for number, state in enumerate((one, other, one))
        ]
        for each in fills:
            stand.run._inlet.tell(each)
        await stand.until(lambda: other.filled_raw, "both are heard")
        assert (one.filled_raw, other.filled_raw) == (100_000, 100_000)


def test_f23_a_fill_without_a_trade_id_gets_the_same_name_whenever_it_is_told():
    words = {
        "market_id": "BTCUSDT",
        "order_id": "ours",
        "venue_order_id": "17",
        "trade_id": "",
        "side": Side.BUY,
        "quantity": "0.01",
        "price": "60000",
        "fee": "0",
        "fee_currency": "USDT",
        "maker": True,
    }

    def named(number: int, **changed: object) -> str:
        event = event_of(HeardFill(**(words | {"at": 1_700_000_000 * 10**9} | changed)), SPOT, ("x", number, 0, 0))
        assert isinstance(event, FillEvent)
        return event.trade_id

    first = named(1)
    assert first
    assert named(2) == first, "told by the stream and asked for"
    assert named(3, order_id="") == first, "a list of trades may not know our id"
    assert named(4, quantity="0.010") == first, "written otherwise"
    others = [{"at": 1_700_000_001 * 10**9}, {"quantity": "0.02"}, {"price": "60001"}, {"venue_order_id": "18"}]
    assert len({named(9, **each) for each in others} | {first}) == 5


async def test_f24_a_fill_of_an_order_that_only_the_venue_knows_yet_is_booked_once_it_is_named():
    async with Stand() as stand:
        stand.fault("user", "drop", REPORTS, count=None)
        stand.fault("rest", "drop_after", ORDER)
        stand.fault("rest", "delay_before", QUERY, count=None, ms=6_000)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.told("external_fill"), "a trade that names no order of ours")
        assert stand.held() == 0
        assert stand.ledger.external[KEY_OF] > 0, "it counts against the limit all the same"
        await stand.kill_and_restart(ready=False)
        stand.twin.faults.clear()
        await stand.until(lambda: stand.run.engine and stand.held() == Decimal("0.00999"), "it is ours", seconds=60)
        assert stand.ledger.external[KEY_OF] == 0
        await stand.check(seconds=60)


async def test_f25_an_old_status_after_the_last_fill_changes_nothing():
    async with Stand() as stand:
        late = stand.fault("user", "delay", "executionReport:NEW", ms=3_000)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.FILLED, "it is filled")
        stood = len([each for each in stand.heard if isinstance(each, OrderReport)])
        await stand.later(4)
        assert stand.taken(late) == 1
        assert len([each for each in stand.heard if isinstance(each, OrderReport)]) > stood, "it was heard"
        assert stand.order.status is OrderStatus.FILLED
        await stand.check()


async def test_f26_a_fill_that_a_status_told_of_before_it_came_counts_once():
    async with Stand() as stand:
        order_id = await resting(stand)
        stand.fault("user", "delay", FILLS, ms=5_000)
        stand.fault("rest", "delay_before", TRADES, ms=1_500, count=2)
        trades(stand, order_id, "0.01")
        stand.run._doubt(order_id)
        await stand.until(lambda: stand.order.owed_raw or stand.ledger.fills, "the query says filled")
        assert stand.held() in (0, Decimal("0.00999")), "nothing is inferred"
        await stand.until(lambda: stand.order.status is OrderStatus.FILLED, "the trade is asked for")
        await stand.later(6)
        assert sum(isinstance(each, FillEvent) for each in stand.heard) > 1, "it came a second time"
        await stand.check()


async def test_f27_more_than_was_ordered_is_booked_as_it_traded_and_halts():
    async with Stand() as stand:
        order_id = await resting(stand)
        clearing, pit = stand.exchange._clearing, stand.exchange._pit
        ticket = next(each for each in clearing.account(MAIN).open.values() if each.client_id == order_id)
        trades(stand, order_id, "0.01")
        pit.trade_outside(ticket, ticket.quantity // 5, ticket.price, stand.clock.now(), maker=True)
        pit.finish(stand.clock.now())
        await stand.until(lambda: stand.engine.gate.halted, "it is halted")
        assert stand.order.filled_raw * 10 == stand.order.quantity_raw * 12
        (alarm,) = stand.told("overfill")
        assert alarm.action is RiskAction.HALTED
        await stand.until(lambda: stand.held() == Decimal("0.011988"), "the truth is booked")
        stand.say(quantity="0.001")
        await stand.later(1)
        assert len(stand.ours()) == 1
        await stand.check()


async def test_f28_what_the_fee_took_is_not_sold_and_dust_is_left_alone():
    async with Stand() as stand:
        stand.say(quantity="0.00777")
        await stand.until(lambda: stand.held() == Decimal("0.00776223"), "the fee is in the base currency")
        stand.say(quantity="0")
        await stand.until(lambda: stand.held() == Decimal("0.00000223"), "whole lots are sold")
        for wanted in ("0.000001", "0"):  # less than a lot either way
            stand.say(quantity=wanted)
            await stand.later(1)
        assert len(stand.orders) == 2
        await stand.check()


async def test_f28_a_fee_in_a_third_asset_takes_nothing_from_what_was_bought():
    purse = {"USDT": Decimal(100_000), "BNB": Decimal(20)}
    rich = Opening(balances=purse, key=KEY, secret=Secret(SECRET), bnb_fees=True)
    async with Stand(accounts=(rich,), symbols=(SYMBOL, "BNB/USDT")) as stand:
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() == Decimal("0.01"), "all of it is ours")
        assert {each.fee_currency for each in stand.ledger.fills} == {"BNB"}
        stand.say(quantity="0")
        await stand.until(lambda: stand.held() == 0, "all of it is sold")
        await stand.check()


TINY = [
    ("0.00000812", "0.00000001", "1", "123456", "1000000"),  # price, tick, lot, quantity, limit in USDT
    ("60000", "0.01", "0.0000001", "0.0000004", "900"),
]


@pytest.mark.parametrize(("price", "tick", "lot", "quantity", "limit"), TINY, ids=["price", "quantity"])
async def test_f29_the_smallest_prices_and_quantities_come_back_from_every_store_as_they_were(
    price, tick, lot, quantity, limit, tmp_path
):
    listing = Listing(
        symbol=SYMBOL,
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_price=Decimal(tick),
        min_quantity=Decimal(lot),
        max_quantity=Decimal(10**13),
        market_max_quantity=Decimal(10**13),
        min_notional=Decimal(0),
        max_notional=Decimal(10**12),
    )
    risk, spread = {"max_position_notional": limit}, Decimal(tick) * 2
    async with Stand(listings=(listing,), mid=Decimal(price), spread=spread, risk=risk) as stand:
        stand.say(quantity=quantity)
        await stand.until(lambda: stand.ledger.fills, "it is bought")
        await stand.check()
        (fill,) = stand.ledger.fills
        assert (fill.quantity, fill.price) == (Decimal(quantity), Decimal(price) + Decimal(tick))
        assert _stored(stand.run._journal, tmp_path) == (fill.quantity, fill.price)


def test_f29_the_tenth_digit_of_a_price_comes_back_as_it_was(tmp_path):
    finest = Instrument(venue="sim", symbol=SYMBOL, tick=Decimal("0.0000000001"), lot=Decimal(1), quantity_places=8)
    bench = Bench(finest, cash="1000000")
    bench.say(exactly("4", limit=Decimal("0.0000000812")), 900)
    order = bench.only()
    assert order.order.price == Decimal("0.0000000812")
    bench.fill(order, 4, 812)
    journal = Journal.memory()
    journal.take(bench.engine.ledger.started)
    for each in bench.journal:
        journal.take(each)
    assert _stored(journal, tmp_path) == (Decimal(4), Decimal("0.0000000812"))


def _stored(journal, folder):
    """The quantity and price of the one fill that a journal tells of, from the database."""
    store = Store(f"sqlite:///{folder / 'store.db'}")
    store.create()
    store.catch_up(JournalReader(journal))
    (row,) = store.rows(fills)
    store.close()
    assert isinstance(row.price, Decimal)
    return row.quantity, row.price


@pytest.mark.parametrize("amount", ["0.5", "-0.005"])
async def test_f30_a_position_that_drifts_is_shown_and_may_only_be_reduced(amount):
    async with Stand() as stand:
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "something is held")
        await stand.quiet()
        equity = stand.run.status()["equity"]
        stand.mischief.transfer(asset="BTC", amount=Decimal(amount))
        await stand.until(lambda: stand.engine.gate.reducing, "it is seen", seconds=20)
        (told,) = [each for each in stand.heard if isinstance(each, Discrepancy)]
        assert (told.kind, told.what) == ("balance", "BTC")
        assert Decimal(told.theirs) - Decimal(told.ours) == Decimal(amount)
        assert abs(Decimal(stand.run.status()["equity"]) - Decimal(equity)) < 1, "no profit is made up of it"
        assert stand.held() == Decimal("0.00999")
        assert stand.run.status()["state"] == "degraded"
        stand.say(quantity="0.012")
        await stand.until(lambda: stand.told("reduce_only"), "nothing more is opened")
        stand.say(quantity="0.006")
        await stand.until(lambda: stand.held() == Decimal("0.006"), "less may be held")
        stand.tell(Rearm, reason="looked at")
        await stand.until(lambda: not stand.engine.gate.reducing, "a person has looked")
        await stand.check()


async def test_f31_a_trade_taken_back_is_an_entry_of_its_own_and_no_fill_disappears():
    async with Stand() as stand:
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() > 0, "something is held")
        await stand.quiet()
        (fill,) = stand.ledger.fills
        stand.mischief.bust(symbol=SYMBOL, trade_id=int(fill.trade_id))
        await stand.until(lambda: stand.engine.gate.reducing, "it is seen", seconds=20)
        told = {
            each.what: Decimal(each.theirs) - Decimal(each.ours)
            for each in stand.heard
            if isinstance(each, Discrepancy)
        }
        assert told == {"BTC": Decimal("-0.00999"), "USDT": fill.price * fill.quantity}
        assert stand.ledger.fills == [fill]
        stand.tell(Rearm, reason="the venue took it back")
        await stand.until(lambda: not stand.engine.gate.reducing, "a person has looked")
        await stand.check()
