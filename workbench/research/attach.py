"""A living or stopped run, seen from outside: nothing here writes, and nothing disturbs the process that trades."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pandas as pd

from workbench.core.clock import MINUTE
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import Event, MarketDataEvent, RunStarted
from workbench.core.ledger import Ledger
from workbench.data.causes import Chain, causes
from workbench.data.dataset import Dataset
from workbench.data.journal import Rows
from workbench.data.reader import JournalReader
from workbench.data.view import Fold
from workbench.research.tables import utc_index
from workbench.runtime.plan import Plan
from workbench.runtime.state import StateFolder

SAMPLED = MINUTE  # one equity sample a minute: a year of a run is half a million
OLD_RUNS = 50  # backtests of this environment whose journals `why` looks into, newest first

_NUMBERS = frozenset(
    [
        *("quantity", "filled", "price", "stop_price", "average_price", "average_entry_price", "fee"),
        *("realized_pnl", "unrealized_pnl", "free", "locked", "total"),
    ]
)


class Explains(Protocol):
    """A run that can tell why."""

    def why(self, id: str) -> Chain:  # noqa: A002
        """The chain of causes behind an id."""


class AttachedRun:
    """A read-only view of a run's journal and status; `refresh` takes in what was written since.

    Tables are float64 views; the exact numbers are in `ledger`. Raises ConfigError where no run is.
    """

    def __init__(self, folder: StateFolder) -> None:
        self.folder = folder
        self._reader = JournalReader(folder.journal)
        self._fold = Fold(_started(self._reader, folder))
        self._read = 0
        self._equity: dict[int, float] = {}  # minute -> equity at its last event
        self._datasets: dict[str, Dataset | None] = {}
        self.refresh()

    def refresh(self) -> AttachedRun:
        """Reads what the run has written since the last time; returns itself."""
        for record in self._reader.records(self._read):
            self._read += 1
            for event in self._spelt_out(record):
                self._fold.take(event)
                self._sample(event)
        return self

    @property
    def status(self) -> dict[str, Any]:
        """State, mode, heartbeat, positions and the rest, as the run last wrote it; `stopped` if no process runs."""
        return self.folder.status()

    @property
    def run_id(self) -> str:
        """The id of the run whose journal this is."""
        return self._fold.ledger.started.run_id

    @property
    def ledger(self) -> Ledger:
        """The exact ledger, as far as the journal was read."""
        return self._fold.ledger

    @property
    def positions(self) -> pd.DataFrame:
        """One row per strategy and symbol ever held; profits before fees, in base currency."""
        return _table(self._fold.positions(), "updated_ns")

    @property
    def orders(self) -> pd.DataFrame:
        """One row per order, where it stands."""
        return _table(self._fold.orders(), "created_ns")

    @property
    def fills(self) -> pd.DataFrame:
        """One row per booked fill."""
        return _table(self._fold.fills(), "ts_ns")

    @property
    def balances(self) -> pd.DataFrame:
        """One row per asset."""
        return _table(self._fold.balances(), "updated_ns")

    @property
    def equity(self) -> pd.Series:
        """Equity of all strategies in base currency at the end of each minute in which anything happened."""
        index = utc_index([minute * SAMPLED for minute in self._equity], "time")
        return pd.Series(list(self._equity.values()), index=index, name="equity", dtype="float64")

    def why(self, id: str) -> Chain:  # noqa: A002 - the name people give
        """The chain of causes behind an order, venue order, trade or event id; six characters of it are enough."""
        return _causes(self.folder.journal, id, self.folder)

    def __repr__(self) -> str:
        facts = self._facts()
        width = max(len(name) for name, _ in facts)
        return "\n".join(f"{name:<{width}}  {text}" for name, text in facts)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._facts()
        )
        return f"<table>{rows}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        ledger, status = self._fold.ledger, self.status
        equity = ledger.cash_text(sum(each.equity for each in ledger.accounts.values()))
        held = [
            f"{each.quantity} {each.symbol} ({each.strategy_id})"
            for each in self._fold.positions()
            if each.quantity != "0"
        ]
        halted = [("Halted", status["halt_reason"])] if status["halt_reason"] else []
        return [
            ("Run", self.run_id),
            ("State", f"{status['state']}" + (f", {status['mode']}" if status["mode"] else "")),
            *halted,
            ("Equity", f"{equity} {ledger.started.base_currency}"),
            ("Orders, fills", f"{len(ledger.orders):,} ({len(ledger.living):,} open), {len(ledger.fills):,}"),
            ("Positions", ", ".join(held) or "none"),
        ]

    def _spelt_out(self, record: Event | Rows) -> Iterator[Event]:
        """A record as events: rows of stored data as the market events they stand for, if their dataset is there."""
        if not isinstance(record, Rows):
            yield record
            return
        if record.dataset not in self._datasets:
            self._datasets[record.dataset] = _stored(self.folder, record.dataset, record.sha256)
        data = self._datasets[record.dataset]
        if data is not None:  # else it was moved away, and positions keep their last known worth
            yield from data.events(record.first, record.last + 1)

    def _sample(self, event: Event) -> None:
        if isinstance(event, MarketDataEvent) or self._fold.touched:
            ledger = self._fold.ledger
            self._fold.touched.clear()
            equity = sum(each.equity for each in ledger.accounts.values())
            self._equity[-(-event.ts_init // SAMPLED)] = equity / 10**ledger.cash_places


def attach(state_dir: str | Path | None = None) -> AttachedRun:
    """The run of a state directory (default `.workbench/dev`), living or stopped, to look at.

    Raises ConfigError where no run has begun there.
    """
    return AttachedRun(_folder(state_dir))


def why(id: str, state_dir: str | Path | Explains | None = None) -> Chain:  # noqa: A002 - the name people give
    """The chain of causes behind an id, from an attached run or result, or from a state directory.

    In a directory (default `.workbench/dev`) its run is searched and then its backtests, newest first.
    Raises ConfigError that names what was searched.
    """
    if state_dir is not None and not isinstance(state_dir, (str, Path)):
        return state_dir.why(id)
    folder = _folder(state_dir)
    journals = [each for each in (folder.journal, *_old_runs(folder)) if each.is_dir()]
    said = []
    for journal in journals:
        try:
            return _causes(journal, id, folder)
        except (ConfigError, DataError) as error:
            said.append(f"{journal}: {error}")
    raise ConfigError("\n".join(said) or f"id {id!r}: no journal in {folder.path}; name a state directory or a result")


def _folder(state_dir: str | Path | None) -> StateFolder:
    return StateFolder.default() if state_dir is None else StateFolder(Path(state_dir))


def _causes(journal: Path, id_prefix: str, folder: StateFolder) -> Chain:
    reader = JournalReader(journal)
    ranges = Plan.of(reader.started()).data
    found = {each.dataset: _stored(folder, each.dataset, each.sha256) for each in ranges}
    return causes(reader, id_prefix, datasets={name: data for name, data in found.items() if data is not None})


def _stored(folder: StateFolder, dataset: str, sha256: str) -> Dataset | None:
    try:
        return folder.lake().find(dataset, sha256)
    except DataError:
        return None


def _old_runs(folder: StateFolder) -> list[Path]:
    found = sorted(folder.runs.glob("*/journal"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return found[:OLD_RUNS]


def _started(reader: JournalReader, folder: StateFolder) -> RunStarted:
    try:
        return reader.started()
    except DataError as error:
        raise ConfigError(f"no run in {folder.path}: {error}") from None


def _table(lines: Iterator[msgspec.Struct], time: str) -> pd.DataFrame:
    """Structs as rows, exact text as float64 where it is a number, by time."""
    rows = [msgspec.structs.asdict(line) for line in lines]
    if not rows:
        return pd.DataFrame(index=utc_index([], "time"))
    frame = pd.DataFrame(rows)
    index = utc_index(frame.pop(time).tolist(), time.removesuffix("_ns"))
    numbers = {name: "float64" for name in frame.columns if name in _NUMBERS}
    return frame.astype(numbers).set_index(index)
