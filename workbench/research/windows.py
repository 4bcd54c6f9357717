"""Stretches of time to train and to test on, and a run's figures within one: all [start, end), UTC ns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from workbench.core import rules
from workbench.core.errors import ConfigError
from workbench.research.metrics import Sample
from workbench.research.trips import fee_in_cash

if TYPE_CHECKING:
    from workbench.core.events import FillEvent
    from workbench.core.instrument import Terms
    from workbench.research.result import Result

Span = tuple[int, int]
MOST = 1_000  # folds: each is a sweep


class Fold(msgspec.Struct, frozen=True):
    """Spans to choose on, and the one to judge on."""

    train: tuple[Span, ...]
    test: Span


def windows(first: int, last: int, *, train: int, test: int, step: int, purge: int, anchored: bool) -> list[Fold]:
    """Training windows that end `purge` before their tests; only whole tests, each `step` after the one before.

    Raises ConfigError for lengths of 0, none that fits, or more than 1,000.
    """
    if min(train, test, step) <= 0:
        raise ConfigError("walk-forward: expected train, test and step above 0")
    count = (last - first - train - purge - test) // step + 1
    if not 1 <= count <= MOST:
        raise ConfigError(f"walk-forward: {max(count, 0)} windows fit the data, expected 1 to {MOST:,}")
    starts = [first + train + purge + step * number for number in range(count)]
    return [
        Fold(((first if anchored else start - purge - train, start - purge),), (start, start + test))
        for start in starts
    ]


def blocks(first: int, last: int, count: int, *, purge: int, embargo: int) -> list[Fold]:
    """Equal blocks, each tested in turn, and what is left of the others to train on."""
    if not 2 <= count <= MOST:
        raise ConfigError(f"cross-validation: expected 2 to {MOST:,} folds, got {count}")
    edges = [first + (last - first) * number // count for number in range(count + 1)]
    folds = []
    for start, end in pairwise(edges):
        sides = ((first, start - purge), (end + embargo, last))
        train = tuple(side for side in sides if side[0] < side[1])
        if not train:
            raise ConfigError("cross-validation: purge and embargo leave nothing to train on")
        folds.append(Fold(train, (start, end)))
    return folds


def within(result: Result, start: int) -> Sample:
    """What a result's figures are made of from `start` on; trips that began before are left out."""
    whole, ledger = result.sample, result.ledger
    kept = whole.times > start
    before = whole.equity[~kept]
    unit = 10**ledger.cash_places
    late = [fill for fill in ledger.fills if fill.ts_event >= start]
    trips = [trip for trip in result.trips if not trip.open and trip.entered_ns >= start]
    paid = sum(fee_in_cash(fill, ledger.terms[fill.instrument.key]) for fill in late)
    bought = result.benchmark.to_numpy()[result.paths.samples]
    base = bought[~kept][-1] if len(before) else whole.cash
    worth = sum(_worth(fill, ledger.terms[fill.instrument.key]) for fill in late)
    return Sample(
        start=max(start, whole.start),
        end=whole.end,
        step=whole.step,
        cash=float(before[-1]) if len(before) else whole.cash,
        times=whole.times[kept],
        equity=whole.equity[kept],
        in_market=whole.in_market[kept],
        benchmark=float(bought[-1] / base - 1.0),
        pnl=np.array([trip.pnl / unit for trip in trips]),
        returns_of_trips=np.array([trip.pnl / trip.paid if trip.paid else np.nan for trip in trips]),
        held_ns=np.array([trip.exited_ns - trip.entered_ns for trip in trips], dtype=np.float64),
        fills=len(late),
        orders=sum(state.order.ts_event >= start for state in ledger.orders.values()),
        refusals=sum(each.ts_event >= start for each in ledger.refusals),
        traded=worth / unit,
        fees=paid / unit,
    )


def _worth(fill: FillEvent, terms: Terms) -> int:
    return rules.notional(fill.price_raw, fill.quantity_raw, terms.multiplier, terms.divisor)
