"""A run as a process lives it: lease, journal, recovery, session, heartbeat, latch, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from workbench.core.clock import SECOND, Clock, Nanos, instant_text
from workbench.core.errors import ConfigError, InvariantError, LeaseHeld, VenueUnavailable
from workbench.core.events import Event, Halt, Resumed, RunStarted
from workbench.core.ports import Sink
from workbench.data.journal import Journal, Rows
from workbench.data.reader import JournalReader
from workbench.runtime.inbox import Inbox
from workbench.runtime.latch import Unlatch
from workbench.runtime.mailbox import Mailbox
from workbench.runtime.notices import Notices
from workbench.runtime.plan import Plan
from workbench.runtime.recovery import Replay
from workbench.runtime.session import Session
from workbench.runtime.state import StateFolder
from workbench.runtime.status import releases, state_word, trading
from workbench.runtime.watch import FileWatch
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
LATCH_LOOK_S = 0.02  # how soon a halt that was set from outside is seen
_WORDS = {"seats": "strategies", "profile": "costs", "simulated": "execution"}  # as a person calls parts of a plan


class WallClock:
    """The machine's clock, in UTC nanoseconds."""

    def now(self) -> Nanos:
        return Nanos(time.time_ns())


class SteadyClock:
    """The machine's clock as it was at the start, moved on by a clock that nobody sets: it never steps."""

    def __init__(self) -> None:
        self._began = time.time_ns() - _running_ns()

    def now(self) -> Nanos:
        return Nanos(self._began + _running_ns())


