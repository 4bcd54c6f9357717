"""A real venue: what is sent when and what it proves, whoever the venue is and whatever carries it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from random import random as any_random

from workbench.connectors.backlog import Backlog
from workbench.connectors.breaker import Breaker, Circuit
from workbench.connectors.chores import Chores
from workbench.connectors.clock import TRIPS, VenueTime
from workbench.connectors.dialect import Dialect, Listed, Verdict
from workbench.connectors.following import Following
from workbench.connectors.hearing import Hearing
from workbench.connectors.history import History
from workbench.connectors.limiter import Limiter
from workbench.connectors.listed_checks import refused_amendment, refused_order
from workbench.connectors.listening import SILENCE_S, Listening
from workbench.connectors.listings import Listings
from workbench.connectors.outcomes import broken, cancel_result, judged, order_result
from workbench.connectors.relisting import Relisting
from workbench.connectors.sent_ids import SentIds
from workbench.connectors.silence import Silence
from workbench.connectors.traffic import Traffic
from workbench.connectors.wire import ACCOUNT, Call, Frame, Link, Topic, Wire
from workbench.connectors.wirelog import WireLog
from workbench.core.clock import SECOND, Clock
from workbench.core.errors import ConfigError, DataError, Unsupported, VenueUnavailable
from workbench.core.events import AmendEvent, ApprovedOrder, Bar, CancelEvent, Event, FillEvent, OrderReport, Trade
from workbench.core.instrument import Instrument
from workbench.core.order import FINAL
from workbench.core.ports import (
    CancelResult,
    ExchangeConnector,
    OrderResult,
    Outcome,
    Permissions,
    Settled,
    VenuePosition,
)

GRACE_S = 5.0  # a private channel that is back within this was a blip
TICK_S = 0.5  # how often silence is looked for: a tenth of the shortest that counts
CONNECT_S = 30.0  # within this the private channel is there, or the venue is called unavailable

log = logging.getLogger(__name__)


class VenueConnector(ExchangeConnector):
    """One account on one venue, over a wire and in a dialect. It holds no order and resends nothing.

    `symbols` are the unified symbols that `get_instruments` names, None for all listed; `instruments` (by key) fix the
    decimal places of a run that began under other terms. Without `private` only market data is connected; without
    `listens` the account is asked, not heard. `clock` is UTC, `sleep` takes seconds, `random` gives [0, 1); `time`
    may be shared with the wire. `silence_s`: how long a kind of topic may say nothing until its market is stale;
    `silence` is what the venue asked of those who came before.
    """

    def __init__(
        self,
        venue: str,
        account: str = "main",
        *,
        wire: Wire,
        dialect: Dialect,
        symbols: Sequence[str] | None = None,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = any_random,
        log: WireLog | None = None,
        time: VenueTime | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        private: bool = True,
        listens: bool = True,
        grace_s: float = GRACE_S,
        silence_s: Mapping[str, float] = SILENCE_S,
        spill: Path | None = None,
        silence: Silence | None = None,
    ) -> None:
        self.venue, self.account = venue, account
        self.time = time or VenueTime()
        self.backlog = Backlog(spill=spill)
        self.limiter = Limiter(dialect.limits, clock=clock, sleep=sleep, silence=silence)
        self._wire, self._dialect, self._symbols = wire, dialect, symbols
        self._clock, self._sleep, self._random, self._log = clock, sleep, random, log
        self._private, self._listens = private, private and listens
        self._listings = Listings(venue, instruments or {}, market_id=dialect.market_id)
        self._breaker = Breaker(self._breaker_changed)
        self._traffic = Traffic(
            wire,
            dialect,
            limiter=self.limiter,
            breaker=self._breaker,
            clock=clock,
            sleep=sleep,
            random=random,
            log=log,
        )
        self._chores = Chores()
        deeds = Following(
            wire,
            dialect,
            self._listings,
            self._traffic,
            symbols=symbols or (),
            chores=self._chores,
            put=self.backlog.put,
            clock=clock,
            sleep=sleep,
            random=random,
        )
        self.hearing = deeds.hearing = Hearing(
            dialect,
            self._listings,
            venue=venue,
            account=account,
            backlog=self.backlog,
            deeds=deeds,
            clock=clock,
            time=self.time,
            listening=Listening(silence_s),
            random=random,
            grace_ns=round(grace_s * SECOND),
        )
        self._history = deeds.history = History(
            self._traffic,
            dialect,
            self._listings,
            self.time,
            numbering=self.hearing.numbering,
            source=self.hearing.normaliser.source,
        )
        self._sent = SentIds()
        self._relisting = Relisting(
            dialect,
            self._listings,
            account=(venue, account),
            symbols=symbols,
            traffic=self._traffic,
            limiter=self.limiter,
            hearing=self.hearing,
            chores=self._chores,
            clock=clock,
        )
        self._broken: Exception | None = None
        self._closed = False

    @property
    def rate_limit_used(self) -> str:
        """How much of the fullest of the venue's rate limits is used now: a fraction as exact text."""
        return self.limiter.fullest()

    @property
    def linked(self) -> bool:
        """Whether the private channel is up, and requests may leave."""
        return self.hearing.account_link.linked and self._breaker.circuit(self._clock.now()) is Circuit.CLOSED

    # --- connections ------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Learns the venue's time, listings and limits and listens to the account; raises VenueUnavailable."""
        try:
            await self._connect()
        except BaseException:
            await self._let_go()  # half a connection is none; another try starts anew
            raise

    async def _connect(self) -> None:
        await self._wire.open()
        await self._learn_time()
        await self._relisting.read()
        self._chores.start("listening", lambda: self._vital(self._listen))
        if self._listens:
            await self._wire.subscribe(ACCOUNT)
            await self._until_linked()
        self._chores.start("watching", lambda: self._vital(self._watch))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.limiter.close()
        await self._let_go()
        self.backlog.close()
        if self._log is not None:
            self._log.close()

    async def _let_go(self) -> None:
        await self._chores.close()
        await self._wire.close()

    async def stream(self) -> AsyncIterator[Event]:
        """Everything heard, in order; ends after `close`, raises VenueUnavailable when the wire broke for good."""
        while (event := await self.backlog.get()) is not None:
            yield event
        if self._broken is not None:
            raise VenueUnavailable(f"{self.venue}: the wire broke: {self._broken}") from self._broken

    async def subscribe_bars(self, symbol: str, interval: str) -> None:
        await self._subscribe("bars", symbol, interval=interval)

    async def subscribe_trades(self, symbol: str) -> None:
        await self._subscribe("trades", symbol)

    async def subscribe_quotes(self, symbol: str) -> None:
        await self._subscribe("quotes", symbol)

    async def subscribe_orderbook(self, symbol: str, depth: int) -> None:
        await self._subscribe("book", symbol, depth=depth)

    # --- orders -----------------------------------------------------------------------------------

    async def place_order(self, order: ApprovedOrder) -> OrderResult:
        """Sends it once, if the venue's terms allow it; what may be in the book without our knowing is UNKNOWN."""
        request = order.request
        if isinstance(request, AmendEvent):
            return await self.amend_order(order)
        try:
            listed = self._listings.of(request.instrument.symbol)
            refused = refused_order(request, listed, open_orders=self.hearing.open_orders.count(request.instrument))
            call = None if refused else self._dialect.place(request, listed)
        except (ConfigError, DataError, Unsupported) as problem:
            return _not_sent(request.order_id, str(problem))
        if call is None:
            self._relisting.doubt(listed, refused)
            return _not_sent(request.order_id, refused)
        if not self._sent.first(request.order_id):  # some venues take an id again once its order has ended
            return OrderResult(Outcome.UNKNOWN, request.order_id, "", "sent before: asking tells what became of it")
        return await self._changed(call, request.order_id, listed)

    async def amend_order(self, amend: ApprovedOrder) -> OrderResult:
        request = amend.request
        if not isinstance(request, AmendEvent):
            raise Unsupported(f"{self.venue}: {request.order_id} is an order, not an amendment")
        listed = self._listings.of(request.instrument.symbol)
        refused = refused_amendment(request, listed)
        if refused:
            return _not_sent(request.order_id, refused)
        return await self._changed(self._dialect.amend(request, listed), request.order_id, listed)

    async def cancel_order(self, cancel: CancelEvent) -> CancelResult:
        """Asks the venue to take it back; where stops are cancelled elsewhere a no is asked there too."""
        listed = self._listings.of(cancel.instrument.symbol)
        order, stop = (self._dialect.cancel(cancel.order_id, listed, stop=each) for each in (False, True))
        verdict = await self._change(order, cancel.order_id, listed)
        if verdict.outcome is Outcome.REJECTED and stop != order:
            verdict = await self._change(stop, cancel.order_id, listed)
            if verdict.outcome is Outcome.REJECTED:
                verdict = await self._cancel_became(cancel.order_id, listed) or verdict
        return cancel_result(verdict, cancel.order_id)

    async def _cancel_became(self, order_id: str, listed: Listed) -> Verdict | None:
        """What a stop became goes by the venue's id alone; None where nothing of it is alive."""
        report = await self._history.order(order_id, listed.instrument.symbol)
        alive = report is not None and report.status not in FINAL
        call = self._dialect.cancel_became(report.venue_order_id, listed) if report and alive else None
        return None if call is None else await self._change(call, order_id, listed)

    # --- questions --------------------------------------------------------------------------------

    async def get_order(self, order_id: str, symbol: str = "") -> OrderReport | None:
        return await self._history.order(order_id, symbol)

    async def get_open_orders(self) -> list[OrderReport]:
        reports = await self._history.open_orders()
        self.hearing.open_orders.listed(reports)
        return reports

    async def get_my_trades(self, symbol: str, since: int) -> list[FillEvent]:
        return await self._history.my_trades(symbol, since)

    async def get_settlements(self, symbol: str, since: int) -> list[Settled]:
        return await self._history.settlements(symbol, since)

    async def get_balances(self) -> dict[str, Decimal]:
        return dict(await self._traffic.ask(self._dialect.balances(), self._dialect.read_balances))

    async def get_positions(self) -> list[VenuePosition]:
        return await self._history.positions()

    async def get_instruments(self) -> dict[str, Instrument]:
        if not self._relisting.at:
            await self._wire.open()
            await self._relisting.read()
        return self._listings.instruments(self._symbols)

    async def fetch_bars(self, symbol: str, interval: str, start: int, end: int) -> list[Bar]:
        return await self._history.bars(symbol, interval, start, end)

    async def fetch_trades(self, symbol: str, start: int, end: int) -> list[Trade]:
        return await self._history.trades(symbol, start, end)

    async def get_permissions(self) -> Permissions:
        if not self._private:
            raise Unsupported(f"{self.venue}: only market data is connected, without a key")
        await self._wire.open()  # it is asked for before anything else
        await self._learn_time()  # and a question of the account bears the venue's time
        return await self._traffic.ask(self._dialect.permissions(), self._dialect.read_permissions)

    async def server_time(self) -> int:
        return await self._traffic.ask(self._dialect.time(), self._dialect.read_time)

    # --- one request that changes something -------------------------------------------------------

    async def _changed(self, call: Call, order_id: str, listed: Listed) -> OrderResult:
        verdict = await self._change(call, order_id, listed)
        named = (str(getattr(each, "venue_order_id", "")) for each in (verdict, *verdict.heard))
        return order_result(verdict, order_id, next(filter(None, named), ""))

    async def _change(self, call: Call, order_id: str, listed: Listed) -> Verdict:
        try:
            answer = await self._traffic.send(call)
        except Exception as error:
            return broken(error)
        verdict = judged(answer, self._dialect, order_id=order_id, listed=listed)
        self.hearing.answered(verdict.heard, answer.received)
        if verdict.clock:
            self._chores.start("time", self._learn_time)
        if verdict.stale_terms:
            self._relisting.again()
        if verdict.key:
            self.hearing.account_link.gone(f"the key is refused: {verdict.code} {verdict.reason}", answer.received)
        return verdict

    # --- upkeep -----------------------------------------------------------------------------------

    async def _vital(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work that must not end while others rely on it: its end is the end of the stream, with the reason."""
        try:
            await work()
            problem: Exception = VenueUnavailable("it ended")
        except Exception as error:
            problem = error
        self._broken = problem
        log.error("%s: the wire broke: %s", self.venue, problem)
        self.hearing.account_link.gone(f"the wire broke: {problem}", self._clock.now())
        self.backlog.close()

    async def _listen(self) -> None:
        async for came in self._wire.receive():
            self._hear(came)

    def _hear(self, came: Frame | Link) -> None:
        if isinstance(came, Frame):
            self.hearing.frame(came)
        else:
            self.hearing.link(came)

    async def _watch(self) -> None:
        while True:
            await self._sleep(TICK_S)
            now = self._clock.now()
            self.hearing.tick(now)
            if self.time.due(now):
                self._chores.start("time", self._learn_time)

    async def _until_linked(self) -> None:
        deadline = self._clock.now() + round(CONNECT_S * SECOND)
        while not self.hearing.account_link.linked:
            if self._broken is not None or self._clock.now() >= deadline:
                reason = self._broken or f"no private channel within {CONNECT_S:g} s"
                raise VenueUnavailable(f"{self.venue}: {reason}")
            await self._sleep(TICK_S / 10)

    async def _learn_time(self) -> None:
        self.time.tried_at = self._clock.now()
        trips = []
        for _ in range(TRIPS):
            answer = await self._traffic.ask(self._dialect.time(), lambda whole: whole)
            trips.append((answer.sent, self._dialect.read_time(answer), answer.received))
        self.time.learn(trips, self._clock.now())
        if self.time.alarming:
            log.error("%s: its clock is %+d ms from ours", self.venue, self.time.offset_ns // 1_000_000)

    def _breaker_changed(self, circuit: Circuit, reason: str) -> None:
        self.hearing.breaker(circuit, reason)
        if circuit is Circuit.OPEN:
            self._chores.start("trial", self._traffic.until_answered)

    async def _subscribe(self, kind: str, symbol: str, *, interval: str = "", depth: int = 0) -> None:
        listed = self._listings.of(symbol)
        if not self._listings.listed(symbol):
            log.error("%s: %s is not listed any more: no %s of it are heard", self.venue, symbol, kind)
            return
        topic = Topic(kind=kind, market_id=listed.market_id, symbol=symbol, interval=interval, depth=depth)
        if self.hearing.listen(topic, self._listings.instrument(symbol)):
            await self._wire.subscribe(topic)
        if not listed.instrument.is_spot and kind != "marks":
            with suppress(Unsupported):  # a venue without it values positions at what is paid
                await self._subscribe("marks", symbol)


def _not_sent(order_id: str, reason: str) -> OrderResult:
    return OrderResult(Outcome.REJECTED, order_id, "", f"not sent: {reason}")
