"""A run's data along its equity curve, as float64 arrays: prices, holdings, and when to sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np

from workbench.core.account import Booked
from workbench.core.instrument import Instrument, Terms
from workbench.core.ledger import Ledger
from workbench.data.dataset import BARS, PRICED, TRADES, Dataset
from workbench.data.numbers import nearest_floats
from workbench.research.curve import EquityCurve
from workbench.research.metrics import NO_INTERVAL
from workbench.research.trips import fee_in_cash, fee_of
from workbench.runtime.plan import Plan


class Paths:
    """Arrays with one entry per sample of the curve, in base currency; `times` is int64 UTC ns.

    `start` and `end` bound the data (a bar's open, a bar's close), and `step` is the time between samples.
    """

    def __init__(self, plan: Plan, ledger: Ledger, curve: EquityCurve, datasets: Mapping[str, Dataset]) -> None:
        self._ledger = ledger
        ranges = [(datasets[each.dataset], each.first, each.last + 1) for each in plan.data]
        self._ranges = [each for each in ranges if each[0].kind in PRICED]
        self._booked = [trade for _, trade in ledger.booked]
        self.times = np.array(curve.times, dtype=np.int64)
        self.equity = as_floats(curve.equity, ledger.cash_places)
        self.cash = sum(each.started_with for each in ledger.accounts.values()) / 10**ledger.cash_places
        self.start = min(int(data.times[first]) for data, first, _ in self._ranges)
        self.end = max(int(data.times[last - 1]) + data.interval_ns for data, _, last in self._ranges)
        intervals = {data.interval_ns for data, _, _ in self._ranges}
        self._even = len(intervals) == 1 and 0 not in intervals
        self.step = max(intervals) or NO_INTERVAL
        self.prices = {
            data.instrument.key: _along(self.times, *prices_of(data, first, last)) for data, first, last in self._ranges
        }
        self.held = {
            key: _held(self.times, ledger.instruments[key], ledger.terms[key], self._booked) for key in self.prices
        }

    @cached_property
    def samples(self) -> np.ndarray:
        """Which entries to sample: all, or the last of each step where the data keeps no common one."""
        if self._even or not len(self.times):
            return np.arange(len(self.times))
        cell = -(-self.times // self.step)
        return np.append(np.flatnonzero(np.diff(cell)), len(cell) - 1)

    @cached_property
    def in_market(self) -> np.ndarray:
        """Whether any instrument was held, by a lot or more."""
        held = np.zeros(len(self.times), dtype=bool)
        for key, quantity in self.held.items():
            lot = float(self._ledger.instruments[key].lot)
            held |= np.abs(quantity) > lot / 2  # between nothing and one lot, so that no rounding matters
        return held

    @cached_property
    def exposure(self) -> np.ndarray:
        """The signed notional of all positions over equity."""
        worth = np.zeros(len(self.times))
        for key, quantity in self.held.items():
            size = float(self._ledger.instruments[key].contract_size)
            worth += np.nan_to_num(self.prices[key]) * quantity * size
        with np.errstate(divide="ignore", invalid="ignore"):
            share: np.ndarray = np.nan_to_num(worth / self.equity)
        return share

    @cached_property
    def fees(self) -> np.ndarray:
        """All fees so far."""
        ledger = self._ledger
        paid = [fee_in_cash(trade, ledger.terms[trade.instrument.key]) for trade in self._booked]
        return _summed(self.times, self._booked, paid, ledger.cash_places)

    @cached_property
    def benchmark(self) -> np.ndarray:
        """The starting cash put into all instruments in equal parts at their first price, and held; no costs."""
        grown = [np.nan_to_num(price / _first(price), nan=1.0) for price in self.prices.values()]
        held: np.ndarray = self.cash * np.mean(grown, axis=0)
        return held


def as_floats(amounts: Sequence[int], places: int) -> np.ndarray:
    """Units of 10^-places as the nearest float64 each."""
    unit = 10**places
    return np.array([amount / unit for amount in amounts], dtype=np.float64)


def _first(price: np.ndarray) -> float:
    known = price[~np.isnan(price)]
    return float(known[0]) if len(known) else np.nan


def prices_of(data: Dataset, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """When each row is known (UTC ns), and its close, price or mid."""
    times = data.times[first:last] + data.interval_ns
    if data.kind == BARS:
        return times, nearest_floats(data.columns["close"][first:last], data.places("close"))
    if data.kind == TRADES:
        return times, nearest_floats(data.columns["price"][first:last], data.places("price"))
    sides = [nearest_floats(data.columns[name][first:last], data.places(name)) for name in ("bid", "ask")]
    return times, (sides[0] + sides[1]) / 2.0


def _along(times: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The last value known at each time; NaN before the first."""
    place = np.searchsorted(known, times, side="right") - 1
    return np.where(place >= 0, values[np.maximum(place, 0)], np.nan)


def _held(times: np.ndarray, instrument: Instrument, terms: Terms, fills: Sequence[Booked]) -> np.ndarray:
    """The signed quantity held after each time, fees taken in coins deducted."""
    mine = [fill for fill in fills if fill.instrument.key == instrument.key]
    changes = [fill.quantity_raw * fill.side.sign - fee_of(fill, terms)[1] for fill in mine]
    return _summed(times, mine, changes, instrument.quantity_places)


def _summed(times: np.ndarray, fills: Sequence[Booked], amounts: Sequence[int], places: int) -> np.ndarray:
    """What the amounts of the fills known at each time add up to, summed exactly."""
    known = np.array([fill.ts_init for fill in fills], dtype=np.int64)
    totals = as_floats([0, *accumulate(amounts)], places)
    return totals[np.searchsorted(known, times, side="right")]
