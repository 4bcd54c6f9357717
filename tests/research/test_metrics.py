"""Each figure is what its definition says, and is sane where there is nothing to measure."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.research.runs import no_trades, six_years
from workbench.core.clock import DAY, HOUR
from workbench.core.events import FillEvent, OrderEvent, RunStarted
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.ledger import Ledger
from workbench.core.order import OrderType, Role, Side
from workbench.research.metrics import DEFINITIONS, FIGURES, Sample, measure
from workbench.research.trips import trips


def sample(equity, *, cash=100.0, pnl=(), step=DAY, held=(1.0,), **others):
    times = np.arange(1, len(equity) + 1, dtype=np.int64) * step
    values = {
        "start": 0,
        "end": len(equity) * step,
        "step": step,
        "cash": cash,
        "times": times,
        "equity": np.array(equity, dtype=float),
        "in_market": np.zeros(len(equity), dtype=bool),
        "benchmark": 0.0,
        "pnl": np.array(pnl, dtype=float),
        "returns_of_trips": np.array(pnl, dtype=float) / 100.0,
        "held_ns": np.full(len(pnl), 2.0 * DAY),
        "fills": 0,
        "orders": 0,
        "refusals": 0,
        "traded": 0.0,
        "fees": 0.0,
    }
    return Sample(**(values | others))


WORKED = measure(
    sample(
        [110.0, 99.0, 99.0, 121.0],
        pnl=[30.0, -10.0, 5.0],
        in_market=np.array([True, True, False, True]),
        traded=429.0,
        fees=4.0,
    )
)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "total_return": 0.21,
        "cagr": 1.21 ** (365 / 4) - 1,
        "max_drawdown": -0.1,
        "max_drawdown_days": 3.0,
        "calmar": (1.21 ** (365 / 4) - 1) / 0.1,
        "exposure": 0.75,
        "trades": 3,
        "win_rate": 2 / 3,
        "profit_factor": 3.5,
        "expectancy": 25 / 3,
        "average_win": 17.5,
        "average_loss": -10.0,
        "best_trade": 0.3,
        "worst_trade": -0.1,
        "average_trade_days": 2.0,
        "turnover": 429 / (429 / 4) / (4 / 365),
        "fees_of_profit": 4 / 25,
    }.items(),
)
def test_a_small_run_gives_what_one_works_out_by_hand(name, value):
    assert WORKED[name] == pytest.approx(value, rel=1e-12)


def test_ratios_annualise_by_the_interval_over_a_year_of_365_days():
    daily, hourly = (measure(sample([110.0, 99.0, 105.0], step=step)) for step in (DAY, HOUR))
    returns = np.array([0.1, -0.1, 105 / 99 - 1])
    assert daily["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    assert daily["sortino"] == pytest.approx(returns.mean() / math.sqrt(0.01 / 3) * math.sqrt(365))
    for name in ("sharpe", "sortino", "volatility"):
        assert hourly[name] / daily[name] == pytest.approx(math.sqrt(24))


def test_every_figure_has_a_definition_and_there_are_many():
    assert len(FIGURES) >= 20
    assert all(len(DEFINITIONS[name]) > 12 for name in FIGURES)
    assert list(six_years().metrics) == list(DEFINITIONS)


def test_a_run_without_trades_counts_nothing_and_claims_nothing():
    figures = no_trades().metrics
    zero = "total_return cagr volatility max_drawdown max_drawdown_days exposure trades orders fills turnover fees"
    unsaid = "sharpe sortino calmar win_rate profit_factor expectancy average_win best_trade fees_of_profit skew"
    assert {name: figures[name] for name in zero.split()} == dict.fromkeys(zero.split(), 0.0)
    assert all(math.isnan(figures[name]) for name in unsaid.split())


def test_a_run_without_any_data_raises_nothing():
    figures = measure(sample([]))
    assert (figures["final_equity"], figures["max_drawdown"], figures["exposure"]) == (100.0, 0.0, 0.0)


def test_rounding_alone_is_no_risk():
    assert math.isnan(measure(sample([100.0, 100.0 + 1e-14, 100.0]))["skew"])


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=40))
def test_no_equity_leaves_the_bounds_of_its_figures(equity):
    figures = measure(sample(equity))
    assert -1.0 < figures["max_drawdown"] <= 0.0
    assert 0.0 <= figures["max_drawdown_days"] <= len(equity)
    assert math.isnan(figures["calmar"]) or figures["max_drawdown"] < 0


# --- round trips -----------------------------------------------------------------------------------

SPOT = Instrument(venue="v", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"))
IN_COINS = Instrument(
    venue="v", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.001"), fee_currency=FeeCurrency.RECEIVED
)
PERPETUAL = Instrument(venue="v", symbol="BTC/USDT:USDT", tick=Decimal("0.01"), lot=Decimal("0.001"))
LOT = 100_000


def ledger_of(instrument, fills):
    """A ledger of (side, lots, price, fee) fills, each of its own order."""
    started = RunStarted(
        "run",
        0,
        0,
        0,
        run_id="r",
        base_currency="USDT",
        instruments=(instrument,),
        cash={"s": "1000000"},
        strategies={},
    )
    ledger = Ledger(started)
    for number, (side, lots, price, fee) in enumerate(fills, 1):
        paid_in = instrument.quote
        if instrument.fee_currency is FeeCurrency.RECEIVED and side is Side.BUY:
            paid_in = instrument.base
        ledger.apply(
            OrderEvent(
                "engine", number, number, number, order_id=str(number), strategy_id="s", role=Role.ENTRY,
                instrument=instrument, side=side, order_type=OrderType.MARKET, quantity_raw=lots * LOT,
            )
        )  # fmt: skip
        ledger.apply(
            FillEvent(
                "venue", number, number, number, order_id=str(number), trade_id=str(number), instrument=instrument,
                side=side, quantity_raw=lots * LOT, price_raw=price, fee_raw=fee, fee_currency=paid_in,
            )
        )  # fmt: skip
    return ledger


def gained(ledger):
    account = ledger.accounts["s"]
    for position in account.positions.values():
        position.mark = ledger.fills[-1].price_raw
        account.mark(position, position.mark)
    return account.equity - account.started_with


B, S = Side.BUY, Side.SELL
FILLS = st.lists(
    st.tuples(st.sampled_from([B, S]), st.integers(1, 50), st.integers(1_00, 90_000_00), st.integers(0, 10**8)),
    min_size=1,
    max_size=20,
)


@given(FILLS)
def test_what_all_round_trips_earned_is_what_equity_gained_to_the_last_unit(fills):
    ledger = ledger_of(PERPETUAL, fills)
    assert sum(trip.pnl for trip in trips(ledger)) == gained(ledger)


def test_a_trip_goes_from_flat_to_flat_with_average_prices():
    ledger = ledger_of(SPOT, [(B, 2, 100_00, 7), (B, 2, 200_00, 7), (S, 4, 300_00, 7), (B, 1, 50_00, 7)])
    first, second = trips(ledger)
    assert (first.open, first.entered, first.paid, first.received) == (False, 4 * LOT, 600_000_00, 1_200_000_00)
    assert first.pnl == 600_000_00 - 21
    assert (second.open, second.pnl) == (True, -7)


def test_a_flip_ends_one_trip_and_begins_the_next_with_its_share_of_the_fee():
    ledger = ledger_of(PERPETUAL, [(B, 1, 100_00, 0), (S, 3, 110_00, 9), (B, 2, 90_00, 0)])
    long, short = trips(ledger)
    assert (long.side, long.fees, long.exited) == (1, 3, LOT)
    assert (short.side, short.fees, short.entered, short.open) == (-1, 6, 2 * LOT, False)
    assert long.pnl + short.pnl == gained(ledger)


def test_a_fee_in_coins_leaves_a_remainder_that_does_not_keep_a_trip_open():
    ledger = ledger_of(IN_COINS, [(B, 10, 100_00, 500), (S, 9, 120_00, 0), (B, 10, 100_00, 500), (S, 10, 90_00, 0)])
    first, second = trips(ledger)
    assert (first.open, first.held, second.open, second.held) == (False, LOT - 500, False, LOT - 1_000)
    assert first.pnl + second.pnl == pytest.approx(gained(ledger), abs=3)  # each worth is floored by itself
