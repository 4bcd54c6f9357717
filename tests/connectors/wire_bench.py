"""A small server on this machine that speaks just enough Binance for a wire to be tried on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.wire import Frame, Link
from workbench.core.secret import Credentials, Secret

KEYS = Credentials(Secret("the-key"), Secret("the-secret"))


class Venue:
    """Answers REST requests with what a test scripts, and keeps every socket and every message it got."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[str] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.told: list[dict] = []
        self.dials = 0
        self.refuse_dials = 0  # so many handshakes are answered with 503
        self.refuse_logins = 0
        self.cut_logins = 0  # so many end in a cut connection
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = _empty

    async def rest(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.text())
        return await self.answer(request)

    async def socket(self, request: web.Request) -> web.StreamResponse:
        self.dials += 1
        if self.refuse_dials:
            self.refuse_dials -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._told(socket, json.loads(message.data))
        return socket

    async def _told(self, socket: web.WebSocketResponse, message: dict) -> None:
        self.told.append(message)
        if message["method"] == "SUBSCRIBE":
            wrong = any(name.startswith("wrong") for name in message["params"])
            error = {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": message["id"]}
            await socket.send_json(error if wrong else {"result": None, "id": message["id"]})
        elif self.cut_logins:
            self.cut_logins -= 1
            socket._req.transport.abort()
        elif self.refuse_logins:
            self.refuse_logins -= 1
            error = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
            await socket.send_json({"id": message["id"], "status": 401, "error": error})
        else:
            await socket.send_json({"id": message["id"], "status": 200, "result": {"subscriptionId": 0}})


async def _empty(_: web.Request) -> web.StreamResponse:
    return web.json_response({})


@asynccontextmanager
async def venue():
    """A venue on a free port, with its address."""
    venue = Venue()
    app = web.Application()
    app.router.add_get("/ws/{tail:.*}", venue.socket)
    app.router.add_get("/ws-api/v3", venue.socket)
    app.router.add_route("*", "/{tail:.*}", venue.rest)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield venue, f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def wire_to(address: str, exchange: str = "binance", **terms):
    """An open wire to a venue at that address."""
    terms = {"credentials": KEYS, "chance": lambda: 0.0, **terms}
    wire = CcxtWire(exchange, rest_url=f"http://{address}", stream_url=f"ws://{address}", **terms)
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()


class Ear:
    """Reads a wire and waits for what a test expects."""

    def __init__(self, wire: CcxtWire) -> None:
        self.heard: list[Frame | Link] = []
        self._task = asyncio.create_task(self._read(wire))

    async def _read(self, wire: CcxtWire) -> None:
        async for each in wire.receive():
            self.heard.append(each)

    async def until(self, wanted: Callable[[Ear], bool], seconds: float = 8.0) -> None:
        async with asyncio.timeout(seconds):
            while not wanted(self):
                await asyncio.sleep(0.01)

    @property
    def frames(self) -> list[Frame]:
        return [each for each in self.heard if isinstance(each, Frame)]

    @property
    def links(self) -> list[Link]:
        return [each for each in self.heard if isinstance(each, Link)]
