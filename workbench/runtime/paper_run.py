"""A paper run over stored data: the simulated venue, fed at the pace that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.connectors.paper import PaperConnector
from workbench.core.clock import Clock
from workbench.core.ports import Sink
from workbench.data.dataset import Dataset
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.runtime.build import SIMULATED, rows_of, simulated_venue, venues
from workbench.runtime.bus import MemoryBus
from workbench.runtime.executor import ConnectorExecutor
from workbench.runtime.feed import paced
from workbench.runtime.plan import Maker, Plan, engine_of
from workbench.runtime.recovery import Replay
from workbench.runtime.service import Service, linked
from workbench.runtime.session import Session
from workbench.runtime.state import StateFolder


class PaperRun(Service):
    """One paper run over stored data on a simulated venue, new or taken up again from its journal."""

    mode = "paper"

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
        super().__init__(state, clock=clock, sinks=sinks)
        self._wanted = plan
        self._datasets = datasets
        self._make = make
        self._speed = speed

    async def _prepare(self, journal: Journal) -> Session:
        plan = self._wanted
        rows = rows_of(plan.data, self._datasets)
        for each in plan.data:
            journal.declare(each.dataset, each.dataset, each.sha256)
        reader = JournalReader(self._state.journal) if journal.records else None
        started = self._take_up(plan, reader) if reader else self._begin(plan)
        self.engine = engine_of(started, self._make)
        feed = paced(rows, speed=self._speed, clock=self._clock, inbox=self.inbox)
        connector = PaperConnector(SIMULATED, feed, simulated_venue(plan), plan.instruments)
        session = Session(
            self.engine,
            connector=connector,
            executor=ConnectorExecutor(dict.fromkeys(venues(plan.instruments), connector)),
            journal=journal,
            bus=MemoryBus(self._sinks),
            disk=journal,
        )
        if reader is None:
            session.begin(started)
        else:
            self._recover(reader.records(), Replay(self.engine, rows, connector=connector), journal)
        journal.close_frame()
        return session

    def _venues(self) -> dict[str, dict[str, Any]]:
        up = self._process == "ready"
        return linked(dict.fromkeys(venues(self._wanted.instruments), up))
