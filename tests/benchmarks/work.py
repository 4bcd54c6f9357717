"""What engines are raced on: minutes and prints that are the same in every run, and the terms that they are traded on.

Every open is the close before, so that a fill at a close and a fill at the next open are the same price;
prints lie on even ticks and quotes on odd ones, so that nothing is ever decided by a place in a queue.
Engines with different habits must then come to the same answer.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import numpy as np

from tests.benchmarks.figures import LONG
from workbench.connectors.profile import Profile
from workbench.core.instrument import Instrument
from workbench.data.dataset import Dataset, Provenance, make_dataset
from workbench.risk.budgets import Budget

YEAR_OF_MINUTES = 525_600
BARS = YEAR_OF_MINUTES if LONG else 52_560
PRINTS = 2_000_000 if LONG else 100_000

CASH = 10_000_000
BUDGET = Budget(quote=Decimal(10_000))  # what every trade is worth: the work does not wane as fees are paid
MARKET_COSTS = Profile(maker_rate=100_000, taker_rate=100_000)  # 0.1 %
QUOTING_COSTS = Profile(maker_rate=10_000, taker_rate=10_000)  # 0.01 %
INSTRUMENT = Instrument(venue="binance", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))

MINUTE = 60_000_000_000
FIRST = 1_600_000_020 * 10**9
NEVER_BINDS = 10**13  # volume in raw units: nothing is filled in parts
RECORDED = Path(os.environ.get("WORKBENCH_RECORDED_DATA", "absent")) / "candles/binance_spot_BTCUSDT_1m.parquet"


def minutes(rows: int = BARS) -> Dataset:
    """So many one-minute bars: recorded closes, forth and back until there are enough, or else a seeded walk."""
    close = _recorded(rows) if RECORDED.is_file() else _walk(rows)
    before = np.concatenate([close[:1], close[:-1]])
    return make_dataset(
        id="minutes",
        kind="bars",
        instrument=INSTRUMENT,
        interval_ns=MINUTE,
        columns={
            "time": FIRST + np.arange(rows, dtype=np.int64) * MINUTE,
            "open": before,
            "high": np.maximum(before, close),
            "low": np.minimum(before, close),
            "close": close,
            "volume": np.full(rows, NEVER_BINDS, dtype=np.int64),
        },
        provenance=Provenance(),
    )


def prints(rows: int = PRINTS) -> Dataset:
    """So many trades, a millisecond apart: a seeded walk on even ticks; what goes down was sold."""
    steps = 2 * np.random.default_rng(21).integers(-5, 6, rows)
    return make_dataset(
        id="prints",
        kind="trades",
        instrument=INSTRUMENT,
        interval_ns=0,
        columns={
            "time": FIRST + np.arange(rows, dtype=np.int64) * 1_000_000,
            "price": (3_000_000 + np.cumsum(steps)).astype(np.int64),
            "quantity": np.full(rows, NEVER_BINDS, dtype=np.int64),
            "side": np.where(steps < 0, -1, 1).astype(np.int64),
            "trade_id": np.arange(rows, dtype=np.int64),
        },
        provenance=Provenance(),
    )


def source() -> str:
    """Where the minutes come from."""
    return "recorded minutes, forth and back" if RECORDED.is_file() else "a seeded walk"


def _recorded(rows: int) -> np.ndarray:
    import pyarrow.parquet as parquet

    found = parquet.read_table(RECORDED, columns=["close"])["close"].to_numpy()
    there = np.rint(found * 100).astype(np.int64)
    return np.resize(np.concatenate([there, there[::-1]]), rows)


def _walk(rows: int) -> np.ndarray:
    steps = np.random.default_rng(20).integers(-900, 901, rows)
    return np.maximum(3_000_000 + np.cumsum(steps), 100_000).astype(np.int64)
