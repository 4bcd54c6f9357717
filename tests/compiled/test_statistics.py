"""The figures of a compiled run are those of the event engine's result, to the last bit."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.research.runs import four_months
from workbench.compiled import round_trips as places
from workbench.compiled.engine_log import FILL_ROW, WIDTH
from workbench.compiled.round_trips import ratio
from workbench.compiled.statistics import FACTS_WIDTH, NAMES, measure
from workbench.core.clock import DAY, HOUR
from workbench.research.metrics import FIGURES, YEAR, Sample
from workbench.research.metrics import measure as measured

MINUTE = HOUR // 60


def compiled(amounts, *, unit, cash, start, step, times=None, facts=(), held=None, sums=None):
    """Every figure of a run without trips, or with those given."""
    equity = np.array(amounts, dtype=np.int64)
    times = np.arange(1, len(equity) + 1, dtype=np.int64) * step + start if times is None else times
    told = np.zeros(FACTS_WIDTH)
    years = (int(times[-1]) - start) / YEAR if len(times) else 0.0
    told[:] = [cash, years, YEAR / step, *(facts or (0.0, 0.0, 0.0, 0.0))]
    held = np.zeros(places.HELD_WIDTH, dtype=np.int64) if held is None else held
    sums = np.zeros(places.SUMS_WIDTH) if sums is None else sums
    found = measure(equity, times, start, unit, told, held, sums, np.empty(len(equity)))
    return dict(zip(NAMES, found.tolist(), strict=True))


def expected(amounts, *, unit, cash, start, step):
    times = np.arange(1, len(amounts) + 1, dtype=np.int64) * step + start
    nothing = np.array([])
    return measured(
        Sample(
            start=start, end=int(times[-1]) if len(times) else start, step=step, cash=cash, times=times,
            equity=np.array([amount / unit for amount in amounts], dtype=np.float64),
            in_market=np.zeros(len(amounts), dtype=bool), benchmark=0.0, pnl=nothing, returns_of_trips=nothing,
            held_ns=nothing, fills=0, orders=0, refusals=0, traded=0.0, fees=0.0,
        )
    )  # fmt: skip


def bits(figures):
    return {name: value.hex() if not math.isnan(value) else "nan" for name, value in figures.items()}


def test_it_has_the_very_figures_of_a_result_in_their_order():
    assert tuple(FIGURES) == NAMES


AMOUNTS = st.lists(
    st.one_of(
        st.integers(9_900, 10_100).map(lambda each: each * 10**8),
        st.integers(0, 2**62),
        st.sampled_from([0, 1, 10**12, 2**53 + 1, 2**62 - 1]),
    ),
    max_size=60,
).map(lambda found: [each for each in found for _ in range(1 + each % 3)])


@given(AMOUNTS, st.sampled_from([8, 10, 16]), st.sampled_from([MINUTE, HOUR, DAY]))
def test_every_figure_of_any_equity_is_the_same_to_the_last_bit(amounts, places_of_cash, step):
    told = {"unit": 10**places_of_cash, "cash": 10_000.0, "start": 1_500_000_000 * 10**9, "step": step}
    assert bits(compiled(amounts, **told)) == bits(expected(amounts, **told))


@given(st.integers(2, 3_000), st.integers(0, 2**32 - 1), st.floats(1e-7, 0.05))
def test_long_walks_add_up_in_the_same_order(count, seed, spread):
    source = np.random.default_rng(seed)
    held = source.random(count) < 0.6
    steps = np.where(held, source.normal(0.0, spread, count), 0.0)
    amounts = (1e12 * np.exp(np.cumsum(steps))).astype(np.int64).tolist()
    told = {"unit": 10**8, "cash": 10_000.0, "start": 0, "step": MINUTE}
    assert bits(compiled(amounts, **told)) == bits(expected(amounts, **told))


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.one_of(st.integers(1, 2**63 - 1), st.sampled_from([10**8, 10**18])))
def test_a_ratio_is_the_nearest_float(over, under):
    assert ratio(over, under).hex() == (over / under).hex()


# --- against a whole run ----------------------------------------------------------------------------


def log_of(result):
    """The fills of a result as the compiled engine writes them."""
    fills = result.ledger.fills
    log = np.zeros((len(fills) + 1, WIDTH), dtype=np.int64)  # one row that is something else
    log[0, 0] = FILL_ROW + 1
    for row, fill in enumerate(fills, 1):
        in_base = int(fill.fee_currency == fill.instrument.base)
        signed = fill.quantity_raw * fill.side.sign
        log[row] = [FILL_ROW, fill.ts_init, row, fill.price_raw, signed, fill.fee_raw, 0, fill.ts_event, 0, in_base]
    return log


def figures_of(result):
    """What the compiled pass makes of a result's equity and fills."""
    (instrument,) = result.plan.instruments
    ledger, sample = result.ledger, result.sample
    terms, unit = ledger.terms[instrument.key], 10**ledger.cash_places
    numbers = np.array(
        [terms.lot, terms.multiplier, terms.divisor, terms.cash_quantum, terms.base_quantum, unit], dtype=np.int64
    )
    held, sums = np.zeros(places.HELD_WIDTH, dtype=np.int64), np.zeros(places.SUMS_WIDTH)
    log = log_of(result)
    half = len(log) // 2  # as it is emptied on the way
    for part in (log[:half], log[half:]):
        places.take_fills(part, len(part), numbers, sample.times, held, sums)
    places.finish(numbers, sample.times, held)
    facts = (sample.benchmark, sample.orders, sample.refusals, sample.traded)
    return compiled(
        np.array(result.curve.equity)[result.paths.samples], unit=unit, cash=sample.cash, start=sample.start,
        step=sample.step, times=sample.times, facts=facts, held=held, sums=sums,
    )  # fmt: skip


def test_a_whole_run_has_the_figures_of_its_result_bit_for_bit():
    result = four_months()
    assert result.metrics["trades"] > 10
    assert bits(figures_of(result)) == bits(result.metrics)
