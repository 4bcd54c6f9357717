"""What the simulated venue promises on bars."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.connectors.matching_bench import (
    FREE,
    PERPETUAL,
    SPOT,
    STEP,
    UNIT,
    Bench,
    filled,
    fills,
    reason,
    statuses,
)
from workbench.connectors.matching import Profile, SimulatedVenue
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import FillEvent, OrderReport
from workbench.core.instrument import FeeCurrency
from workbench.core.order import OrderType, TimeInForce

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def spot(**changes: object) -> object:
    return msgspec.structs.replace(SPOT, **changes)


# --- when and at what price ---


def test_a_market_order_fills_at_the_next_bars_open_and_is_stamped_with_it() -> None:
    bench = Bench()
    bench.bar(open=100)
    assert statuses(bench.buy(2, id="a")) == ["acknowledged"]
    (fill,) = filled(bench.bar(open=110, high=120, low=90, close=95))
    assert (fill.price_raw, fill.quantity_raw, fill.ts_event, fill.ts_init) == (110, 2 * UNIT, STEP, 2 * STEP)
    assert (fill.trade_id, fill.venue_order_id, fill.order_id, fill.cause) == ("T1", "V1", "a", "md/3")
    assert (fill.source, fill.sequence, fill.maker) == ("venue", 2, False)
    report = bench.venue.order("a")
    assert report is not None
    assert report.status == "filled"
    assert bench.venue.open_orders() == []


def test_an_order_never_meets_the_bar_that_was_open_when_it_arrived() -> None:
    bench = Bench(profile=Profile(latency_ns=1))
    bench.bar(open=100)
    (report,) = bench.buy(1)
    assert isinstance(report, OrderReport)
    assert (report.ts_event, report.ts_init) == (STEP + 1, STEP)
    assert bench.bar(open=100, low=1, high=200) == []
    assert fills(bench.bar(open=105)) == [(105, 1)]


def test_slippage_goes_to_the_tick_against_the_taker_and_never_beyond_its_limit() -> None:
    profile = Profile(slippage_rate=1_000_000)  # 1 %
    bench = Bench(profile=profile, btc="9")
    bench.buy(1)
    bench.sell(1)
    bench.buy(1, limit=150)
    bench.buy(1, limit=151)
    bench.sell(1, limit=150)
    assert fills(bench.bar(open=150)) == [(152, 1), (148, 1), (150, 1), (151, 1), (150, 1)]


def test_a_limit_that_crosses_when_it_arrives_takes_at_the_open_and_the_rest_rests() -> None:
    bench = Bench(profile=Profile())
    bench.buy(5, limit=110)
    (fill,) = filled(bench.bar(open=100, volume=3))
    assert (fill.price_raw, fill.quantity_raw, fill.maker, fill.ts_event) == (100, 3 * UNIT, False, 0)
    assert fill.fee == Decimal("0.3")
    (fill,) = filled(bench.bar(open=105))
    assert (fill.price_raw, fill.quantity_raw, fill.maker, fill.ts_event) == (110, 2 * UNIT, True, 2 * STEP)


def test_a_resting_limit_fills_only_when_price_trades_strictly_through_it() -> None:
    bench = Bench(btc="1")
    bench.buy(1, limit=95)
    bench.sell(1, limit=105)
    assert bench.bar(open=100, low=95, high=105) == []
    assert fills(bench.bar(open=100, low=94, high=105)) == [(95, 1)]
    assert fills(bench.bar(open=100, low=95, high=106)) == [(105, 1)]


def test_a_gap_through_a_resting_limit_fills_at_the_limit() -> None:
    bench = Bench()
    bench.buy(1, limit=95)
    assert bench.bar(open=100) == []
    assert fills(bench.bar(open=80, high=85, low=75)) == [(95, 1)]


def test_a_stop_triggers_on_touch_and_fills_at_the_stop_slipped() -> None:
    bench = Bench(btc="2", profile=Profile(slippage_rate=1_000_000))
    bench.sell(1, stop=95)
    assert bench.bar(open=100, low=96) == []
    (fill,) = filled(bench.bar(open=100, low=95))
    assert (fill.price_raw, fill.maker, fill.ts_event) == (94, False, 2 * STEP)


def test_a_gap_through_a_stop_fills_at_the_open() -> None:
    bench = Bench(btc="1")
    bench.sell(1, stop=95)
    assert fills(bench.bar(open=90, high=99, low=85)) == [(90, 1)]
    bench.buy(1, stop=105)
    assert fills(bench.bar(open=110, low=100)) == [(110, 1)]


def test_a_stop_the_volume_cannot_fill_goes_on_as_a_market_order() -> None:
    bench = Bench(btc="5")
    bench.sell(5, stop=95)
    assert fills(bench.bar(open=100, low=95, volume=2)) == [(95, 2)]
    assert fills(bench.bar(open=120)) == [(120, 3)]


def test_a_stop_limit_takes_within_its_limit() -> None:
    bench = Bench(btc="1")
    bench.sell(1, stop=95, limit=94, id="a")
    said = bench.bar(open=100, low=95)
    assert (statuses(said), fills(said)) == (["acknowledged"], [(95, 1)])
    assert isinstance(said[0], OrderReport)
    assert (said[0].price_raw, said[0].stop_raw, said[0].reason) == (94, 95, "stop triggered")


def test_a_stop_limit_gapped_beyond_its_limit_rests_from_the_next_event_on() -> None:
    bench = Bench(btc="1")
    bench.sell(1, stop=95, limit=94)
    said = bench.bar(open=90, high=99)
    assert (statuses(said), fills(said)) == (["acknowledged"], [])
    assert fills(bench.bar(open=97)) == [(94, 1)]


def test_stops_come_before_limits_inside_a_bar() -> None:
    bench = Bench(instrument=PERPETUAL)
    bench.buy(1)
    bench.bar(open=100)
    bench.sell(1, limit=110, reduce_only=True)
    bench.sell(1, stop=90, reduce_only=True)
    said = bench.bar(open=100, low=90, high=120, close=119)
    assert (fills(said), statuses(said)) == ([(90, 1)], ["expired"])


@pytest.mark.parametrize(("close", "expected"), [(99, [(95, 1)]), (100, [(95, 1)]), (101, [(105, 1)])])
def test_of_resting_buys_and_sells_only_the_losing_side_fills_in_one_bar(
    close: int, expected: list[tuple[int, int]]
) -> None:
    bench = Bench(btc="1")
    bench.buy(1, limit=95)
    bench.sell(1, limit=105)
    bench.bar(open=100)
    assert fills(bench.bar(open=100, low=90, high=110, close=close)) == expected


# --- how much ---


def test_all_our_orders_share_a_bars_volume_by_price_and_then_time() -> None:
    bench = Bench(profile=Profile(volume_share=50_000_000))
    bench.buy(2, limit=94, id="late price")
    bench.buy(2, limit=95, id="first")
    bench.buy(2, limit=95, id="second")
    bench.bar(open=100)
    said = filled(bench.bar(open=100, low=90, volume=7))
    assert [(each.order_id, each.quantity_raw // UNIT) for each in said] == [("first", 2), ("second", 1)]


def test_a_market_order_takes_the_volume_there_is_and_goes_on_at_the_next_open() -> None:
    bench = Bench()
    bench.buy(5, id="a")
    assert fills(bench.bar(open=100, volume=3)) == [(100, 3)]
    report = bench.venue.order("a")
    assert report is not None
    assert report.status == "partially_filled"
    assert fills(bench.bar(open=101, volume=0)) == []
    assert fills(bench.bar(open=102)) == [(102, 2)]


def test_a_bar_without_volume_fills_nothing() -> None:
    bench = Bench(btc="3")
    bench.buy(1)
    bench.buy(1, limit=95)
    bench.sell(1, stop=95)
    assert bench.bar(open=90, low=80, high=120, volume=0) == []


def test_immediate_or_cancel_fills_what_its_first_event_gives_and_the_rest_expires() -> None:
    bench = Bench()
    bench.buy(5, tif=IOC)
    said = bench.bar(open=100, volume=3)
    assert (fills(said), statuses(said), said[-1].ts_event) == ([(100, 3)], ["expired"], STEP - STEP)
    assert reason(said) == "IOC: 3 of 5 filled"
    bench.buy(5, limit=99, tif=IOC)
    assert statuses(bench.bar(open=100, low=50)) == ["expired"]


def test_fill_or_kill_fills_all_or_nothing() -> None:
    bench = Bench(usdt="500")
    bench.buy(5, tif=FOK)
    said = bench.bar(open=100, volume=4)
    assert (fills(said), statuses(said)) == ([], ["expired"])
    bench.buy(6, tif=FOK)
    assert statuses(bench.bar(open=100)) == ["expired"]  # cash for 5
    bench.buy(5, tif=FOK)
    assert fills(bench.bar(open=100, volume=5)) == [(100, 5)]


def test_an_immediate_stop_limit_beyond_its_limit_expires() -> None:
    bench = Bench(btc="1")
    bench.sell(1, stop=95, limit=94, tif=IOC)
    assert statuses(bench.bar(open=90)) == ["acknowledged", "expired"]


# --- money ---


def test_a_market_buy_fills_the_affordable_lots_and_the_rest_expires() -> None:
    bench = Bench(usdt="1000", profile=Profile())
    bench.buy(10)
    said = bench.bar(open=100)  # ten lots cost 1000, the fee pushes one of them out
    assert (fills(said), statuses(said)) == ([(100, 9)], ["expired"])
    assert reason(said) == "no balance for more: 9 of 10 filled"
    assert bench.usdt() == Decimal("99.1")


def test_fees_are_half_up_to_the_smallest_unit_of_their_currency() -> None:
    bench = Bench(instrument=spot(fee_places=1), profile=Profile())
    bench.buy(1, id="a")
    bench.buy(1, id="b")
    (fill,) = filled(bench.bar(open=150, volume=1))
    assert (fill.fee, fill.fee_raw, fill.fee_currency) == (Decimal("0.2"), 2, "USDT")
    (fill,) = filled(bench.bar(open=149, volume=1))
    assert fill.fee == Decimal("0.1")
    assert bench.usdt() == Decimal("99700.7")


def test_a_rebate_pays_the_maker() -> None:
    bench = Bench(profile=Profile(maker_rate=-100_000, taker_rate=0), usdt="95")
    bench.buy(1, limit=95)
    assert statuses(bench.bar(open=100)) == []
    bench.bar(open=100, low=90)
    assert bench.usdt() == Decimal("0.095")


def test_a_fee_in_base_leaves_what_was_received_to_sell() -> None:
    instrument = spot(fee_currency=FeeCurrency.RECEIVED, lot=Decimal("0.001"), fee_places=8)
    bench = Bench(instrument=instrument, usdt="100", profile=Profile())
    bench.buy(1, limit=100)  # all cash: the fee does not come out of it
    (fill,) = filled(bench.bar(open=100))
    assert (fill.fee, fill.fee_currency, bench.btc(), bench.usdt()) == (Decimal("0.001"), "BTC", Decimal("0.999"), 0)
    assert "needs 1 BTC, free are 0.999" in reason(bench.sell(1))
    bench.sell(0, raw=99_900_000)
    (fill,) = filled(bench.bar(open=100))
    assert (fill.fee, fill.fee_currency, bench.btc(), bench.usdt()) == (
        Decimal("0.0999"),
        "USDT",
        0,
        Decimal("99.8001"),
    )
    assert bench.venue.positions() == {"sim:BTC/USDT": 0}


def test_a_market_buy_with_its_fee_in_base_may_spend_all_cash() -> None:
    bench = Bench(instrument=spot(fee_currency=FeeCurrency.RECEIVED), usdt="100", profile=Profile())
    bench.buy(1)
    bench.bar(open=100)
    assert (bench.usdt(), bench.btc()) == (0, Decimal("0.999"))


def test_a_resting_buy_reserves_its_cash_and_fee_until_it_ends() -> None:
    bench = Bench(usdt="200", profile=Profile())
    assert statuses(bench.buy(1, limit=100, id="a")) == ["acknowledged"]
    said = bench.buy(1, limit=100)
    assert statuses(said) == ["rejected"]
    assert reason(said) == "insufficient balance: needs 100.1 USDT, free are 99.9"
    bench.cancel("a")
    assert statuses(bench.buy(1, limit=100)) == ["acknowledged"]


def test_a_market_buy_cannot_spend_what_another_order_reserves() -> None:
    bench = Bench(usdt="250")
    bench.buy(1, limit=100)
    bench.buy(2)
    said = bench.bar(open=120)
    assert (fills(said), statuses(said)) == ([(120, 1)], ["expired"])


def test_a_sell_reserves_its_base() -> None:
    bench = Bench(btc="1.5")
    assert statuses(bench.sell(1, stop=90)) == ["acknowledged"]
    assert reason(bench.sell(1)) == "insufficient balance: needs 1 BTC, free are 0.5"


def test_a_reduce_only_sell_is_clipped_to_what_is_free_and_to_whole_lots() -> None:
    bench = Bench(btc="3.5")
    bench.sell(1, limit=200)
    assert statuses(bench.sell(9, reduce_only=True)) == ["acknowledged"]
    said = bench.bar(open=100)
    assert (fills(said), statuses(said)) == ([(100, 2)], ["expired"])
    assert reason(said) == "no position to reduce for more: 2 of 9 filled"


def test_reduce_only_never_opens_or_flips() -> None:
    bench = Bench(instrument=PERPETUAL)
    bench.sell(2)
    bench.bar(open=100)
    bench.sell(1, reduce_only=True)
    assert statuses(bench.bar(open=100)) == ["expired"]
    bench.buy(5, reduce_only=True)
    assert fills(bench.bar(open=100)) == [(100, 2)]
    assert bench.venue.positions() == {"sim:BTC/USDT:USDT": 0}
    spot_bench = Bench()
    spot_bench.buy(1, reduce_only=True)
    assert statuses(spot_bench.bar(open=100)) == ["expired"]


def test_a_perpetuals_trades_move_cash_by_realised_profit_and_fees_only() -> None:
    bench = Bench(instrument=PERPETUAL, profile=Profile(), usdt="10")
    bench.sell(2)
    bench.bar(open=100)
    assert (bench.usdt(), bench.venue.positions()) == (Decimal("9.8"), {"sim:BTC/USDT:USDT": -2 * UNIT})
    bench.buy(3)
    bench.bar(open=90)
    assert (bench.usdt(), bench.venue.positions()) == (Decimal("29.53"), {"sim:BTC/USDT:USDT": UNIT})


def test_a_perpetuals_loss_takes_cash_away_from_resting_spot_buys() -> None:
    lent = msgspec.structs.replace(PERPETUAL, max_leverage=20)
    bench = Bench(instrument=lent, usdt="100", others=[SPOT])
    bench.buy(10)
    bench.bar(open=100)
    bench.buy(1, limit=50, instrument=SPOT, id="spot")
    bench.sell(10)
    bench.bar(open=93)
    assert bench.usdt() == 30
    bench.instrument = SPOT
    bench.bar(open=60)
    said = bench.bar(open=60, low=40)
    assert (fills(said), statuses(said)) == ([], ["expired"])


# --- refusals ---


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"quantity": 0}, "quantity: expected more than 0, got 0"),
        ({"quantity": -1}, "quantity: expected more than 0, got -1"),
        ({"quantity": 0, "raw": UNIT // 2}, "quantity 0.5 is off the lot of 1"),
        ({"quantity": 1}, "quantity 1 is below the minimum of 2"),
        ({"quantity": 2, "limit": 3}, "price 3 is off the tick of 2"),
        ({"quantity": 2, "stop": 5}, "stop 5 is off the tick of 2"),
        ({"quantity": 2, "limit": 0}, "price: expected more than 0, got 0"),
        ({"quantity": 2, "limit": 4}, "notional 8 is below the minimum of 10"),
        ({"quantity": 2, "stop": 4}, "notional 8 is below the minimum of 10"),
        ({"quantity": 2}, "notional 8 is below the minimum of 10"),
        ({"quantity": 2, "kind": OrderType.LIMIT}, "limit order without a price"),
        ({"quantity": 2, "kind": OrderType.STOP, "limit": 8}, "stop order with a price"),
        ({"quantity": 2, "kind": OrderType.MARKET, "limit": 8}, "market order with a price"),
        ({"quantity": 2, "kind": OrderType.LIMIT, "limit": 8, "stop": 8}, "limit order with a stop"),
        ({"quantity": 2, "kind": OrderType.STOP}, "stop order without a stop"),
        ({"quantity": 3, "post_only": True}, "post-only needs a resting limit order, got market gtc"),
        ({"quantity": 3, "limit": 4, "post_only": True}, "post-only at 4 would cross 4"),
        ({"quantity": 3, "instrument": PERPETUAL}, "unknown instrument sim:BTC/USDT:USDT; listed are sim:BTC/USDT"),
    ],
)
def test_an_order_that_breaks_the_terms_is_rejected_with_figures(terms: dict[str, object], expected: str) -> None:
    bench = Bench(instrument=spot(tick=Decimal(2), min_quantity=Decimal(2), min_notional=Decimal(10)))
    bench.bar(open=4)
    said = bench.buy(id="a", **terms)
    assert (statuses(said), reason(said)) == (["rejected"], expected)
    report = bench.venue.order("a")
    assert report is not None
    assert (report.status, report.reason) == ("rejected", expected)
    assert bench.venue.open_orders() == []


def test_reduce_only_is_exempt_from_the_minimum_notional() -> None:
    bench = Bench(instrument=spot(min_notional=Decimal(1000)), btc="1")
    assert statuses(bench.sell(1, stop=90, reduce_only=True)) == ["acknowledged"]


def test_an_order_id_is_never_taken_twice() -> None:
    bench = Bench()
    bench.buy(1, id="a")
    bench.bar(open=100)
    said = bench.buy(1, id="a")
    assert (statuses(said), reason(said)) == (["filled"], "not placed: order id a was used before")
    report = bench.venue.order("a")
    assert report is not None
    assert report.status == "filled"


def test_a_post_only_order_rests_and_never_takes() -> None:
    bench = Bench(profile=Profile(taker_rate=200_000))
    bench.bar(open=100)
    bench.buy(1, limit=99, post_only=True)
    (fill,) = filled(bench.bar(open=95))
    assert (fill.price_raw, fill.maker, fill.fee) == (99, True, Decimal("0.099"))


# --- cancels and amendments ---


def test_a_cancel_is_immediate_without_latency() -> None:
    bench = Bench()
    bench.buy(1, limit=95, id="a")
    assert statuses(bench.cancel("a")) == ["cancelled"]
    assert bench.bar(open=90) == []
    said = bench.cancel("a")
    assert (statuses(said), reason(said)) == (["cancel_rejected"], "the order is cancelled")
    said = bench.cancel("nobody")
    assert (statuses(said), reason(said)) == (["cancel_rejected"], "unknown order nobody")


def test_with_latency_an_order_may_fill_before_its_cancel_arrives() -> None:
    bench = Bench(profile=Profile(latency_ns=5))
    bench.buy(2, limit=95, id="a")
    bench.bar(open=100)
    assert bench.cancel("a") == []
    said = bench.bar(open=100)
    assert fills(said) == []
    assert statuses(said) == ["cancelled"]
    assert (said[0].ts_event, said[0].ts_init, said[0].sequence) == (STEP + 5, 2 * STEP, 2)

    late = Bench(profile=Profile(latency_ns=5))
    late.buy(2, limit=95, id="a")
    late.bar(open=100)
    late.bar(open=100)
    late.cancel("a")
    said = late.bar(open=100, low=90)
    assert (fills(said), statuses(said)) == ([(95, 2)], ["cancel_rejected"])
    assert said[-1].cause == "us/4"


def test_an_amendment_changes_price_and_total_quantity() -> None:
    bench = Bench()
    bench.buy(4, limit=95, id="a")
    bench.bar(open=100)
    bench.bar(open=100, low=90, volume=1)
    (report,) = bench.amend("a", 3, limit=97)
    assert isinstance(report, OrderReport)
    assert (report.status, report.quantity_raw, report.price_raw) == ("acknowledged", 3 * UNIT, 97)
    assert fills(bench.bar(open=98, low=96)) == [(97, 2)]


def test_an_amended_price_that_crosses_takes() -> None:
    bench = Bench()
    bench.buy(1, limit=95, id="a")
    bench.bar(open=100)
    bench.amend("a", 1, limit=105)
    assert fills(bench.bar(open=100)) == [(100, 1)]


def test_an_amendment_moves_a_stop_which_goes_on_waiting() -> None:
    bench = Bench(btc="1")
    bench.sell(1, stop=95, limit=80, id="a")
    bench.amend("a", 1, stop=90, limit=89)
    assert bench.bar(open=100, low=92) == []
    assert statuses(bench.bar(open=85, high=99)) == ["acknowledged"]
    assert fills(bench.bar(open=95)) == [(89, 1)]


def test_amended_to_no_more_than_is_filled_cancels_the_rest() -> None:
    bench = Bench()
    bench.buy(4, limit=95, id="a")
    bench.bar(open=100)
    bench.bar(open=100, low=90, volume=2)
    assert statuses(bench.amend("a", 2)) == ["cancelled"]
    assert bench.venue.open_orders() == []


@pytest.mark.parametrize(("quantity", "limit", "winner"), [(1, None, "a"), (3, None, "b"), (2, 95, "a"), (2, 94, "b")])
def test_time_priority_is_lost_by_a_new_price_or_a_larger_quantity(
    quantity: int, limit: int | None, winner: str
) -> None:
    bench = Bench()
    bench.buy(2, limit=95, id="a")
    bench.buy(2, limit=95 if limit is None else limit, id="b")
    bench.bar(open=100)
    bench.amend("a", quantity, limit=limit)
    (fill,) = filled(bench.bar(open=100, low=90, volume=1))
    assert fill.order_id == winner


def test_a_refused_amendment_leaves_the_order_as_it_was() -> None:
    bench = Bench(usdt="1000", btc="1")
    bench.buy(2, limit=95, id="a")
    bench.buy(1, id="market")
    bench.sell(1, stop=90, id="stop")
    (report,) = bench.amend("a", 20)
    assert isinstance(report, OrderReport)
    assert report.reason == "not amended: insufficient balance: needs 1900 USDT, free are 1000"
    assert (report.status, report.quantity_raw, report.price_raw) == ("acknowledged", 2 * UNIT, 95)
    assert reason(bench.amend("a", 0)) == "not amended: quantity: expected more than 0, got 0"
    assert reason(bench.amend("a", 1, stop=5)) == "not amended: the order waits for no stop, got 5"
    assert reason(bench.amend("stop", 1, limit=5)) == "not amended: stop order with a price"
    assert "only a resting order" in reason(bench.amend("market", 2))
    said = bench.amend("nobody", 1)
    assert (statuses(said), reason(said)) == (["rejected"], "unknown order nobody")
    bench.bar(open=100)
    said = bench.amend("market", 1)
    assert (statuses(said), reason(said)) == (["filled"], "not amended: the order is filled")


def test_a_bar_that_opened_before_an_amendment_arrives_meets_the_old_price() -> None:
    bench = Bench(profile=Profile(latency_ns=5))
    bench.buy(1, limit=90, id="a")
    bench.bar(open=100)
    bench.bar(open=100)
    assert bench.amend("a", 1, limit=99) == []
    said = bench.bar(open=100, low=95)
    assert (fills(said), statuses(said)) == ([], ["acknowledged"])
    assert fills(bench.bar(open=100, low=95)) == [(99, 1)]


# --- the venue itself ---


def test_open_orders_tell_the_terms_in_force_and_count_no_event() -> None:
    bench = Bench()
    bench.buy(1, limit=95, id="a")
    (report,) = bench.venue.open_orders()
    assert (report.order_id, report.venue_order_id, report.price_raw, report.sequence) == ("a", "V1", 95, 0)
    (said,) = bench.buy(1, limit=96)
    assert said.sequence == 2
    assert bench.venue.order("nobody") is None


def test_market_data_of_an_unlisted_instrument_is_let_through() -> None:
    bench = Bench()
    bench.instrument = PERPETUAL
    assert bench.bar(open=100) == []


def test_the_venue_refuses_what_it_cannot_start_with() -> None:
    with pytest.raises(ConfigError, match="listed twice"):
        SimulatedVenue([SPOT, SPOT], cash={}, profile=FREE)
    with pytest.raises(ConfigError, match="expected 0 or more USDT, got -1"):
        SimulatedVenue([SPOT], cash={"USDT": Decimal(-1)}, profile=FREE)
    with pytest.raises(DataError):
        SimulatedVenue([SPOT], cash={"USDT": 1.5}, profile=FREE)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "figures",
    [
        {"taker_rate": 0.001},
        {"maker_rate": 60_000_000},
        {"slippage_rate": -1},
        {"latency_ns": -1},
        {"volume_share": 0},
        {"volume_share": 100_000_001},
    ],
)
def test_a_profile_out_of_bounds_is_refused_by_name(figures: dict[str, int]) -> None:
    (name,) = figures
    with pytest.raises(ConfigError, match=f"profile plain: {name}: expected a whole number from"):
        Profile(**figures)


def test_a_profile_tells_its_assumptions_in_its_own_figures() -> None:
    told = "\n".join(Profile(slippage_rate=50_000, volume_share=10_000_000, latency_ns=50_000_000).assumptions())
    for part in ("Taker fee 0.001, maker fee 0.001", "slipped 5 bps", "at most 10%", "50 ms", "cross margin"):
        assert part in told


def test_orders_of_one_instrument_do_not_meet_anothers_market() -> None:
    bench = Bench(others=[PERPETUAL])
    bench.buy(1)
    bench.instrument = PERPETUAL
    assert bench.bar(open=100) == []
    assert not any(isinstance(each, FillEvent) for each in bench.trade(100))
