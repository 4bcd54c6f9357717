"""How the rows of a sweep are run, whatever runs them: parameter sets go in, figures or a refusal come out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from workbench.core.errors import WorkbenchError
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.research.backtest import run_plan
from workbench.runtime.plan import Plan

Parameters = Mapping[str, Any]  # all of a strategy's parameters, as plain values
Job = tuple[int, Parameters]  # the number of a row, and what it is run with
Figures = Mapping[str, float]


class Refusal(msgspec.Struct, frozen=True):
    """Why a row has no figures."""

    reason: str


Row = tuple[int, Figures | Refusal]


class Runs(Protocol):
    """Runs parameter sets; the rows may come in any order, their figures do not depend on who else is running."""

    told: str  # how, in words

    def rows(self, jobs: Iterable[Job]) -> Generator[Row, None, None]:
        """A row for each job, as it is done; closing the iterator ends whatever still runs."""


class InTurn:
    """One backtest after the other, in this process."""

    told = "event engine, in this process"

    def __init__(self, plan: Plan, strategy: Strategy, datasets: Mapping[str, Dataset]) -> None:
        self._plan = plan
        self._strategy = strategy
        self._datasets = datasets

    def rows(self, jobs: Iterable[Job]) -> Generator[Row, None, None]:
        """A row for each job, in their order."""
        for number, parameters in jobs:
            yield number, self._run(parameters)

    def _run(self, parameters: Parameters) -> Figures | Refusal:
        plan = with_parameters(self._plan, parameters)
        try:
            return run_plan(plan, {self._strategy.id: self._strategy}, self._datasets).metrics
        except Exception as error:
            return refusal_of(error)


def with_parameters(plan: Plan, parameters: Parameters) -> Plan:
    """The plan of one strategy, with these parameters."""
    ((name, seat),) = plan.seats.items()
    return msgspec.structs.replace(plan, seats={name: msgspec.structs.replace(seat, parameters=dict(parameters))})


def refusal_of(error: Exception) -> Refusal:
    """What a run raised, in words: one of our own errors explains itself, any other is named."""
    return Refusal(str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}")
