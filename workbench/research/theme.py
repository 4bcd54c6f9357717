"""How our charts look: one font, few colours, quiet axes."""

from __future__ import annotations

import plotly.graph_objects as go

FONT = "Inter, Helvetica Neue, Helvetica, Arial, sans-serif"
INK, MUTED, GRID, PAPER = "#1f2933", "#697586", "#e9edf2", "#ffffff"
MARGIN_TOP, MARGIN_BOTTOM = 112, 40  # pixels
STRATEGY, MARKET, GAIN, LOSS, COST = "#1f5fbf", "#a3adba", "#2a9d78", "#c8553d", "#b7892b"
DIVERGING = [[0.0, LOSS], [0.5, "#f7f8fa"], [1.0, GAIN]]  # losses, nothing, gains

_AXIS = {
    "gridcolor": GRID,
    "linecolor": GRID,
    "zeroline": False,
    "ticks": "",
    "tickfont": {"size": 11, "color": MUTED},
    "title": {"font": {"size": 11, "color": MUTED}, "standoff": 8},
    "automargin": True,
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "colorway": [STRATEGY, MARKET, GAIN, LOSS, COST],
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": GRID, "font": {"family": FONT, "size": 12, "color": INK}},
        "legend": {"font": {"size": 11, "color": MUTED}, "bgcolor": "rgba(0,0,0,0)"},
        "xaxis": {**_AXIS, "showgrid": False},
        "yaxis": _AXIS,
        "margin": {"l": 76, "r": 32, "t": MARGIN_TOP, "b": MARGIN_BOTTOM},
    }
)
