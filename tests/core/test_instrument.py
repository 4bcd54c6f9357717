"""An instrument's terms are whole numbers in which every trade on its steps is exact."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core import rules
from workbench.core.errors import ConfigError, DataError, Unsupported
from workbench.core.instrument import FeeCurrency, Instrument, Kind
from workbench.core.money import to_decimal


def spot(**changes):
    return Instrument(
        **{"venue": "x", "symbol": "BTC/USDT", "tick": Decimal("0.01"), "lot": Decimal("0.001"), **changes}
    )


steps = st.builds(
    lambda digit, places: to_decimal(digit, places), st.sampled_from([1, 2, 5, 25, 10, 100]), st.integers(0, 6)
)
sizes = st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("0.01"), Decimal(10), Decimal("2.5")])


@given(steps, steps, sizes, st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 4))
def test_cash_of_any_trade_on_tick_and_lot_is_exact(tick, lot, contract_size, ticks, lots, finer):
    instrument = spot(symbol="BTC/USDT:USDT", tick=tick, lot=lot, contract_size=contract_size)
    places = instrument.cash_places + finer
    terms = instrument.terms(places)
    cash = rules.notional(ticks * terms.tick, lots * terms.lot, terms.multiplier, terms.divisor)
    assert Fraction(cash, 10**places) == ticks * Fraction(tick) * lots * Fraction(lot) * Fraction(contract_size)


@given(steps, steps, st.integers(0, 12))
def test_the_smallest_fee_is_a_whole_number_of_cash_and_of_base_units(tick, lot, fee_places):
    instrument = spot(tick=tick, lot=lot, fee_places=fee_places)
    terms = instrument.terms(instrument.cash_places)
    smallest = Fraction(1, 10**fee_places)
    assert Fraction(terms.cash_quantum, 10**instrument.cash_places) == smallest
    assert Fraction(terms.base_quantum, 10**instrument.quantity_places) == smallest


def test_its_identity_names_venue_account_and_symbol():
    assert spot().key == "x:BTC/USDT"
    assert spot(account="hedge").key == "x/hedge:BTC/USDT"


def test_the_symbol_says_what_it_is():
    assert (spot().base, spot().quote, spot().kind, spot().is_spot) == ("BTC", "USDT", Kind.SPOT, True)
    perpetual = spot(symbol="BTC/USDT:USDT")
    assert (perpetual.base, perpetual.quote, perpetual.kind, perpetual.is_spot) == (
        "BTC",
        "USDT",
        Kind.PERPETUAL,
        False,
    )


def test_precision_is_fixed_as_fine_as_the_steps_and_as_fees_in_base_need():
    assert (spot().price_places, spot().quantity_places) == (2, 8)
    fine = spot(lot=Decimal("0.0000000001"), fee_currency=FeeCurrency.RECEIVED)
    assert (fine.quantity_places, fine.cash_places) == (10, 12)


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "", "BTC/", "/USDT", "BTC/USDT/EUR", "BTC USDT", "BTC/USDT:", "A" * 21 + "/B"]
)
def test_a_symbol_that_is_not_unified_is_refused(symbol):
    with pytest.raises(ConfigError, match="expected BASE/QUOTE"):
        spot(symbol=symbol)


@pytest.mark.parametrize(("symbol", "why"), [("BTC/USD:BTC", "inverse"), ("BTC/USD:ETH", "not settled in USD")])
def test_contracts_that_do_not_pay_in_their_quote_are_refused(symbol, why):
    with pytest.raises(Unsupported, match=why):
        spot(symbol=symbol)


@pytest.mark.parametrize(
    "terms",
    [
        {"tick": Decimal(0)},
        {"lot": Decimal("-0.1")},
        {"contract_size": Decimal(0)},
        {"min_quantity": Decimal(-1)},
        {"min_notional": Decimal("-0.01")},
        {"price_places": 19},
        {"quantity_places": 5},  # coarser than the fee that may be taken in base
        {"fee_places": 19},
    ],
)
def test_terms_that_contradict_each_other_are_refused(terms):
    with pytest.raises(ConfigError, match="BTC/USDT"):
        spot(**terms)


@pytest.mark.parametrize(
    "terms",
    [
        {"price_places": 1},
        {"lot": Decimal("1e-9"), "quantity_places": 8},
        {"min_quantity": Decimal("1e-9"), "quantity_places": 8},
    ],
)
def test_steps_finer_than_the_fixed_precision_are_refused_before_any_trade(terms):
    with pytest.raises(DataError, match="decimal places"):
        spot(**terms)


@pytest.mark.parametrize("name", ["tick", "lot", "contract_size", "min_notional", "min_quantity"])
def test_a_float_is_no_step(name):
    with pytest.raises(DataError, match=f"{name}: expected an exact number"):
        spot(**{name: 0.01})


def test_a_step_may_change_where_the_fixed_precision_allows():
    coarse = spot(tick=Decimal("0.5"), price_places=2)
    assert coarse.terms(coarse.cash_places).tick == 50
