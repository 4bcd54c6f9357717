"""Promotion: the gates a strategy passes on its way from a draft to a release.

Each gate is one function over the same subject; the first that fails ends it, and nothing is
written. A release is the strategy's code under its own hash, with the evidence that these gates saw.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from workbench import __version__
from workbench.core.clock import interval_text
from workbench.core.codec import plain
from workbench.core.errors import ConfigError, Refused
from workbench.core.money import canonical, dec
from workbench.core.strategy import Strategy
from workbench.data.dataset import BARS, PRICED, Dataset
from workbench.data.lake import Lake
from workbench.research.backtest import backtest
from workbench.research.result import Result
from workbench.risk.budgets import Budget
from workbench.runtime import release as releases_of
from workbench.runtime.build import data_range, instruments_of
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import Plan, from_entry, seat_of
from workbench.runtime.release import Evidence, Release
from workbench.runtime.state import StateFolder
from workbench.runtime.strategies import strategy_of

CLEAN_RUN_S = 600  # a strategy that takes longer on the gates' data needs less data


class Subject(msgspec.Struct, frozen=True):
    """What is to be promoted, and what the gates try it on."""

    strategy: Strategy
    datasets: list[Dataset]
    cash: str
    budget: Budget
    lake: Lake
    result: Result


class Promotion(msgspec.Struct, frozen=True):
    """A release and the gates it passed."""

    release: str
    stage: str
    gates: tuple[dict[str, Any], ...]
    folder: Path

    def plain(self) -> dict[str, Any]:
        return {"release": self.release, "stage": self.stage, "gates": list(self.gates), "folder": str(self.folder)}

    def text(self) -> str:
        passed = "\n".join(f"  ok  {gate['gate']}: {gate['found']}" for gate in self.gates)
        return f"{passed}\nreleased {self.release} to {self.stage}: {self.folder}"


def promote(
    name: str,
    parameters: Mapping[str, Any],
    *,
    data: Sequence[str],
    cash: str,
    max_drawdown: str | None,
    quote: str | None,
    lake: Lake,
    releases: Path,
    stage: str = "paper",
) -> Promotion:
    """Runs the gates and writes the release; raises Refused naming the gate that failed and its figures."""
    if stage != "paper":
        raise ConfigError(f"promote --to {stage}: expected paper")
    strategy = strategy_of(name, parameters, releases=releases)
    datasets = [lake.open(each) for each in data]
    budget = _budget(quote, max_drawdown)
    result = backtest(strategy, datasets, cash=cash, budget=budget)
    subject = Subject(strategy, datasets, canonical(dec(cash, "cash")), budget, lake, result)
    gates = tuple({"gate": gate, "ok": True, "found": check(subject)} for gate, check in GATES)
    release = describe(subject)
    evidence = Evidence(
        stage=stage,
        gates=gates,
        data=tuple(
            {**msgspec.structs.asdict(each), "topic": _topic(result.datasets[each.dataset])}
            for each in result.plan.data
        ),
        metrics={key: str(value) for key, value in result.document()["metrics"].items()},
        ledger_digest=result.ledger_digest,
        workbench=__version__,
    )
    folder = releases_of.write(release, evidence, releases)
    return Promotion(release.id, stage, gates, folder)


def _topic(dataset: Dataset) -> str:
    """What a run on venues has to listen to in order to hear the same; empty for what no strategy hears alone."""
    if dataset.kind == BARS:
        return f"bars:{interval_text(dataset.interval_ns)}"
    return dataset.kind if dataset.kind in PRICED else ""


def _budget(quote: str | None, max_drawdown: str | None) -> Budget:
    budget = Budget(
        quote=None if quote is None else dec(quote, "budget"),
        max_drawdown=None if max_drawdown is None else dec(max_drawdown, "max drawdown"),
    )
    if budget.quote is not None and budget.quote <= 0:
        raise ConfigError(f"budget: expected more than 0, got {quote}")
    if budget.max_drawdown is not None and not 0 < budget.max_drawdown <= 1:
        raise ConfigError(f"max drawdown: expected a fraction from 0 to 1, got {max_drawdown}")
    return budget


def describe(subject: Subject) -> Release:
    """The release that the subject would become."""
    return releases_of.describe(
        type(subject.strategy),
        parameters=subject.strategy.get_parameters(),
        instruments=tuple(each.instrument.key for each in subject.datasets),
        budget=subject.budget,
    )


def _interface(subject: Subject) -> str:
    """Its state survives being saved in the middle: the second half decides alike."""
    kind, parameters = type(subject.strategy), subject.strategy.get_parameters()
    through, saved = kind(**parameters), kind(**parameters)
    events = list(subject.datasets[0].events(0, min(subject.datasets[0].rows, 2_000)))
    for event in events[: len(events) // 2]:
        through.on_market_data(event)
        saved.on_market_data(event)
    again = kind(**parameters)
    again.set_state(json.loads(msgspec.json.encode(saved.get_state())))
    for event in events[len(events) // 2 :]:
        if through.on_market_data(event) != again.on_market_data(event):
            raise Refused(f"promotion gate state: after {event.id} a restored strategy decides differently")
    return f"saved and restored in the middle of {len(events)} events, the same decisions"


def _trades(subject: Subject) -> str:
    """It did something: a release that never traded shows nothing."""
    fills = len(subject.result.ledger.fills)
    if not fills:
        raise Refused("promotion gate trades: the backtest has no fill; give it data on which it trades")
    return f"{fills} fills"


def _clean_run(subject: Subject) -> str:
    """A fresh interpreter with another hash seed comes to the same journal, byte for byte."""
    with tempfile.TemporaryDirectory() as folder:
        order = {
            "entry": subject.result.plan.seats[subject.strategy.id].entry,
            "parameters": plain(subject.strategy.get_parameters()),
            "cash": subject.cash,
            "budget": plain(subject.budget),
            "data": [[each.id, each.sha256] for each in subject.datasets],
            "lake": str(subject.lake.root.resolve()),
        }
        finished = subprocess.run(
            [sys.executable, "-m", "workbench.research.clean"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=CLEAN_RUN_S,
            cwd=Path.cwd(),
            env={**os.environ, "PYTHONHASHSEED": "4242", "TMPDIR": folder},
            check=False,
        )
    if finished.returncode != 0:
        last = finished.stderr.strip().splitlines()[-1:] or ["no output"]
        raise Refused(f"promotion gate clean run: a fresh interpreter failed: {last[0]}")
    digest = finished.stdout.strip()
    if digest != subject.result.journal_digest:
        raise Refused(
            f"promotion gate clean run: the journal's digest was {subject.result.journal_digest[:12]}, "
            f"a fresh interpreter's is {digest[:12]}"
        )
    return f"a fresh interpreter with another hash seed wrote the same journal, {digest[:12]}"


def _parity(subject: Subject) -> str:
    """A paper run over the same data keeps the same ledger, to the last digit."""
    instruments = instruments_of(subject.datasets)
    keys = tuple(each.key for each in instruments)
    seat = seat_of(subject.strategy, instruments=keys, cash=subject.cash, budget=subject.budget)
    plan = Plan(
        base_currency=subject.datasets[0].instrument.quote,
        instruments=instruments,
        seats={subject.strategy.id: seat},
        data=tuple(data_range(each) for each in subject.datasets),
        profile=subject.result.plan.profile,
    )
    with tempfile.TemporaryDirectory() as folder:
        paper = PaperRun(
            plan,
            StateFolder(Path(folder)),
            datasets={each.id: each for each in subject.datasets},
            make=from_entry,
            speed=0.0,
        )
        asyncio.run(paper.run())
        assert paper.engine is not None
        digest = paper.engine.ledger.digest()
    if digest != subject.result.ledger_digest:
        raise Refused(
            f"promotion gate parity: backtest ledger {subject.result.ledger_digest[:12]}, paper ledger {digest[:12]}"
        )
    return f"backtest and paper keep the same ledger, {digest[:12]}"


GATES: Sequence[tuple[str, Callable[[Subject], str]]] = (
    ("trades", _trades),
    ("clean run", _clean_run),  # before state: chance would look there as if the state had been lost
    ("state", _interface),
    ("parity", _parity),
)
