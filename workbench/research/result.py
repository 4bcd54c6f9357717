"""A finished backtest as its owner meets it: figures, charts, causes, and what to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.data.causes import Chain, causes
from workbench.data.fillfile import write_fills
from workbench.data.reader import JournalReader
from workbench.research import document
from workbench.research.outcome import Outcome

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Result(Outcome):
    """What a backtest did: `ledger` exactly, `equity`, `fills`, `orders` and `trades` as tables, and what it means."""

    def stats(self) -> pd.Series:
        """Every figure by name, float64."""
        return pd.Series(self.metrics, name=self.title, dtype="float64")

    def plot(self) -> Figure:
        """The tear sheet: equity, drawdown, trades, exposure, costs and monthly returns."""
        from workbench.research.charts import tear_sheet  # plotly is loaded by whoever wants a chart

        return tear_sheet(self)

    def to_vectorbt(self) -> Any:
        """A vectorbt.Portfolio of the very same fills; raises ConfigError where vectorbt is not installed."""
        from workbench.research.screen import to_vectorbt  # vectorbt takes seconds to load

        return to_vectorbt(self)

    def why(self, id: str) -> Chain:  # noqa: A002 - the name people give
        """The chain of causes behind an order, venue order, trade or event id; six characters of it are enough."""
        return causes(JournalReader(self.folder or self.recorded), id, datasets=self.datasets)

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values, exact numbers as text."""
        return document.document(self)

    def write_fills(self, path: Path | str) -> Path:
        """Writes one row per fill to a .csv or .parquet file, exact; returns the path."""
        return write_fills(self.ledger.fills, Path(path))

    def __repr__(self) -> str:
        return document.summary(self)

    def _repr_html_(self) -> str:
        return document.summary_html(self)
