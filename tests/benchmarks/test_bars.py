"""Bars a second of one backtest, ours beside others on the same work in the same run.

SMA 20/50, long only, market orders, fee 0.1 %, one-minute bars in which every open is the close
before: a fill at the close and a fill at the next open are then the same price, so engines with
different habits must agree. `make bench` prints the table; WORKBENCH_LONG=1 takes a whole year.
Rates are printed, never asserted; what is asserted is that the answers are equal.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from workbench.core.instrument import Instrument
from workbench.data.dataset import Dataset, Provenance, make_dataset
from workbench.data.journal import Journal
from workbench.runtime.build import backtest_session, data_range
from workbench.runtime.plan import Plan, made_of, seat_of
from workbench.runtime.session import drive
from workbench.strategies.sma_cross import SmaCross

MINUTE = 60_000_000_000
BARS = 525_600 if os.environ.get("WORKBENCH_LONG") else 52_560
REPEATS = 3
CASH = 1_000_000
FAST, SLOW = 20, 50
LOT = 1_000  # units of 10^-8
UNIT = 100  # price units of 10^-2 times quantity units of 10^-8 over this are cash units of 10^-8


@pytest.fixture(scope="module")
def year() -> Dataset:
    return walk()


def walk() -> Dataset:
    """A seeded random walk on the tick; volume never binds."""
    rng = np.random.default_rng(20)
    steps = rng.integers(-900, 901, BARS)
    close = np.maximum(3_000_000 + np.cumsum(steps), 100_000).astype(np.int64)
    open_ = np.concatenate([[3_000_000], close[:-1]]).astype(np.int64)
    return make_dataset(
        id="random_walk_1m",
        kind="bars",
        instrument=Instrument(venue="binance", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001")),
        interval_ns=MINUTE,
        columns={
            "time": 1_600_000_020 * 10**9 + np.arange(BARS, dtype=np.int64) * MINUTE,
            "open": open_,
            "high": np.maximum(open_, close),
            "low": np.minimum(open_, close),
            "close": close,
            "volume": np.full(BARS, 10**13, dtype=np.int64),
        },
        provenance=Provenance(),
    )


Answer = tuple[int, int]  # orders, final equity in cash units


def ours(data: Dataset, journal: Journal) -> Answer:
    strategy = SmaCross(fast=FAST, slow=SLOW)
    seat = seat_of(strategy, instruments=(data.instrument.key,), cash=str(CASH))
    plan = Plan(base_currency="USDT", instruments=(data.instrument,), seats={"sma": seat}, data=(data_range(data),))
    started = plan.started("0" * 32, data.start)
    session, _ = backtest_session(started, make=made_of({"sma": strategy}), datasets={data.id: data}, journal=journal)
    session.begin(started)
    drive(session.run())
    journal.close_frame()
    ledger = session.engine.ledger
    return len(ledger.orders), ledger.accounts["sma"].equity


def in_memory(data: Dataset, _: Path) -> Answer:
    """Event engine, journal in memory."""
    return ours(data, Journal.memory())


def on_disk(data: Dataset, folder: Path) -> Answer:
    """Event engine, journal on disk."""
    journal = Journal.on_disk(folder / str(time.perf_counter_ns()))
    try:
        return ours(data, journal)
    finally:
        journal.close()


def plain_loop(data: Dataset, _: Path) -> Answer:
    """A bare Python loop over integers: no events, no journal, no risk."""
    cash, held, orders, wanted, want = CASH * 10**8, 0, 0, 0, None
    fast = slow = 0
    closes: list[int] = []
    opens, ends = data.ints("open").tolist(), data.ints("close").tolist()
    pending = 0
    for row, close in enumerate(ends):
        if pending:
            cash, held = _settle(cash, held, pending, opens[row])
            pending = 0
        closes.append(close)
        fast += close - (closes[row - FAST] if row >= FAST else 0)
        slow += close - (closes[row - SLOW] if row >= SLOW else 0)
        if row < SLOW - 1:
            continue
        want = 1 if fast * SLOW > slow * FAST else 0
        if want != wanted:
            wanted = want
            pending = (cash * UNIT // close // LOT * LOT - held) if want else -held
            orders += 1
    return orders, cash + held * ends[-1] // UNIT


def _settle(cash: int, held: int, quantity: int, price: int) -> tuple[int, int]:
    if quantity > 0:
        quantity = min(quantity, cash * UNIT * 1000 // (price * 1001) // LOT * LOT + LOT)
        while price * quantity // UNIT + _fee(price * quantity // UNIT) > cash:
            quantity -= LOT
    worth = price * abs(quantity) // UNIT
    return (cash - worth if quantity > 0 else cash + worth) - _fee(worth), held + quantity


def _fee(worth: int) -> int:
    return (2 * worth + 1000) // 2000


@dataclass(frozen=True)
class _Bar:
    ts: int
    open: Decimal
    close: Decimal


@dataclass(frozen=True)
class _Order:
    quantity: Decimal


@dataclass(frozen=True)
class _Fill:
    quantity: Decimal
    price: Decimal


def textbook_chain(data: Dataset, _: Path) -> Answer:
    """The textbook: frozen dataclasses, Decimal, one queue as the bus; no journal, no risk."""
    cash, held, orders, wanted = Decimal(CASH), Decimal(0), 0, 0
    window: deque[Decimal] = deque(maxlen=SLOW)
    fast = slow = Decimal(0)
    bus: deque[object] = deque()
    waiting: _Order | None = None
    lot, rate, last = Decimal("0.00001"), Decimal("0.001"), Decimal(0)
    rows = zip(data.times.tolist(), data.ints("open").tolist(), data.ints("close").tolist(), strict=True)
    for ts, open_raw, close_raw in rows:
        bar = _Bar(ts, Decimal(open_raw).scaleb(-2), Decimal(close_raw).scaleb(-2))
        if waiting is not None:
            bus.append(_Fill(waiting.quantity, bar.open))
            waiting = None
        bus.append(bar)
        while bus:
            event = bus.popleft()
            if isinstance(event, _Fill):
                quantity = event.quantity
                if quantity > 0:
                    quantity = min(quantity, cash / event.price / (1 + rate) // lot * lot + lot)
                while quantity > 0 and quantity * event.price * (1 + rate) > cash:
                    quantity -= lot
                worth = quantity * event.price
                cash -= worth + (abs(worth) * rate).quantize(Decimal("1e-8"), rounding="ROUND_HALF_UP")
                held += quantity
            elif isinstance(event, _Order):
                waiting = event
            elif isinstance(event, _Bar):
                last = event.close
                fast += last - (window[-FAST] if len(window) >= FAST else 0)
                slow += last - (window[0] if len(window) == SLOW else 0)
                window.append(last)
                if len(window) < SLOW:
                    continue
                want = 1 if fast * SLOW > slow * FAST else 0
                if want != wanted:
                    wanted = want
                    orders += 1
                    bus.append(_Order((cash / last // lot * lot - held) if want else -held))
    return orders, int((cash + held * last) * 10**8)


PEERS: tuple[Callable[[Dataset, Path], Answer], ...] = (in_memory, on_disk, plain_loop, textbook_chain)


def test_every_engine_comes_to_the_same_answer_and_the_rates_are_printed(year: Dataset, tmp_path: Path) -> None:
    best: dict[str, float] = {}
    answers: dict[str, Answer] = {}
    for _ in range(REPEATS):
        for peer in PEERS:
            began = time.process_time()
            answers[peer.__name__] = peer(year, tmp_path)
            spent = time.process_time() - began
            best[peer.__name__] = min(spent, best.get(peer.__name__, spent))
    print(f"\n{BARS:,} bars, {answers['in_memory'][0]:,} orders, best of {REPEATS}")
    for peer in PEERS:
        rate = BARS / best[peer.__name__]
        ratio = best["textbook_chain"] / best[peer.__name__]
        print(f"{rate:>12,.0f} bars/s  {ratio:6.2f} x textbook  {peer.__doc__}")
    assert len(set(answers.values())) == 1


def test_cost_grows_linearly_with_the_number_of_bars(year: Dataset) -> None:
    half = year.rows // 2
    shorter = make_dataset(
        id="first_half",
        kind="bars",
        instrument=year.instrument,
        interval_ns=MINUTE,
        columns={name: column[:half].copy() for name, column in year.columns.items()},
        provenance=Provenance(),
    )
    journals = [Journal.memory(), Journal.memory()]
    orders = [ours(shorter, journals[0])[0], ours(year, journals[1])[0]]
    per_order = [journal.records / count for journal, count in zip(journals, orders, strict=True)]
    assert per_order[1] == pytest.approx(per_order[0], rel=0.05), "what is recorded does not grow with history"


MEMORY = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.benchmarks.test_bars import in_memory, walk
data = walk()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
in_memory(data, Path("."))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_backtest_of_a_year_of_minutes_stays_below_500_megabytes_above_import() -> None:
    root = str(Path(__file__).parents[2])
    grown = subprocess.run([sys.executable, "-c", MEMORY, root], capture_output=True, text=True, check=True, cwd=root)
    megabytes = int(grown.stdout) / 1024
    print(f"\n{BARS:,} bars: {megabytes:.0f} MB above import and data")
    assert megabytes < 500
