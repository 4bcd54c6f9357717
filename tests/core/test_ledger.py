"""Positions, cash and the ledger: every fill books once, and the sum is right to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.market import bar, fill, order, perpetual, spot, started, update
from workbench.core import codec
from workbench.core.account import Position
from workbench.core.errors import ConfigError, IllegalTransition, InvariantError
from workbench.core.events import OrderReport, RiskAction, RiskEvent, Timer
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.ledger import Ledger, instrument_table
from workbench.core.order import OrderStatus, Side

SPOT, SPOT_IN_BASE = spot(), spot(fee_currency=FeeCurrency.RECEIVED)
PERPETUAL, FINE = perpetual(), perpetual(symbol="ETH/USDT:USDT", tick=Decimal("1e-6"), lot=Decimal("1e-5"))


@dataclass
class Reference:
    """One account trading one instrument, in fractions: cash, holding and worth from their definitions."""

    instrument: Instrument
    cash: Fraction = Fraction(10_000)
    quantity: Fraction = Fraction(0)
    entry: Fraction = Fraction(0)  # what the open quantity of a perpetual was entered at, signed

    def book(self, sign: int, quantity: Fraction, price: Fraction, fee: Fraction, in_base: bool) -> None:
        size = Fraction(self.instrument.contract_size)
        if self.instrument.is_spot:
            self.cash -= sign * quantity * price * size
        elif self.quantity * sign >= 0:
            self.entry += sign * quantity * price * size
        else:
            closed = min(quantity, abs(self.quantity))
            released = self.entry * closed / abs(self.quantity)
            self.entry -= released
            self.cash += -sign * closed * price * size - released
            self.entry += sign * (quantity - closed) * price * size
        self.quantity += sign * quantity - (fee if in_base else 0)
        self.cash -= 0 if in_base else fee

    def equity(self, price: Fraction) -> Fraction:
        worth = self.quantity * price * Fraction(self.instrument.contract_size)
        return self.cash + worth - (0 if self.instrument.is_spot else self.entry)


trades = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 5_000),  # lots
        st.integers(1, 2_000_000),  # ticks
        st.integers(-(10**6), 10**8),  # fee, in units of 10^-8; negative is a rebate
        st.integers(1, 2_000_000),  # the mark after it, in ticks
    ),
    min_size=1,
    max_size=12,
)


@given(st.sampled_from([SPOT, SPOT_IN_BASE, PERPETUAL, FINE]), trades, st.booleans())
def test_cash_and_position_balance_to_the_last_digit_after_every_fill_and_mark(instrument, trades, marked_first):
    ledger, reference = Ledger(started(instrument)), Reference(instrument)
    account, position = ledger.accounts["t1"], ledger.position("t1", instrument.key)
    places, terms = ledger.cash_places, position.terms
    tick, lot = Fraction(instrument.tick), Fraction(instrument.lot)
    if marked_first:
        account.mark(position, 5 * terms.tick)
    for number, (side, lots, ticks, fee, mark) in enumerate(trades):
        in_base = instrument.fee_currency is FeeCurrency.RECEIVED and side is Side.BUY
        wanted = order(f"o{number}", instrument, side, lots * terms.lot)
        ledger.apply(wanted)
        currency = instrument.base if in_base else instrument.quote
        ledger.apply(fill(wanted, ticks * terms.tick, fee_raw=fee, fee_currency=currency))
        reference.book(side.sign, lots * lot, ticks * tick, Fraction(fee, 10**8), in_base)
        account.balance()
        account.mark(position, mark * terms.tick)
        account.balance()
        assert Fraction(position.quantity, 10**instrument.quantity_places) == reference.quantity
        # Shares of a cost and the worth of a fee in base are cut to a whole cash unit, once per fill and mark.
        slack = Fraction(number + 2, 10**places)
        assert abs(Fraction(account.cash, 10**places) - reference.cash) <= (0 if instrument.is_spot else slack)
        assert abs(Fraction(account.equity, 10**places) - reference.equity(mark * tick)) <= slack


def test_on_spot_every_cash_unit_is_exact():
    ledger = Ledger(started(SPOT))
    buy, sell = order("b", SPOT, Side.BUY, 300_000), order("s", SPOT, Side.SELL, 300_000)
    for event in (buy, fill(buy, 3_333_333, fee_raw=9_999_999), sell, fill(sell, 3_333_334, fee_raw=1)):
        ledger.apply(event)
    assert ledger.cash_text(ledger.accounts["t1"].cash) == "9999.90003"
    position = ledger.position("t1", SPOT.key)
    assert (position.quantity, position.cost, position.unrealised()) == (0, 0, 0)
    assert position.entry_price() is None


def test_a_flip_is_one_fill_that_closes_and_opens():
    ledger = Ledger(started(PERPETUAL))
    long, flip = order("a", PERPETUAL, Side.BUY, 10**8), order("b", PERPETUAL, Side.SELL, 3 * 10**8)
    for event in (long, fill(long, 10_000), flip, fill(flip, 11_000)):
        ledger.apply(event)
    account, position = ledger.accounts["t1"], ledger.position("t1", PERPETUAL.key)
    assert (position.quantity, position.entry_price()) == (-2 * 10**8, Decimal(110))
    assert ledger.cash_text(position.realised) == "1"  # 10 quote on 1 contract of 0.1 base
    account.mark(position, 12_000)
    assert ledger.cash_text(account.equity) == "9999"  # 1 won, 2 x 10 x 0.1 lost
    assert position.exposure(12_000) == 24 * 10**ledger.cash_places
    assert ledger.net(PERPETUAL.key) == -2 * 10**8


@pytest.mark.parametrize(
    ("sold", "fee_raw", "left"),
    [(10**8, 10**5, -(10**5)), (10**8 - 10**5, 10**5, 0), (10**8 - 10**5, 2 * 10**5, -(10**5))],
)
def test_a_fee_in_base_that_ends_the_position_loses_the_rest_of_its_cost(sold, fee_raw, left):
    ledger = Ledger(started(SPOT))
    buy, sell = order("b", SPOT, Side.BUY, 10**8), order("s", SPOT, Side.SELL, sold)
    account, position = ledger.accounts["t1"], ledger.position("t1", SPOT.key)
    for event in (buy, fill(buy, 10_000), sell, fill(sell, 11_000, fee_raw=fee_raw, fee_currency="BTC")):
        ledger.apply(event)
        account.balance()
    assert (position.quantity, position.cost) == (left, 0)
    account.mark(position, 12_000)
    account.balance()


def test_a_rebate_in_base_that_covers_a_short_keeps_what_it_brought_in():
    ledger = Ledger(started(SPOT))
    sell, account = order("s", SPOT, Side.SELL, 10**5), ledger.accounts["t1"]
    ledger.apply(sell)
    ledger.apply(fill(sell, 10_000, fee_raw=-2 * 10**5, fee_currency="BTC"))
    account.balance()
    assert ledger.position("t1", SPOT.key).quantity == 10**5


def test_a_fee_in_a_third_currency_is_kept_beside_the_books():
    ledger = Ledger(started(SPOT))
    buy = order("b", SPOT, Side.BUY, 10**8)
    ledger.apply(buy)
    ledger.apply(fill(buy, 10_000, fee_raw=75, fee_currency="BNB"))
    ledger.accounts["t1"].balance()
    assert ledger.cash_text(ledger.accounts["t1"].cash) == "9900"
    assert ledger.fees == {"BNB": 75 * 10**10}


def test_a_fill_that_is_told_twice_books_once():
    ledger = Ledger(started(SPOT))
    buy = order("b", SPOT, Side.BUY, 10**8)
    told = fill(buy, 10_000)
    ledger.apply(buy)
    assert not ledger.knows(told)
    ledger.apply(told)
    once, digest = ledger.accounts["t1"].cash, ledger.digest()
    ledger.apply(told)
    ledger.apply(codec.decode(codec.encode(told), ledger.instruments))  # the same trade, seen by another road
    assert ledger.knows(told)
    assert (ledger.accounts["t1"].cash, ledger.digest(), len(ledger.fills)) == (once, digest, 1)


@pytest.mark.parametrize("other", [SPOT, perpetual(symbol="ETH/USDT:USDT"), spot(account="hedge")])
def test_one_trade_id_on_two_orders_books_twice(other):
    ledger = Ledger(started(*{each.key: each for each in (SPOT, other)}.values()))
    for wanted in (order("a", SPOT, Side.BUY, 10**8), order("b", other, Side.BUY, 10**8)):
        ledger.apply(wanted)
        ledger.apply(fill(wanted, 10_000, trade_id="77"))
    assert len(ledger.fills) == 2
    assert [each.filled_raw for each in ledger.orders.values()] == [10**8, 10**8]


def test_one_trade_id_on_both_sides_of_an_account_books_twice():
    ledger = Ledger(started(SPOT))
    buy = order("a", SPOT, Side.BUY, 10**8)
    ledger.apply(buy)
    ledger.apply(fill(buy, 10_000))
    ledger.apply(fill(buy, 10_000, side=Side.SELL))
    assert (len(ledger.fills), ledger.net(SPOT.key)) == (2, 0)


def living(ledger, wanted):
    ledger.apply(wanted)
    ledger.apply(update(wanted, OrderStatus.PENDING, OrderStatus.SUBMITTED))
    ledger.apply(update(wanted, OrderStatus.SUBMITTED, OrderStatus.ACKNOWLEDGED))
    return ledger.orders[wanted.order_id]


def test_a_late_fill_books_and_the_order_stays_cancelled():
    ledger = Ledger(started(SPOT))
    buy = order("b", SPOT, Side.BUY, 10**8)
    state = living(ledger, buy)
    assert state.living
    assert list(ledger.living) == ["b"]
    ledger.apply(update(buy, OrderStatus.ACKNOWLEDGED, OrderStatus.CANCELLED, reason="asked"))
    ledger.apply(fill(buy, 10_000))
    ledger.apply(update(buy, OrderStatus.CANCELLED, OrderStatus.CANCELLED, filled_raw=10**8))
    assert (state.status, state.reason, state.remaining_raw) == (OrderStatus.CANCELLED, "asked", 0)
    assert (ledger.living, ledger.cash_text(state.spent)) == ({}, "100")
    assert ledger.cash_text(ledger.accounts["t1"].cash) == "9900"


def test_an_update_that_does_not_start_where_the_order_stands_stops_the_run():
    ledger = Ledger(started(SPOT))
    buy = order("b", SPOT, Side.BUY, 10**8)
    ledger.apply(buy)
    with pytest.raises(InvariantError, match="order b: is pending, an update says it was submitted"):
        ledger.apply(update(buy, OrderStatus.SUBMITTED, OrderStatus.FILLED))
    with pytest.raises(IllegalTransition):
        ledger.apply(update(buy, OrderStatus.PENDING, OrderStatus.FILLED))


def test_a_report_changes_what_is_in_force_and_not_the_status():
    ledger = Ledger(started(SPOT))
    buy = order("b", SPOT, Side.BUY, 10**8, price_raw=10_000)
    state = living(ledger, buy)
    terms = {"instrument": SPOT, "status": OrderStatus.CANCELLED}
    ledger.apply(OrderReport("venue", 1, 1, 1, order_id="b", venue_order_id="v9", **terms))
    assert (state.venue_order_id, state.quantity_raw, state.price_raw, state.stop_raw) == ("v9", 10**8, 10_000, None)
    ledger.apply(OrderReport("venue", 2, 1, 1, order_id="b", quantity_raw=5, price_raw=9_000, stop_raw=8_000, **terms))
    assert (state.quantity_raw, state.price_raw, state.stop_raw, state.venue_order_id) == (5, 9_000, 8_000, "v9")
    assert state.status is OrderStatus.ACKNOWLEDGED


def test_what_nobody_here_ordered_and_what_moves_nothing_is_let_through():
    ledger = Ledger(started(SPOT))
    before = ledger.digest()
    foreign = order("foreign", SPOT, Side.BUY, 10**8)
    ledger.apply(fill(foreign, 10_000))
    ledger.apply(OrderReport("venue", 1, 1, 1, order_id="foreign", instrument=SPOT, status=OrderStatus.FILLED))
    ledger.apply(bar())
    ledger.apply(Timer("timer", 1, 1, 1))
    assert (ledger.digest(), ledger.fills, ledger.orders) == (before, [], {})


def test_refusals_are_remembered_and_a_release_is_none_of_the_digest():
    ledger = Ledger(started(SPOT))
    terms = {"rule": "max_order_notional", "reason": "too large"}
    before = ledger.digest()
    ledger.apply(RiskEvent("engine", 1, 1, 1, action=RiskAction.REARMED, **terms))
    assert ledger.digest() == before
    ledger.apply(RiskEvent("engine", 2, 1, 1, action=RiskAction.DENIED, **terms))
    assert ledger.digest() != before
    assert len(ledger.refusals) == 2


def traded(prefix: str, price: int) -> Ledger:
    ledger = Ledger(started(SPOT))
    buy = order(f"{prefix}1", SPOT, Side.BUY, 10**8)
    living(ledger, buy)
    ledger.apply(fill(buy, price, trade_id=f"{prefix}9"))
    ledger.apply(update(buy, OrderStatus.ACKNOWLEDGED, OrderStatus.FILLED))
    return ledger


def test_equal_trading_has_an_equal_digest_whatever_the_ids():
    assert traded("a", 10_000).digest() == traded("b", 10_000).digest()
    assert traded("a", 10_000).digest() != traded("a", 10_001).digest()


def test_the_digest_does_not_depend_on_the_order_in_which_strategies_are_named():
    cash = {"t1": "100", "t2": "50"}
    one, other = (Ledger(started(SPOT, cash=dict(each))) for each in (cash.items(), reversed(cash.items())))
    assert one.digest() == other.digest()


def test_a_ledger_folded_from_written_events_is_the_same_ledger():
    buy = order("b", SPOT, Side.BUY, 10**8)
    happened = [buy, update(buy, OrderStatus.PENDING, OrderStatus.SUBMITTED), fill(buy, 10_000, fee_raw=3)]
    table = instrument_table(started(SPOT))
    live, read = Ledger(started(SPOT)), Ledger(started(SPOT))
    for event in happened:
        live.apply(event)
        read.apply(codec.decode(codec.encode(event), table))
    assert (read.digest(), read.accounts, read.orders, read.fees) == (
        live.digest(),
        live.accounts,
        live.orders,
        live.fees,
    )


def test_accounts_of_two_strategies_are_apart_and_their_positions_add_up():
    ledger = Ledger(started(SPOT, cash={"t1": "100", "t2": "50.5"}))
    for strategy, lots in (("t1", 3), ("t2", 5)):
        wanted = order(f"o-{strategy}", SPOT, Side.BUY, lots * 10**5, strategy_id=strategy)
        ledger.apply(wanted)
        ledger.apply(fill(wanted, 10_000))
    assert [ledger.cash_text(each.cash) for each in ledger.accounts.values()] == ["99.7", "50"]
    assert ledger.net(SPOT.key) == 8 * 10**5


def test_an_instrument_in_another_currency_needs_a_conversion_that_nobody_has():
    with pytest.raises(ConfigError, match="x:BTC/EUR is quoted in EUR; this run values everything in USDT"):
        Ledger(started(spot(symbol="BTC/EUR")))


def test_books_that_do_not_balance_stop_the_run():
    account = Ledger(started(SPOT)).accounts["t1"]
    account.equity += 1
    with pytest.raises(InvariantError, match="account t1: equity"):
        account.balance()


def test_marking_a_flat_position_changes_nothing():
    ledger = Ledger(started(SPOT))
    account, position = ledger.accounts["t1"], ledger.position("t1", SPOT.key)
    assert account.mark(position, 10_000) is False
    assert account.equity == account.started_with
    assert isinstance(position, Position)
