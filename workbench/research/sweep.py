"""Sweeps: one strategy with many parameter sets over the same data, each row the figures of its backtest."""

from __future__ import annotations

import inspect
import os
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import numpy as np

from workbench.connectors.profile import Profile
from workbench.core.errors import ConfigError, WorkbenchError
from workbench.core.instrument import Instrument
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.lake import Lake
from workbench.research.backtest import Data, Exact, plain_profile, planned
from workbench.research.conditions import Condition, condition
from workbench.research.frames import Instant
from workbench.research.spaces import Draw, Space, space_of
from workbench.research.sweep_compiled import InThreads, can_compile
from workbench.research.sweep_processes import RELEASES, InProcesses, why_not
from workbench.research.sweep_progress import OneLine, Progress, someone_looks
from workbench.research.sweep_record import SUFFIX, Record, identity
from workbench.research.sweep_result import Skipped, Sweep, checked_path
from workbench.research.sweep_rows import InTurn, Refusal, Runs
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.runtime.plan import Plan
from workbench.runtime.strategies import strategy_of

if TYPE_CHECKING:
    from workbench.core.kernel import Kernel

SMALL = 200_000  # events in all rows: this process is through before others have started
KINDS_OF_SKIPS = 20  # reasons that are told apart; the rest is counted together

Subject: TypeAlias = "Strategy | type[Strategy] | Kernel | str"
Where = str | Callable[..., bool] | None


def sweep(
    strategy: Subject,
    data: Data | Sequence[Data],
    *,
    where: Where = None,
    draw: Draw | None = None,
    grid: Mapping[str, Any] | None = None,
    workers: int | None = None,
    engine: str | None = None,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
    cash: Exact = "10000",
    maker_fee: Exact = "0.001",
    taker_fee: Exact = "0.001",
    slippage_bps: Exact = "0",
    limits: Limits | None = None,
    budget: Budget | None = None,
    profile: Profile | None = None,
    start: Instant = None,
    end: Instant = None,
    instrument: Instrument | None = None,
    lake: Lake | None = None,
    **grids: Any,
) -> Sweep:
    """Backtests every combination of parameters: `sweep(SmaCross, bars, fast=range(5, 50), slow=[50, 100, 200])`.

    A parameter takes a value, a range, a list, an array or, with `draw` (`random_draw`, `latin_hypercube`),
    `between(low, high)`; in `grid` also one that is named like an option here. `strategy` is a class, an object
    (its parameters hold where the grid says nothing), `module:name`, a release id or a notebook; the other options
    are those of `backtest`. `where` ('fast < slow', or a function of parameters) leaves combinations out. What
    bounds or the strategy's own checks refuse is skipped and counted; a row that fails is kept with its reason.

    Rows do not depend on `workers` (default: as many as there are cores) and stand in the order of the grid. With
    `out` (.parquet or .csv) the table is written there, and finished rows beside it as they come: the same
    call again goes on where it ended. An interrupt returns what is done. Kernels run compiled, with the same figures,
    unless `engine="event"`. Raises ConfigError and DataError.
    """
    began = time.perf_counter()
    subject = subject_of(strategy)
    space = space_of(_merged(grid, grids), draw)
    plan, datasets = planned(
        subject,
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
    target = None if out is None else checked_path(out)
    numbers, skipped = _tried(subject, space, _condition(where, list(subject.get_parameters())))
    runs = runs_of(plan, subject, datasets, count=len(numbers), workers=workers, engine=engine)
    found = Sweep(
        plan=plan,
        strategy=subject,
        datasets=datasets,
        space=space,
        numbers=numbers,
        skipped=skipped,
        engine=runs.told,
    )
    record = None if target is None else Record(target.with_name(target.name + SUFFIX), identity(plan))
    try:
        _fill(found, runs, record, _progress(progress))
    except KeyboardInterrupt:
        found.interrupted = True
    found.seconds = time.perf_counter() - began
    if target is not None:
        found.write(target)
    return found


def runs_of(
    plan: Plan,
    strategy: Strategy,
    datasets: Mapping[str, Dataset],
    *,
    count: int,
    workers: int | None,
    engine: str | None = None,
) -> Runs:
    """What runs `count` rows of a plan: a kernel the compiled engine, in threads; a class the event engine.

    That runs in processes side by side, or in this one where that is quicker or the only way.
    """
    if engine not in (None, "event", "compiled"):
        raise ConfigError(f"engine: expected 'event' or 'compiled', got {engine!r}")
    cores = os.cpu_count() or 1
    if workers is not None and (type(workers) is not int or workers < 1):
        raise ConfigError(f"workers: expected 1 or more, got {workers!r}")
    events = count * sum(each.last - each.first + 1 for each in plan.data)
    if engine != "event" and (engine == "compiled" or can_compile(strategy)):
        return InThreads(plan, strategy, datasets, min(workers or cores, max(count, 1)))
    wanted = min(workers or (1 if events < SMALL else cores), max(count, 1))
    if wanted == 1:
        return InTurn(plan, strategy, datasets)
    cannot = why_not(strategy)
    if cannot:
        runs = InTurn(plan, strategy, datasets)
        runs.told += f": {cannot}"
        return runs
    return InProcesses(plan, strategy, datasets, wanted)


def _fill(found: Sweep, runs: Runs, record: Record | None, progress: Progress) -> None:
    """Runs the rows that are not there yet, and keeps each as it comes."""
    waiting = _resumed(found, record)
    with nullcontext() if record is None else record:
        progress(found.done, found.combinations)
        with closing(runs.rows((row, found.parameters(row)) for row in waiting)) as rows:
            for row, result in rows:
                found.take(row, result)
                if record is not None and not isinstance(result, Refusal):
                    record.add(record.key(found.parameters(row)), result)
                progress(found.done, found.combinations)


def _resumed(found: Sweep, record: Record | None) -> Iterable[int]:
    """Takes the rows that an earlier call has finished; the numbers of the others."""
    kept = {} if record is None else record.found()
    if record is None or not kept:
        return range(found.combinations)
    waiting = []
    for row in range(found.combinations):
        known = kept.get(record.key(found.parameters(row)))
        if known is None:
            waiting.append(row)
        else:
            found.take(row, known)
    found.resumed = found.done
    return waiting


def subject_of(strategy: Subject) -> Strategy:
    """A strategy object that holds the parameters which the grid does not name."""
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, str):
        return strategy_of(strategy, {}, releases=RELEASES)
    kind = strategy if isinstance(strategy, type) else getattr(strategy, "strategy", None)  # of a kernel: its class
    if isinstance(kind, type) and issubclass(kind, Strategy):
        return kind()
    raise ConfigError(f"strategy: expected a strategy class or object, a kernel or module:name, got {strategy!r}")


