"""A paper run on the living data of its venues: what it hears is real, what its orders meet is simulated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any

from workbench.connectors.paper import LivePaperConnector
from workbench.core.errors import Refused, Unsupported
from workbench.core.events import Event, TermsChanged
from workbench.core.instrument import Instrument
from workbench.core.ports import ExchangeConnector
from workbench.data.journal import Journal
from workbench.runtime.build import SIMULATED, simulated_venue, venues
from workbench.runtime.bus import MemoryBus
from workbench.runtime.executor import ConnectorExecutor
from workbench.runtime.history import History
from workbench.runtime.inlet import Inlet
from workbench.runtime.live_plan import LivePlan, live_paper_plan
from workbench.runtime.on_venues import OnVenues
from workbench.runtime.paper import termed
from workbench.runtime.recovery import Replay
from workbench.runtime.rejoin import Rejoin
from workbench.runtime.session import Session
from workbench.runtime.venues import Reach
from workbench.trading.engine import Engine


class LivePaperRun(OnVenues):
    """One paper run on venues: nothing but questions about the market goes out to them, without any key.

    The simulated venue meets an event right before the engine does, and the journal tells in what order: a run that is
    taken up again has the simulated venue of the one that ended.
    """

    mode = "paper"

    # --- before the first event -------------------------------------------------------------------

    async def _admit(self, reach: Reach) -> None:
        await may_not_trade(reach)

    def _plan_on(self, instruments: Mapping[str, Instrument]) -> LivePlan:
        return live_paper_plan(self._config, instruments, releases=self._releases)

    def _replay(self, engine: Engine, history: History) -> Replay:
        return Replay(engine, iter(()), connector=self._simulated, seen=history.seen)

    def _wired(self, engine: Engine, history: History, journal: Journal) -> Session:
        self._rejoins = [self._rejoin(each, history) for each in self._reaches]
        self._history = history
        return Session(
            engine,
            connector=_Stage(self._inlet, self._simulated),
            executor=ConnectorExecutor(dict.fromkeys(venues(engine.ledger.started.instruments), self._simulated)),
            journal=journal,
            bus=MemoryBus([*self._sinks, *self._rejoins]),
            disk=journal,
        )

    @cached_property
    def _simulated(self) -> LivePaperConnector:
        assert self._plan is not None
        return LivePaperConnector(SIMULATED, self._feed(), simulated_venue(self._plan), self._plan.instruments)

    def _rejoin(self, reach: Reach, history: History) -> Rejoin:
        connector, inlet = reach.connector, self._inlet

        async def once() -> None:
            await _answers(connector)
            for bar in await history.missed(connector, reach.key):
                inlet.tell(bar)

        return Rejoin(
            connector,
            reach.account,
            once=once,
            ready=lambda: inlet.reads(connector),
            booked=lambda: inlet.empty,
            tell=inlet.tell,
            numbers=self._numbers,
        )

    # --- while it runs ----------------------------------------------------------------------------

    def _works(self) -> Sequence[Coroutine[Any, Any, None]]:
        bars = (self._history.keep(each.connector, each.key, self._inlet.tell) for each in self._reaches)
        return [*(each.keep() for each in self._rejoins), *bars]

    async def _feed(self) -> AsyncIterator[Event]:
        """What the inlet gives; terms that the configuration sets are not the venue's to change."""
        async for event in self._inlet.stream():
            if not (isinstance(event, TermsChanged) and self._is_termed(event.instrument)):
                yield event

    def _is_termed(self, instrument: Instrument) -> bool:
        return termed(instrument, self._config) is not instrument

    def _under_way(self) -> int:
        return 0

    # --- what is told -----------------------------------------------------------------------------

    def _venues(self) -> dict[str, dict[str, Any]]:
        assert self.engine is not None
        lost = {
            each.account_key for key, each in self.engine.ledger.instruments.items() if key in self.engine.view.stale
        }
        lost.update(self.engine.gate.links)
        return {
            each.key: {
                "connected": self._process == "ready" and each.key not in lost,
                "rate_limit_used": getattr(each.connector, "rate_limit_used", None),
            }
            for each in self._reaches
        }


class _Stage:
    """The session's source: the simulated venue, fed by the inlet, whose connections it opens and closes."""

    def __init__(self, inlet: Inlet, simulated: LivePaperConnector) -> None:
        self._inlet, self._simulated = inlet, simulated

    async def connect(self) -> None:
        await self._inlet.connect()
        await self._simulated.connect()

    async def close(self) -> None:
        await self._simulated.close()
        await self._inlet.close()

    def stream(self) -> AsyncIterator[Event]:
        return self._simulated.stream()


async def may_not_trade(reach: Reach) -> None:
    """Refuses a connector that came with a key of its own, unless that may do nothing but read."""
    try:
        permissions = await reach.connector.get_permissions()
    except Unsupported:
        return  # it has none
    if permissions.trade is not False or permissions.withdraw is not False:
        raise Refused(
            f"{reach.key}: its connector has a key that may trade, withdraw or does not say; a paper run takes none"
        )


async def _answers(connector: ExchangeConnector) -> None:
    """Raises VenueUnavailable unless the venue answers requests: a stream alone may be the echo of one that is gone."""
    try:
        await connector.server_time()
    except Unsupported:
        return  # what it streams is all that can be known
