"""Margin, funding and liquidation: the arithmetic by hand, and the laws that hold for every account."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.market import fill, order, perpetual, spot, started
from workbench.core import codec, rules
from workbench.core.errors import ConfigError, Unsupported
from workbench.core.events import FundingEvent, FundingRate, Liquidation, MarkPrice
from workbench.core.instrument import Instrument, MarginTier
from workbench.core.ledger import Ledger, instrument_table
from workbench.core.margin import MarginTerms, shared_amount, shared_lots
from workbench.core.order import Side

PERPETUAL = perpetual(contract_size=Decimal(1))
THREE = {"a": "10000", "b": "10000", "c": "10000"}

HELD = st.dictionaries(st.sampled_from("abcdef"), st.integers(-9, 9), min_size=1)
TIERED = perpetual(
    max_leverage=125,
    maintenance=Decimal("0.004"),
    tiers=(
        MarginTier(above=Decimal(50_000), max_leverage=100, maintenance=Decimal("0.005")),
        MarginTier(above=Decimal(600_000), max_leverage=75, maintenance=Decimal("0.0065")),
    ),
)


def funding(amount: int, instrument: Instrument = PERPETUAL, name: str = "f1", number: int = 1) -> FundingEvent:
    return FundingEvent("venue", number, 8, 8, instrument=instrument, amount_raw=amount, funding_id=name)


def liquidation(side: Side, quantity: int, price: int, **changes: Any) -> Liquidation:
    terms: dict[str, Any] = {"trade_id": "L1", "fee_raw": 0, "fee_currency": "USDT", "instrument": PERPETUAL, **changes}
    return Liquidation("venue", 9, 9, 9, side=side, quantity_raw=quantity, price_raw=price, **terms)


def holding(lots: dict[str, int], price: int = 100_00, instrument: Instrument = PERPETUAL) -> Ledger:
    """A ledger whose strategies entered these signed lots at one price."""
    ledger = Ledger(started(instrument, cash=dict.fromkeys(lots, "10000")))
    lot = ledger.terms[instrument.key].lot
    for number, (name, size) in enumerate(lots.items()):
        if size:
            side = Side.BUY if size > 0 else Side.SELL
            wanted = order(f"o{number}", instrument, side, abs(size) * lot, strategy_id=name)
            ledger.apply(wanted)
            ledger.apply(fill(wanted, price))
    return ledger


def cash(ledger: Ledger, name: str) -> Decimal:
    return Decimal(ledger.cash_text(ledger.accounts[name].cash))


# --- by hand ---


def test_the_account_of_two_strategies_comes_out_as_worked_by_hand() -> None:
    """a buys 3 and b sells 1 at 100; funding takes 0.5, the mark falls to 90, the venue closes 2 at 80 for 0.4."""
    ledger = holding({"a": 3_000, "b": -1_000})
    key, unit = PERPETUAL.key, 10**8
    ledger.apply(funding(-50_000_000))  # for the net of 2: a pays 0.5 x 3/2 = 0.75, b receives 0.5 x 1/2 = 0.25
    assert (cash(ledger, "a"), cash(ledger, "b")) == (Decimal("9999.25"), Decimal("10000.25"))
    for name in ("a", "b"):
        account = ledger.accounts[name]
        account.mark(account.positions[key], 90_00)
    assert ledger.accounts["a"].equity == 9_969_25 * unit // 100  # 9999.25 - 3 x 10
    assert ledger.accounts["b"].equity == 10_010_25 * unit // 100  # 10000.25 + 1 x 10
    ledger.apply(liquidation(Side.SELL, 2 * unit, 80_00, fee_raw=40_000_000))
    assert cash(ledger, "a") == Decimal("9958.85")  # 9999.25 - 2 x 20 - 0.4
    assert cash(ledger, "b") == Decimal("10000.25")  # it is short: a sale takes nothing from it
    assert ledger.accounts["a"].equity == 9_948_85 * unit // 100  # one left, worth 10 less than it cost
    assert [ledger.net(key), ledger.holders(key)] == [0, {"a": unit, "b": -unit}]
    assert [(each.strategy_id, each.amount) for each in ledger.funding] == [("a", -75_000_000), ("b", 25_000_000)]
    for account in ledger.accounts.values():
        account.balance()


def test_margin_rises_with_the_tiers_without_a_step_in_maintenance() -> None:
    terms = MarginTerms.of(TIERED, 8)
    worth = {usdt: usdt * 10**8 for usdt in (50_000, 600_000, 1_000_000)}
    assert terms.initial(worth[50_000]) == 400 * 10**8  # 50 000 / 125
    assert terms.initial(worth[600_000]) == 6_000 * 10**8  # 600 000 / 100
    assert terms.maintenance(worth[50_000]) == 200 * 10**8  # 50 000 x 0.004
    assert terms.maintenance(worth[600_000]) == 2_950 * 10**8  # 200 + 550 000 x 0.005
    assert terms.maintenance(worth[1_000_000]) == 5_550 * 10**8  # 2 950 + 400 000 x 0.0065
    assert terms.maintenance(worth[50_000] + 1) - terms.maintenance(worth[50_000]) <= 1


@pytest.mark.parametrize(
    ("side", "rate", "expected"),
    [
        (rules.BUY, 10**14, -1_000_000),  # 0.01 % of 100: a long pays 0.01
        (rules.SELL, 10**14, 1_000_000),
        (rules.BUY, -(10**14), 1_000_000),
        (rules.BUY, 10**6, -1),  # less than the smallest unit is paid as one,
        (rules.SELL, 10**6, 0),  # and received as none
    ],
)
def test_longs_pay_a_positive_rate_and_rounding_is_against_us(side: int, rate: int, expected: int) -> None:
    assert rules.funding_amount(100 * 10**8, side, rate, 1) == expected


def test_an_account_is_liquidated_below_its_maintenance_and_not_at_it() -> None:
    assert not rules.is_liquidated(100, 100)
    assert rules.is_liquidated(99, 100)


# --- laws ---


@given(st.integers(-(10**12), 10**12), HELD)
def test_the_parts_of_a_funding_add_up_to_what_the_venue_said(amount: int, held: dict[str, int]) -> None:
    shares = shared_amount(amount, held)
    assert sum(shares.values()) == amount
    net = sum(held.values())
    for name, share in shares.items():
        if net:
            assert abs(Fraction(share) - Fraction(amount * held[name], net)) <= len(held)


@given(st.integers(1, 60), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1))
def test_nobody_loses_more_to_a_liquidation_than_held_and_lots_stay_whole(lots: int, held: dict[str, int]) -> None:
    held = {name: size * 10 for name, size in held.items()}
    shares = shared_lots(lots * 10, held, 10)
    assert sum(shares.values()) == min(lots * 10, sum(held.values()))
    assert all(0 < share <= held[name] and share % 10 == 0 for name, share in shares.items())


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.sampled_from("abc"), st.integers(-9, 9).filter(bool), st.integers(1, 200)),
        st.tuples(st.just("mark"), st.integers(1, 200)),
        st.tuples(st.just("fund"), st.integers(-(10**9), 10**9)),
        st.tuples(st.just("take"), st.sampled_from(Side), st.integers(1, 20), st.integers(1, 200), st.integers(0, 999)),
    ),
    max_size=25,
)


@given(STEPS)
def test_equity_is_start_and_profit_less_fees_and_funding_through_everything(steps: list[tuple[Any, ...]]) -> None:
    ledger = Ledger(started(PERPETUAL, cash=THREE))
    key, terms = PERPETUAL.key, ledger.terms[PERPETUAL.key]
    said, moved = 0, 0
    for number, (kind, *rest) in enumerate(steps):
        if kind == "trade":
            name, lots, price = rest
            side = Side.BUY if lots > 0 else Side.SELL
            wanted = order(f"o{number}", PERPETUAL, side, abs(lots) * terms.lot, strategy_id=name)
            ledger.apply(wanted)
            ledger.apply(fill(wanted, price * 100, fee_raw=7))
        elif kind == "mark":
            for account in ledger.accounts.values():
                if key in account.positions:
                    account.mark(account.positions[key], rest[0] * 100)
        elif kind == "fund":
            before = sum(each.cash for each in ledger.accounts.values())
            ledger.apply(funding(rest[0], name=f"f{number}"))
            ledger.apply(funding(rest[0], name=f"f{number}", number=number))
            said, moved = said + rest[0], moved + sum(each.cash for each in ledger.accounts.values()) - before
        else:
            side, lots, price, fee = rest
            net, held = ledger.net(key), ledger.holders(key)
            taken = liquidation(side, lots * terms.lot, price * 100, fee_raw=fee, trade_id=f"L{number}")
            parts = ledger.liquidated(taken)
            ledger.apply(taken)
            ledger.apply(taken)
            assert ledger.net(key) == net + side.sign * sum(parts.values())
            assert all(ledger.accounts[each].positions[key].quantity * held[each] >= 0 for each in parts)
        for account in ledger.accounts.values():
            account.balance()
    assert moved == said, "every unit of funding is somebody's"


@given(st.integers(-50, 50).filter(bool), st.integers(1, 500), st.integers(1, 500), st.integers(-(10**12), 10**12))
def test_closing_at_the_bankruptcy_price_leaves_nothing_below_zero(lots: int, entry: int, mark: int, cash: int) -> None:
    ledger = holding({"a": lots}, entry * 100)
    position = ledger.accounts["a"].positions[PERPETUAL.key]
    terms, equity = position.terms, cash + position.worth(mark * 100)
    price = rules.bankruptcy_price(position.quantity, mark * 100, equity, terms.multiplier, terms.divisor, terms.tick)
    left = cash + position.worth(price)
    assert left >= 0 or (lots < 0 and price == terms.tick), "only a short cannot be bought back for less than a tick"
    step = terms.tick if lots < 0 else -terms.tick
    assert cash + position.worth(price + step) < 0 or price == terms.tick


# --- the ledger ---


def test_funding_and_liquidation_book_once_whatever_is_delivered_again() -> None:
    ledger = holding({"a": 3, "b": 1})
    for event in (funding(1_001), liquidation(Side.SELL, 100_000, 90_00, fee_raw=3)):
        ledger.apply(event)
        before = (ledger.digest(), [each.cash for each in ledger.accounts.values()])
        assert ledger.settled(event)
        ledger.apply(event)
        assert (ledger.digest(), [each.cash for each in ledger.accounts.values()]) == before


def test_equal_holders_of_a_liquidated_side_lose_lots_by_name() -> None:
    ledger = holding({"b": 1, "a": 1, "c": 1})
    lot = ledger.terms[PERPETUAL.key].lot
    ledger.apply(liquidation(Side.SELL, 2 * lot, 90_00))
    assert ledger.holders(PERPETUAL.key) == {"c": lot}


def test_a_liquidation_of_more_than_is_held_here_is_others() -> None:
    ledger = holding({"a": 1})
    lot = ledger.terms[PERPETUAL.key].lot
    ledger.apply(liquidation(Side.SELL, 3 * lot, 90_00))
    assert (ledger.net(PERPETUAL.key), ledger.external[PERPETUAL.key]) == (0, -2 * lot)


def test_the_digest_tells_of_funding_and_of_liquidation() -> None:
    digests = {holding({"a": 3}).digest()}
    for event in (funding(5), liquidation(Side.SELL, 100_000, 90_00)):
        ledger = holding({"a": 3})
        ledger.apply(event)
        digests.add(ledger.digest())
    assert len(digests) == 3


# --- words ---


def test_settlements_and_rates_are_written_exactly_and_read_back() -> None:
    instruments = instrument_table(started(TIERED))
    events = [
        funding(-12_345_678, TIERED),
        liquidation(Side.BUY, 100_000, 90_00, fee_raw=5, instrument=TIERED),
        MarkPrice("m", 1, 2, 3, TIERED, 90_01),
        FundingRate("f", 1, 2, 3, TIERED, 92_214_563_066),
    ]
    lines = [codec.encode(each) for each in events]
    assert b'"amount":"-0.12345678"' in lines[0]
    assert b'"rate":"0.000000092214563066"' in lines[3]
    assert [codec.decode(each, instruments) for each in lines] == events
    head = started(TIERED)
    assert codec.decode(codec.encode(head), {}) == head


def test_margin_terms_at_their_defaults_are_not_written() -> None:
    line = codec.encode(started(spot(), perpetual()))
    assert b"leverage" not in line
    assert b"tiers" not in line


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"max_leverage": 0}, "max_leverage: expected 1 or more, got 0"),
        ({"max_leverage": 20, "maintenance": Decimal("0.06")}, "1/20, what opens the position, got 0.06"),
        ({"maintenance": Decimal(-1)}, "maintenance: expected"),
        ({"tiers": (MarginTier(above=Decimal(0), max_leverage=1, maintenance=Decimal(0)),)}, "above: expected more"),
    ],
)
def test_margin_terms_that_contradict_each_other_are_refused(terms: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        perpetual(**terms)


def test_an_inverse_contract_is_refused_and_the_linear_one_named() -> None:
    with pytest.raises(Unsupported, match="BTC/USD:BTC: inverse contracts are not supported; linear ones are"):
        perpetual(symbol="BTC/USD:BTC")
