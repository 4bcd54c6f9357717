"""What a run leaves behind, and its views as tables and arrays: exact in the ledger, float64 elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import ConfigError
from workbench.core.ledger import Ledger
from workbench.data.dataset import PRICED, Dataset
from workbench.data.journal import Journal
from workbench.research import tables, trips
from workbench.research.assumptions import sentences
from workbench.research.curve import EquityCurve
from workbench.research.metrics import Sample, drawdown_of, measure
from workbench.research.paths import Paths
from workbench.runtime.plan import Plan


class Outcome:
    """What a run did. `ledger` holds the exact numbers, all else is a view of it.

    `plan` is what decided the run, `journal` its record (in `folder`, if it was written), `datasets` the
    data by id and `seconds` how long the run took.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        ledger: Ledger,
        curve: EquityCurve,
        journal: Journal | None,
        folder: Path | None,
        datasets: Mapping[str, Dataset],
        seconds: float,
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.curve = curve
        self.journal = journal
        self.folder = folder
        self.datasets = dict(datasets)
        self.seconds = seconds

    # --- identity ---------------------------------------------------------------------------------

    @property
    def run_id(self) -> str:
        """The hash of all inputs."""
        return self.ledger.started.run_id

    @cached_property
    def journal_digest(self) -> str:
        """The sha256 of every record, hex: equal for equal inputs."""
        return self.recorded.digest()

    @property
    def recorded(self) -> Journal:
        """The journal; raises ConfigError where the engine kept none."""
        if self.journal is None:
            raise ConfigError("a compiled run keeps no journal; run it with --engine event")
        return self.journal

    @cached_property
    def ledger_digest(self) -> str:
        """The sha256 of orders, fills, refusals and cash without ids, hex: equal for equal trading."""
        return self.ledger.digest()

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """What the simulation and the data take for granted, one sentence each."""
        return sentences(self.plan, self.datasets)

    # --- tables -----------------------------------------------------------------------------------

    @cached_property
    def equity(self) -> pd.Series:
        """Equity in base currency after each instant of market data (a bar: its close), float64."""
        return self._series(self.paths.equity, "equity")

    @cached_property
    def drawdown(self) -> pd.Series:
        """Equity over its highest so far, less 1."""
        return self._series(drawdown_of(self.paths.equity, self.paths.cash), "drawdown")

    @cached_property
    def exposure(self) -> pd.Series:
        """The signed notional of all positions over equity."""
        return self._series(self.paths.exposure, "exposure")

    @cached_property
    def fees_paid(self) -> pd.Series:
        """All fees so far, in base currency, those taken in coins valued at their fill's price."""
        return self._series(self.paths.fees, "fees")

    @cached_property
    def benchmark(self) -> pd.Series:
        """Buying at the first price and holding, in base currency, without costs."""
        return self._series(self.paths.benchmark, "buy and hold")

    @cached_property
    def fills(self) -> pd.DataFrame:
        """One row per fill, by the time it happened; the exact ones are `ledger.fills`."""
        return tables.fills_table(self.ledger)

    @cached_property
    def funding(self) -> pd.DataFrame:
        """One row per settlement and strategy; the exact ones are `ledger.funding`."""
        return tables.funding_table(self.ledger)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """One row per order with what became of it; the exact ones are `ledger.orders`."""
        return tables.orders_table(self.ledger)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row per round trip from flat to flat, per strategy and symbol; pnl after fees, funding apart."""
        intervals = {data.instrument.key: data.interval_ns for data in self.datasets.values() if data.kind in PRICED}
        return tables.trades_table(self.trips, self.ledger, intervals)

    @cached_property
    def trips(self) -> list[trips.Trip]:
        """The round trips in exact cash units."""
        return trips.trips(self.ledger)

    @cached_property
    def paths(self) -> Paths:
        """Prices, holdings and equity as arrays along the curve."""
        return Paths(self.plan, self.ledger, self.curve, self.datasets)

    # --- figures ----------------------------------------------------------------------------------

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every figure by name; `DEFINITIONS` of the metrics say what each means."""
        return measure(self.sample)

    @cached_property
    def sample(self) -> Sample:
        """What the figures are made of."""
        paths, unit = self.paths, 10**self.ledger.cash_places
        kept = paths.samples
        closed = [trip for trip in self.trips if not trip.open]
        benchmark = paths.benchmark
        return Sample(
            start=paths.start,
            end=paths.end,
            step=paths.step,
            cash=paths.cash,
            times=paths.times[kept],
            equity=paths.equity[kept],
            in_market=paths.in_market[kept],
            benchmark=float(benchmark[-1]) / paths.cash - 1.0 if len(benchmark) and paths.cash else float("nan"),
            pnl=np.array([trip.pnl / unit for trip in closed]),
            returns_of_trips=np.array([trip.pnl / trip.paid if trip.paid else np.nan for trip in closed]),
            held_ns=np.array([trip.exited_ns - trip.entered_ns for trip in closed], dtype=np.float64),
            fills=len(self.ledger.fills),
            orders=len(self.ledger.orders),
            refusals=len(self.ledger.refusals),
            traded=sum(state.spent for state in self.ledger.orders.values()) / unit,
            fees=float(paths.fees[-1]) if len(paths.fees) else 0.0,
        )

    @property
    def title(self) -> str:
        """The strategies with their parameters, and the data, in one line."""
        named = [f"{name}({_parameters(seat.parameters)})" for name, seat in self.plan.seats.items()]
        return f"{', '.join(named)} on {', '.join(each.dataset for each in self.plan.data)}"

    def _series(self, values: np.ndarray, name: str) -> pd.Series:
        return pd.Series(values, index=tables.utc_index(self.curve.times, "time"), name=name, dtype="float64")


def _parameters(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())
