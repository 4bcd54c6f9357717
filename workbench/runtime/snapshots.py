"""Snapshots of a living run: taken between two events, written beside it, and believed only where they fit.

What is taken is a copy of what is open and of what is new; the rest of the past was written before. The journal is made
durable first, so that no snapshot knows more than it. Whatever is wrong with one, the journal alone still has it all.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.clock import Clock
from workbench.core.codec import encode
from workbench.core.events import Bar, Event, RunStarted
from workbench.core.ledger_memory import LedgerMemory, Line, Told, plain_of
from workbench.core.memory import Plain
from workbench.data.journal import Journal, Rows
from workbench.data.scan import Position, passes
from workbench.data.snapshots import Found, Snapshot, SnapshotFolder
from workbench.runtime.plan import Plan
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

BREATH = 64  # lines written before the run gets its turn: some hundred microseconds

Series = tuple[str, int]  # instrument key, interval in ns


class Taken(msgspec.Struct, frozen=True):
    """What was copied between two events, to be written."""

    position: Position
    taken_ns: int
    state: Plain
    past: list[Line]
    told: Told
    touched: dict[str, None]


class Keeper:
    """Keeps the snapshots of one run. It is a sink: it hears of every order that moves, and of every bar."""

    def __init__(self, engine: Engine, folder: SnapshotFolder, *, clock: Clock) -> None:
        self.bars: dict[Series, int] = {}  # the close of the newest bar taken in
        self._engine, self._folder, self._clock = engine, folder, clock
        self._memory = LedgerMemory(engine.ledger)
        self._past = folder.past()
        self._told = Told()
        self._touched: dict[str, None] = {}
        self._at = 0  # records in the last snapshot
        self._writing: asyncio.Task[None] | None = None

    # --- where a run stood ------------------------------------------------------------------------

    def restore(self, found: Found) -> None:
        """Brings the engine, fresh, to where the snapshot was taken; raises what a part that does not fit raises."""
        self._past = self._folder.past(found)
        self._memory.recall(json.loads(line) for line in self._past.lines())
        state = dict(json.loads(line) for line in found.lines)
        for name, part in self._engine.parts.items():
            part.restore(state[name])
        self.bars = {(key, interval): close for key, interval, close in state["bars"]}
        self._told, self._at = self._memory.told(), found.snapshot.records

    def hearing(self, records: Iterable[Event | Rows]) -> Iterator[Event | Rows]:
        """The records of a journal as they come, heard on the way."""
        for record in records:
            if isinstance(record, Event):
                self.record(record)
            yield record

    def record(self, event: Event, consequences: Sequence[Event] = ()) -> None:
        """Hears what the run took in and what followed."""
        if isinstance(event, Bar):
            self.bars[event.instrument.key, event.interval_ns] = event.ts_event
        for each in (event, *consequences):
            order_id = getattr(each, "order_id", "")
            if order_id:
                self._touched[order_id] = None

    # --- a living run -----------------------------------------------------------------------------

    async def keep(self, journal: Journal, every_s: float) -> None:
        """Takes a snapshot from time to time, for as long as the run lasts."""
        while True:
            await asyncio.sleep(every_s)
            await self.once(journal)

    async def once(self, journal: Journal) -> None:
        """One snapshot, durable when this returns, if anything came in since the last; raises what the journal raises.

        A strategy whose state cannot be taken, or a disk that does not take it, is told in the log.
        """
        if self._writing is not None and not self._writing.done():
            await asyncio.wait({self._writing})
        if journal.records == self._at or self._unsaved():
            return
        journal.close_frame()
        try:
            taken = self._take(journal.position)
        except Exception as error:  # a strategy's state is a stranger's code
            log.warning("no snapshot was taken: %s: %s", type(error).__name__, error)
            return
        await journal.sync()
        self._writing = asyncio.create_task(self._written(taken))
        await asyncio.shield(self._writing)

    def _unsaved(self) -> bool:
        """Whether a strategy keeps something that no snapshot could give back: then only the journal can."""
        unsaved = {name: each.strategy.unsaved() for name, each in self._engine.portfolio.traders.items()}
        for name, attributes in unsaved.items():
            if attributes and not self._at:
                log.warning("no snapshots: strategy %s keeps %s outside of its state", name, ", ".join(attributes))
                self._at = -1  # told once
        return any(unsaved.values())

    def _take(self, position: Position) -> Taken:
        """Everything as it is now: no event is under way."""
        state: Plain = {name: part.state() for name, part in self._engine.parts.items()}
        state["bars"] = [[*series, close] for series, close in self.bars.items()]
        orders = self._engine.ledger.orders
        past = self._memory.past(self._told, [each for each in self._touched if each in orders])
        taken = Taken(position, self._clock.now(), state, past, self._told, self._touched)
        self._told, self._touched = self._memory.told(), {}
        return taken

    async def _written(self, taken: Taken) -> None:
        try:
            await asyncio.to_thread(self._write, taken)
            self._at = taken.position.records
        except (OSError, TypeError, ValueError) as error:  # the next one tells it all
            log.warning("no snapshot was written: %s", error)
            self._told, self._touched = taken.told, {**taken.touched, **self._touched}

    def _write(self, taken: Taken) -> None:
        """In a thread of its own."""
        self._past.append(_lines(taken.past))
        self._folder.write(self._snapshot(taken), _lines(taken.state.items()))

    def _snapshot(self, taken: Taken) -> Snapshot:
        at, started = taken.position, self._engine.ledger.started
        return Snapshot(
            run_id=started.run_id,
            plan=plan_hash(started),
            strategies=sources(started),
            segment=at.segment,
            offset=at.offset,
            records=at.records,
            chain=at.chain.hex(),
            taken_ns=taken.taken_ns,
            past_bytes=self._past.size,
            past_sha256=self._past.sha256,
        )


def usable(folder: SnapshotFolder, journal: Path, started: RunStarted) -> Iterator[Found]:
    """The snapshots of this very run and journal, newest first; any other is told in the log."""
    for found in folder.newest():
        why = _foreign(found.snapshot, journal, started)
        if why:
            log.warning("%s: it is not used: %s", found.path, why)
        else:
            yield found


def _foreign(snapshot: Snapshot, journal: Path, started: RunStarted) -> str:
    if snapshot.run_id != started.run_id:
        return f"it belongs to run {snapshot.run_id}, this is run {started.run_id}"
    if snapshot.plan != plan_hash(started) or snapshot.strategies != sources(started):
        return "it was taken of another plan"
    if not passes(journal, snapshot.position):
        return f"the journal has no such place as record {snapshot.records}"
    return ""


def plan_hash(started: RunStarted) -> str:
    """The hash of all that decides what a run does."""
    return hashlib.sha256(encode(started)).hexdigest()


def sources(started: RunStarted) -> dict[str, str]:
    """What each strategy was made from: its release, or the hash of its source."""
    return {name: seat.release or seat.source for name, seat in Plan.of(started).seats.items()}


def _lines(values: Iterable[Any]) -> Iterator[bytes]:
    for number, value in enumerate(values):
        if number % BREATH == 0:
            time.sleep(0)  # lets the run go on: encoding keeps the interpreter
        yield json.dumps(value, default=plain_of, separators=(",", ":")).encode()
