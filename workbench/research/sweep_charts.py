"""Pictures of a sweep: a heat map, its plateaus, and every row as a line through its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.core.errors import ConfigError
from workbench.research.document import label
from workbench.research.metrics import COUNTS, PERCENTS, SMALLER_IS_BETTER
from workbench.research.theme import DIVERGING, INK, LOSS, MARGIN_TOP, MUTED, STRATEGY, TEMPLATE

HEIGHT = 520  # pixels
CELLS = 1_000_000  # of a heat map: a thousand values each way, more than a screen shows
LINES = 3_000  # of parallel coordinates: beyond that they are one colour
_SEQUENTIAL = [[0.0, "#f7f8fa"], [1.0, STRATEGY]]
_BESIDE = ("total_return", "sharpe", "max_drawdown", "trades")


class Swept(Protocol):
    """What is drawn of a sweep."""

    done: int

    @property
    def title(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def combinations(self) -> int: ...

    @property
    def table(self) -> pd.DataFrame: ...

    def plateau(self, figure: str) -> pd.DataFrame: ...


def heatmap(sweep: Swept, x: str, y: str, figure: str) -> go.Figure:
    """One cell a pair of values; of several rows at a pair, their median."""
    grid = _pivot(sweep, sweep.table, x=x, y=y, of=figure)
    chart = go.Figure(_cells(grid, figure, shared=False))
    _mark(chart, grid, figure)
    return _dressed(chart, sweep, label(figure), x=x, y=y)


def plateau_map(sweep: Swept, x: str, y: str, figure: str) -> go.Figure:
    """The figure on the left, the median of its neighbourhood on the right; each with its best point."""
    table = sweep.plateau(figure)
    chart = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        subplot_titles=(label(figure), "Median with its neighbours"),
    )
    for place, of in enumerate((figure, "median"), 1):
        grid = _pivot(sweep, table, x=x, y=y, of=of)
        chart.add_trace(_cells(grid, figure, shared=True), row=1, col=place)
        _mark(chart, grid, figure, row=1, col=place)
    chart.update_layout(coloraxis={**_colours(table[figure].to_numpy(), figure), "colorbar": _BAR})
    return _dressed(chart, sweep, f"{label(figure)} and its plateaus", x=x, y=y)


def parallel(sweep: Swept, figure: str) -> go.Figure:
    """A line a row, coloured by the figure; of more than 3,000 rows evenly many, by their rank."""
    table = sweep.table
    ranked = table.loc[table[figure].dropna().sort_values(kind="stable").index]
    if ranked.empty:
        raise ConfigError(f"{figure}: no row of this sweep has it")
    if len(ranked) > LINES:
        ranked = ranked.iloc[np.linspace(0, len(ranked) - 1, LINES).round().astype(np.int64)]
    shown = [*sweep.names, *dict.fromkeys((*_BESIDE, figure))]
    chart = go.Figure(
        go.Parcoords(
            line={"color": ranked[figure], **_colours(ranked[figure].to_numpy(), figure), "colorbar": _BAR},
            dimensions=[_dimension(name, ranked[name]) for name in shown],
            labelfont={"size": 12, "color": INK},
            tickfont={"size": 10, "color": MUTED},
            rangefont={"size": 10, "color": MUTED},
        )
    )
    return _dressed(chart, sweep, f"{len(ranked):,} rows by {label(figure)}")


_BAR = {"thickness": 12, "outlinewidth": 0, "tickfont": {"size": 11, "color": MUTED}}


def _pivot(sweep: Swept, table: pd.DataFrame, *, x: str, y: str, of: str) -> pd.DataFrame:
    for name in (x, y):
        if name not in sweep.names:
            raise ConfigError(f"{name}: was not varied; this sweep varied {', '.join(sweep.names)}")
    if x == y:
        raise ConfigError(f"heat map: expected two parameters, got {x} twice")
    if table[x].nunique() * table[y].nunique() > CELLS:
        raise ConfigError(f"heat map: more than {CELLS:,} cells; narrow the table first")
    return (
        table.pivot_table(index=y, columns=x, values=of, aggfunc="median", dropna=False).sort_index().sort_index(axis=1)
    )


def _cells(grid: pd.DataFrame, figure: str, *, shared: bool) -> go.Heatmap:
    colours: dict[str, Any] = (
        {"coloraxis": "coloraxis"}
        if shared
        else {_HEAT[name]: value for name, value in _colours(grid.to_numpy(), figure).items()} | {"colorbar": _BAR}
    )
    return go.Heatmap(
        z=grid.to_numpy(),
        x=[str(each) for each in grid.columns],
        y=[str(each) for each in grid.index],
        hovertemplate=f"{grid.columns.name} %{{x}}, {grid.index.name} %{{y}}: %{{z:{_format(figure)}}}<extra></extra>",
        hoverongaps=False,
        **colours,
    )


_HEAT = {"colorscale": "colorscale", "cmin": "zmin", "cmax": "zmax", "reversescale": "reversescale"}


def _colours(values: np.ndarray, figure: str) -> dict[str, Any]:
    """Losses to gains around 0 where a figure has both, else light to dark; what is good is green or dark."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    smaller = figure in SMALLER_IS_BETTER
    if low < 0 < high:
        bound = max(-low, high)
        return {"colorscale": DIVERGING, "cmin": -bound, "cmax": bound, "reversescale": smaller}
    scale = [[0.0, LOSS], [1.0, "#f7f8fa"]] if high <= 0 and low < 0 else _SEQUENTIAL
    return {"colorscale": scale, "cmin": low, "cmax": high if high > low else low + 1.0, "reversescale": smaller}


