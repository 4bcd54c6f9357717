"""A run that hears real venues: how it begins, how it is taken up again, and how it ends; live and on paper alike."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from workbench.core.clock import Clock
from workbench.core.events import LinkState, RunStarted, VenueLink, Withdraw
from workbench.core.instrument import Instrument
from workbench.core.order import Role
from workbench.core.ports import ExchangeConnector, Sink
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.runtime.closings import Closings
from workbench.runtime.config import Config
from workbench.runtime.dispatch import Numbers
from workbench.runtime.history import History
from workbench.runtime.inlet import Inlet
from workbench.runtime.live_plan import LivePlan
from workbench.runtime.plan import Plan, engine_of
from workbench.runtime.recovery import Replay
from workbench.runtime.service import Service, SteadyClock
from workbench.runtime.session import Session
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

STOP_S = 8.0  # of the ten seconds that a stop may take: what is not taken back by then is told
LOOK_S = 0.05

Connect = Callable[[Config, Plan | None], Sequence[Reach]]


class OnVenues(Service):
    """One run on the venues of a configuration; `connect` makes their connectors, for the recorded plan if any."""

    def __init__(
        self,
        config: Config,
        state: StateFolder,
        *,
        connect: Connect,
        releases: Path,
        clock: Clock | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        super().__init__(state, clock=clock or SteadyClock(), sinks=sinks)
        self._config, self._connect, self._releases = config, connect, releases
        self._reaches: Sequence[Reach] = ()
        self._connected: set[str] = set()
        self._numbers = Numbers(self._clock)

    # --- what the two kinds differ in -------------------------------------------------------------

    @abstractmethod
    async def _admit(self, reach: Reach) -> None:
        """Refuses a venue whose key may do what it must not."""

    @abstractmethod
    def _plan_on(self, instruments: Mapping[str, Instrument]) -> LivePlan:
        """The plan on these instruments, by key."""

    @abstractmethod
    def _replay(self, engine: Engine, history: History) -> Replay:
        """What walks the journal of a run that is taken up again."""

    @abstractmethod
    def _wired(self, engine: Engine, history: History, journal: Journal) -> Session:
        """The session and all that runs beside it."""

    @abstractmethod
    def _works(self) -> Sequence[Coroutine[Any, Any, None]]:
        """What runs beside the session; the run ends when one of them fails."""

    @abstractmethod
    def _under_way(self) -> int:
        """How many orders have a request whose answer is not here yet."""

    # --- before the first event -------------------------------------------------------------------

    async def _prepare(self, journal: Journal) -> Session:
        reader = JournalReader(self._state.journal) if journal.records else None
        recorded = Plan.of(reader.started()) if reader else None
        self._reaches = self._connect(self._config, recorded)
        try:
            return await self._assembled(journal, reader, recorded)
        except BaseException:
            await asyncio.gather(*(each.connector.close() for each in self._reaches), return_exceptions=True)
            raise

    async def _assembled(self, journal: Journal, reader: JournalReader | None, recorded: Plan | None) -> Session:
        for each in self._reaches:
            await self._admit(each)
        ready = await self._planned(recorded)
        started = self._take_up(ready.plan, reader) if reader else self._begin(ready.plan)
        engine, history = self._stand(ready, started, reader, journal)
        session = self._wired(engine, history, journal)
        if reader is None:
            session.begin(started)
        journal.close_frame()
        await journal.sync()
        return session

    def _stand(
        self, ready: LivePlan, started: RunStarted, reader: JournalReader | None, journal: Journal
    ) -> tuple[Engine, History]:
        """Everything as the journal leaves it."""
        engine, history = self._fresh(ready, started)
        if reader is not None:
            self._recover(reader.records(), self._replay(engine, history), journal)
        return engine, history

    def _fresh(self, ready: LivePlan, started: RunStarted) -> tuple[Engine, History]:
        """An engine and what it listens to, before the first event."""
        engine = engine_of(started, ready.make)
        history = History(ready.topics, engine, clock=self._clock)
        self._inlet = self._inlet_of(history, engine)
        self.engine = engine
        return engine, history

    async def _planned(self, recorded: Plan | None) -> LivePlan:
        """The plan on the recorded instruments, or for a new run on those that the venues list."""
        if recorded is not None:
            return self._plan_on({each.key: each for each in recorded.instruments})
        listed: dict[str, Instrument] = {}
        for each in self._reaches:
            await each.connector.connect()
            self._connected.add(each.key)
            listed.update(await each.connector.get_instruments())
        return self._plan_on(listed)

    def _inlet_of(self, history: History, engine: Engine) -> Inlet:
        keys = {id(each.connector): each.key for each in self._reaches}
        return Inlet(
            [each.connector for each in self._reaches],
            is_new=history.is_new,
            instruments=engine.ledger.instruments,
            subscribe=lambda connector: history.subscribe(connector, keys[id(connector)]),
            connected=[each.connector for each in self._reaches if each.key in self._connected],
            clock=self._clock,
            inbox=self.inbox,
            spill=self._state.path / "spill-inlet",
            heard=partial(Closings(self._state.closings).heard, settled=engine.ledger.settled),
        )

    @property
    def _connectors(self) -> dict[str, ExchangeConnector]:
        return {each.key: each.connector for each in self._reaches}

    # --- while it runs ----------------------------------------------------------------------------

    async def _live(self, session: Session, journal: Journal, seconds: float | None) -> None:
        for each in self._reaches:
            self._inlet.tell(self._link(each, LinkState.SYNCING, "started"))
        self._inlet.watch(asyncio.create_task(each) for each in (*self._works(), self._stop()))
        await super()._live(session, journal, seconds)

    def status(self) -> dict[str, Any]:
        """As of any run; it is not ready before it has heard that its venues have to be looked at."""
        status = super().status()
        return status if self._inlet.taken or status["state"] != "ready" else {**status, "state": "starting"}

    def _link(self, reach: Reach, state: LinkState, reason: str) -> VenueLink:
        return VenueLink(
            *self._numbers.stamp(), venue=reach.connector.venue, account=reach.account, state=state, reason=reason
        )

    async def _stop(self) -> None:
        """Once told to stop: what may open is taken back, and then the end."""
        assert self.engine is not None
        while not self.inbox.stopping:
            await asyncio.sleep(LOOK_S)
        flatten = self._config.live.on_stop == "flatten"
        self._inlet.tell(Withdraw(*self._numbers.stamp(), flatten=flatten, reason="the process is told to stop"))
        self._stopping()
        loop = asyncio.get_running_loop()
        end = loop.time() + STOP_S
        while loop.time() < end and not self._settled(flatten=flatten):
            await asyncio.sleep(LOOK_S)
        left = [order_id for order_id, state in self.engine.ledger.living.items() if state.order.role is not Role.STOP]
        if left:
            log.warning("stopped with %d orders whose end is not known yet: %s", len(left), ", ".join(left))
        self._inlet.end()

    def _stopping(self) -> None:
        """From now on only what becomes of the orders counts."""

    def _settled(self, *, flatten: bool) -> bool:
        assert self.engine is not None
        ledger = self.engine.ledger
        working = any(state.order.role is not Role.STOP for state in ledger.living.values())
        held = flatten and any(desk.closing for _, desk in self.engine.portfolio.all_desks())
        return bool(self.engine.gate.stopping) and not (working or held or self._under_way())
