"""What days of chaos brought to light, each as small as it can be shown."""

from __future__ import annotations

from decimal import Decimal

from tests.trading.trading_bench import UNIT, Bench, exactly
from workbench.core.events import AccountSnapshot, Discrepancy, FillEvent, Halt, LinkState, VenueLink, Withdraw
from workbench.core.order import OrderStatus, Side


def look(bench: Bench, balances: dict[str, str]) -> list[Discrepancy]:
    """The venue says what the account holds; what follows from it."""
    bench.now += 1
    bench.process(AccountSnapshot(*bench.stamp("venue"), venue="sim", asked=bench.now, balances=balances, orders=()))
    return [each for each in bench.facts if isinstance(each, Discrepancy)]


def link(bench: Bench, state: LinkState) -> None:
    bench.process(VenueLink(*bench.stamp("venue"), venue="sim", state=state))


def by_hand(bench: Bench, *, order_id: str) -> FillEvent:
    return FillEvent(
        *bench.stamp("venue"),
        order_id=order_id,
        trade_id="77",
        instrument=bench.instrument,
        side=Side.SELL,
        quantity_raw=UNIT,
        price_raw=100,
        fee_raw=0,
        fee_currency="USDT",
        venue_order_id="9",
    )


def test_a_trade_of_others_that_a_stream_tells_with_its_client_id_and_a_query_without_it_counts_once() -> None:
    bench = Bench()
    for order_id in ("web_1", "", "web_1"):
        bench.process(by_hand(bench, order_id=order_id))
    assert bench.ledger.external[bench.instrument.key] == -UNIT


def test_a_second_transfer_is_told_although_no_answer_in_between_was_free_of_differences() -> None:
    bench = Bench()
    for balance in ("1000", "900"):
        look(bench, {"USDT": balance})
    assert look(bench, {"USDT": "900"})[0].theirs == "900"
    assert not look(bench, {"USDT": "950"})
    assert look(bench, {"USDT": "950"})[0].theirs == "950"
    assert not look(bench, {"USDT": "950"})


def test_what_was_wanted_while_a_venue_was_away_is_not_sent_by_a_process_that_is_about_to_end() -> None:
    bench = Bench()
    bench.enter(exactly("3"))
    link(bench, LinkState.SYNCING)
    bench.say(exactly("1", limit=Decimal(110)))
    bench.command(Withdraw, reason="stopping")
    link(bench, LinkState.UP)
    assert bench.requests == ()


def test_an_order_that_was_unknown_at_a_halt_is_taken_back_once_it_turns_out_to_stand() -> None:
    bench = Bench()
    bench.say(exactly("3", limit=Decimal(90)))
    order = bench.only()
    bench.command(Halt, reason="enough")
    assert bench.cancelled == [order.order.order_id]
    bench.report(order, OrderStatus.UNKNOWN)  # the answer to the order itself was lost, and the cancel came too early
    bench.report(order, OrderStatus.ACKNOWLEDGED)
    assert bench.cancelled == [order.order.order_id]
    assert order.status is OrderStatus.CANCEL_PENDING
    bench.report(order, OrderStatus.ACKNOWLEDGED)
    assert bench.cancelled == []  # asked for already


def test_a_difference_that_was_told_is_no_reason_to_keep_asking_every_other_second() -> None:
    bench = Bench()
    for balance in ("1", "2"):
        look(bench, {"USDT": "1000", "BTC": balance})
    assert bench.engine.reconciler.suspects("sim")
    look(bench, {"USDT": "1000", "BTC": "2"})
    assert not bench.engine.reconciler.suspects("sim")
