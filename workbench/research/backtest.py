"""One backtest: a strategy, stored data, costs and cash in; a result with its exact ledger and journal out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast

import pandas as pd

from workbench.connectors.profile import Profile
from workbench.core.errors import ConfigError
from workbench.core.instrument import Instrument
from workbench.core.money import canonical, dec, to_scaled
from workbench.core.ports import Sink
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.journal import Journal
from workbench.data.lake import Lake
from workbench.research.backtest_compiled import run_compiled
from workbench.research.curve import EquityCurve
from workbench.research.frames import Instant, dataset_of, nanoseconds
from workbench.research.result import Result
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.runtime.build import backtest_session, data_range, instruments_of, one_series_each, span_of
from workbench.runtime.plan import Plan, made_of, seat_of
from workbench.runtime.session import drive
from workbench.runtime.state import StateFolder

Data = pd.DataFrame | Dataset | str | Path
Exact = str | int | Decimal

ENGINES = ("event", "compiled")  # the same results; a compiled run keeps no journal


def backtest(
    strategy: Strategy,
    data: Data | Sequence[Data],
    *,
    cash: Exact = "10000",
    maker_fee: Exact = "0.001",
    taker_fee: Exact = "0.001",
    slippage_bps: Exact = "0",
    engine: str = "event",
    limits: Limits | None = None,
    budget: Budget | None = None,
    profile: Profile | None = None,
    start: Instant = None,
    end: Instant = None,
    instrument: Instrument | None = None,
    lake: Lake | None = None,
    journal: Path | None = None,
    sinks: Sequence[Sink] = (),
) -> Result:
    """Runs `strategy` over `data` and returns everything that happened.

    `data` is a frame of `load`, a frame of your own (then with `instrument=`), a dataset, a catalogue
    id or a file, or a list of those for several symbols; a perpetual's funding and marks go beside its prices.
    `cash` is in quote currency, exact; fees are fractions and slippage basis points, exact. `start` and `end` (ISO
    text, Timestamp or UTC ns) bound the open of bars as [start, end). Without `limits` and `profile` a plain profile
    holds: cash and the data's own symbols are the only limits. The journal is kept in memory, or written to the
    folder `journal`. A kernel runs as machine code with `engine="compiled"`: the same ledger, without a journal.
    Raises ConfigError, DataError, and whatever the strategy itself raises.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: expected 'event' or 'compiled', got {engine!r}")
    if engine == "compiled" and (journal is not None or sinks):
        raise ConfigError("engine 'compiled' writes no journal and tells no sinks; run it with --engine event")
    plan, datasets = planned(
        strategy,
        data,
        cash=cash,
        limits=limits,
        budget=budget,
        profile=profile or plain_profile(maker_fee=maker_fee, taker_fee=taker_fee, slippage_bps=slippage_bps),
        start=start,
        end=end,
        instrument=instrument,
        lake=lake,
    )
    if engine == "compiled":
        return run_compiled(plan, {strategy.id: strategy}, datasets)
    return run_plan(plan, {strategy.id: strategy}, datasets, journal=journal, sinks=sinks)


def planned(
    strategy: Strategy,
    data: Data | Sequence[Data],
    *,
    cash: Exact,
    profile: Profile,
    limits: Limits | None = None,
    budget: Budget | None = None,
    start: Instant = None,
    end: Instant = None,
    instrument: Instrument | None = None,
    lake: Lake | None = None,
) -> tuple[Plan, dict[str, Dataset]]:
    """The plan of one strategy over some data, as `backtest` reads its arguments, and the datasets by id."""
    if not isinstance(strategy, Strategy):
        raise ConfigError(f"strategy: expected a strategy object such as SmaCross(fast=20), got {strategy!r}")
    several = cast(Sequence[Data], data if isinstance(data, (list, tuple)) else [data])
    ranges, datasets = [], {}
    opened = [_dataset(each, instrument, lake) for each in several]
    one_series_each([dataset for dataset, _, _ in opened])
    instruments = instruments_of([dataset for dataset, _, _ in opened])
    for dataset, first, last in opened:
        whole = span_of(dataset, [each for each, _, _ in opened])
        low = (whole[0] if first is None else first) if start is None else nanoseconds(start, "start")
        high = (whole[1] if last is None else last) if end is None else nanoseconds(end, "end")
        ranges.append(data_range(dataset, low, high))
        datasets[dataset.id] = dataset
    plan = Plan(
        base_currency=instruments[0].quote,
        instruments=instruments,
        seats={
            strategy.id: seat_of(
                strategy,
                instruments=tuple(each.key for each in instruments),
                cash=_money(cash),
                budget=budget or Budget(),
            )
        },
        data=tuple(ranges),
        limits=limits or Limits(),
        profile=profile,
    )
    return plan, datasets


def run_plan(
    plan: Plan,
    strategies: Mapping[str, Strategy],
    datasets: Mapping[str, Dataset],
    *,
    journal: Path | None = None,
    sinks: Sequence[Sink] = (),
) -> Result:
    """Runs a plan of one or many strategies over its data."""
    started = plan.started(plan.run_id(), min(datasets[each.dataset].start for each in plan.data))
    book = Journal.memory() if journal is None else Journal.on_disk(journal)
    began = time.perf_counter()
    session, bus = backtest_session(started, make=made_of(strategies), datasets=datasets, journal=book)
    curve = EquityCurve(session.engine.ledger)
    for sink in (curve, *sinks):
        bus.add(sink)
    session.begin(started)
    drive(session.run())
    book.close()
    for trader in session.engine.portfolio.traders.values():
        if trader.failed is not None:
            raise trader.failed
    return Result(
        plan=plan,
        ledger=session.engine.ledger,
        curve=curve,
        journal=book,
        folder=journal,
        datasets=datasets,
        seconds=time.perf_counter() - began,
    )


def plain_profile(*, maker_fee: Exact, taker_fee: Exact, slippage_bps: Exact) -> Profile:
    """The profile of a backtest without a configuration."""
    return Profile(
        name="plain",
        maker_rate=to_scaled(maker_fee, 8, "maker fee"),
        taker_rate=to_scaled(taker_fee, 8, "taker fee"),
        slippage_rate=to_scaled(slippage_bps, 4, "slippage_bps"),
    )


def _money(cash: Exact) -> str:
    amount = dec(cash, "cash")
    if amount <= 0:
        raise ConfigError(f"cash: expected more than 0, got {amount}")
    return canonical(amount)


def _dataset(data: Data, instrument: Instrument | None, lake: Lake | None) -> tuple[Dataset, int | None, int | None]:
    if isinstance(data, Dataset):
        return data, None, None
    if isinstance(data, pd.DataFrame):
        return dataset_of(data, instrument=instrument, lake=lake)
    return (lake or StateFolder.default().lake()).open(data), None, None
