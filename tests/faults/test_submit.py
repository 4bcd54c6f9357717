"""Faults on an order's way to its venue: answers lost, late or untrue. Never two orders for one intent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.faults.bench import SYMBOL, Stand
from workbench.core.clock import SECOND
from workbench.core.events import OrderUpdate, Rearm, RiskAction
from workbench.core.order import OrderStatus
from workbench.twin.words import OrderKind, State, Wanted

ORDER, QUERY, CANCEL = "POST /api/v3/order", "GET /api/v3/order", "DELETE /api/v3/order"
REPORTS = "executionReport*"
BOUGHT = Decimal("0.00999")  # 0.01 less the fee of a thousandth in the base currency
BELOW = "59000"  # a limit that rests

# An order that trades at once, and one that rests.
BOTH = pytest.mark.parametrize(
    "terms", [{"quantity": "0.01"}, {"quantity": "0.01", "limit": BELOW}], ids=["market", "limit"]
)


def deaf(stand: Stand) -> int:
    """The account's stream tells nothing of orders any more, and looks as if it lived."""
    return stand.fault("user", "drop", REPORTS, count=None)


def in_place(stand: Stand) -> bool:
    """Whether the one order that was wanted stands at the venue, and our books say so."""
    return len(stand.ours()) == 1 and not stand.unsettled()


def doubted_for(stand: Stand, order_id: str) -> float:
    """Seconds from the first doubt of an order to the evidence that ended it."""
    steps = [each for each in stand.heard if isinstance(each, OrderUpdate) and each.order_id == order_id]
    began = next(each for each in steps if each.new is OrderStatus.UNKNOWN)
    ended = next(each for each in steps[steps.index(began) :] if each.new is not OrderStatus.UNKNOWN)
    return (ended.ts_event - began.ts_event) / SECOND


@BOTH
async def test_f01_an_acknowledgement_lost_leaves_one_order_and_is_settled(terms):
    async with Stand() as stand:
        deaf(stand)
        lost = stand.fault("rest", "drop_after", ORDER)
        stand.say(**terms)
        await stand.until(lambda: in_place(stand), "the order is settled")
        assert stand.taken(lost) == 1
        assert OrderStatus.UNKNOWN in stand.steps(stand.order)
        assert doubted_for(stand, stand.order.order.order_id) <= 10
        assert stand.order.status is (OrderStatus.ACKNOWLEDGED if "limit" in terms else OrderStatus.FILLED)
        await stand.check()


async def test_f01_while_its_fate_is_open_an_order_counts_as_exposure():
    async with Stand() as stand:
        deaf(stand)
        stand.fault("rest", "drop_after", ORDER)
        stand.fault("rest", "delay_before", QUERY, ms=8_000)
        stand.say(quantity="0.01", limit=BELOW)
        await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.UNKNOWN, "its fate is open")
        stand.say(quantity="0.012", limit=BELOW)
        await stand.later(2)
        assert len(stand.orders) == 1, "the wish waits for the order in doubt"
        await stand.until(lambda: stand.orders[-1].quantity_raw == 1_200_000, "the new target is carried out")
        await stand.check()
        assert stand.watcher.most <= Decimal("0.012")


@BOTH
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503, "body": "Unknown error, please check your request or try again later."},
        {"status": 500, "code": -1000},
        {"status": 503, "code": -1006, "text": "An unexpected response was received from the message bus."},
        {"status": 504, "code": -1007, "text": "Timeout waiting for response from backend server."},
    ],
    ids=["503", "-1000", "-1006", "-1007"],
)
async def test_f02_a_server_error_is_never_read_as_a_refusal(answer, terms):
    async with Stand() as stand:
        deaf(stand)
        stand.fault("rest", "status_after", ORDER, **answer)
        stand.say(**terms)
        await stand.until(lambda: in_place(stand), "the order is settled")
        assert OrderStatus.REJECTED not in stand.steps(stand.order)
        assert doubted_for(stand, stand.order.order.order_id) <= 10
        await stand.check()


async def test_f02_a_server_error_without_an_order_ends_only_once_none_can_come_any_more():
    async with Stand() as stand:
        stand.fault("rest", "status_before", ORDER, status=503)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.orders and not stand.order.living, "it is settled")
        assert stand.order.status is OrderStatus.NEVER_ACCEPTED
        assert stand.order.updated - stand.order.order.ts_event >= 4 * SECOND, "validity, skew and lag"
        await stand.check()
        stand.say(quantity="0.011")
        await stand.until(lambda: stand.held() == Decimal("0.010989"), "a new intent is a new order")
        await stand.check()
        assert stand.orders[0].order.order_id != stand.orders[1].order.order_id


