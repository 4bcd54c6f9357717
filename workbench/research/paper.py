"""A paper session inside a notebook's kernel, and the proof that a journal tells a run in full.

For a tour, a demonstration, a short look: a run that must outlive its kernel is a process of its own
(`workbench run paper`, or `start_paper` from a notebook).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from workbench.core.events import Event
from workbench.core.strategy import Strategy
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.research.backtest import Data, Exact, plain_profile, planned
from workbench.research.curve import EquityCurve
from workbench.research.result import Result
from workbench.runtime import build
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import made_of
from workbench.runtime.state import StateFolder


async def paper(
    strategy: Strategy,
    data: Data | Sequence[Data],
    *,
    speed: float = 0.0,
    cash: Exact = "10000",
    maker_fee: Exact = "0.001",
    taker_fee: Exact = "0.001",
    slippage_bps: Exact = "0",
    folder: Path | None = None,
) -> Result:
    """Papers over stored data as `workbench run paper` does, `speed` times real time (0: as fast as it goes).

    Every event and order is journalled to disk before an order goes out, in the new state directory `folder`
    (default: one under `runs/` of the default state directory). The arguments are those of `backtest`.
    Raises what `backtest` raises.
    """
    profile = plain_profile(maker_fee=maker_fee, taker_fee=taker_fee, slippage_bps=slippage_bps)
    plan, datasets = planned(strategy, data, cash=cash, profile=profile)
    state = StateFolder(folder or StateFolder.default().runs / f"paper-{secrets.token_hex(6)}")
    state.path.mkdir(parents=True)
    curve = _Curve()
    run = PaperRun(plan, state, datasets=datasets, make=made_of({strategy.id: strategy}), speed=speed, sinks=[curve])
    curve.run = run
    began = time.perf_counter()
    await run.run()
    seconds = time.perf_counter() - began
    assert run.engine is not None
    for trader in run.engine.portfolio.traders.values():
        if trader.failed is not None:
            raise trader.failed
    return Result(
        plan=plan,
        ledger=run.engine.ledger,
        curve=curve.equity or EquityCurve(run.engine.ledger),
        journal=Journal.on_disk(state.journal),
        folder=state.journal,
        datasets=datasets,
        seconds=seconds,
    )


def replay(result: Result) -> str:
    """Runs the inputs of a result's journal through a fresh engine; the digest (hex) of the journal that this writes.

    Equal to `result.journal_digest`, byte for byte. Raises CorruptState at the first record that comes
    out differently, ConfigError where the strategy's source is no longer what it was.
    """
    _, copy = build.replay(JournalReader(result.recorded), datasets=result.datasets)
    return copy.digest()


class _Curve:
    """A sink that follows the equity of a run from its first event on."""

    def __init__(self) -> None:
        self.run: PaperRun | None = None
        self.equity: EquityCurve | None = None

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        if self.equity is None:
            assert self.run is not None
            assert self.run.engine is not None
            self.equity = EquityCurve(self.run.engine.ledger)
        self.equity.record(event, consequences)