def _mark(chart: go.Figure, grid: pd.DataFrame, figure: str, **where: int) -> None:
    """A ring around the best cell."""
    values = grid.to_numpy(dtype=np.float64)
    if not np.isfinite(values).any():
        return
    best = np.nanargmin(values) if figure in SMALLER_IS_BETTER else np.nanargmax(values)
    row, column = divmod(int(best), values.shape[1])
    chart.add_trace(
        go.Scatter(
            x=[str(grid.columns[column])],
            y=[str(grid.index[row])],
            mode="markers",
            marker={"symbol": "circle-open", "size": 14, "color": INK, "line": {"width": 2}},
            hoverinfo="skip",
            showlegend=False,
        ),
        **where,
    )


def _dimension(name: str, values: pd.Series) -> dict[str, Any]:
    title = label(name)
    if values.dtype.kind in "if":
        return {"label": title, "values": values, "tickformat": _format(name)}
    texts: Sequence[str] = sorted({str(each) for each in values})
    places = [texts.index(str(each)) for each in values]
    return {"label": title, "values": places, "tickvals": list(range(len(texts))), "ticktext": texts}


def _format(figure: str) -> str:
    if figure in PERCENTS:
        return ".2%"
    return ",.0f" if figure in COUNTS else ",.4~g"


def _dressed(chart: go.Figure, sweep: Swept, what: str, *, x: str = "", y: str = "") -> go.Figure:
    facts = f"{sweep.done:,} of {sweep.combinations:,} rows"
    chart.update_layout(
        template=TEMPLATE,
        height=HEIGHT,
        hovermode="closest",
        margin={"t": MARGIN_TOP},
        title={
            "text": f"<b>{what}</b><br><span style='font-size:12px;color:{MUTED}'>{sweep.title} · {facts}</span>",
            "x": 0.0,
            "xref": "paper",
            "y": 1.0,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 24},
            "font": {"size": 18},
        },
    )
    if x:
        chart.update_xaxes(type="category", title_text=x, showgrid=False)
        chart.update_yaxes(type="category", showgrid=False)
        chart.layout.yaxis.title.text = y
    return chart
