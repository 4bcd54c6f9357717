"""What a venue says becomes exact events, or is held back and counted; of the account nothing is held back."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from workbench.connectors.figures import scaled
from workbench.connectors.heard import (
    Heard,
    HeardBalance,
    HeardBar,
    HeardBook,
    HeardEnd,
    HeardFill,
    HeardFunding,
    HeardMark,
    HeardOrder,
    HeardQuote,
    HeardTrade,
)
from workbench.connectors.normalize import Normaliser, Numbering
from workbench.connectors.quarantine import KEPT, Doubt, Doubtful
from workbench.core.clock import MINUTE, SECOND
from workbench.core.errors import DataError
from workbench.core.events import FillEvent, FundingEvent, Liquidation, OrderReport, Trade
from workbench.core.instrument import Instrument
from workbench.core.money import to_text
from workbench.core.order import OrderStatus, Side

NOW = 1_700_000_000 * SECOND
BTC = Instrument(venue="x", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"))


def normaliser(after: int = 0) -> Normaliser:
    return Normaliser({"BTCUSDT": BTC}, source="x", numbering=Numbering(after))


def take(reader: Normaliser, *heard: Heard, received: int = NOW, offset: int = 0) -> list[Any]:
    return [event for each in heard for event in reader.take(each, received=received, clock_offset_ns=offset)]


def trade(price: Any = "100.5", quantity: Any = "0.1", at: int = NOW, **changes: Any) -> HeardTrade:
    return HeardTrade(**{"market_id": "BTCUSDT", "price": price, "quantity": quantity, "at": at, **changes})


def quote(bid: str, ask: str, bid_quantity: str = "1", ask_quantity: str = "1", **changes: Any) -> HeardQuote:
    return HeardQuote("BTCUSDT", bid, bid_quantity, ask, ask_quantity, NOW, **changes)


def bar(**changes: Any) -> HeardBar:
    terms = {"open": "10", "high": "12", "low": "9", "close": "11", "volume": "3", "closed": True}
    return HeardBar(**{"market_id": "BTCUSDT", "start": NOW - MINUTE, "interval_ns": MINUTE, **terms, **changes})


def fill(**changes: Any) -> HeardFill:
    terms: dict[str, Any] = {
        "market_id": "BTCUSDT",
        "order_id": "o1",
        "venue_order_id": "7",
        "trade_id": "t1",
        "side": Side.BUY,
        "quantity": "0.5",
        "price": "100.25",
        "fee": "0.00012345",
        "fee_currency": "BTC",
        "maker": True,
        "at": NOW,
    }
    return HeardFill(**{**terms, **changes})


# --- exactly what was said --------------------------------------------------------------------------


def test_a_trade_keeps_every_digit_its_side_and_its_id():
    [event] = take(normaliser(), trade("61837.63000000", "0.00017000", NOW - 5, aggressor=Side.SELL, trade_id="9"))
    assert event == Trade("x", NOW, NOW - 5, NOW, BTC, 6_183_763, 17_000, Side.SELL, "9")


def test_an_empty_side_of_a_quote_is_zero():
    [event] = take(normaliser(), quote("", "100", "5"))
    assert (event.bid_raw, event.bid_quantity_raw, event.ask_raw) == (0, 0, 10_000)


def test_book_levels_come_best_first_and_the_last_word_on_a_price_counts():
    book = HeardBook(
        market_id="BTCUSDT", bids=(("99", "1"), ("100", "2"), ("99", "0")), asks=(("103", "1"), ("102", "4")), at=NOW
    )
    [event] = take(normaliser(), book)
    assert event.bids_raw == ((10_000, 200_000_000), (9_900, 0))
    assert event.asks_raw == ((10_200, 400_000_000), (10_300, 100_000_000))


def test_a_bar_happens_at_its_close_and_one_still_built_is_no_event():
    [event] = take(normaliser(), bar(closed=False), bar())
    assert (event.ts_event, event.open_raw, event.high_raw, event.low_raw, event.close_raw) == (
        NOW,
        1000,
        1200,
        900,
        1100,
    )


def test_a_mark_price_is_an_event_of_its_own():
    [event] = take(normaliser(), HeardMark("BTCUSDT", "100.01", NOW))
    assert event.price == Decimal("100.01")


def test_what_has_no_stamp_happened_at_its_receipt_by_the_clock_of_the_venue():
    [event] = take(normaliser(), trade(at=0), offset=3 * SECOND)
    assert (event.ts_event, event.ts_init) == (NOW + 3 * SECOND, NOW)


@given(some.integers(0, 10**30), some.integers(0, 18))
def test_text_becomes_the_same_number_however_many_zeros_follow(units, places):
    text = to_text(units, places)
    padded = f"{text}000" if "." in text else f"{text}.000"
    assert scaled(text, places) == scaled(padded, places) == scaled(f"{units}e-{places}", places) == units


@given(some.text(alphabet="0123456789.eE+-_ ٣²naif", max_size=12))
def test_no_text_becomes_another_number_than_decimal_reads(text):
    try:
        found = scaled(text, 4)
    except Doubtful:
        return
    assert Decimal(found).scaleb(-4) == Decimal(text)
    assert "_" not in text


# --- what nobody believes ---------------------------------------------------------------------------

DOUBTFUL = [
    (trade("0"), Doubt.PRICE),
    (trade("-1"), Doubt.PRICE),
    (trade(quantity="-0.1"), Doubt.SIZE),
    (trade(quantity="0"), Doubt.SIZE),
    (trade("NaN"), Doubt.UNREADABLE),
    (trade("Infinity"), Doubt.UNREADABLE),
    (trade(""), Doubt.UNREADABLE),
    (trade("1_0"), Doubt.UNREADABLE),
    (trade("9" * 5_000), Doubt.UNREADABLE),
    (trade(100.5), Doubt.UNREADABLE),
    (trade(None), Doubt.UNREADABLE),
    (trade(["1"]), Doubt.UNREADABLE),
    (trade("100.501"), Doubt.TOO_FINE),
    (trade(quantity="0.000000001"), Doubt.TOO_FINE),
    (trade(at=NOW + 5 * SECOND + 1), Doubt.FUTURE),
    (trade(market_id="DOGE"), Doubt.UNLISTED),
    (quote("101", "100"), Doubt.CROSSED),
    (quote("100", "100"), Doubt.CROSSED),
    (quote("-1", "100"), Doubt.PRICE),
    (quote("99", "100", "-1"), Doubt.SIZE),
    (HeardMark("BTCUSDT", "0", NOW), Doubt.PRICE),
    (bar(high="10.5"), Doubt.SHAPE),
    (bar(low="10.5"), Doubt.SHAPE),
    (bar(low="0"), Doubt.PRICE),
    (bar(volume="-1"), Doubt.SIZE),
    (bar(start=NOW - MINUTE + 6 * SECOND), Doubt.FUTURE),
    (HeardBook(market_id="BTCUSDT", bids=(("1", "-1"),), asks=(), at=NOW), Doubt.SIZE),
    (HeardBook(market_id="BTCUSDT", bids=(("0", "1"),), asks=(), at=NOW), Doubt.PRICE),
    (HeardBook(market_id="BTCUSDT", bids=(("5", "1"),), asks=(("4", "1"),), at=NOW, snapshot=True), Doubt.CROSSED),
]


@pytest.mark.parametrize(("heard", "doubt"), DOUBTFUL)
def test_what_cannot_be_true_is_counted_and_never_passed_on(heard, doubt):
    reader = normaliser()
    assert take(reader, heard) == []
    market = "" if doubt is Doubt.UNLISTED else "BTCUSDT"
    assert reader.quarantine.counts == {(market, doubt): 1}
    assert [each.heard for each in reader.quarantine.recent] == [heard]


def test_a_float_is_refused_even_after_the_same_number_was_read_as_an_int():
    reader = normaliser()
    assert len(take(reader, trade(100), trade(100.0))) == 1
    assert reader.quarantine.counts == {("BTCUSDT", Doubt.UNREADABLE): 1}


def test_the_future_begins_five_seconds_after_the_venue_s_own_clock():
    late = NOW + 7 * SECOND
    assert take(normaliser(), trade(at=NOW + 1_270_000_000))
    assert take(normaliser(), trade(at=late), offset=2 * SECOND)
    assert not take(normaliser(), trade(at=late + 1), offset=2 * SECOND)
    assert not take(normaliser(), trade(at=NOW + 4 * SECOND), offset=-2 * SECOND)


@pytest.mark.parametrize("again", [6, 7])
def test_a_sequence_that_does_not_grow_is_a_repetition(again):
    reader = normaliser()
    events = take(reader, trade(sequence=7), trade(sequence=again), trade(sequence=8), quote("1", "2", sequence=7))
    assert len(events) == 3
    assert reader.quarantine.counts == {("BTCUSDT", Doubt.REPEATED): 1}


def test_a_trade_that_was_doubted_does_not_use_up_its_sequence():
    assert len(take(normaliser(), trade("0", sequence=7), trade("1", sequence=7))) == 1


def test_the_same_candle_counts_once_and_each_interval_by_itself():
    assert len(take(normaliser(), bar(), bar(), bar(interval_ns=MINUTE // 2))) == 2


def test_the_quarantine_keeps_the_last_few_and_counts_them_all():
    reader = normaliser()
    take(reader, *[trade("0", trade_id=str(number)) for number in range(KEPT + 50)])
    assert reader.quarantine.total == KEPT + 50
    assert [each.heard.trade_id for each in reader.quarantine.recent] == [str(n) for n in range(50, KEPT + 50)]


def test_the_log_tells_the_first_the_tenth_and_the_hundredth(caplog):
    with caplog.at_level(logging.WARNING, "workbench.connectors.quarantine"):
        take(normaliser(), *[trade("0")] * 150)
    assert [record.getMessage().split(" so far")[0].split()[-1] for record in caplog.records] == ["1", "10", "100"]


def test_names_that_a_venue_makes_up_do_not_fill_the_memory():
    reader = normaliser()
    take(reader, *[trade(market_id=f"M{number}") for number in range(1_000)])
    assert reader.quarantine.counts == {("", Doubt.UNLISTED): 1_000}


# --- numbers ----------------------------------------------------------------------------------------


@given(some.lists(some.integers(1, 50), max_size=30), some.integers(0, 40))
def test_sequences_grow_whatever_the_clock_does_and_follow_the_number_given(received, after):
    numbering = Numbering(after)
    numbers = [numbering.next(at) for at in received]
    assert all(later > earlier for earlier, later in zip([after, *numbers], numbers, strict=False))
    assert all(number >= at for number, at in zip(numbers, received, strict=True))


# --- the account ------------------------------------------------------------------------------------


def test_an_order_report_says_what_the_venue_said_and_no_more():
    heard = HeardOrder(
        market_id="BTCUSDT",
        order_id="o1",
        venue_order_id="7",
        status=OrderStatus.PARTIALLY_FILLED,
        at=NOW,
        quantity="2.0",
        price="100.50",
        filled="0.5",
        reason="why",
    )
    [report] = take(normaliser(), heard)
    assert isinstance(report, OrderReport)
    assert (report.quantity_raw, report.price_raw, report.filled_raw) == (200_000_000, 10_050, 50_000_000)
    assert (report.order_id, report.venue_order_id, report.reason, report.stop_raw) == ("o1", "7", "why", None)


def test_a_fill_is_exact_to_the_last_digit_of_its_fee():
    [event] = take(normaliser(), fill())
    assert isinstance(event, FillEvent)
    assert (event.price, event.quantity, event.fee, event.maker) == (
        Decimal("100.25"),
        Decimal("0.5"),
        Decimal("0.00012345"),
        True,
    )
    assert (event.order_id, event.venue_order_id, event.trade_id) == ("o1", "7", "t1")


def test_a_rebate_is_a_negative_fee():
    assert take(normaliser(), fill(fee="-0.01"))[0].fee == Decimal("-0.01")


def test_a_fill_by_force_is_a_liquidation():
    [event] = take(normaliser(), fill(forced=True, order_id=""))
    assert isinstance(event, Liquidation)
    assert (event.trade_id, event.quantity_raw, event.fee_raw) == ("t1", 50_000_000, 12_345)


def test_funding_that_was_paid_is_negative():
    [event] = take(
        normaliser(), HeardFunding(market_id="BTCUSDT", amount="-0.5", currency="USDT", funding_id="f", at=0)
    )
    assert isinstance(event, FundingEvent)
    assert (event.amount_raw, event.ts_event) == (-50_000_000, NOW)


def test_words_of_the_account_are_never_held_back_for_their_stamp_or_for_being_said_twice():
    assert len(take(normaliser(), fill(at=NOW + 60 * SECOND), fill(), fill())) == 3


UNREADABLE = [
    (fill(fee="0.000000001"), "fee in BTC"),
    (fill(price="100.001"), "price"),
    (fill(price="nan"), "price"),
    (fill(quantity="0"), "above 0"),
    (fill(market_id="DOGE"), "DOGE"),
    (HeardFunding(market_id="BTCUSDT", amount="1e-9", currency="USDT", funding_id="f", at=0), "funding f"),
    (
        HeardOrder(
            market_id="BTCUSDT", order_id="o", venue_order_id="", status=OrderStatus.FILLED, at=0, filled="1.2.3"
        ),
        "order o filled",
    ),
]


@pytest.mark.parametrize(("heard", "names"), UNREADABLE)
def test_a_word_of_the_account_that_cannot_be_read_is_an_error_that_names_it(heard, names):
    reader = normaliser()
    with pytest.raises(DataError, match=names):
        take(reader, heard)
    assert reader.quarantine.total == 0


def test_balances_and_endings_are_no_events():
    assert take(normaliser(), HeardBalance(asset="BTC", total="1", at=0), HeardEnd(reason="upgrade")) == []