def _merged(grid: Mapping[str, Any] | None, grids: Mapping[str, Any]) -> dict[str, Any]:
    twice = sorted(set(grid or {}) & set(grids))
    if twice:
        raise ConfigError(f"{twice[0]}: given in grid= and by name")
    return {**(grid or {}), **grids}


def _tried(strategy: Strategy, space: Space, holds: Condition) -> tuple[np.ndarray, Skipped]:
    """The numbers of the combinations that can be run, and what became of the others."""
    known = [field.name for field in msgspec.structs.fields(strategy.Parameters)]
    strange = [name for name in space.names if name not in known]
    if strange:
        raise ConfigError(f"sweep: no parameter {strange[0]!r}; {strategy.id} has {', '.join(known) or 'none'}")
    given = strategy.get_parameters()
    numbers, left_out, reasons = array("q"), 0, Counter[str]()
    for number in range(len(space)):
        parameters = given | space[number]
        if not holds(parameters):
            left_out += 1
            continue
        try:
            msgspec.convert(parameters, strategy.Parameters)
        except (msgspec.ValidationError, ValueError, WorkbenchError) as error:
            reason = str(error)
            reasons[reason if reason in reasons or len(reasons) < KINDS_OF_SKIPS else "for other reasons"] += 1
            continue
        numbers.append(number)
    skipped = Skipped(left_out, dict(reasons))
    if not numbers:
        raise ConfigError(f"sweep: nothing to run: of {len(space):,} combinations {skipped}")
    return np.frombuffer(numbers, dtype=np.int64), skipped


def _condition(where: Where, names: Sequence[str]) -> Condition:
    if where is None:
        return lambda values: True
    if isinstance(where, str):
        return condition(where, names)
    if not callable(where):
        raise ConfigError(f"where: expected text such as 'fast < slow' or a function, got {where!r}")
    takes = inspect.signature(where).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in takes.values()):
        return lambda values: bool(where(**values))
    strange = [name for name in takes if name not in names]
    if strange:
        raise ConfigError(f"where: takes {strange[0]!r}, which is no parameter; there is {', '.join(names)}")
    return lambda values: bool(where(**{name: values[name] for name in takes}))


def _progress(asked: Progress | bool | None) -> Progress:
    if callable(asked):
        return asked
    return OneLine() if asked or (asked is None and someone_looks()) else lambda done, total: None