@BOTH
@pytest.mark.parametrize("status", [504, 0], ids=["-1007", "reset"])
async def test_f03_an_order_that_is_accepted_late_is_waited_for(status, terms):
    async with Stand() as stand:
        stand.fault("rest", "late_accept", ORDER, status=status, ms=3_000)
        stand.say(**terms)
        await stand.until(lambda: in_place(stand), "the order is there, and known")
        assert OrderStatus.NEVER_ACCEPTED not in stand.steps(stand.order)
        await stand.check()


@BOTH
@pytest.mark.parametrize("hears", [True, False], ids=["heard", "unheard"])
async def test_f03_an_order_accepted_after_every_bound_is_booked_alarmed_and_taken_back(hears, terms):
    async with Stand() as stand:
        if not hears:
            deaf(stand)
        stand.fault("rest", "late_accept", ORDER, ms=40_000)
        stand.say(**terms)
        await stand.until(
            lambda: stand.orders and not stand.order.living, "no order can come by what the venue promises"
        )
        assert stand.order.status is OrderStatus.NEVER_ACCEPTED
        await stand.until(lambda: stand.ours() and not stand.ours()[0].open, "it came, and rests no more", seconds=60)
        await stand.until(lambda: stand.told("late_acceptance"), "somebody is told")
        assert stand.engine.gate.reducing, "nothing more is opened until somebody looked"
        await stand.check()
        stand.tell(Rearm, reason="looked at")
        stand.say(quantity="0.011")
        await stand.until(lambda: stand.held() > Decimal("0.0109"), "trading goes on")
        await stand.check()


async def test_f04_no_order_is_ever_sent_twice_although_the_venue_would_take_its_id_again():
    async with Stand() as stand:
        deaf(stand)
        lost = stand.fault("rest", "drop_after", ORDER, count=None)
        stand.fault("rest", "status_before", QUERY, status=503, count=3)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.ours(), "it has filled, nobody knows")
        await stand.kill_and_restart()
        await stand.until(lambda: in_place(stand), "it is settled by asking")
        assert stand.taken(lost) == 1, "sent once, by whichever process"
        await stand.check()
        for side in ("BUY", "SELL"):  # and what the venue makes of a client id that is used again after a fill
            stand.twin.exchange.open_account(side, {"USDT": Decimal(10_000), "BTC": Decimal(1)}, now=stand.clock.now())
            wanted = Wanted(symbol=SYMBOL, side=side, kind=OrderKind.MARKET, quantity=Decimal("0.01"), client_id="same")
            for _ in range(2):
                assert stand.exchange.place(side, wanted, stand.clock.now())[-1].order.state is State.FILLED


async def test_f05_the_streams_word_that_outruns_a_lost_answer_sends_nothing_again():
    async with Stand() as stand:
        slow = stand.fault("rest", "delay_after", ORDER, count=None, ms=60_000)
        stand.say(quantity="0.01", limit=BELOW)
        await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.ACKNOWLEDGED, "the stream tells")
        await stand.until(lambda: OrderStatus.UNKNOWN in stand.steps(stand.order), "the answer is given up")
        await stand.until(lambda: stand.order.status is OrderStatus.ACKNOWLEDGED, "asked, it stands")
        await stand.check()
        assert (stand.taken(slow), len(stand.orders)) == (1, 1)


async def test_f06_a_query_that_lags_two_minutes_drops_no_order():
    async with Stand() as stand:
        stand.fault("rest", "query_lag", ms=120_000)
        stand.say(quantity="0.01", limit=BELOW)
        await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.ACKNOWLEDGED, "it rests")
        await stand.later(30)  # it is asked about often
        assert stand.steps(stand.order) == [OrderStatus.SUBMITTED, OrderStatus.ACKNOWLEDGED]
        assert not stand.engine.gate.reducing
        stand.mischief.fill(symbol=SYMBOL, quantity=Decimal("0.01"), client_id=stand.order.order.order_id)
        await stand.until(lambda: stand.held() == BOUGHT, "its fill is booked")
        await stand.check()


async def test_f06_where_nothing_but_a_lagging_query_can_tell_an_order_stays_unknown():
    async with Stand(venue={"max_accept_delay_ms": 20_000}) as stand:
        deaf(stand)
        stand.fault("rest", "drop_after", ORDER)
        stand.fault("rest", "query_lag", ms=18_000)
        stand.say(quantity="0.01", limit=BELOW)
        await stand.until(lambda: in_place(stand), "the query shows it at last")
        assert set(stand.steps(stand.order)) == {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.ACKNOWLEDGED}
        await stand.check()


