"""A finished run in words and plain values: what a command prints and what a notebook shows."""

from __future__ import annotations

import html
import math
import textwrap
from collections import Counter
from typing import Any

from workbench.core.clock import instant_text
from workbench.core.money import MAX_PLACES, to_text
from workbench.data.dataset import Dataset
from workbench.research.metrics import COUNTS, PERCENTS
from workbench.research.outcome import Outcome
from workbench.runtime.plan import DataRange

WIDTH = 100  # columns of printed text
KEY_FIGURES = (
    "total_return",
    "buy_and_hold_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "max_drawdown_days",
    "exposure",
    "trades",
    "win_rate",
    "profit_factor",
)


def document(result: Outcome) -> dict[str, Any]:
    """A backtest as plain JSON values: exact numbers as text, figures as numbers, what cannot be said as None."""
    plan, ledger = result.plan, result.ledger
    seats = plan.seats
    ranges = [_range(each, result.datasets[each.dataset]) for each in plan.data]
    return {
        "run_id": result.run_id,
        "strategy": _one({name: seat.entry for name, seat in seats.items()}),
        "parameters": _one({name: seat.parameters for name, seat in seats.items()}),
        "data": ranges[0] if len(ranges) == 1 else ranges,
        "engine": "event" if result.journal is not None else "compiled",
        "orders": len(ledger.orders),
        "fills": len(ledger.fills),
        "trades": sum(not trip.open for trip in result.trips),
        "fees": fees(result),
        "final_cash": ledger.cash_text(sum(each.cash for each in ledger.accounts.values())),
        "final_position": _one(
            {each.key: to_text(ledger.net(each.key), each.quantity_places) for each in plan.instruments}
        ),
        "final_equity": ledger.cash_text(sum(each.equity for each in ledger.accounts.values())),
        "base_currency": plan.base_currency,
        "profile": plan.profile.name,
        "assumptions": list(result.assumptions),
        "metrics": {name: value if math.isfinite(value) else None for name, value in result.metrics.items()},
        "journal": None if result.folder is None else str(result.folder),
        "journal_digest": None if result.journal is None else result.journal_digest,
        "ledger_digest": result.ledger_digest,
        "seconds": round(result.seconds, 3),
    }


def fees(result: Outcome) -> str | dict[str, str]:
    """All fees as exact text: of one currency as it is, of several by currency."""
    paid = result.ledger.fees or {result.plan.base_currency: 0}
    texts = {currency: to_text(amount, MAX_PLACES) for currency, amount in sorted(paid.items())}
    return texts if len(texts) > 1 else next(iter(texts.values()))


def figure(name: str, value: float) -> str:
    """A figure rounded for reading."""
    if not math.isfinite(value):
        return "n/a" if math.isnan(value) else "infinite"
    if name in COUNTS:
        return f"{value:,.0f}"
    return f"{value * 100:,.2f} %" if name in PERCENTS else f"{value:,.2f}"


def label(name: str) -> str:
    """A figure's name for reading."""
    return "CAGR" if name == "cagr" else name.replace("_", " ").capitalize()


def key_facts(result: Outcome) -> list[tuple[str, str]]:
    """What one wants to know first, rounded, as (name, text)."""
    amounts = _amounts(result)
    values = result.metrics
    return [*amounts, *((label(name), figure(name, values[name])) for name in KEY_FIGURES)]


def _amounts(result: Outcome) -> list[tuple[str, str]]:
    """Span, orders and money, the money rounded to cents with its currency."""
    currency, values = result.plan.base_currency, result.metrics
    paths = result.paths
    span = f"{instant_text(paths.start)} to {instant_text(paths.end)}"
    return [
        ("Period", span),
        ("Final equity", f"{values['final_equity']:,.2f} {currency} of {values['initial_equity']:,.2f}"),
        ("Orders, fills", f"{len(result.ledger.orders):,}, {len(result.ledger.fills):,}"),
        *_refusals(result),
        ("Fees", f"{values['fees']:,.2f} {currency}"),
    ]


def _refusals(result: Outcome) -> list[tuple[str, str]]:
    """How often risk refused, by rule; no line where it never did."""
    rules = Counter(refusal.rule for refusal in result.ledger.refusals)
    return [("Refusals", ", ".join(f"{count:,} {rule}" for rule, count in sorted(rules.items())))] if rules else []


def summary(result: Outcome) -> str:
    """Fixed-width text: the key figures and every assumption. Equal runs have equal text."""
    lines = [result.title, f"run {result.run_id}", ""]
    lines += [f"  {name:<20} {text}" for name, text in key_facts(result)]
    lines += ["", f"Assumptions (profile {result.plan.profile.name})"]
    for sentence in result.assumptions:
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines)


def summary_html(result: Outcome) -> str:
    """The same as an escaped HTML table."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:right'>{html.escape(text)}</td></tr>"
        for name, text in key_facts(result)
    )
    taken = "".join(f"<li>{html.escape(each)}</li>" for each in result.assumptions)
    heading = f"<caption style='text-align:left'><b>{html.escape(result.title)}</b></caption>"
    name = html.escape(result.plan.profile.name)
    return f"<table>{heading}{rows}</table><details><summary>Assumptions ({name})</summary><ul>{taken}</ul></details>"


def _range(each: DataRange, data: Dataset) -> dict[str, Any]:
    return {
        "id": each.dataset,
        "sha256": each.sha256,
        "rows": each.last - each.first + 1,
        "start": instant_text(int(data.times[each.first])),
        "end": instant_text(int(data.times[each.last]) + data.interval_ns),
    }


def _one(values: dict[str, Any]) -> Any:
    """The only value there is, or all by name."""
    return next(iter(values.values())) if len(values) == 1 else values
