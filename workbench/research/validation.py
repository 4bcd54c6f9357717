"""Choosing on one stretch of time and judging on another: walk-forward and cross-validation with purge and embargo.

Every fold sweeps its training spans, chooses a row by one figure, and runs that row over the test span, warmed up on
what came before. What is chosen depends on the training spans alone.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from workbench.core.clock import instant_text, interval_ns
from workbench.core.errors import ConfigError
from workbench.core.strategy import Strategy
from workbench.data.dataset import PRICED
from workbench.research.backtest import Data, backtest, plain_profile, planned
from workbench.research.metrics import SMALLER_IS_BETTER, Sample, measure
from workbench.research.result import Result
from workbench.research.sweep import Subject, subject_of, sweep
from workbench.research.sweep_result import Sweep, checked_figure
from workbench.research.windows import Fold, blocks, windows, within

Length = str | int | pd.Timedelta  # "90d", nanoseconds or a Timedelta


class Judged(msgspec.Struct, frozen=True):
    """What a fold chose, and how that went: `chosen_by` is the figure in training, `figures` those of the test."""

    fold: Fold
    parameters: Mapping[str, Any]
    in_sample: float
    figures: Mapping[str, float]
    returns: pd.Series


class Validation:
    """Folds in the order of their tests, each with what it chose and what became of it."""

    def __init__(self, title: str, by: str, judged: Sequence[Judged]) -> None:
        self.title = title
        self.by = by
        self.folds = tuple(judged)

    @property
    def table(self) -> pd.DataFrame:
        """One row a fold: its test span (`start`, `end`), the parameters chosen, `in_sample`, and its figures."""
        rows = [
            {
                "start": pd.Timestamp(each.fold.test[0], tz="UTC"),
                "end": pd.Timestamp(each.fold.test[1], tz="UTC"),
                **each.parameters,
                "in_sample": each.in_sample,
                **each.figures,
            }
            for each in self.folds
        ]
        return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="fold"))

    @property
    def equity(self) -> pd.Series:
        """What 1 became over all tests, one after the other, float64 by time."""
        grown: pd.Series = (1.0 + pd.concat([each.returns for each in self.folds])).cumprod().rename("equity")
        return grown

    def __repr__(self) -> str:
        table = self.table
        known = table[self.by].dropna()
        lines = [
            self.title,
            f"  {len(table)} folds, chosen by {self.by}: in sample {table['in_sample'].mean():.2f}, "
            f"out of sample {known.mean() if len(known) else float('nan'):.2f}",
            f"  all tests together {(self.equity.iloc[-1] - 1.0) * 100:,.2f} %",
        ]
        shown = table[["start", "end", *self.folds[0].parameters, "in_sample", self.by, "total_return"]]
        return "\n".join([*lines, "", shown.to_string(float_format=lambda value: f"{value:,.3f}")])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def walk_forward(
    strategy: Subject,
    data: Data | Sequence[Data],
    *,
    train: Length,
    test: Length,
    step: Length | None = None,
    anchored: bool = False,
    purge: Length = 0,
    choose_by: str = "sharpe",
    options: Mapping[str, Any] | None = None,
    **grids: Any,
) -> Validation:
    """Trains on the past and tests on what follows, again and again: `walk_forward(SmaCross, bars, train="365d", ...)`.

    A window of `train` (from the very start where `anchored`) ends `purge` before its test of length `test`; the
    next test begins `step` (default: `test`) later. Lengths are texts such as "90d", Timedeltas or ns. `options`
    are those of `sweep`, `grids` its parameters. Raises ConfigError where not one window fits the data.
    """
    lengths = {"train": _length(train, "train"), "test": _length(test, "test"), "purge": _length(purge, "purge")}
    return _judge(
        strategy,
        data,
        lambda first, last: windows(
            first, last, **lengths, step=_length(step, "step") if step else lengths["test"], anchored=anchored
        ),
        choose_by=choose_by,
        options=dict(options or {}),
        grids=grids,
    )


def cross_validate(
    strategy: Subject,
    data: Data | Sequence[Data],
    *,
    folds: int = 5,
    purge: Length = 0,
    embargo: Length = 0,
    choose_by: str = "sharpe",
    options: Mapping[str, Any] | None = None,
    **grids: Any,
) -> Validation:
    """Cuts time into equal blocks and tests on each what the others chose, by the mean figure weighted by their length.

    Training ends `purge` before a test and begins again `embargo` after it: a position, or a memory, that reaches
    over the border would tell one side of the other. Raises ConfigError where a fold has nothing left to train on.
    """
    apart = {"purge": _length(purge, "purge"), "embargo": _length(embargo, "embargo")}
    return _judge(
        strategy,
        data,
        lambda first, last: blocks(first, last, folds, **apart),
        choose_by=choose_by,
        options=dict(options or {}),
        grids=grids,
    )


def _judge(
    strategy: Subject, data: Any, cut: Any, *, choose_by: str, options: dict[str, Any], grids: Mapping[str, Any]
) -> Validation:
    by, subject = checked_figure(choose_by), subject_of(strategy)
    priced = [each for each in _datasets(subject, data, options) if each[0].kind in PRICED]
    first, last = min(start for _, start, _ in priced), max(end for _, _, end in priced)
    interval = max(each.interval_ns for each, _, _ in priced)
    judged = []
    for fold in cut(first, last):
        parameters, in_sample = _chosen(subject, data, fold, by, options, grids)
        warm = int(type(subject)(**parameters).warmup()) * interval
        result = _run(subject, data, parameters, (max(first, fold.test[0] - warm), fold.test[1]), options)
        judged.append(_judged(fold, parameters, in_sample, within(result, fold.test[0])))
    return Validation(f"{subject.id}: {', '.join(grids)}", by, judged)


def _datasets(subject: Strategy, data: Any, options: Mapping[str, Any]) -> list[tuple[Any, int, int]]:
    """The datasets with the span of each that is looked at."""
    asked = {name: options[name] for name in ("start", "end", "instrument", "lake") if name in options}
    profile = plain_profile(maker_fee="0", taker_fee="0", slippage_bps="0")
    plan, datasets = planned(subject, data, cash="1", profile=profile, **asked)
    spans = [(datasets[each.dataset], each) for each in plan.data]
    return [(d, int(d.times[each.first]), int(d.times[each.last]) + (d.interval_ns or 1)) for d, each in spans]


def _chosen(
    subject: Strategy, data: Any, fold: Fold, by: str, options: Mapping[str, Any], grids: Mapping[str, Any]
) -> tuple[dict[str, Any], float]:
    """The parameters with the best mean figure over the training spans, weighted by length; the first of equals."""
    score: Any = 0.0
    found: Sweep | None = None
    for start, end in fold.train:
        found = sweep(subject, data, **{**options, "start": start, "end": end, "out": None}, grid=grids)
        score = score + found.table[by].to_numpy() * (end - start)
    assert found is not None
    score = np.asarray(score) / sum(end - start for start, end in fold.train)
    if found.interrupted:
        raise KeyboardInterrupt
    if not np.isfinite(score).any():
        raise ConfigError(f"fold {instant_text(fold.test[0])}: no row has {by} in training; give it more data")
    row = int(np.nanargmin(score) if by in SMALLER_IS_BETTER else np.nanargmax(score))
    return found.parameters(row), float(score[row])


_COSTS = ("cash", "maker_fee", "taker_fee", "slippage_bps", "limits", "budget", "profile", "instrument", "lake")


def _run(
    subject: Strategy, data: Any, parameters: Mapping[str, Any], span: tuple[int, int], options: Mapping[str, Any]
) -> Result:
    costs = {name: options[name] for name in _COSTS if name in options}
    return backtest(type(subject)(**parameters), data, start=span[0], end=span[1], **costs)


def _judged(fold: Fold, parameters: Mapping[str, Any], in_sample: float, sample: Sample) -> Judged:
    index = pd.DatetimeIndex(sample.times.astype("datetime64[ns]")).tz_localize("UTC")
    return Judged(fold, parameters, in_sample, measure(sample), pd.Series(sample.returns, index=index))


def _length(given: Length, what: str) -> int:
    if isinstance(given, str):
        return interval_ns(given)
    length = given.as_unit("ns").value if isinstance(given, pd.Timedelta) else given
    if type(length) is not int or length < 0:
        raise ConfigError(f"{what}: expected a length such as '90d', a Timedelta or nanoseconds, got {given!r}")
    return length
