"""A finished sweep as its owner meets it: a table of figures, the best rows, pictures, and the backtest of any row."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from workbench.core.errors import ConfigError
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.shelf import write_whole
from workbench.research.backtest import run_plan
from workbench.research.document import figure as written
from workbench.research.document import label
from workbench.research.metrics import FIGURES, SMALLER_IS_BETTER
from workbench.research.plateau import plateau_of
from workbench.research.result import Result
from workbench.research.spaces import Space
from workbench.research.sweep_rows import Figures, Refusal, with_parameters
from workbench.runtime.plan import Plan

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FORMATS = (".parquet", ".csv")
SHOWN = 5  # rows of the short forms
REASON = "reason"
_SHOWN_FIGURES = ("sharpe", "total_return", "max_drawdown", "trades")


class Skipped(msgspec.Struct, frozen=True):
    """Combinations that were not run: left out by `where`, or not allowed by the strategy, by reason."""

    left_out: int = 0
    invalid: Mapping[str, int] = {}

    def __str__(self) -> str:
        refused = sum(self.invalid.values())
        first = f" ({next(iter(self.invalid))})" if self.invalid else ""
        return f"{self.left_out:,} left out by where, {refused:,} not allowed{first}"

    @property
    def count(self) -> int:
        return self.left_out + sum(self.invalid.values())


class Sweep:
    """Rows of figures, one a combination of parameters, in the order of the grid.

    `plan` decided the runs, `engine` says what ran them, `skipped` what was not run, `interrupted` whether it was
    ended early, `resumed` how many rows an earlier call had finished, `seconds` how long it took.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        strategy: Strategy,
        datasets: Mapping[str, Dataset],
        space: Space,
        numbers: np.ndarray,
        skipped: Skipped,
        engine: str,
    ) -> None:
        self.plan = plan
        self.datasets = datasets
        self.skipped = skipped
        self.engine = engine
        self.interrupted = False
        self.resumed = 0
        self.done = 0
        self.seconds = 0.0
        self._strategy = strategy
        self._space = space
        self._numbers = numbers
        self._figures = np.full((len(numbers), len(FIGURES)), np.nan)
        self._ran = np.zeros(len(numbers), dtype=bool)
        self._reasons: dict[int, str] = {}

    # --- how it is filled -------------------------------------------------------------------------

    def take(self, row: int, found: Figures | Refusal) -> None:
        """Keeps what became of a row."""
        if isinstance(found, Refusal):
            self._reasons[row] = found.reason
        else:
            self._figures[row] = [found[name] for name in FIGURES]
        self.done += not self._ran[row]
        self._ran[row] = True

    # --- what was tried ---------------------------------------------------------------------------

    @property
    def combinations(self) -> int:
        """How many there are to run."""
        return len(self._numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that were varied."""
        return self._space.names

    @property
    def refused(self) -> int:
        """How many rows failed."""
        return len(self._reasons)

    def parameters(self, row: int) -> dict[str, Any]:
        """All parameters of a row, as plain values; raises ConfigError for a row there is not."""
        if not 0 <= row < self.combinations:
            raise ConfigError(f"row {row}: expected 0 to {self.combinations - 1}")
        given = self._strategy.get_parameters() | self._space[int(self._numbers[row])]
        plain: dict[str, Any] = msgspec.to_builtins(msgspec.convert(given, self._strategy.Parameters))
        return plain

    # --- what came out ----------------------------------------------------------------------------

    @property
    def table(self) -> pd.DataFrame:
        """One row for each combination that ran: its parameters, every figure (float64), and `reason` where it failed.

        The index is the row's number, which `result` takes.
        """
        rows = np.flatnonzero(self._ran)
        chosen = [self._space[number] for number in self._numbers[rows].tolist()]
        columns: dict[str, Any] = {name: [each[name] for each in chosen] for name in self.names}
        columns |= {name: self._figures[rows, place] for place, name in enumerate(FIGURES)}
        columns[REASON] = pd.Series([self._reasons.get(row, "") for row in rows.tolist()], index=rows, dtype="str")
        return pd.DataFrame(columns, index=pd.Index(rows, name="row"))

    def best(self, figure: str = "sharpe") -> pd.Series:
        """The row with the best figure, by its number; the first of equal ones.

        The best is the largest, for figures of risk and cost the smallest. Raises ConfigError where no row has it.
        """
        best: pd.Series = self.top(1, figure).iloc[0]
        return best

    def top(self, count: int = 10, figure: str = "sharpe") -> pd.DataFrame:
        """The `count` best rows, the best first, equal ones in their order."""
        table = self.table
        known = table[checked_figure(figure)].dropna()
        if known.empty:
            raise ConfigError(f"{figure}: no row of this sweep has it")
        order = known.sort_values(ascending=figure in SMALLER_IS_BETTER, kind="stable").index[:count]
        return table.loc[order].drop(columns=REASON)

    def result(self, row: int) -> Result:
        """The backtest of one row in the event engine: its exact ledger, its charts, and equal figures."""
        plan = with_parameters(self.plan, self.parameters(int(row)))
        return run_plan(plan, {self._strategy.id: self._strategy}, self.datasets)

    # --- what its surroundings say ----------------------------------------------------------------

    def plateau(self, figure: str = "sharpe") -> pd.DataFrame:
        """How stable a figure is: each row beside the grid points around it, the most stable first.

        `median` and `worst` are over the row and its neighbours, which are one step away in any of the
        parameters; `neighbours` says how many there are. Raises ConfigError for a sweep without neighbours.
        """
        return plateau_of(self.table, self.names, checked_figure(figure))

    def heatmap(self, x: str, y: str, figure: str = "sharpe") -> Figure:
        """A figure over two parameters; of several rows at a point, their median."""
        from workbench.research.sweep_charts import heatmap  # plotly is loaded by whoever wants a chart

        return heatmap(self, x, y, checked_figure(figure))

    def plateau_map(self, x: str, y: str, figure: str = "sharpe") -> Figure:
        """A figure over two parameters beside the median of its neighbours, the best point of each marked."""
        from workbench.research.sweep_charts import plateau_map

        return plateau_map(self, x, y, checked_figure(figure))

    def parallel(self, figure: str = "sharpe") -> Figure:
        """Every row as a line through its parameters to its figures, coloured by one of them."""
        from workbench.research.sweep_charts import parallel

        return parallel(self, checked_figure(figure))

    # --- how it is handed on ----------------------------------------------------------------------

    def write(self, path: str | Path) -> Path:
        """Writes the table to a .parquet or .csv file, whole or not at all; returns the path."""
        target = checked_path(path)
        table = self.table
        if target.suffix == ".csv":
            write_whole(target, lambda to: table.to_csv(to))
        else:
            write_whole(target, lambda to: table.to_parquet(to))
        return target

    @property
    def title(self) -> str:
        """The strategy, the parameters that were varied, and the data, in one line."""
        return f"{self._strategy.id}: {', '.join(self.names)} on {', '.join(each.dataset for each in self.plan.data)}"

    def document(self, figure: str = "sharpe", count: int = 10) -> dict[str, Any]:
        """The sweep as plain JSON values; figures that cannot be said are None."""
        (seat,) = self.plan.seats.values()
        ranked = self.top(count, figure) if self._has(figure) else self.table.iloc[:0]
        return {
            "strategy": seat.entry,
            "data": [{"id": each.dataset, "sha256": each.sha256} for each in self.plan.data],
            "engine": self.engine,
            "profile": self.plan.profile.name,
            "combinations": self.combinations,
            "done": self.done,
            "resumed": self.resumed,
            "refused": self.refused,
            "skipped": {"where": self.skipped.left_out, "not_allowed": dict(self.skipped.invalid)},
            "interrupted": self.interrupted,
            "by": checked_figure(figure),
            "best": [_plain(row, values) for row, values in zip(ranked.index, ranked.to_dict("records"), strict=True)],
            "seconds": round(self.seconds, 3),
        }

    def summary(self, figure: str = "sharpe") -> str:
        """Fixed-width text: what was run, what was not, and the best rows."""
        ranked = self._ranked(figure)
        shown = "" if ranked is None else f"\n\nBest by {label(figure).lower()}\n{ranked.to_string()}"
        return f"{self.title}\n" + "\n".join(f"  {line}" for line in self._facts()) + shown

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        ranked = self._ranked("sharpe")
        facts = "".join(f"<li>{html.escape(line)}</li>" for line in self._facts())
        shown = "" if ranked is None else ranked.to_html(escape=True, border=0)
        return f"<b>{html.escape(self.title)}</b><ul>{facts}</ul>{shown}"

    def _facts(self) -> list[str]:
        rate = f", {self.done / self.seconds:,.1f} rows/s" if self.seconds else ""
        facts = [f"{self.done:,} of {self.combinations:,} rows in {self.seconds:,.1f} s{rate}; {self.engine}"]
        if self.interrupted:
            facts.insert(0, "INTERRUPTED: what was done is here; with out= the same call goes on from there")
        if self.resumed:
            facts.append(f"{self.resumed:,} of them were there already")
        if self.skipped.count:
            facts.append(f"skipped: {self.skipped}")
        if self._reasons:
            first = next(iter(sorted(self._reasons)))
            facts.append(f"failed: {self.refused:,}; row {first}: {self._reasons[first]}")
        return facts

    def _ranked(self, figure: str) -> pd.DataFrame | None:
        """The best rows, rounded for reading; None where no row has the figure."""
        if not self._has(figure):
            return None
        best = self.top(SHOWN, figure)
        shown = best[list(self.names)].astype(object)
        for name in dict.fromkeys((figure, *_SHOWN_FIGURES)):
            shown[label(name)] = [written(name, value) for value in best[name]]
        return shown

    def _has(self, figure: str) -> bool:
        return bool(np.isfinite(self._figures[:, list(FIGURES).index(checked_figure(figure))]).any())


def checked_figure(name: str) -> str:
    """The name of a figure; raises ConfigError for one there is not."""
    if name not in FIGURES:
        raise ConfigError(f"no figure {name!r}; there is {', '.join(FIGURES)}")
    return name


def checked_path(path: str | Path) -> Path:
    """A path for a table; raises ConfigError for a suffix that names no format."""
    if Path(path).suffix not in FORMATS:
        raise ConfigError(f"out {path}: expected a name that ends with {' or '.join(FORMATS)}")
    return Path(path)


def _plain(row: int, values: Mapping[Any, Any]) -> dict[str, Any]:
    """A row as JSON values."""
    plain = {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in values.items()
    }
    return {"row": int(row), **plain}
