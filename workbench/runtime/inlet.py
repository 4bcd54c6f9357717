"""The inlet of a live run: every venue's stream, the answers to our requests, commands and time, as one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Sequence
from pathlib import Path

import msgspec

from workbench.connectors.backlog import Backlog
from workbench.core.clock import Clock
from workbench.core.errors import InvariantError, VenueUnavailable
from workbench.core.events import Bar, Event, MarketDataEvent, Timer
from workbench.core.ports import ExchangeConnector
from workbench.runtime.inbox import Inbox

BOUND = 8_192  # market events waiting: beyond half a second of work it is better to see only what still counts
BREATH = 64  # events taken before sockets, timers and answers get their turn
TICK_S = 1.0  # how often the run is told that time passes: no wait of its own is shorter
LOOK_S = 0.05  # how soon a command is taken
FIRST, LAST = 0.25, 5.0  # seconds between two tries to connect, doubling: a venue that is back is found soon


class Inlet:
    """Reads all connectors at once; whatever a reader is too slow for waits as `Backlog` says.

    A venue that cannot be connected is tried again for as long as the run lasts, the others go on. A reader that
    fails ends the stream with its error: a run that no longer hears a venue must not look alive.
    """

    def __init__(
        self,
        connectors: Sequence[ExchangeConnector],
        *,
        subscribe: Callable[[ExchangeConnector], Awaitable[None]],
        is_new: Callable[[Bar], bool],
        instruments: Container[str],
        connected: Sequence[ExchangeConnector] = (),
        clock: Clock,
        inbox: Inbox,
        spill: Path | None = None,
        heard: Callable[[Event], Event | None] = lambda event: event,
    ) -> None:
        self._connectors = connectors
        self._heard = heard  # an event as the run takes it; None for one that it has taken already
        self._subscribe = subscribe
        self._instruments = instruments
        self.others = 0  # events of instruments that this run does not trade
        self._connected = list(connected)
        self._is_new = is_new
        self._clock = clock
        self._inbox = inbox
        self._backlog = Backlog(BOUND, spill)
        self._tasks: list[asyncio.Task[None]] = []
        self._reading: list[ExchangeConnector] = []
        self._failure: BaseException | None = None
        self._deaf = False
        self.taken = 0  # how many events so far
        self.lag_ns = 0  # how long the last event had waited when it was taken

    @property
    def conflated(self) -> int:
        """How many market events were left out because nobody had time for them."""
        return sum(self._backlog.conflated.values())

    @property
    def empty(self) -> bool:
        """Whether all that came in was taken."""
        return not len(self._backlog)

    def reads(self, connector: ExchangeConnector) -> bool:
        """Whether a venue is connected and everything wanted of it is asked for."""
        return any(each is connector for each in self._reading)

    def tell(self, event: Event) -> None:
        """Adds what the run itself learned: an answer, a past bar, a change of a venue's standing."""
        self._put(event)

    def _put(self, event: Event) -> None:
        if isinstance(event, MarketDataEvent) and self._deaf:
            return
        if isinstance(event, Bar) and not self._is_new(event):
            return  # asked for after an interruption, and streamed too
        instrument = getattr(event, "instrument", None)
        if instrument is not None and instrument.key not in self._instruments:
            self.others += 1  # somebody trades another market on the account: it is none of this run's
            return
        heard = self._heard(event)
        if heard is not None:
            self._backlog.put(heard)

    def quiet(self) -> None:
        """Takes in no more market data: the run is to end, and only what becomes of its orders counts."""
        self._deaf = True

    def end(self) -> None:
        """Ends the stream once what waits is taken."""
        self._backlog.close()

    def fail(self, error: BaseException) -> None:
        """Ends the stream with an error: something that the run cannot do without has failed."""
        self._failure = self._failure or error
        self._backlog.close()

    def watch(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """From now on the end of any of these tasks by an error is the end of the stream."""
        for task in tasks:
            self._tasks.append(task)
            task.add_done_callback(self._ended)

    async def connect(self) -> None:
        """Starts reading; venues connect on their own time."""
        names = [self._read(each) for each in self._connectors]
        self.watch(asyncio.create_task(each) for each in (*names, self._commands(), self._time()))

    async def close(self) -> None:
        """Stops reading and closes every connector."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self._connectors), return_exceptions=True)

    async def stream(self) -> AsyncIterator[Event]:
        """Every event, in the order it came, until `end` or the first failure."""
        while (event := await self._backlog.get()) is not None:
            yield event
            self.lag_ns = self._clock.now() - event.ts_init
            self.taken += 1
            if self.taken % BREATH == 0:
                await asyncio.sleep(0)
        if self._failure is not None:
            raise self._failure

    # --- the readers ------------------------------------------------------------------------------

    async def _read(self, connector: ExchangeConnector) -> None:
        pause = FIRST
        while True:
            try:
                if not any(each is connector for each in self._connected):
                    await connector.connect()
                await self._subscribe(connector)
                break
            except VenueUnavailable:
                await asyncio.sleep(pause)
                pause = min(LAST, 2 * pause)
        self._reading.append(connector)
        async for event in connector.stream():
            self._put(event)
        if not self._inbox.stopping:
            raise InvariantError(f"{connector.venue}: its stream ended while the run goes on")

    async def _commands(self) -> None:
        while True:
            command = await self._inbox.next(LOOK_S)
            if command is not None:
                self._backlog.put(msgspec.structs.replace(command, ts_init=self._clock.now()))
            elif self._inbox.stopping:
                await asyncio.sleep(LOOK_S)

    async def _time(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.now()
            self._backlog.put(Timer("clock", now, now, now))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
