"""The tear sheet: one figure that tells how a run went, what it cost, and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.core.clock import interval_text
from workbench.core.instrument import Instrument
from workbench.data.dataset import BARS, PRICED, Dataset
from workbench.data.numbers import nearest_floats
from workbench.research.document import figure, label
from workbench.research.outcome import Outcome
from workbench.research.tables import utc_index
from workbench.research.theme import (
    COST,
    DIVERGING,
    GAIN,
    INK,
    LOSS,
    MARGIN_BOTTOM,
    MARGIN_TOP,
    MARKET,
    MUTED,
    STRATEGY,
    TEMPLATE,
)
from workbench.research.thinning import changed_points, kept_points, merged_candles, stretches
from workbench.runtime.plan import DataRange

POINTS = 2_000  # of one line: more than a screen has pixels across
CANDLES = 1_000
MARKS = 2_500  # fills drawn, largest first: beyond that they hide the candles
CROWD = 150  # marks of one side from which on they are drawn small
STRETCHES = 360  # of the exposure, each drawn at its mean
LOGARITHMIC = 8.0  # from this factor between highest and lowest on, an axis is logarithmic
HEIGHTS = (340, 150, 340, 100, 100)  # pixels of the rows that share the time axis
YEAR_HEIGHT, GAP = 28, 62  # pixels of a year of months, and between two rows
_FIGURES = ("total_return", "cagr", "sharpe", "sortino", "max_drawdown", "exposure", "trades", "win_rate")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year")


def tear_sheet(outcome: Outcome) -> go.Figure:
    """Equity with buy and hold, drawdown, fills on candles, exposure, fees and monthly returns; light, deterministic.

    Lines keep at most 2,000 points (every high and low of a stretch among them), candles are merged
    down to 1,000, and of more than 2,500 fills the largest are marked.
    """
    base = outcome.plan.base_currency
    shown, instrument = _candle_range(outcome)
    months = monthly_returns(outcome)
    heights = [*HEIGHTS, YEAR_HEIGHT * max(1, len(months))]
    height = sum(heights) + GAP * (len(heights) - 1)
    sheet = make_subplots(
        rows=len(heights),
        cols=1,
        row_heights=heights,
        vertical_spacing=GAP / height,
        subplot_titles=(
            "Equity",
            "Drawdown",
            f"Fills on {instrument.symbol}",
            "Exposure",
            "Fees paid",
            "Return by month",
        ),
    )
    _equity(sheet, outcome, base)
    _drawdown(sheet, outcome)
    _fills(sheet, outcome, shown)
    _exposure(sheet, outcome)
    _fees(sheet, outcome, base)
    _months(sheet, months)
    return _dressed(sheet, outcome, height)


def _equity(sheet: go.Figure, outcome: Outcome, base: str) -> None:
    for series, name, colour, width in (
        (outcome.benchmark, "Buy and hold", MARKET, 1.1),
        (outcome.equity, "Strategy", STRATEGY, 1.6),
    ):
        hover = f"%{{y:,.2f}} {base}"
        sheet.add_trace(_line(series, name=name, colour=colour, width=width, hover=hover, legend=True), row=1, col=1)
    values = np.concatenate((outcome.equity.to_numpy(), outcome.benchmark.to_numpy()))
    sheet.update_yaxes(row=1, col=1, tickformat="~s", **_scale(values, base))


def _drawdown(sheet: go.Figure, outcome: Outcome) -> None:
    line = _line(outcome.drawdown, name="Drawdown", colour=LOSS, width=1.0, hover="%{y:.2%}")
    line.update(fill="tozeroy", fillcolor="rgba(200,85,61,0.16)")
    sheet.add_trace(line, row=2, col=1)
    sheet.update_yaxes(row=2, col=1, tickformat=".0%", nticks=4)


def _fills(sheet: go.Figure, outcome: Outcome, shown: DataRange) -> None:
    data = outcome.datasets[shown.dataset]
    if data.kind == BARS:
        candles, each = merged_candles(_candles(data, shown), CANDLES)
        sheet.add_trace(
            go.Candlestick(
                x=utc_index(candles["time"].tolist(), "time"),
                **{name: candles[name] for name in ("open", "high", "low", "close")},
                name=f"{interval_text(data.interval_ns * each)} candles",
                increasing={"line": {"color": "#8fbfae", "width": 1}, "fillcolor": "#cfe5dc"},
                decreasing={"line": {"color": "#d9a99d", "width": 1}, "fillcolor": "#f0d9d3"},
                showlegend=False,
            ),
            row=3,
            col=1,
        )
    else:
        price = pd.Series(outcome.paths.prices[data.instrument.key], index=outcome.equity.index)
        sheet.add_trace(_line(price, name="Price", colour=MARKET, width=1.0, hover="%{y:,}"), row=3, col=1)
    for side, colour, symbol in (("buy", GAIN, "triangle-up"), ("sell", LOSS, "triangle-down")):
        sheet.add_trace(_marks(outcome, data.instrument, side=side, colour=colour, symbol=symbol), row=3, col=1)
    prices = outcome.paths.prices[data.instrument.key]
    sheet.update_yaxes(row=3, col=1, tickformat="~s", **_scale(prices, data.instrument.quote))
    sheet.update_xaxes(row=3, col=1, rangeslider_visible=False)


def _exposure(sheet: go.Figure, outcome: Outcome) -> None:
    values = outcome.exposure.to_numpy()
    kept, each = stretches(values, STRETCHES)
    means = values if each == 1 else np.add.reduceat(values, kept) / np.diff(np.append(kept, len(values)))
    sheet.add_trace(
        go.Scatter(
            x=outcome.exposure.index[kept],
            y=means,
            name="Exposure" if each == 1 else "Mean exposure",
            mode="lines",
            line={"color": STRATEGY, "width": 1.0, "shape": "hv"},
            fill="tozeroy",
            fillcolor="rgba(31,95,191,0.14)",
            hovertemplate="%{y:.1%}",
            showlegend=False,
        ),
        row=4,
        col=1,
    )
    sheet.update_yaxes(row=4, col=1, tickformat=".0%", nticks=4)


def _fees(sheet: go.Figure, outcome: Outcome, base: str) -> None:
    paid = outcome.fees_paid
    kept = changed_points(paid.to_numpy())
    kept = kept[kept_points(paid.to_numpy()[kept], POINTS)]
    sheet.add_trace(
        go.Scatter(
            x=paid.index[kept],
            y=paid.to_numpy()[kept],
            name="Fees",
            line={"color": COST, "width": 1.4, "shape": "hv"},
            hovertemplate=f"%{{y:,.2f}} {base}",
            showlegend=False,
        ),
        row=5,
        col=1,
    )
    sheet.update_yaxes(row=5, col=1, title_text=base, tickformat="~s", rangemode="tozero", nticks=4)


def _months(sheet: go.Figure, table: pd.DataFrame) -> None:
    bound = float(np.nanmax(np.abs(table.to_numpy()))) if table.size else 0.0
    texts = table.map(lambda value: "" if np.isnan(value) else f"{value * 100:.1f}")
    sheet.add_trace(
        go.Heatmap(
            z=table.to_numpy(),
            x=list(_MONTHS),
            y=[str(year) for year in table.index],
            text=texts.to_numpy(),
            texttemplate="%{text}",
            textfont={"size": 10, "color": INK},
            colorscale=DIVERGING,
            zmid=0.0,
            zmin=-min(bound, 0.3) or -0.01,  # beyond 30 % the colour is full; the figure says how far
            zmax=min(bound, 0.3) or 0.01,
            xgap=3,
            ygap=3,
            showscale=False,
            hovertemplate="%{x} %{y}: %{z:.2%}<extra></extra>",
            hoverongaps=False,
        ),
        row=6,
        col=1,
    )
    sheet.update_yaxes(row=6, col=1, autorange="reversed", type="category", showgrid=False, title_text="percent")
    sheet.update_xaxes(row=6, col=1, type="category", side="bottom", showgrid=False)


def monthly_returns(outcome: Outcome) -> pd.DataFrame:
    """Returns by year (rows), by month 1 to 12 and of the whole year 13 (columns), UTC; NaN where there is no data."""
    equity = outcome.equity
    if equity.empty:
        return pd.DataFrame(columns=range(1, 14), dtype="float64")
    within = pd.DatetimeIndex(equity.index).shift(-1, freq="ns")  # a bar that closes at midnight ends the old month
    ends = equity.groupby([within.year, within.month]).last()
    before = ends.shift(1, fill_value=outcome.paths.cash)
    table = (ends / before).unstack().reindex(columns=range(1, 13))
    table[13] = table.prod(axis=1)
    return table - 1.0


def _scale(values: np.ndarray, unit: str) -> dict[str, Any]:
    """A log axis where the values span a wide range, else a plain one."""
    known = values[~np.isnan(values)]
    if len(known) and known.min() > 0 and known.max() / known.min() >= LOGARITHMIC:
        return {"type": "log", "dtick": "D2", "title_text": f"{unit}, log"}
    return {"title_text": unit}


def _line(series: pd.Series, *, name: str, colour: str, width: float, hover: str, legend: bool = False) -> go.Scatter:
    kept = kept_points(series.to_numpy(), POINTS)
    return go.Scatter(
        x=series.index[kept],
        y=series.to_numpy()[kept],
        name=name,
        mode="lines",
        line={"color": colour, "width": width},
        hovertemplate=hover,
        showlegend=legend,
    )


def _marks(outcome: Outcome, instrument: Instrument, *, side: str, colour: str, symbol: str) -> go.Scatter:
    fills = outcome.fills
    mine = fills[(fills["symbol"] == instrument.symbol) & (fills["side"] == side)]
    if len(mine) > MARKS // 2:
        largest = mine["quantity"].mul(mine["price"]).to_numpy().argsort(kind="stable")[-(MARKS // 2) :]
        mine = mine.iloc[np.sort(largest)]
    return go.Scatter(
        x=mine.index,
        y=mine["price"],
        name=side.capitalize(),
        mode="markers",
        marker={"symbol": symbol, "size": 8 if len(mine) < CROWD else 4, "color": colour, "line": {"width": 0}},
        customdata=np.column_stack((mine["quantity"], mine["order_id"].str[:8])),
        hovertemplate=f"{side} %{{customdata[0]:,}} at %{{y:,}}, order %{{customdata[1]}}<extra></extra>",
        showlegend=False,
    )


def _candle_range(outcome: Outcome) -> tuple[DataRange, Instrument]:
    """The data of the instrument that traded most, by number of fills; of several the first."""
    counts: dict[str, int] = {}
    for fill in outcome.ledger.fills:
        counts[fill.instrument.key] = counts.get(fill.instrument.key, 0) + 1
    priced = [each for each in outcome.plan.data if outcome.datasets[each.dataset].kind in PRICED]
    shown = max(priced, key=lambda each: counts.get(outcome.datasets[each.dataset].instrument.key, 0))
    return shown, outcome.datasets[shown.dataset].instrument


def _candles(data: Dataset, shown: DataRange) -> dict[str, np.ndarray]:
    rows = slice(shown.first, shown.last + 1)
    prices = {
        name: nearest_floats(data.columns[name][rows], data.places(name)) for name in ("open", "high", "low", "close")
    }
    return {"time": data.times[rows], **prices}


def _dressed(sheet: go.Figure, outcome: Outcome, height: int) -> go.Figure:
    """Titles, margins, and one time axis for the rows that have one."""
    values = outcome.metrics
    facts = "   ·   ".join(f"{label(name)} <b>{figure(name, values[name])}</b>" for name in _FIGURES)
    sheet.update_layout(
        template=TEMPLATE,
        height=height + MARGIN_TOP + MARGIN_BOTTOM,
        title={
            "text": f"<b>{outcome.title}</b><br><span style='font-size:12px;color:{MUTED}'>{facts}</span>",
            "x": 0.0,
            "xref": "paper",
            "y": 1.0,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 24},
            "font": {"size": 18},
        },
        legend={"orientation": "h", "x": 1.0, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        hoversubplots="axis",
    )
    for title in sheet.layout.annotations:
        title.update(x=0.0, xanchor="left", font={"size": 13, "color": INK})
    span = [outcome.equity.index[0], outcome.equity.index[-1]] if len(outcome.equity) else None
    for row in range(1, len(HEIGHTS) + 1):
        sheet.update_xaxes(row=row, col=1, type="date", range=span, matches="x", hoverformat="%Y-%m-%d %H:%M UTC")
    return sheet
