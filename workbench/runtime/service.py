"""A paper run as a process lives it: lease, journal, recovery, session, heartbeat, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from workbench.connectors.paper import PaperConnector
from workbench.core.clock import SECOND, Clock, Nanos, instant_text
from workbench.core.errors import ConfigError, VenueUnavailable
from workbench.core.events import Resumed
from workbench.core.money import to_text
from workbench.core.order import OrderStatus
from workbench.core.ports import Sink
from workbench.data.dataset import Dataset
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.runtime.build import SIMULATED, rows_of, simulated_venue, venues
from workbench.runtime.bus import MemoryBus
from workbench.runtime.executor import ConnectorExecutor
from workbench.runtime.feed import paced
from workbench.runtime.inbox import Inbox
from workbench.runtime.notices import Notices
from workbench.runtime.plan import Maker, Plan, engine_of
from workbench.runtime.recovery import Replay
from workbench.runtime.session import Session
from workbench.runtime.state import StateFolder
from workbench.runtime.watch import FileWatch
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
_WORDS = {"seats": "strategies", "profile": "costs"}  # what a person calls the parts of a plan


class WallClock:
    """The machine's clock, in UTC nanoseconds."""

    def now(self) -> Nanos:
        return Nanos(time.time_ns())


class PaperRun:
    """One paper run over stored data on a simulated venue, new or taken up again from its journal.

    Everything it does is in the journal of the state directory; a run that was stopped or killed goes
    on exactly where it was, because its start replays that journal.
    """

    def __init__(
        self,
        plan: Plan,
        state: StateFolder,
        *,
        datasets: Mapping[str, Dataset],
        make: Maker,
        speed: float,
        clock: Clock | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self.inbox = Inbox()
        self._plan = plan
        self._state = state
        self._datasets = datasets
        self._make = make
        self._speed = speed
        self._clock = clock or WallClock()
        self._sinks = [Notices(), *sinks]
        self._since = 0
        self._state_name = "starting"
        self.engine: Engine | None = None
        self.run_id = ""

    async def run(self, *, seconds: float | None = None, new: bool = False) -> None:
        """Runs until the data ends, the time is over or `inbox.stop()`; raises LeaseHeld if somebody else runs here.

        With `new`, a run that the state directory holds is put away under `runs/` first.
        """
        with self._state.lease():
            if new:
                self._state.put_away()
            journal = Journal.on_disk(self._state.journal)
            try:
                session, watch = self._prepare(journal)
                await self._live(session, watch, journal, seconds)
            finally:
                journal.close()
                self._state_name = "stopped"
                self._write_status()

    # --- before the first event -------------------------------------------------------------------

    def _prepare(self, journal: Journal) -> tuple[Session, FileWatch]:
        self._since = self._clock.now()
        rows = rows_of(self._plan.data, self._datasets)
        venue = simulated_venue(self._plan)
        for each in self._plan.data:
            journal.declare(each.dataset, each.dataset, each.sha256)
        if journal.records:
            reader = JournalReader(self._state.journal)
            started = reader.started()
            self._same_plan(Plan.of(started), started.run_id)
        else:
            reader = None
            now = self._clock.now()
            started = self._plan.started(secrets.token_hex(16), now, when=instant_text(now))
        self.run_id = started.run_id
        self.engine = engine_of(started, self._make)
        feed = paced(rows, speed=self._speed, clock=self._clock, inbox=self.inbox)
        connector = PaperConnector(SIMULATED, feed, venue, self._plan.instruments)
        session = Session(
            self.engine,
            connector=connector,
            executor=ConnectorExecutor(dict.fromkeys(venues(self._plan.instruments), connector)),
            journal=journal,
            bus=MemoryBus(self._sinks),
            disk=journal,
        )
        if reader is None:
            session.begin(started)
        else:
            self._recover(reader, Replay(self.engine, rows, connector=connector), journal)
        journal.close_frame()
        return session, FileWatch(self.engine)

    def _same_plan(self, recorded: Plan, run_id: str) -> None:
        differ = [
            _WORDS.get(field.name, field.name)
            for field in msgspec.structs.fields(Plan)
            if getattr(recorded, field.name) != getattr(self._plan, field.name)
        ]
        if differ:
            raise ConfigError(
                f"{self._state.path}: holds run {run_id} with other {', '.join(differ)}; go on with the "
                f"configuration it started with, put it away with --new, or use another --state"
            )

    def _recover(self, reader: JournalReader, replay: Replay, journal: Journal) -> None:
        replay.walk(reader.records())
        if replay.missing:
            first, *rest = replay.missing
            journal.take(first, rest)
        now = self._clock.now()
        journal.take(Resumed("run", replay.records, now, now, reason="process started"))
        log.info("recovered run %s from %d records", self.run_id, replay.records)

    # --- while it runs ----------------------------------------------------------------------------

    async def _live(self, session: Session, watch: FileWatch, journal: Journal, seconds: float | None) -> None:
        assert self.engine is not None
        self._state_name = "ready"
        self._write_status()
        heart = asyncio.create_task(self._beat(watch, journal, seconds))
        try:
            await session.run()
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart  # what stopped it, if anything did, ends the run

    async def _beat(self, watch: FileWatch, journal: Journal, seconds: float | None) -> None:
        end = None if seconds is None else self._clock.now() + int(seconds * SECOND)
        while True:
            try:
                journal.close_frame()
                self._write_status()
                for command in watch.changes(self._clock.now()):
                    self.inbox.put(command)
            except (OSError, VenueUnavailable) as error:  # the next beat tries again; the run goes on meanwhile
                log.warning("heartbeat: %s", error)
            except Exception:  # ours, or a journal that takes nothing more: without a heart a run must not go on
                self.inbox.stop()
                raise
            if end is not None and self._clock.now() >= end:
                self.inbox.stop()
            rest = HEARTBEAT_S if end is None else max(0.0, min(HEARTBEAT_S, (end - self._clock.now()) / SECOND))
            await asyncio.sleep(rest)

    def _write_status(self) -> None:
        if self.engine is not None:
            self._state.write_status(self.status())

    def status(self) -> dict[str, Any]:
        """The run as `workbench status` shows it; exact numbers as text."""
        assert self.engine is not None
        engine, ledger = self.engine, self.engine.ledger
        living = list(ledger.living.values())
        halted = engine.gate.halted
        overdue = {key: max(0, engine.view.now - fresh) // SECOND for key, fresh in engine.view.fresh_until.items()}
        positions = {
            key: to_text(ledger.net(key), position.instrument.quantity_places)
            for account in ledger.accounts.values()
            for key, position in account.positions.items()
        }
        state = self._state_name
        if state == "ready":
            state = "halted" if halted else "degraded" if engine.gate.locked else "ready"
        return {
            "state": state,
            "mode": "paper",
            "run_id": self.run_id,
            "pid": None if self._state_name == "stopped" else os.getpid(),
            "release": {name: seat.release for name, seat in self._plan.seats.items() if seat.release} or None,
            "since_ns": self._since,
            "heartbeat_ns": self._clock.now(),
            "market_data_age_s": overdue,
            "open_orders": len(living),
            "unknown_orders": sum(state.status is OrderStatus.UNKNOWN for state in living),
            "positions": positions,
            "equity": ledger.cash_text(sum(account.equity for account in ledger.accounts.values())),
            "halt_reason": halted or None,
            "locked": dict(engine.gate.locked),
            "venue": {
                name: {"connected": self._state_name == "ready", "rate_limit_used": None}
                for name in venues(self._plan.instruments)
            },
        }
