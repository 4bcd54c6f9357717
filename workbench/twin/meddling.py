"""Takes faults where the server talks: a middleware for REST, and WS-API calls and sockets by a `Meddler`.

The server asks at every door: REST through `Meddler.middleware`, sockets through `handshake`, `hears`, `answer`,
`send` and `pong`. Faults wait in real milliseconds; which fault is taken goes by the server's clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ssl import SSLContext
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from workbench.core.clock import Clock
from workbench.core.errors import ConfigError
from workbench.twin.calls import CALLS, Call
from workbench.twin.canned import BINANCE, Voice, canned
from workbench.twin.exchange import Exchange
from workbench.twin.faults import Action, Faults, Phase, Where
from workbench.twin.line import Later, Line, reset
from workbench.twin.messages import MESSAGES, Message
from workbench.twin.requests import REQUESTS, Request, Snapshots
from workbench.twin.rivals import Rivals

ARRIVED = web.RequestKey("arrived", int)  # UTC ns at which a request came in, also where it is executed later
ADMIN = "/admin/"  # no fault stands between a test and the one that injects faults


class Door:
    """The listening socket of a server on 127.0.0.1, which can be shut so that connections are refused."""

    def __init__(self, runner: web.BaseRunner, *, port: int = 0, tls: SSLContext | None = None) -> None:
        self.port = port  # 0 until it is opened for the first time, where any will do
        self._runner, self._tls = runner, tls
        self._site: web.TCPSite | None = None

    async def open(self) -> None:
        """Listens, on the same port as before."""
        if self._site is None:
            site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True)
            await site.start()
            self._site, self.port = site, site.port

    async def shut(self) -> None:
        """Listens no more; connections that stand go on."""
        site, self._site = self._site, None
        if site is not None:
            await site.stop()


def _nowhere() -> Exchange:
    raise ConfigError("faults fill_first and cancel_first: this server has no exchange to trade on")


class Meddler:
    """Stands between the server and its connections; without faults everything passes as it is.

    Without a door, connections are reset where they should be refused; `exchange` gives what is traded on now.
    """

    def __init__(
        self, faults: Faults, clock: Clock, *, door: Door | None = None, exchange: Callable[[], Exchange] = _nowhere
    ) -> None:
        self.faults = faults
        self.door = door
        self.voice: Voice = BINANCE
        self._rivals = Rivals(exchange)
        self._clock = clock
        self._later = Later()
        self._snapshots = Snapshots()
        self._refusals = 0  # refusals under way; they may overlap
        self._lines: WeakKeyDictionary[web.WebSocketResponse, Line] = WeakKeyDictionary()

    @property
    def refusing(self) -> bool:
        """Whether connections are refused just now."""
        return self._refusals > 0

    def middleware(self) -> Middleware:
        """For `web.Application(middlewares=[...])`: takes REST faults; a request for a socket passes."""

        @web.middleware
        async def meddle(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(ADMIN) or request.headers.get("Upgrade", "").lower() == "websocket":
                return await handler(request)
            request[ARRIVED] = self._clock.now()
            if self.refusing:
                reset(request.transport)
                return web.Response()
            return await self._request(request, handler)

        return meddle

    async def handshake(
        self, where: Where, request: web.Request, socket: web.WebSocketResponse
    ) -> web.StreamResponse | None:
        """Opens the socket and returns None, or returns what to answer instead of it.

        The socket must be made with `autoping=False`: answer its pings with `pong`.
        """
        fault = self.faults.hit(where, request.path, self._clock.now(), phase=Phase.HANDSHAKE)
        if fault is not None and fault.action is Action.REFUSE_HANDSHAKE:
            said = canned(fault, self.voice)
            return web.Response(status=said.status, headers=said.headers, text=said.body)
        if fault is not None:
            await self.refuse(fault.number("ms"))
        if self.refusing:
            reset(request.transport)
            return web.Response()
        await socket.prepare(request)
        self._lines[socket] = Line(socket, request.transport, self._later)
        return None

    def hears(self, socket: web.WebSocketResponse) -> bool:
        """Whether what the client says reaches the server; where not, skip the message."""
        return not self._lines[socket].deaf

    async def answer(
        self, socket: web.WebSocketResponse, name: str, call_id: object, execute: Callable[[], Awaitable[str]]
    ) -> str | None:
        """Runs a WS-API call as faults let it; the text to `send`, or None for no answer."""
        fault = self.faults.hit(Where.WSAPI, name, self._clock.now(), phase=Phase.REQUEST)
        if fault is None:
            return await execute()
        if fault.action is Action.REFUSE_CONNECTIONS:
            await self.refuse(fault.number("ms"))
            self._lines[socket].cut()
            return None
        call = Call(
            call_id=call_id,
            execute=execute,
            line=self._lines[socket],
            later=self._later,
            rivals=self._rivals,
            clock=self._clock,
            voice=self.voice,
        )
        return await CALLS[fault.action](call, fault)

    async def send(self, socket: web.WebSocketResponse, where: Where, name: str, payload: str) -> bool:
        """Sends a message as faults let it; False where its subscription is over and the server must forget it."""
        line, now = self._lines[socket], self._clock.now()
        if line.mute:
            return True
        fault = self.faults.hit(where, name, now, phase=Phase.MESSAGE)
        if fault is None:
            await line.write(payload)
            return True
        message = Message(payload=payload, where=where, at=now, voice=self.voice)
        await MESSAGES[fault.action](line, message, fault)
        return fault.action not in (Action.STREAM_TERMINATED, Action.LISTEN_LOSS)

    async def ping(self, socket: web.WebSocketResponse) -> None:
        """Pings the client, unless nothing comes out of the socket any more."""
        await self._lines[socket].ping()

    async def pong(self, socket: web.WebSocketResponse, data: bytes) -> None:
        """Answers a ping, unless nothing comes out of the socket any more."""
        await self._lines[socket].pong(data)

    async def refuse(self, ms: int) -> None:
        """Refuses connections for so long, and resets those that stand as soon as they ask for something."""
        if not self._later.start(ms, self._accept):
            return
        self._refusals += 1
        if self.door is not None:
            await self.door.shut()

    async def close(self) -> None:
        """Lets go of everything that is still to come: late executions, delayed messages, the end of refusals."""
        await self._later.close()
        self._refusals = 0

    async def _accept(self) -> None:
        self._refusals -= 1
        if self.door is not None and not self.refusing:
            await self.door.open()

    async def _request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        name = f"{request.method} {request.path}"
        fault = self.faults.hit(Where.REST, name, self._clock.now(), phase=Phase.REQUEST)
        asked = Request(
            request=request,
            handler=handler,
            later=self._later,
            snapshots=self._snapshots,
            rivals=self._rivals,
            clock=self._clock,
            voice=self.voice,
        )
        if fault is None:
            return self._snapshots.kept(request, await handler(request))
        if fault.action is Action.REFUSE_CONNECTIONS:
            await self.refuse(fault.number("ms"))
            return asked.cut()
        return await REQUESTS[fault.action](asked, fault)
