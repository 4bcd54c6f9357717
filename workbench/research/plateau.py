"""Stability: a point of a grid is worth what its surroundings are worth, for tomorrow's data moves the peak."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pandas as pd

from workbench.core.errors import ConfigError
from workbench.research.metrics import SMALLER_IS_BETTER

DIAGONALS = 3  # up to so many parameters a neighbour may differ in all; beyond, in one: 3^n points are too many


def plateau_of(table: pd.DataFrame, names: Sequence[str], figure: str) -> pd.DataFrame:
    """Each row's parameters and figure with `median`, `worst` and count of its `neighbours`, the best median first.

    Raises ConfigError where no row has a neighbour, as between drawn combinations.
    """
    values = table[figure].to_numpy(dtype=np.float64)
    around = _around(table, names, values)
    counts = np.isfinite(around[:, 1:]).sum(axis=1)
    if not counts.any():
        raise ConfigError("plateau: no two rows are neighbours on a grid; sweep a grid of two values or more")
    smaller = figure in SMALLER_IS_BETTER
    found = table[[*names, figure]].copy()
    known = np.isfinite(around).any(axis=1)
    found["median"] = _reduced(np.nanmedian, around, known)
    found["worst"] = _reduced(np.nanmax if smaller else np.nanmin, around, known)
    found["neighbours"] = counts
    return found.sort_values("median", ascending=smaller, kind="stable")


def _around(table: pd.DataFrame, names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """Of every row (rows) its own value and that of each of its neighbours (columns), NaN where there is none."""
    ranks = [np.unique(table[name].to_numpy(), return_inverse=True)[1] for name in names]
    sizes = [int(each.max(initial=0)) + 3 for each in ranks]  # an empty border, so that no step leaves the grid
    if math.prod(sizes) >= 2**63:
        raise ConfigError("plateau: these rows are draws, not a grid; no two of them are neighbours")
    strides = np.cumprod([1, *sizes[:-1]])
    places = sum((rank + 1) * stride for rank, stride in zip(ranks, strides.tolist(), strict=True))
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    columns = [values]
    for step in _steps(len(names)):
        sought = places + sum(each * stride for each, stride in zip(step, strides.tolist(), strict=True))
        found = np.minimum(np.searchsorted(ordered, sought), len(ordered) - 1)
        columns.append(np.where(ordered[found] == sought, values[order[found]], np.nan))
    return np.column_stack(columns)


def _steps(parameters: int) -> list[tuple[int, ...]]:
    steps = [step for step in product((-1, 0, 1), repeat=parameters) if any(step)] if parameters <= DIAGONALS else []
    return steps or [
        tuple(sign if place == each else 0 for each in range(parameters))
        for place in range(parameters)
        for sign in (-1, 1)
    ]


def _reduced(reduce: Callable[..., np.ndarray], around: np.ndarray, known: np.ndarray) -> np.ndarray:
    """One value a row; NaN where nothing around it, nor itself, has the figure."""
    reduced = np.full(len(around), np.nan)
    reduced[known] = reduce(around[known], axis=1)
    return reduced
