"""One channel, kept alive: dialled, asked for its topics, listened to, and dialled anew when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import localcontext
from typing import Any, Protocol

from workbench.connectors.redial import Redial
from workbench.connectors.streams import Streams
from workbench.connectors.wire import Frame, Link

ASK_EVERY_S = 0.25  # Binance closes a connection that sends more than 5 messages a second
ASK_AT_ONCE = 100  # topics in one message, well inside what venues read
READY_S = 5.0  # for each of dial, sign-in and grant: one that is not answered by then is better begun anew
EARLY = 1_000  # frames of an account that is not whole yet: seconds of the busiest one; beyond it, it starts over
SHOWN = 200  # characters of a reason: a refusal whole, a page of HTML not

Hear = Callable[[Frame | Link], None]


class Ear(Protocol):
    """Who listens to one connection."""

    def up(self) -> bool:
        """It stands; False if nobody waits for it any more."""

    def down(self, reason: str) -> None:
        """It is over."""

    def take(self, message: Any) -> bool:
        """A message came; False for the venue's answer to a request, which is nobody's data."""


# Starts a connection to a URL that an ear listens to: ccxt's client, and what is awaited until it stands.
Dial = Callable[[str, Ear], tuple[Any, Awaitable[Any]]]


class Line:
    """The life of one channel's connections, each with a generation of its own.

    `login` signs the account's connection in and is absent on the market's; `first` is what it is asked for before
    it counts as up. Whatever happens is told to `hear`: that a connection is up, then its frames, then that it is down.
    """

    def __init__(
        self,
        channel: str,
        *,
        url: str,
        streams: Streams,
        dial: Dial,
        hear: Hear,
        now: Callable[[], int],
        chance: Callable[[], float],
        login: Callable[[], Awaitable[Any]] | None = None,
        first: Sequence[str] = (),
    ) -> None:
        self.channel, self.url, self.generation, self.login = channel, url, 0, login
        self._first = first
        self.topics: dict[str, None] = {}  # in the order they were asked for
        self.streams, self.hear, self.now = streams, hear, now
        self._dial, self._chance = dial, chance
        self._more = asyncio.Event()
        self._connection: _Connection | None = None

    def add(self, topic: str) -> None:
        """Asks for a topic, now and whenever the connection is made anew."""
        self.topics[topic] = None
        self._more.set()

    def end(self, reason: str) -> None:
        """Makes the connection anew."""
        if self._connection is not None:
            self._connection.down(reason)

    async def keep(self) -> None:
        """Keeps the channel alive until cancelled."""
        redial = Redial()
        with localcontext():  # what ccxt does to the decimal context while it reads stays in here
            while True:
                ear = self._connection = _Connection(self)
                wait = await self._live(ear)
                pause = redial.pause_s(self.now(), stood=ear.stood, chance=self._chance())
                await asyncio.sleep(max(wait, pause))

    async def _live(self, ear: _Connection) -> float:
        """One connection from its dial to its end; gives the seconds that the venue asked us to stay away."""
        client, ready = self._dial(self.url, ear)
        talk = asyncio.create_task(self._talk(client, ready, ear))
        try:
            await ear.ended
        finally:
            talk.cancel()
            await asyncio.gather(talk, client.close(), return_exceptions=True)
        return float(client.last_retry_after or 0)

    async def _talk(self, client: Any, ready: Awaitable[Any], ear: _Connection) -> None:
        try:
            await asyncio.wait_for(ready, READY_S)
            if self.login is not None:
                await asyncio.wait_for(self.login(), READY_S)
                if self._first:
                    await asyncio.wait_for(self._ask_first(client, ear), READY_S)
                ear.say_up()
            await self._ask(client)
        except Exception as error:  # of any kind: the connection is of no use
            ear.down(f"{type(error).__name__}: {error}")

    async def _ask_first(self, client: Any, ear: _Connection) -> None:
        """Returns once every topic is granted: what happens from then on is heard."""
        granted = ear.grants(len(self._first))
        await client.send(self.streams.subscribe(self._first, 0))
        await granted

    async def _ask(self, client: Any) -> None:
        asked: set[str] = set()
        for number in range(1, 2**53):  # what every venue reads as an integer
            self._more.clear()
            while not (new := [each for each in self.topics if each not in asked][:ASK_AT_ONCE]):
                await self._more.wait()
                self._more.clear()
            await client.send(self.streams.subscribe(new, number))
            asked.update(new)
            await asyncio.sleep(ASK_EVERY_S)


class _Connection:
    """One of a line's connections: what a later one hears is never taken for its own."""

    def __init__(self, line: Line) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._line, self._said_up = line, False
        self._early: list[Frame] = []  # of an account that is signed in and not granted whole yet; bounded by EARLY
        self._ungranted = 0
        self._granted: asyncio.Future[None] | None = None

    @property
    def stood(self) -> bool:
        """Whether it was ever up."""
        return self._said_up

    def grants(self, topics: int) -> asyncio.Future[None]:
        """What is done once so many topics more have been granted."""
        self._ungranted, self._granted = topics, asyncio.get_running_loop().create_future()
        return self._granted

    def up(self) -> bool:
        if self.ended.done():
            return False
        self._line.generation += 1
        if self._line.login is None:
            self.say_up()
        return True

    def say_up(self) -> None:
        """The account's connection is up only once it is signed in."""
        self._said_up = True
        self._say(up=True)
        for frame in self._early:
            self._line.hear(frame)
        self._early.clear()

    def down(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
            if self._said_up:
                self._say(up=False, reason=reason[:SHOWN])

    def take(self, message: Any) -> bool:
        line = self._line
        refused = line.streams.refused(message)
        if refused is None:
            if not self.ended.done():
                self._hear(Frame(line.channel, line.generation, line.now(), message))
            return True
        if refused:
            self.down(f"refused: {refused}")
        else:
            self._grant()
        return False

    def _hear(self, frame: Frame) -> None:
        if self._said_up:
            self._line.hear(frame)
        elif len(self._early) < EARLY:
            self._early.append(frame)
        else:
            self.down(f"{EARLY} messages came before it was granted")

    def _grant(self) -> None:
        self._ungranted -= 1
        if self._ungranted == 0 and self._granted is not None and not self._granted.done():
            self._granted.set_result(None)

    def _say(self, *, up: bool, reason: str = "") -> None:
        line = self._line
        line.hear(Link(line.channel, line.generation, line.now(), up, line.login is not None, reason))
