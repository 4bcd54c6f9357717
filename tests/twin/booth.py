"""A tiny server with faults at its doors, and clients that see what really came over the wire."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import WSMsgType, web

from workbench.core.clock import Nanos
from workbench.twin.faults import Action, Fault, Faults, Where
from workbench.twin.meddling import Door, Meddler

NOW = 1_700_000_000_000_000_000
QUIET_S = 0.25  # a connection that says nothing for so long says nothing more


class StoppedClock:
    def now(self) -> Nanos:
        return Nanos(NOW)


class Seen(NamedTuple):
    """What a raw client saw: the bytes, and how it ended: closed, reset or open."""

    data: bytes
    ended: str

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1]) if self.data else 0

    @property
    def head(self) -> str:
        return self.data.partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


class Booth:
    """The server: it counts the orders it executed and says its script to every socket."""

    def __init__(self, *faults: Fault, script: list[tuple[str, str]] | None = None, exchange: Any = None) -> None:
        self.faults = Faults()
        self.faults.add_all(faults)
        self.executed = 0
        self.heard: list[str] = []
        self.over: list[str] = []
        self.script = script or []
        self.where = Where.STREAM
        self.update_id = 5_000
        self.on_execute: Callable[[], None] = lambda: None
        self.meddler = Meddler(self.faults, StoppedClock(), **({"exchange": exchange} if exchange else {}))
        self.sockets: list[web.WebSocketResponse] = []

    @property
    def port(self) -> int:
        assert self.meddler.door is not None
        return self.meddler.door.port

    async def order(self, request: web.Request) -> web.Response:
        return web.Response(body=await self.execute(await request.text()), content_type="application/json")

    async def execute(self, text: str = "") -> bytes:
        self.executed += 1
        self.on_execute()
        return json.dumps({"orderId": self.executed, "said": text, "padding": "x" * 300}).encode()

    async def depth(self, _: web.Request) -> web.Response:
        self.update_id += 1
        return web.json_response({"lastUpdateId": self.update_id, "bids": [["10.0", "1"]], "asks": []})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        refused = await self.meddler.handshake(Where.STREAM, request, socket)
        if refused is not None:
            return refused
        self.sockets.append(socket)
        for name, payload in self.script:
            if not await self.meddler.send(socket, self.where, name, payload):
                self.over.append(name)
        async for message in socket:
            await self.answer(socket, message)
        return socket

    async def answer(self, socket: web.WebSocketResponse, message: Any) -> None:
        if not self.meddler.hears(socket):
            return
        if message.type is WSMsgType.PING:
            await self.meddler.pong(socket, message.data)
        elif message.type is WSMsgType.TEXT:
            self.heard.append(message.data)
            await self.call(socket, message.data)

    async def call(self, socket: web.WebSocketResponse, name: str) -> None:
        async def execute() -> str:
            return (await self.execute()).decode()

        reply = await self.meddler.answer(socket, name, "id-1", execute)
        if reply is not None:
            await self.meddler.send(socket, Where.WSAPI, name, reply)


@asynccontextmanager
async def opened(booth: Booth) -> AsyncIterator[Booth]:
    """The booth on a free port of 127.0.0.1."""
    app = web.Application(middlewares=[booth.meddler.middleware()])
    app.router.add_route("*", "/api/v3/order", booth.order)
    app.router.add_get("/api/v3/depth", booth.depth)
    app.router.add_get("/admin/health", booth.depth)
    app.router.add_get("/ws", booth.socket)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    booth.meddler.door = Door(runner)
    await booth.meddler.door.open()
    try:
        yield booth
    finally:
        await booth.meddler.close()
        await runner.cleanup()


async def ask(port: int, line: str = "POST /api/v3/order", headers: str = "", body: str = "q=1") -> Seen:
    """One request over a raw connection, and all that came back until it ended or went quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    try:
        writer.write((head + body).encode())
        return await _all_of(reader)
    finally:
        writer.close()


async def listen(port: int, path: str = "/ws") -> Seen:
    """A WebSocket handshake over a raw connection, and all that came back."""
    words = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    return await ask(port, f"GET {path}", words + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")


async def _all_of(reader: asyncio.StreamReader) -> Seen:
    data = b""
    while True:
        try:
            async with asyncio.timeout(QUIET_S):
                chunk = await reader.read(65_536)
        except TimeoutError:
            return Seen(data, "open")
        except ConnectionResetError:
            return Seen(data, "reset")
        if not chunk:
            return Seen(data, "closed")
        data += chunk
        promised = re.search(rb"\r\ncontent-length: (\d+)\r\n", data.lower())
        if promised and len(Seen(data, "").body) >= int(promised[1]):
            return Seen(data, "open")


def run(booth: Booth, play: Callable[[Booth], Any]) -> Any:
    """Plays a scene on the open booth and returns what it returns."""

    async def scene() -> Any:
        async with opened(booth):
            return await play(booth)

    return asyncio.run(scene())


def rest(action: Action, **words: Any) -> Fault:
    """A fault of REST orders with these arguments, once."""
    return Fault(where=Where.REST, action=action, match="* /api/v3/*", args=words, count=1)