def _running_ns() -> int:
    """Nanoseconds that pass whatever is done to the wall clock, and while the machine sleeps too where it can tell."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Service(ABC):
    """One run in one state directory, new or taken up again from its journal.

    Everything it does is in that journal: a run that was stopped or killed goes on exactly where it was, because its
    start replays it. What a kind of run is made of is in `_prepare`.
    """

    mode: ClassVar[str]

    def __init__(self, state: StateFolder, *, clock: Clock | None = None, sinks: Sequence[Sink] = ()) -> None:
        self.inbox = Inbox()
        self.engine: Engine | None = None
        self.run_id = ""
        self._plan: Plan | None = None
        self._state = state
        self._clock = clock or WallClock()
        self._halt_seen = ""
        self._mailbox = Mailbox(state.commands)
        unlatch = Unlatch(state, seen=lambda: self._halt_seen, opened=self._open_again)
        self._sinks: list[Sink] = [Notices(), unlatch, self._mailbox, *sinks]
        self._since = 0
        self._process = "starting"

    @property
    def starting(self) -> bool:
        """Whether it has not begun to take events yet."""
        return self._process == "starting"

    @property
    def clock(self) -> Clock:
        """The clock that the run lives by."""
        return self._clock

    async def run(self, *, seconds: float | None = None, new: bool = False) -> None:
        """Runs until its stream ends, the time is over or `inbox.stop()`; raises LeaseHeld if somebody else runs here.

        With `new`, a run that the state directory holds is put away under `runs/` first.
        """
        with self._state.lease() as self._lease:
            self._state.discard_unbegun()
            if new:
                self._state.put_away()
            journal = self._opened()
            journal.guard = self._lease.check
            try:
                self._since = self._clock.now()
                session = await self._prepare(journal)
                await self._live(session, journal, seconds)
            except LeaseHeld as error:  # somebody else goes on with this run: not a byte more from here
                journal.abandon(str(error))
                self.engine = None
                raise
            finally:
                self._process = "stopped"
                try:
                    journal.close()
                    self._state.discard_unbegun()
                finally:
                    self._write_status()

    def _opened(self) -> Journal:
        """The journal, checked from its first byte."""
        return Journal.on_disk(self._state.journal)

    @abstractmethod
    async def _prepare(self, journal: Journal) -> Session:
        """Sets plan and engine, recovers what the journal holds, and returns the session that goes on from there."""

    @abstractmethod
    def _venues(self) -> dict[str, dict[str, Any]]:
        """What status tells of each venue."""

    # --- a new run, or one taken up again ---------------------------------------------------------

    def _begin(self, plan: Plan) -> RunStarted:
        """The first record of a new run."""
        now = self._clock.now()
        self._plan = plan
        started = plan.started(secrets.token_hex(16), now, when=instant_text(now))
        self.run_id = started.run_id
        return started

    def _take_up(self, plan: Plan, reader: JournalReader) -> RunStarted:
        """The first record of the run that the journal holds; raises ConfigError where it was planned otherwise."""
        started = reader.started()
        recorded = Plan.of(started)
        differ = [
            _WORDS.get(field.name, field.name)
            for field in msgspec.structs.fields(Plan)
            if getattr(recorded, field.name) != getattr(plan, field.name)
        ]
        if differ:
            raise ConfigError(
                f"{self._state.path}: holds run {started.run_id} with other {', '.join(differ)}; go on with the "
                f"configuration it started with, put it away with --new, or use another --state"
            )
        self._plan = plan
        self.run_id = started.run_id
        return started

    def _recover(self, records: Iterable[Event | Rows], replay: Replay, journal: Journal) -> None:
        replay.walk(records)
        if replay.missing:
            first, *rest = replay.missing
            journal.take(first, rest)
        now = self._clock.now()
        replay.engine.go_on()
        journal.take(Resumed("run", replay.records, now, now, reason="process started", epoch=self._lease.epoch))
        log.info("recovered run %s from %d records", self.run_id, replay.records)

    # --- while it runs ----------------------------------------------------------------------------

    async def _live(self, session: Session, journal: Journal, seconds: float | None) -> None:
        assert self.engine is not None
        self._process = "ready"
        self._write_status()
        watch = FileWatch(self.engine)
        running = asyncio.create_task(session.run())
        minders = [
            asyncio.create_task(self._beat(watch, journal, seconds)),
            asyncio.create_task(self._mind_what_is_told()),
        ]
        minders[0].add_done_callback(lambda beat: running.cancel() if _lost(beat) else None)
        for each in minders:
            each.add_done_callback(self._unminded)
        try:
            await running
        except asyncio.CancelledError:
            if not _lost(minders[0]):
                raise
        finally:
            running.cancel()
            for each in minders:
                each.cancel()
            for each in minders:
                with suppress(asyncio.CancelledError):
                    await each  # what stopped it, if anything did, ends the run

    def _unminded(self, minder: asyncio.Task[None]) -> None:
        """Without a heart, or deaf to a halt, a run must not go on, whoever made the mistake."""
        if not minder.cancelled() and (error := minder.exception()) is not None:
            log.critical("the run stops: %s", error)
            self.inbox.stop()

    async def _beat(self, watch: FileWatch, journal: Journal, seconds: float | None) -> None:
        end = None if seconds is None else self._clock.now() + int(seconds * SECOND)
        while True:
            try:
                self._lease.check()
                journal.close_frame()
                self._write_status()
                for command in watch.changes(self._clock.now()):
                    self.inbox.put(command)
            except (OSError, VenueUnavailable) as error:  # the next beat tries again; the run goes on meanwhile
                log.warning("heartbeat: %s", error)
            except LeaseHeld:
                self._shut_off("the lease is lost")
                raise
            if end is not None and self._clock.now() >= end:
                self.inbox.stop()
            rest = HEARTBEAT_S if end is None else max(0.0, min(HEARTBEAT_S, (end - self._clock.now()) / SECOND))
            await asyncio.sleep(rest)

    async def _mind_what_is_told(self) -> None:
        """Takes a halt that was set from outside at once, whatever waits in the run, and commands after it."""
        while True:
            try:
                self._look_at_the_latch()
                self._mailbox.deliver(self._clock.now(), self.inbox.put)
            except (OSError, VenueUnavailable) as error:  # the next look tries again
                log.warning("commands: %s", error)
            await asyncio.sleep(LATCH_LOOK_S)

    def _look_at_the_latch(self) -> None:
        assert self.engine is not None
        reason = self._state.halt_reason() or ""
        if reason and reason != self._halt_seen and not self.engine.gate.halted:
            self._shut_off(reason)
            now = self._clock.now()
            self.inbox.put(Halt("operator", now, now, now, reason=reason))
        elif self._halt_seen and not reason:
            self._open_again()
        self._halt_seen = reason

    def _shut_off(self, reason: str) -> None:  # noqa: B027 - a simulated venue leads nowhere
        """Closes what leads outside before the engine has heard of the halt."""

    def _open_again(self) -> None:  # noqa: B027 - as above
        """Opens it again, once the run is re-armed."""

    def _write_status(self) -> None:
        if self.engine is not None:
            self._state.write_status(self.status())

    def status(self) -> dict[str, Any]:
        """The run as `workbench status` shows it; exact numbers as text."""
        if self.engine is None or self._plan is None:
            raise InvariantError("the run has no engine yet")
        return {
            "state": state_word(self._process, self.engine),
            "mode": self.mode,
            "run_id": self.run_id,
            "pid": None if self._process == "stopped" else os.getpid(),
            "release": releases(self._plan.seats),
            "since_ns": self._since,
            "heartbeat_ns": self._clock.now(),
            **trading(self.engine),
            "venue": self._venues(),
        }


def _lost(beat: asyncio.Task[None]) -> bool:
    """Whether the heart stopped because another process has taken over."""
    return beat.done() and not beat.cancelled() and isinstance(beat.exception(), LeaseHeld)


def linked(venues: Mapping[str, bool]) -> dict[str, dict[str, Any]]:
    """What status tells of venues that have no limits of their own."""
    return {name: {"connected": up, "rate_limit_used": None} for name, up in venues.items()}