@pytest.mark.parametrize("broken", ["drop_before", "refuse_connections", "status_before"])
async def test_f07_a_question_that_fails_is_no_evidence(broken):
    async with Stand() as stand:
        deaf(stand)
        stand.fault("rest", "drop_after", ORDER)
        more = {"ms": 15_000, "count": 1} if broken == "refuse_connections" else {"count": None}
        stand.fault("rest", broken, QUERY, **more)
        stand.fault("rest", "status_before", "GET /api/v3/myTrades", status=500, count=None)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.ours(), "it is filled")
        await stand.later(12)  # longer than any request is valid
        assert stand.order.living
        assert stand.held() == 0
        stand.twin.faults.clear()
        await stand.until(lambda: stand.held() == BOUGHT, "the order is found", seconds=60)
        await stand.check(seconds=60)


async def test_f08_each_of_several_orders_has_a_fate_of_its_own():
    async with Stand() as stand:
        stand.fault("rest", "drop_after", ORDER)
        stand.fault("rest", "status_before", ORDER, status=400, code=-2010, text="Account has insufficient balance")
        deaf(stand)
        stand.quote(bids=[("59000", "0.003"), ("58900", "0.003"), ("58800", "0.003"), ("58700", "0.003")])
        await stand.until(lambda: len(stand.orders) == 4 and not stand.unsettled(), "all are settled")
        fates = [(OrderStatus.UNKNOWN in stand.steps(each), each.status) for each in stand.orders]
        assert sorted(fates) == [
            (False, OrderStatus.ACKNOWLEDGED),
            (False, OrderStatus.ACKNOWLEDGED),
            (False, OrderStatus.REJECTED),
            (True, OrderStatus.ACKNOWLEDGED),
        ]
        await stand.check()


async def test_f09_a_venue_that_always_refuses_is_asked_five_times_a_minute():
    async with Stand() as stand:
        refused = stand.fault("rest", "status_before", ORDER, status=400, code=-2010, text="no funds", count=None)
        wants = 0
        began = stand.clock.now()
        while stand.clock.now() < began + 55 * SECOND:
            wants += 1
            stand.say(quantity=f"0.0{10 + wants % 3}")
            await stand.later(0.5)
        assert stand.taken(refused) == 5
        assert stand.told("max_rejections_per_minute")[0].action is RiskAction.DENIED
        assert wants > 100
        stand.twin.faults.clear()
        await stand.later(15)  # the minute is over
        stand.say(quantity="0.009")
        await stand.until(lambda: stand.held() > 0, "it is asked again")
        await stand.check()


async def test_f10_filters_that_change_are_learned_from_the_first_refusal():
    async with Stand() as stand:
        await stand.later(61)  # the listings are a minute old
        stand.mischief.filters(symbol=SYMBOL, changes={"tick": "10", "lot": "0.001"})
        stand.say(quantity="0.0105", limit="59003")
        await stand.until(lambda: stand.orders and not stand.order.living, "by the old rules it is refused")
        assert "PRICE_FILTER" in stand.order.reason
        await stand.until(lambda: stand.ledger.terms[f"binance:{SYMBOL}"].lot > 1, "the new rules are known")
        stand.say(quantity="0.0108", limit="59013")
        await stand.until(lambda: stand.order.status is OrderStatus.ACKNOWLEDGED, "by the new rules it is taken")
        assert (stand.order.order.quantity, stand.order.order.price) == (Decimal("0.010"), Decimal("59010"))
        assert len(stand.orders) == 2, "no loop"
        await stand.check()


async def test_f11_a_fill_before_its_acknowledgement_is_booked_once_and_the_order_adopted():
    async with Stand() as stand:
        stand.fault("rest", "delay_after", ORDER, ms=3_000)
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() == BOUGHT, "the stream tells of the fill")
        assert stand.run._dispatcher.under_way == 1, "the answer is not here yet"
        await stand.until(lambda: not stand.run._dispatcher.under_way, "the answer names the same fill")
        await stand.check()


async def test_f11_a_fill_whose_acknowledgement_never_comes_is_booked_once():
    async with Stand() as stand:
        stand.fault("rest", "delay_after", ORDER, ms=60_000)
        stand.fault("user", "drop", "executionReport:NEW")
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.held() == BOUGHT, "the stream tells of the fill")
        await stand.until(lambda: not stand.run._dispatcher.under_way, "the answer is given up")
        assert stand.order.status is OrderStatus.FILLED
        await stand.check()


async def test_f12_a_refusal_that_comes_at_once_is_matched_to_its_order():
    async with Stand(purse={"USDT": Decimal(100)}) as stand:
        stand.say(quantity="0.01")
        await stand.until(lambda: stand.orders and not stand.order.living, "it is refused")
        assert stand.steps(stand.order) == [OrderStatus.SUBMITTED, OrderStatus.REJECTED]
        assert "-2010" in stand.order.reason
        assert not stand.ours()
        await stand.check()
