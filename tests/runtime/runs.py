"""Plans, backtests and paper runs over the first bars of the bundled sample, for every test of the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tests.trading.styles import Faulty, Guarded, Maker
from workbench.connectors.profile import Profile
from workbench.core.instrument import FeeCurrency
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset, content_sha256
from workbench.data.journal import Journal
from workbench.data.lake import open_sample
from workbench.risk.budgets import Budget
from workbench.runtime.build import backtest_session, data_range
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import Plan, from_entry, seat_of
from workbench.runtime.session import Session, drive
from workbench.runtime.state import StateFolder
from workbench.strategies.sma_cross import SmaCross

SAMPLE = "binance_spot_BTCUSDT_1h"
PROFILES = {
    "plain": Profile(),
    "latency": Profile(name="latency", latency_ns=90 * 60 * 10**9),
    "slippage": Profile(name="slippage", slippage_rate=50_000, taker_rate=75_000, maker_rate=-10_000),
    "thin": Profile(name="thin", volume_share=1_000),
}


@cache
def sample(received: bool = False) -> Dataset:
    """The bundled bars; with `received`, on an instrument whose fees are taken in what is bought."""
    data = open_sample(SAMPLE)
    if not received:
        return data
    instrument = msgspec.structs.replace(data.instrument, fee_currency=FeeCurrency.RECEIVED)
    digest = content_sha256(data.kind, instrument, data.interval_ns, data.columns)
    return msgspec.structs.replace(data, instrument=instrument, sha256=digest)


def trio() -> dict[str, Strategy]:
    return {"trend": SmaCross(fast=5, slow=12), "guarded": Guarded(), "maker": Maker(), "faulty": Faulty()}


def plan(
    strategies: dict[str, Strategy] | None = None,
    *,
    rows: int = 300,
    received: bool = False,
    profile: Profile = PROFILES["plain"],
    **more: Any,
) -> Plan:
    data = sample(received)
    strategies = strategies or trio()
    budgets = {"trend": Budget(rebalance_band=Decimal("0.05")), "guarded": Budget(max_drawdown=Decimal("0.3"))}
    return Plan(
        base_currency="USDT",
        instruments=(data.instrument,),
        seats={
            name: seat_of(each, instruments=(data.instrument.key,), cash="10000", budget=budgets.get(name, Budget()))
            for name, each in strategies.items()
        },
        data=(data_range(data, end=int(data.times[0]) + rows * data.interval_ns),),
        profile=profile,
        **more,
    )


def datasets(received: bool = False) -> dict[str, Dataset]:
    return {SAMPLE: sample(received)}


def backtest(plan: Plan, *, received: bool = False, journal: Journal | None = None) -> Session:
    """A finished backtest; its engine and journal are the session's."""
    started = plan.started(plan.run_id(), sample(received).start)
    session, _ = backtest_session(
        started, make=from_entry, datasets=datasets(received), journal=journal or Journal.memory()
    )
    session.begin(started)
    drive(session.run())
    return session


def paper(
    plan: Plan,
    folder: Path,
    *,
    received: bool = False,
    before: Callable[[PaperRun], None] = lambda run: None,
    sinks: Sequence[Any] = (),
    **more: Any,
) -> PaperRun:
    """A paper run, or the next part of one, until it stops by itself or is told to."""
    run = PaperRun(
        plan,
        StateFolder(folder),
        datasets=datasets(received),
        make=from_entry,
        speed=more.pop("speed", 0.0),
        sinks=sinks,
        **more,
    )
    before(run)
    asyncio.run(run.run())
    return run


def ledger_digest(run: PaperRun | Session) -> str:
    assert run.engine is not None
    return run.engine.ledger.digest()


class StopAfter:
    """A sink that asks the run to stop after so many events."""

    def __init__(self, events: int) -> None:
        self.left, self.run = events, None

    def bind(self, run: Any) -> None:
        self.run = run

    def record(self, event: Any, consequences: Any) -> None:
        self.left -= 1
        if self.left <= 0 and self.run is not None:
            self.run.inbox.stop()
