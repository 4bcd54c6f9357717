"""Bars a second of the compiled engine and the event engine, beside others on the same work in the same run.

SMA 20/50, long only, market orders of 10,000 quote, fee 0.1 %, on the minutes of `work`. `make bench` prints the
tables; WORKBENCH_LONG=1 takes a whole year, WORKBENCH_PEERS and WORKBENCH_PEERS_NEXT name the Pythons of other engines.
Rates are of CPU time, medians of laps in turn; they are printed, never asserted. What is asserted is that our answers
are those of `bare`, in integers without any engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import bare, engines, work
from tests.benchmarks.engines import BARE, EVENT, LOGGED, OURS, SILENT, VECTORBT
from tests.benchmarks.figures import LONG, tell
from tests.benchmarks.peers import BACKTESTING, NAUTILUS, NAUTILUS_NEXT, PEERS_NEXT, Files
from tests.benchmarks.race import Answer, Lap, Runner, print_table, race, timed, wrong_ones
from tests.benchmarks.test_bars import textbook_chain
from workbench.core.kernel import Kernel
from workbench.data.dataset import Dataset
from workbench.strategies.donchian import donchian
from workbench.strategies.ema_cross import ema_cross
from workbench.strategies.rsi_reversion import rsi_reversion
from workbench.strategies.sma_cross import SmaCross, sma_cross

FAST, SLOW = 20, 50
SIZES = (52_560, 525_600, 2_628_000) if LONG else (5_256, 52_560, 105_120)
TERMS: Mapping[str, Any] = {"cash": work.CASH, "cap": 10_000, "rate": 0.001, "fast": FAST, "slow": SLOW, "size": 0}
KERNELS = (sma_cross, ema_cross, donchian, rsi_reversion)


@pytest.fixture(scope="module")
def minutes() -> Dataset:
    return work.minutes()


def told(found: tuple[int, int]) -> Answer:
    return {"orders": int(found[0]), "equity": int(found[1])}


def truth_of(data: Dataset) -> Answer:
    """What the work comes to, in Python's own integers."""
    return told(bare.cross(data.ints("open").tolist(), data.ints("close").tolist(), FAST, SLOW))


def kernel_runners(kernel: Kernel, data: Dataset, written: str, unwritten: str) -> tuple[Runner, Runner]:
    """A kernel with its defaults, compiled before it is timed; with everything written down, and with nothing."""
    program, strategy = engines.program(kernel, data, work.MARKET_COSTS), kernel()
    scratch, parameters = program.scratch(), strategy.params  # type: ignore[attr-defined]
    engines.silent(program, parameters, scratch)
    return (
        Runner(written, timed(lambda: engines.logged(program, parameters))),
        Runner(unwritten, timed(lambda: engines.silent(program, parameters, scratch))),
    )


def bare_runner(data: Dataset) -> Runner:
    opens, closes = data.ints("open"), data.ints("close")
    bare.cross_machine(opens, closes, FAST, SLOW)
    return Runner(BARE, timed(lambda: told(bare.cross_machine(opens, closes, FAST, SLOW))))


def vectorbt_runner(data: Dataset) -> Runner:
    try:
        peer = engines.Vectorbt(data)
    except ImportError:
        return Runner(VECTORBT, lambda: None)
    peer.answer(FAST, SLOW)
    return Runner(VECTORBT, timed(lambda: peer.answer(FAST, SLOW)))


def test_a_cross_of_averages_is_the_same_in_every_engine_and_the_rates_are_printed(
    minutes: Dataset, tmp_path: Path
) -> None:
    truth, files = truth_of(minutes), Files(tmp_path, minutes, TERMS)

    def textbook() -> Lap:
        seconds, _ = timed(lambda: {"orders": textbook_chain(minutes, tmp_path)[0]})() or (0.0, {})
        return seconds, truth  # it sizes from all it has, and comes to another equity

    runners = race(
        *kernel_runners(sma_cross, minutes, LOGGED, SILENT),
        bare_runner(minutes),
        vectorbt_runner(minutes),
        Runner(EVENT, timed(lambda: engines.event(SmaCross(fast=FAST, slow=SLOW), minutes, work.MARKET_COSTS))),
        Runner("textbook chain of dataclasses, Decimal", textbook, slow=True),
        Runner(BACKTESTING, files.ask("peer_backtesting"), slow=not LONG),
        Runner(NAUTILUS_NEXT, files.ask("peer_nautilus_next", PEERS_NEXT), slow=not LONG),
        Runner(NAUTILUS, files.ask("peer_nautilus"), slow=True),
    )
    print_table(
        f"{minutes.rows:,} bars ({work.source()}), {truth['orders']:,} orders",
        runners,
        count=minutes.rows,
        unit="bars",
        against=(VECTORBT, EVENT, NAUTILUS_NEXT, NAUTILUS),
        truth=truth,
    )
    assert not wrong_ones(runners, OURS, truth)


def test_the_shipped_bar_kernels_are_as_fast_as_printed(minutes: Dataset) -> None:
    pairs = {kernel.name: kernel_runners(kernel, minutes, kernel.name, f"{kernel.name}, silent") for kernel in KERNELS}
    peer = vectorbt_runner(minutes)
    runners = race(peer, *(runner for pair in pairs.values() for runner in pair))
    lines = [f"{minutes.rows / peer.took:>14,.0f} bars/s  {VECTORBT}, a cross of averages"] if peer.answer else []
    for runner in runners[1:]:
        ratio = f"{peer.took / runner.took:6.2f} x vectorbt" if peer.answer else ""
        told_of = f"{runner.name}, {runner.answer['orders']:,} orders"
        lines.append(f"{minutes.rows / runner.took:>14,.0f} bars/s  {ratio}  {told_of}")
    tell(f"kernels on {minutes.rows:,} bars ({work.source()})", *lines)
    for written, unwritten in pairs.values():
        assert written.answer["equity"] == unwritten.answer["equity"]
        assert written.answer["orders"] == unwritten.answer["orders"]


def test_cost_grows_linearly_with_the_number_of_bars() -> None:
    lines = []
    for rows in SIZES:
        data = work.minutes(rows)
        truth = truth_of(data)
        runners = race(*kernel_runners(sma_cross, data, LOGGED, SILENT), bare_runner(data))
        each = "   ".join(f"{runner.name} {runner.took / rows * 1e9:7.1f} ns" for runner in runners)
        lines.append(f"{rows:>10,} bars, {truth['orders']:>6,} orders, a bar:  {each}")
        assert not wrong_ones(runners, OURS - {EVENT}, truth), rows
    tell("cost against size", *lines)
