"""A backtest on the compiled engine: the same ledger, figures and tables as the event engine's, without a journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.core.errors import ConfigError
from workbench.core.kernel_strategy import KernelStrategy
from workbench.core.ledger import Ledger
from workbench.core.money import dec
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.research.curve import EquityCurve
from workbench.research.result import Result
from workbench.runtime.plan import Plan
from workbench.trading.orders import client_order_id

_ELSE = "; run it with --engine event"


def run_compiled(plan: Plan, strategies: Mapping[str, Strategy], datasets: Mapping[str, Dataset]) -> Result:
    """Runs a plan of one kernel on one series; raises ConfigError, naming `--engine event`, for any other."""
    from workbench.compiled.program import Program  # numba loads only where it is used

    strategy = _kernel_of(plan, strategies)
    (instrument,), (rows,) = plan.instruments, plan.data
    (seat,) = plan.seats.values()
    started = plan.started(plan.run_id(), datasets[rows.dataset].start)
    began = time.perf_counter()
    program = Program(
        strategy.kernel,
        datasets[rows.dataset],
        cash=dec(seat.cash),
        profile=plan.profile,
        limits=plan.limits,
        budget=seat.budget,
        first=rows.first,
        last=rows.last + 1,
        instrument=instrument,
    )
    trace = program.run(strategy.params)
    ledger = trace.ledger(started, lambda number: client_order_id(instrument.account, started.run_id, number))
    return Result(
        plan=plan,
        ledger=ledger,
        curve=_curve(ledger, program.times, trace),
        journal=None,
        folder=None,
        datasets=datasets,
        seconds=time.perf_counter() - began,
    )


def _kernel_of(plan: Plan, strategies: Mapping[str, Strategy]) -> KernelStrategy:
    found = list(strategies.values())
    if len(found) != 1 or not isinstance(found[0], KernelStrategy):
        named = ", ".join(type(each).__name__ for each in found)
        raise ConfigError(f"engine 'compiled' runs one kernel, got {named}{_ELSE}")
    if len(plan.data) != 1:
        raise ConfigError(f"engine 'compiled' runs one series, got {len(plan.data)}{_ELSE}")
    return found[0]


def _curve(ledger: Ledger, times: np.ndarray, trace: Any) -> EquityCurve:
    """Equity after each instant: of several events of one, the last."""
    kept = np.append(np.flatnonzero(np.diff(times)), len(times) - 1)
    curve = EquityCurve(ledger)
    curve.times, curve.equity = times[kept].tolist(), trace.equity[kept].tolist()
    curve.invested = trace.worth[kept].tolist()
    return curve
