"""Faults of taking back and of changing: races with fills, cancels lost, replacements refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.faults.bench import SYMBOL, Stand
from tests.trading.trading_bench import UNIT, Bench, exactly
from workbench.core.clock import SECOND
from workbench.core.events import Halt, RiskAction
from workbench.core.order import OrderStatus, Role, Side
from workbench.twin.words import Execution, State

ORDER, QUERY, CANCEL = "POST /api/v3/order", "GET /api/v3/order", "DELETE /api/v3/order"
REPORTS = "executionReport*"
BELOW = "59000"


async def resting(stand: Stand, quantity: str = "0.01") -> str:
    """Lets the strategy rest an order below the market; returns its client id."""
    stand.say(quantity=quantity, limit=BELOW)
    await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.ACKNOWLEDGED, "it rests")
    return stand.order.order.order_id


@pytest.mark.parametrize("hears", [True, False], ids=["heard", "unheard"])
async def test_f13_an_order_that_fills_before_its_cancel_is_booked_and_not_replaced(hears):
    async with Stand() as stand:
        await resting(stand)
        if not hears:
            stand.fault("user", "drop", REPORTS, count=None)
        race = stand.fault("rest", "fill_first", CANCEL)
        stand.say(quantity="0.01", limit="59100")
        await stand.until(lambda: stand.held() == Decimal("0.00999"), "the fill is booked")
        await stand.check()
        assert stand.taken(race) == 1
        assert stand.orders[0].status is OrderStatus.FILLED
        assert stand.watcher.most == Decimal("0.01"), "nothing was bought in its place"
        assert len(stand.ours()) == 1 or stand.ours()[1].quantity < Decimal("0.0001"), "at most what the fee took"


async def test_f14_a_fill_right_after_the_cancel_is_booked():
    async with Stand() as stand:
        await resting(stand)
        stand.fault("rest", "cancel_first", CANCEL, quantity="0.004")
        stand.say(quantity="0")
        await stand.until(lambda: stand.ledger.fills, "the late fill is booked")
        assert stand.orders[0].status is OrderStatus.CANCELLED
        await stand.check()


@pytest.mark.parametrize(("seconds", "hears"), [(1, True), (60, False)])
async def test_f14_a_fill_that_comes_long_after_the_cancel_is_booked(seconds, hears):
    async with Stand() as stand:
        order_id = await resting(stand)
        stand.tell(Halt, reason="enough")
        await stand.until(lambda: stand.order.status is OrderStatus.CANCELLED, "it is cancelled")
        if not hears:
            stand.fault("user", "drop", REPORTS, count=None)
        await stand.later(seconds)
        stand.mischief.fill(symbol=SYMBOL, quantity=Decimal("0.003"), client_id=order_id, late=True)
        await stand.until(lambda: stand.held() == Decimal("0.002997"), "it is booked", seconds=60)
        assert stand.order.status is OrderStatus.CANCELLED, "the status keeps what was evident"
        await stand.check()


async def test_f15_a_lost_cancel_is_sent_again_until_the_order_has_ended():
    async with Stand() as stand:
        await resting(stand)
        lost = stand.fault("rest", "drop_before", CANCEL, count=3)
        stand.say(quantity="0")
        await stand.until(lambda: not stand.ledger.living, "it is cancelled")
        assert stand.taken(lost) == 3
        assert stand.order.status is OrderStatus.CANCELLED
        await stand.check()


async def test_f15_a_cancel_whose_answer_is_lost_ends_by_evidence():
    async with Stand() as stand:
        await resting(stand)
        stand.fault("user", "drop", REPORTS, count=None)
        stand.fault("rest", "drop_after", CANCEL)
        stand.say(quantity="0")
        await stand.until(lambda: not stand.ledger.living, "it is known to be cancelled")
        assert stand.order.status is OrderStatus.CANCELLED
        await stand.check()


async def test_f15_a_cancel_before_the_acknowledgement_waits_for_its_order():
    async with Stand() as stand:
        stand.fault("rest", "delay_before", ORDER, ms=400)
        stand.say(quantity="0.01", limit=BELOW)
        await stand.until(lambda: stand.orders, "it is on its way")
        stand.say(quantity="0")
        await stand.until(lambda: stand.ours() and not stand.ledger.living, "it was there and is taken back")
        assert (stand.order.status, stand.ours()[0].state) == (OrderStatus.CANCELLED, State.CANCELED)
        await stand.check()


async def test_f15_an_order_that_its_cancel_did_not_find_is_cancelled_once_it_appears():
    async with Stand() as stand:
        stand.fault("user", "drop", REPORTS, count=None)
        stand.fault("rest", "late_accept", ORDER, status=0, ms=2_000)
        stand.say(quantity="0.01", limit=BELOW)
        await stand.until(lambda: stand.orders and stand.order.status is OrderStatus.UNKNOWN, "its fate is open")
        stand.tell(Halt, reason="enough")
        await stand.until(lambda: stand.ours() and not stand.ours()[0].open, "it came, and is taken back")
        await stand.check()


@pytest.mark.parametrize("filled", ["0.004", "0.00999"])
async def test_f16_a_part_that_fills_while_an_order_is_replaced_is_not_bought_again(filled):
    async with Stand() as stand:
        await resting(stand)
        stand.fault("rest", "fill_first", CANCEL, quantity=filled)
        stand.say(quantity="0.01", limit="59100")
        await stand.until(
            lambda: len(stand.ledger.fills) == 1 and stand.orders[0].status is OrderStatus.CANCELLED, "raced"
        )
        await stand.check()
        assert stand.watcher.most <= Decimal("0.01") * Decimal("1.001"), "but for the fee, which is bought too"


def test_f16_a_part_that_fills_while_an_amendment_travels_counts_into_its_total():
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(95)))
    order = bench.only()
    bench.report(order)
    bench.say(exactly("8", limit=Decimal(94)))
    (amend,) = bench.amended
    assert amend.quantity_raw == 8 * UNIT, "the total; a dialect that names what remains subtracts for itself"
    bench.fill(order, 3, 95)
    bench.report(order, quantity_raw=8 * UNIT, price_raw=94)
    assert order.remaining_raw == 5 * UNIT
    assert bench.requests == ()


def test_f16_an_amendment_below_what_filled_meanwhile_ends_the_order_and_no_more_is_bought():
    bench = Bench()
    bench.say(exactly("5", limit=Decimal(95)))
    order = bench.only()
    bench.report(order)
    bench.fill(order, 2, 95)
    bench.say(exactly("3", limit=Decimal(95)))
    assert [each.quantity_raw for each in bench.amended] == [3 * UNIT]
    bench.fill(order, 2, 95)
    bench.report(order, OrderStatus.CANCELLED)
    assert not [each for each in bench.sent if each.side is Side.BUY]
    assert order.status is OrderStatus.CANCELLED


async def test_f17_cancels_that_are_refused_are_asked_again_until_nothing_rests():
    async with Stand(risk={"max_position_notional": "9000"}) as stand:
        stand.quote(bids=[(str(59_000 - 100 * each), "0.001") for each in range(10)])
        await stand.until(lambda: len(stand.exchange.open_orders("main")) == 10, "ten rest")
        refused = stand.fault(
            "rest", "status_before", CANCEL, status=400, code=-2011, text="Unknown order sent.", count=3
        )
        stand.tell(Halt, reason="enough")
        await stand.until(lambda: not stand.exchange.open_orders("main"), "nothing rests")
        assert stand.taken(refused) == 3
        await stand.later(3)
        assert not stand.exchange.open_orders("main")
        assert {each.status for each in stand.orders} == {OrderStatus.CANCELLED}
        await stand.check()


@pytest.mark.parametrize("answer", [{"status": 400, "code": -2010}, {"status": 400, "code": -1013, "text": "x"}])
async def test_f18_a_position_whose_new_stop_is_refused_is_closed_within_two_seconds(answer):
    async with Stand() as stand:
        told: list[Execution] = []
        stand.exchange.listen(lambda event: told.append(event) if isinstance(event, Execution) else None)
        stand.say(quantity="0.01", stop="58000")
        await stand.until(lambda: stand.held() > 0 and stand.order.status is OrderStatus.ACKNOWLEDGED, "protected")
        assert stand.order.order.role is Role.STOP
        stand.fault("rest", "status_before", ORDER, **answer)
        stand.say(quantity="0.01", stop="59000")
        await stand.until(lambda: stand.held() == 0, "it is closed")
        (alarm,) = stand.told("naked_position")
        assert alarm.action is RiskAction.NOTED
        ours = [each for each in told if each.order.account == "main"]
        (naked,) = [each.at for each in ours if each.order.state is State.CANCELED]
        closed = [each.at for each in ours if each.order.wanted.side == "SELL" and each.order.state is State.FILLED]
        assert closed[0] - naked <= 2 * SECOND
        await stand.check()


async def test_f18_a_stop_that_is_moved_leaves_no_second_one_behind():
    async with Stand() as stand:
        stand.say(quantity="0.01", stop="58000")
        await stand.until(lambda: stand.held() > 0 and stand.order.status is OrderStatus.ACKNOWLEDGED, "protected")
        stand.fault("rest", "drop_after", CANCEL)
        stand.say(quantity="0.01", stop="59000")
        await stand.until(lambda: len(stand.orders) == 3 and stand.order.status is OrderStatus.ACKNOWLEDGED, "moved")
        assert [each.wanted.stop_price for each in stand.exchange.open_orders("main")] == [Decimal(59_000)]
        await stand.check()
