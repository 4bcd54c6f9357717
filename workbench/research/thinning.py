"""Long series made light enough to draw, so that what the eye would see stays."""

from __future__ import annotations

import numpy as np


def kept_points(values: np.ndarray, most: int) -> np.ndarray:
    """At most `most` positions of a series, rising: its first and last, and each stretch's lowest and highest."""
    if len(values) <= most:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), (most - 2) // 2 + 1).astype(np.int64)
    kept = {0, len(values) - 1}
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        stretch = np.nan_to_num(values[low:high])
        kept |= {low + int(stretch.argmin()), low + int(stretch.argmax())}
    return np.array(sorted(kept), dtype=np.int64)


def changed_points(values: np.ndarray) -> np.ndarray:
    """The positions at which a step function is drawn: its first, its last, and wherever it changes."""
    if not len(values):
        return np.arange(0)
    return np.unique(np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1, [len(values) - 1])))


def stretches(values: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """Where each of at most `most` equal stretches of a series begins, and how many values one has."""
    each = max(1, -(-len(values) // most))
    return np.arange(0, len(values), each), each


def merged_candles(candles: dict[str, np.ndarray], most: int) -> tuple[dict[str, np.ndarray], int]:
    """Candles of `time, open, high, low, close`, so many to one that at most `most` are left; and how many to one."""
    count = len(candles["time"])
    starts, each = stretches(candles["time"], most)
    merged = {
        "time": candles["time"][starts],
        "open": candles["open"][starts],
        "high": np.maximum.reduceat(candles["high"], starts),
        "low": np.minimum.reduceat(candles["low"], starts),
        "close": candles["close"][np.minimum(starts + each, count) - 1],
    }
    return merged, each
