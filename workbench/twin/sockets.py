"""One WebSocket of the server: a bounded way out, pings, and an end in time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from workbench.twin.actions import Where
from workbench.twin.meddling import Meddler

WAITING = 20_000  # messages to one reader: seconds of a busy market; who is further behind is cut off
LONGEST_MESSAGE = 1 << 20  # from a client: no request is near a megabyte

_CLOSING = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How the server times its sockets and streams, in seconds."""

    ping_s: float = 20.0
    pong_s: float = 60.0  # a client that says nothing for so long is gone
    lifetime_s: float = 86_400.0
    idle_s: float = 30.0  # without a word from either side, where the venue minds
    fast_s: float = 0.1  # between depth@100ms messages
    slow_s: float = 1.0  # between depth, ticker and candle messages
    world_s: float = 0.1  # between two steps of the world

    def at(self, speed: float) -> Timing:
        """The same, so many times as fast."""
        return Timing(**{name: getattr(self, name) / speed for name in self.__struct_fields__})


class Parcel(msgspec.Struct, frozen=True):
    """A message on its way out; `ended` is called where its subscription turns out to be over."""

    where: Where
    name: str
    payload: str
    ended: Callable[[], None] | None = None


class Outlet:
    """A connected client: what is said to it leaves in order; a slow reader is cut off, never waited for."""

    def __init__(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        *,
        meddler: Meddler,
        timing: Timing,
        since: int,
    ) -> None:
        self.path, self.since = request.path, since
        self.address = request.remote or ""
        self.socket = socket
        self.active_at = asyncio.get_running_loop().time()  # when either side said something last
        self._transport = request.transport
        self._meddler, self._timing = meddler, timing
        self._waiting: deque[Parcel] = deque()
        self._wakes = asyncio.Event()
        self._heard_something = False

    def say(self, where: Where, name: str, payload: str, ended: Callable[[], None] | None = None) -> None:
        """Queues a message and returns at once."""
        if len(self._waiting) >= WAITING:
            self.cut()
            return
        self.active_at = asyncio.get_running_loop().time()
        self._waiting.append(Parcel(where, name, payload, ended))
        self._wakes.set()

    def cut(self) -> None:
        """Ends the connection without a word, and what was queued with it."""
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    async def close(self, code: int = WSCloseCode.GOING_AWAY, text: str = "") -> None:
        """Closes in good order."""
        with suppress(ConnectionError, asyncio.TimeoutError):
            await self.socket.close(code=code, message=text.encode())

    async def heard(self) -> AsyncIterator[WSMessage]:
        """What the client says until the connection ends; the outlet speaks and pings meanwhile."""
        tasks = [asyncio.create_task(each) for each in (self._speak(), self._beat(), self._end())]
        try:
            while (message := await self.socket.receive()).type not in _CLOSING:
                self._heard_something = True
                if message.type is WSMsgType.TEXT:
                    self.active_at = asyncio.get_running_loop().time()
                if message.type is WSMsgType.PING:
                    await self._meddler.pong(self.socket, message.data)
                if self._meddler.hears(self.socket):
                    yield message
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _speak(self) -> None:
        with suppress(ConnectionError):
            while True:
                await self._wakes.wait()
                self._wakes.clear()
                while self._waiting:
                    await self._send(self._waiting.popleft())

    async def _send(self, parcel: Parcel) -> None:
        goes_on = await self._meddler.send(self.socket, parcel.where, parcel.name, parcel.payload)
        if not goes_on and parcel.ended is not None:
            parcel.ended()

    async def _beat(self) -> None:
        quiet = 0.0
        with suppress(ConnectionError):
            while quiet < self._timing.pong_s:
                await asyncio.sleep(self._timing.ping_s)
                quiet = 0.0 if self._heard_something else quiet + self._timing.ping_s
                self._heard_something = False
                await self._meddler.ping(self.socket)
            self.cut()

    async def _end(self) -> None:
        await asyncio.sleep(self._timing.lifetime_s)
        await self.close()
