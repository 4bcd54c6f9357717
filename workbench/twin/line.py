"""One open socket of the local exchange: its messages can be held, multiplied, muted and cut off."""

from __future__ import annotations

import asyncio
import contextlib
import socket as sockets
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

Work = Callable[[], Awaitable[None]]

PENDING = 10_000  # delayed messages and late executions at once: more would be a flood of its own
CLOSE_S = 2.0  # for the client to answer a close; one that does not is cut off


class Line:
    """A socket and what faults have made of it."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, later: Later) -> None:
        self.mute = self.deaf = False
        self._socket, self._transport, self._later = socket, transport, later
        self._held: list[str] = []

    async def write(self, payload: str) -> None:
        """Sends a message and, after it, what was held for it; nothing from a mute line or a closed one."""
        held, self._held = self._held, []
        for each in (payload, *held):
            await self._out(each)

    def write_later(self, payload: str, ms: int) -> None:
        """Sends a message after so many milliseconds; what is sent meanwhile overtakes it."""
        self._later.start(ms, lambda: self._out(payload))

    async def hold(self, payload: str, ms: int) -> None:
        """Sends a message after the next one, or alone after so many milliseconds without any."""
        if self._held:
            await self.write(payload)
            return
        self._held.append(payload)
        self._later.start(ms, lambda: self._release(payload))

    def cut(self) -> None:
        """Resets the connection."""
        reset(self._transport)

    def close(self, code: int, text: str, ms: int = 0) -> None:
        """Closes in good order, after so many milliseconds."""
        self._later.start(ms, lambda: self._close(code, text))

    async def pong(self, data: bytes) -> None:
        """Answers a ping; a mute line does not."""
        if not self.mute:
            with contextlib.suppress(ConnectionError):
                await self._socket.pong(data)

    async def ping(self) -> None:
        """Pings; a mute line does not."""
        if not self.mute:
            with contextlib.suppress(ConnectionError):
                await self._socket.ping()

    async def _out(self, payload: str) -> None:
        if not (self.mute or self._socket.closed):
            with contextlib.suppress(ConnectionError):  # it went away while we were sending: its reader sees that
                await self._socket.send_str(payload)

    async def _release(self, payload: str) -> None:
        if payload in self._held:
            self._held.remove(payload)
            await self._out(payload)

    async def _close(self, code: int, text: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code=code, message=text.encode())
        except TimeoutError:
            self.cut()


class Later:
    """Work that comes after a while; what is still to come when the server closes is let go."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, ms: int, work: Work) -> bool:
        """Does the work after so many milliseconds; False where there is too much of it and it is never done."""
        if len(self._tasks) >= PENDING:
            return False
        task = asyncio.get_running_loop().create_task(_after(ms, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """Cancels all that is still to come."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _after(ms: int, work: Work) -> None:
    await asyncio.sleep(ms / 1_000)
    await work()


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Ends a connection with a RST instead of a FIN: with no time to linger the kernel says so to the peer."""
    if not isinstance(transport, asyncio.Transport):
        return
    socket = transport.get_extra_info("socket")
    if socket is not None:
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
