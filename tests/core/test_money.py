"""Money is exact: one door in, nothing rounds in silence, and no library can disturb it."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.errors import DataError
from workbench.core.money import (
    MAX_PLACES,
    canonical,
    dec,
    places_of,
    round_scaled,
    to_decimal,
    to_scaled,
    to_text,
)

scaled = st.integers(-(10**28), 10**28)
places = st.integers(0, MAX_PLACES)
decimals = st.builds(to_decimal, scaled, places)


@pytest.fixture
def hostile_context():
    """What a careless library leaves behind in this thread."""
    with decimal.localcontext() as context:
        context.prec = 1
        context.rounding = decimal.ROUND_UP
        for signal in (decimal.Inexact, decimal.Rounded, decimal.Subnormal, decimal.FloatOperation, decimal.Clamped):
            context.traps[signal] = True
        yield


@pytest.mark.parametrize("value", [0.1, 1.0, True, False, None, b"1", [1], 1 + 0j, float("nan")])
def test_the_door_refuses_what_is_not_an_exact_number_and_says_what_to_write(value):
    with pytest.raises(DataError, match=r"fee: expected an exact number .* write it as text"):
        dec(value, "fee")


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_the_door_refuses_what_is_not_finite(value):
    with pytest.raises(DataError, match="expected a finite number"):
        dec(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nan",
        "inf",
        "-Infinity",
        "1,5",
        "1.000,5",
        "1_000",
        "0x10",
        "1e9999",
        "\u0663",
        "\uff11",
        "1 2",
        "--1",
        ".",
    ],
)
def test_the_door_refuses_text_that_is_not_a_plain_number(text):
    with pytest.raises(DataError, match="expected a number such as"):
        dec(text)


@pytest.mark.parametrize("value", ["1e999", "1e-999", "1" * 61, Decimal("1e999999"), 10**60, "0." + "0" * 70])
def test_the_door_refuses_numbers_of_absurd_length_before_they_grow(value):
    with pytest.raises(DataError, match="more than 60 digits"):
        dec(value)


def test_an_int_too_long_for_python_to_print_is_refused_like_any_other():
    with pytest.raises(DataError, match="more than 60 digits"):
        dec(10**5000)


@pytest.mark.parametrize(
    ("given_", "is_"),
    [("0.5", "0.5"), (" 7 ", "7"), ("+1.", "1"), (".5", "0.5"), ("-1e3", "-1000"), (3, "3"), (Decimal("2.50"), "2.50")],
)
def test_the_door_lets_exact_numbers_in(given_, is_):
    assert dec(given_) == Decimal(is_)


def test_losing_a_digit_is_an_error_and_never_a_rounding():
    assert to_scaled("1.230", 2) == 123
    with pytest.raises(DataError, match=r"price: 1\.234 has more than 2 decimal places"):
        to_scaled("1.234", 2, "price")


@given(scaled, places)
def test_scaled_numbers_survive_the_way_out_and_in(number, at):
    assert to_scaled(to_decimal(number, at), at) == number
    assert to_scaled(to_text(number, at), at) == number
    assert Fraction(to_decimal(number, at)) == Fraction(number, 10**at)


def test_a_number_too_long_to_be_exact_stops_the_run_and_is_never_rounded():
    with pytest.raises(decimal.Inexact):
        to_decimal(10**250 + 1, 2)


@given(scaled, places)
def test_canonical_text_has_no_exponent_no_trailing_zero_and_no_negative_zero(number, at):
    text = to_text(number, at)
    assert "e" not in text.lower()
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."
    assert Fraction(text) == Fraction(number, 10**at)


@given(decimals, st.integers(0, 10))
def test_equal_numbers_have_equal_text(number, zeros):
    longer = Decimal(f"{number:f}" + ("" if "." in f"{number:f}" else ".") + "0" * zeros)
    assert canonical(longer) == canonical(number)
    assert Decimal(canonical(number)) == number


@pytest.mark.parametrize(
    ("number", "needs"), [("0", 0), ("0.00", 0), ("1.50", 1), ("1e2", 0), ("100", 0), ("1e-8", 8), ("10.010", 2)]
)
def test_places_are_counted_without_trailing_zeros(number, needs):
    assert places_of(Decimal(number)) == needs
    assert canonical(Decimal(number)) == f"{Decimal(number):.{needs}f}"


@given(decimals, places)
def test_rounding_that_is_asked_for_lands_on_the_next_unit_up_or_down(number, at):
    down, up = round_scaled(number, at, up=False), round_scaled(number, at, up=True)
    exact = Fraction(number) * 10**at
    assert down <= exact < down + 1
    assert up - 1 < exact <= up


@pytest.mark.usefixtures("hostile_context")
def test_no_library_can_disturb_money_through_the_decimal_context():
    assert to_scaled("123456789.123456789", 9) == 123456789123456789
    assert str(to_decimal(123456789123456789, 9)) == "123456789.123456789"
    assert canonical(Decimal("123456.7890")) == "123456.789"
    assert places_of(Decimal("0.12345")) == 5
    assert round_scaled("123.456", 2, up=True) == 12346
    assert round_scaled("-123.456", 2, up=True) == -12345
    with pytest.raises(DataError):
        to_scaled("1.5", 0)
