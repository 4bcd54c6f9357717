"""A live run: the session on real venues, with everything that keeps it honest around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from workbench.core.errors import LeaseHeld, Refused, VenueUnavailable, WorkbenchError
from workbench.core.events import CancelEvent, RunStarted
from workbench.core.instrument import Instrument
from workbench.core.order import Role
from workbench.core.ports import ExchangeConnector
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.scan import BEGIN, segment_numbers
from workbench.data.snapshots import Found, SnapshotFolder
from workbench.runtime.bus import MemoryBus
from workbench.runtime.config import venues_text
from workbench.runtime.dispatch import Dispatcher
from workbench.runtime.history import History
from workbench.runtime.live_plan import LivePlan, live_plan
from workbench.runtime.on_venues import OnVenues
from workbench.runtime.post import Post
from workbench.runtime.recovery import Replay
from workbench.runtime.resync import Pace, Resync
from workbench.runtime.session import Session
from workbench.runtime.settle import Settlement
from workbench.runtime.snapshots import Keeper, usable
from workbench.runtime.venues import Reach
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

LAST_CANCELS_S = 30.0  # how long cancels are repeated when the journal takes nothing more


class LiveRun(OnVenues):
    """One live run: its orders go to the venues that it hears."""

    mode = "live"

    # --- before the first event -------------------------------------------------------------------

    async def _admit(self, reach: Reach) -> None:
        await may_trade(reach)

    def _plan_on(self, instruments: Mapping[str, Instrument]) -> LivePlan:
        return live_plan(self._config, instruments, releases=self._releases)

    def _replay(self, engine: Engine, history: History) -> Replay:
        return Replay(engine, iter(()), seen=history.seen)

    def _opened(self) -> Journal:
        """The journal, checked from the newest snapshot on that fits it; what stands before was checked when taken."""
        found = self._usable()
        first = next(found, None)
        self._found = chain((first,), found) if first else iter(())
        return Journal.on_disk(self._state.journal, since=first.snapshot.position if first else BEGIN)

    def _usable(self) -> Iterator[Found]:
        if segment_numbers(self._state.journal):
            started = JournalReader(self._state.journal).started()
            yield from usable(SnapshotFolder(self._state.snapshots), self._state.journal, started)

    def _stand(
        self, ready: LivePlan, started: RunStarted, reader: JournalReader | None, journal: Journal
    ) -> tuple[Engine, History]:
        for found in self._found:
            try:
                return self._stand_on(found, ready, started, journal)
            except Exception as error:  # a strategy's state is a stranger's code; and the journal has it all
                log.warning("%s: it is not used: %s", found.path, error)
        return self._stand_on(None, ready, started, journal)

    def _stand_on(
        self, found: Found | None, ready: LivePlan, started: RunStarted, journal: Journal
    ) -> tuple[Engine, History]:
        """Everything as the journal leaves it: from where a snapshot stands, or from its first record."""
        engine, history = self._fresh(ready, started)
        keeper = self._keeper = Keeper(engine, SnapshotFolder(self._state.snapshots), clock=self._clock)
        replay = self._replay(engine, history)
        at = found.snapshot.position if found else BEGIN
        if found is not None:
            keeper.restore(found)
            history.resume(keeper.bars)
            log.info("%s: the run goes on from record %d", found.path, at.records)
            replay.records = at.records
        if journal.records:
            reader = JournalReader(self._state.journal, since=at)
            self._recover(keeper.hearing(reader.records(at.records)), replay, journal)
        return engine, history

    def _wired(self, engine: Engine, history: History, journal: Journal) -> Session:
        self._journal = journal
        self._state.remember_venues(venues_text(self._config))
        inlet, connectors = self._inlet, self._connectors
        self._dispatcher = Dispatcher(
            connectors,
            tell=inlet.tell,
            doubt=self._doubt,
            numbers=self._numbers,
            clock=self._clock,
            latched=self._state.halt_reason,
            handed_over=self._state.closing.exists,
        )
        self._settlement = Settlement(
            engine.ledger,
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
                engine,
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
            engine,
            connector=inlet,
            executor=self._post,
            journal=journal,
            bus=MemoryBus([*self._sinks, self._keeper, *self._resyncs]),
        )

    def _doubt(self, order_id: str) -> None:
        self._settlement.doubt(order_id)

    # --- while it runs ----------------------------------------------------------------------------

    def _works(self) -> Sequence[Coroutine[Any, Any, None]]:
        return [
            self._post.carry(),
            self._settlement.watch(),
            self._keeper.keep(self._journal, self._config.snapshot.every_s),
            *(each.keep() for each in self._resyncs),
        ]

    async def _live(self, session: Session, journal: Journal, seconds: float | None) -> None:
        try:
            await super()._live(session, journal, seconds)
            await self._keeper.once(journal)
        except LeaseHeld:
            raise  # whoever took over minds the orders
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever ended it, nobody minds the orders any more
            await self._last_cancels(error)
            raise
        finally:
            await self._settlement.close()

    def _shut_off(self, reason: str) -> None:
        self._dispatcher.closed = reason

    def _open_again(self) -> None:
        self._dispatcher.closed = ""

    def _stopping(self) -> None:
        self._inlet.quiet()

    def _under_way(self) -> int:
        return self._dispatcher.under_way

    # --- when it ends by a fault: the journal takes nothing more, or a part of the run has died ----

    async def _last_cancels(self, error: BaseException) -> None:
        """Nothing new leaves; what may open is taken back, which needs neither journal nor engine."""
        assert self.engine is not None
        log.critical("the run ends by a fault: nothing new is sent, open orders are taken back: %s", error)
        self._shut_off("the run ends by a fault")
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
            except Exception as error:  # whatever a connector raises: the others, and the next try, go on
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
