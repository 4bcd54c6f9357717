"""A live run: the session on real venues, with everything that keeps it honest around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.core.clock import Clock
from workbench.core.errors import Refused, VenueUnavailable, WorkbenchError
from workbench.core.events import CancelEvent, LinkState, VenueLink, Withdraw
from workbench.core.order import Role
from workbench.core.ports import ExchangeConnector, Sink
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.runtime.bus import MemoryBus
from workbench.runtime.config import Config
from workbench.runtime.dispatch import Dispatcher, Numbers
from workbench.runtime.history import History
from workbench.runtime.inlet import Inlet
from workbench.runtime.live_plan import LivePlan, live_plan
from workbench.runtime.plan import Plan, engine_of
from workbench.runtime.post import Post
from workbench.runtime.recovery import Replay
from workbench.runtime.resync import Pace, Resync
from workbench.runtime.service import Service, SteadyClock
from workbench.runtime.session import Session
from workbench.runtime.settle import Settlement
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import Reach

log = logging.getLogger(__name__)

STOP_S = 8.0  # of the ten seconds that a stop may take: what is not taken back by then is told
LOOK_S = 0.05
LAST_CANCELS_S = 30.0  # how long cancels are repeated when the journal takes nothing more

Connect = Callable[[Config, Plan | None], Sequence[Reach]]


class LiveRun(Service):
    """One live run on the venues of a configuration; `connect` makes their connectors, for the recorded plan if any."""

    mode = "live"

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
        self._journal: Journal | None = None

    # --- before the first event -------------------------------------------------------------------

    async def _prepare(self, journal: Journal) -> Session:
        self._journal = journal
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
            await may_trade(each)
        ready = await self._planned(recorded)
        started = self._take_up(ready.plan, reader) if reader else self._begin(ready.plan)
        engine = self.engine = engine_of(started, ready.make)
        history = History(ready.topics, engine, clock=self._clock)
        if reader is not None:
            self._recover(reader, Replay(engine, iter(()), seen=history.seen), journal)
        session = self._wired(history, journal)
        if reader is None:
            session.begin(started)
        journal.close_frame()
        await journal.sync()
        return session

    async def _planned(self, recorded: Plan | None) -> LivePlan:
        """The plan on the recorded instruments, or for a new run on those that the venues list."""
        if recorded is not None:
            known = {each.key: each for each in recorded.instruments}
            return live_plan(self._config, known, releases=self._releases)
        listed = {}
        for each in self._reaches:
            await each.connector.connect()
            self._connected.add(each.key)
            listed.update(await each.connector.get_instruments())
        return live_plan(self._config, listed, releases=self._releases)

    def _wired(self, history: History, journal: Journal) -> Session:
        """The session and all that runs beside it."""
        assert self.engine is not None
        connectors = {each.key: each.connector for each in self._reaches}
        keys = {id(each.connector): each.key for each in self._reaches}
        inlet = self._inlet = Inlet(
            list(connectors.values()),
            is_new=history.is_new,
            subscribe=lambda connector: history.subscribe(connector, keys[id(connector)]),
            connected=[each.connector for each in self._reaches if each.key in self._connected],
            clock=self._clock,
            inbox=self.inbox,
            spill=self._state.path / "spill-inlet",
        )
        self._dispatcher = Dispatcher(
            connectors,
            tell=inlet.tell,
            doubt=self._doubt,
            numbers=self._numbers,
            clock=self._clock,
            latched=self._state.halt_reason,
        )
        self._settlement = Settlement(
            self.engine.ledger,
            connectors,
            tell=inlet.tell,
            numbers=self._numbers,
            clock=self._clock,
            sent=self._dispatcher.sent,
            validity_ns={each.key: each.validity_ns for each in self._reaches},
            began=self._clock.now(),
            fail=inlet.fail,
        )
        pace = Pace(**self._config.reconcile.model_dump())
        self._resyncs = [
            Resync(
                each.connector,
                self.engine,
                account=each.account,
                history=history,
                tell=inlet.tell,
                doubt=self._doubt,
                numbers=self._numbers,
                clock=self._clock,
                pace=pace,
                booked=lambda: inlet.empty,
            )
            for each in self._reaches
        ]
        self._post = Post(self._dispatcher, journal)
        return Session(
            self.engine,
            connector=inlet,
            executor=self._post,
            journal=journal,
            bus=MemoryBus([*self._sinks, *self._resyncs]),
        )

    def _doubt(self, order_id: str) -> None:
        self._settlement.doubt(order_id)

    # --- while it runs ----------------------------------------------------------------------------

    async def _live(self, session: Session, journal: Journal, seconds: float | None) -> None:
        for each in self._reaches:
            self._inlet.tell(self._link(each, LinkState.SYNCING, "started"))
        works = (self._post.carry(), self._settlement.watch(), self._stop(), *(each.keep() for each in self._resyncs))
        self._inlet.watch(asyncio.create_task(each) for each in works)
        try:
            await super()._live(session, journal, seconds)
        except (OSError, WorkbenchError) as error:
            if not self._journal_takes_more():
                await self._last_cancels(error)
            raise
        finally:
            await self._settlement.close()

    def _link(self, reach: Reach, state: LinkState, reason: str) -> VenueLink:
        return VenueLink(
            *self._numbers.stamp(), venue=reach.connector.venue, account=reach.account, state=state, reason=reason
        )

    def _shut_off(self, reason: str) -> None:
        self._dispatcher.closed = reason

    def _open_again(self) -> None:
        self._dispatcher.closed = ""

    async def _stop(self) -> None:
        """Once told to stop: no more data, what may open is taken back, and then the end."""
        assert self.engine is not None
        while not self.inbox.stopping:
            await asyncio.sleep(LOOK_S)
        flatten = self._config.live.on_stop == "flatten"
        self._inlet.tell(Withdraw(*self._numbers.stamp(), flatten=flatten, reason="the process is told to stop"))
        self._inlet.quiet()
        loop = asyncio.get_running_loop()
        end = loop.time() + STOP_S
        while loop.time() < end and not self._settled(flatten=flatten):
            await asyncio.sleep(LOOK_S)
        left = [order_id for order_id, state in self.engine.ledger.living.items() if state.order.role is not Role.STOP]
        if left:
            log.warning("stopped with %d orders whose end is not known yet: %s", len(left), ", ".join(left))
        self._inlet.end()

    def _settled(self, *, flatten: bool) -> bool:
        assert self.engine is not None
        ledger = self.engine.ledger
        working = any(state.order.role is not Role.STOP for state in ledger.living.values())
        held = flatten and any(desk.closing for _, desk in self.engine.portfolio.all_desks())
        return bool(self.engine.gate.stopping) and not (working or held or self._dispatcher.under_way)

    # --- when the journal takes nothing more ------------------------------------------------------

    def _journal_takes_more(self) -> bool:
        assert self._journal is not None
        try:
            self._journal.frames.check()
        except (OSError, WorkbenchError):
            return False
        return True

    async def _last_cancels(self, error: BaseException) -> None:
        """Without a journal nothing new may leave; what may open is taken back, which needs none."""
        assert self.engine is not None
        log.critical("the journal takes nothing more: nothing new is sent, open orders are taken back: %s", error)
        self._shut_off("the journal takes nothing more")
        loop = asyncio.get_running_loop()
        end = loop.time() + LAST_CANCELS_S
        fresh = {each.key: each.connector for each in self._connect(self._config, self._plan)}
        try:
            while loop.time() < end and not await self._none_open(fresh):
                await asyncio.sleep(1.0)
        finally:
            await asyncio.gather(*(each.close() for each in fresh.values()), return_exceptions=True)

    async def _none_open(self, connectors: dict[str, ExchangeConnector]) -> bool:
        """Cancels every open order of ours that is no protective stop; whether there was none."""
        assert self.engine is not None
        orders = self.engine.ledger.orders
        none = True
        for key, connector in connectors.items():
            try:
                await connector.get_instruments()
                for report in await connector.get_open_orders():
                    state = orders.get(report.order_id)
                    if state is not None and state.order.role is not Role.STOP:
                        none = False
                        stamp = self._numbers.stamp()
                        ids = (report.order_id, state.order.strategy_id)
                        await connector.cancel_order(
                            CancelEvent(*stamp, order_id=ids[0], strategy_id=ids[1], instrument=report.instrument)
                        )
            except WorkbenchError as error:
                log.warning("%s: orders could not be taken back yet: %s", key, error)
                none = False
        return none

    # --- what is told -----------------------------------------------------------------------------

    def _venues(self) -> dict[str, dict[str, Any]]:
        assert self.engine is not None
        links = self.engine.gate.links
        return {
            each.key: {
                "connected": self._process == "ready" and each.key not in links,
                "rate_limit_used": getattr(each.connector, "rate_limit_used", None),
            }
            for each in self._reaches
        }


async def may_trade(reach: Reach) -> None:
    """Refuses a key that may withdraw, may not trade, or does not say: asked before anything else of the account."""
    try:
        permissions = await reach.connector.get_permissions()
    except VenueUnavailable:
        raise
    except WorkbenchError as error:
        raise Refused(f"{reach.key}: what its key may do cannot be learned: {error}") from None
    if permissions.withdraw is not False:
        what = "may withdraw" if permissions.withdraw else "does not say whether it may withdraw"
        raise Refused(f"{reach.key}: its key {what}; trade with a key that may trade and nothing else")
    if not permissions.trade:
        raise Refused(f"{reach.key}: its key may not trade")
