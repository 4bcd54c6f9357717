"""The back door: faults and mischief over HTTP, on a port of its own on 127.0.0.1, for who holds the token.

GET    /admin/health          alive, and how many faults were taken
GET    /admin/truth?account=  all that an account did and has
GET    /admin/faults          what is armed, by number
POST   /admin/faults          arms a fault or a list of them, with at_s and for_s from now
DELETE /admin/faults?number=  disarms one, or all
GET    /admin/faults/log      what was taken, oldest first
POST   /admin/<mischief>      a method of `Mischief` with its arguments as a map; exact numbers as text
"""

from __future__ import annotations

import hmac
import inspect
import typing
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from workbench.core.errors import WorkbenchError
from workbench.core.secret import Secret
from workbench.twin.mischief import MAIN, Mischief, Twin
from workbench.twin.schedule import faults_of
from workbench.twin.words import Refusal

LONGEST_BODY = 1 << 20  # a thousand faults are far from a megabyte
MISCHIEF = (
    "skew",
    "drift",
    "fill",
    "expire",
    "trading",
    "filters",
    "revoke",
    "restore",
    "restrict",
    "by_hand",
    "transfer",
    "bust",
    "mark",
    "funding",
    "restart",
)


class Admin:
    """The back door of one exchange; open only between `open` and `close`."""

    def __init__(self, twin: Twin, token: Secret) -> None:
        self._twin, self._token = twin, token
        self._mischief = Mischief(twin)
        self._runner: web.AppRunner | None = None

    async def open(self, port: int = 0) -> str:
        """Listens on 127.0.0.1 and returns the URL; port 0 takes any that is free."""
        app = web.Application(middlewares=[self._guard], client_max_size=LONGEST_BODY)
        app.router.add_get("/admin/health", self._health)
        app.router.add_get("/admin/truth", self._truth)
        app.router.add_get("/admin/faults", self._armed)
        app.router.add_post("/admin/faults", self._arm)
        app.router.add_delete("/admin/faults", self._disarm)
        app.router.add_get("/admin/faults/log", self._log)
        for name in MISCHIEF:
            app.router.add_post(f"/admin/{name}", self._does(getattr(self._mischief, name)))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return f"http://127.0.0.1:{site.port}"

    async def close(self) -> None:
        """Listens no more; safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets in who has the token; what is wrong with a request is said in one line of JSON."""
        shown = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(shown, b"Bearer " + self._token.reveal().encode()):
            return _answer({"error": "expected the header Authorization: Bearer <token>"}, status=401)
        try:
            return await handler(request)
        except (WorkbenchError, Refusal, msgspec.DecodeError) as error:
            return _answer({"error": str(error)}, status=400)

    async def _health(self, _: web.Request) -> web.Response:
        return _answer({"now": self._twin.clock.now(), "hits": self._twin.faults.hits})

    async def _truth(self, request: web.Request) -> web.Response:
        return _answer(self._twin.exchange.truth(request.query.get("account", MAIN)))

    async def _armed(self, _: web.Request) -> web.Response:
        return _answer({str(number): fault for number, fault in self._twin.faults.armed().items()})

    async def _arm(self, request: web.Request) -> web.Response:
        document = msgspec.json.decode(await request.read())
        faults = faults_of(document, now=self._twin.clock.now(), source="body")
        return _answer({"numbers": self._twin.faults.add_all(faults)}, status=201)

    async def _disarm(self, request: web.Request) -> web.Response:
        number = request.query.get("number")
        if number is not None and not number.isdecimal():
            return _answer({"error": f"number is {number!r}, expected the number of a fault"}, status=400)
        self._twin.faults.clear(None if number is None else int(number))
        return _answer({"armed": len(self._twin.faults.armed())})

    async def _log(self, _: web.Request) -> web.Response:
        return _answer({"hits": self._twin.faults.hits, "log": list(self._twin.faults.log)})

    def _does(self, method: Callable[..., Any]) -> Handler:
        """The door to one mischief; its arguments are checked against the method's own."""
        words = _words_of(method)

        async def door(request: web.Request) -> web.StreamResponse:
            asked = msgspec.json.decode(await request.read() or b"{}", type=words)
            done = method(**{name: getattr(asked, name) for name in words.__struct_fields__})
            return _answer({"done": await done if inspect.isawaitable(done) else done})

        return door


def _words_of(method: Callable[..., Any]) -> type[msgspec.Struct]:
    """A struct with the arguments of a method."""
    kinds = typing.get_type_hints(method)
    fields = [
        (name, kinds[name]) if each.default is each.empty else (name, kinds[name], each.default)
        for name, each in inspect.signature(method).parameters.items()
    ]
    return msgspec.defstruct(method.__name__, fields, kw_only=True, forbid_unknown_fields=True)


def _answer(content: Any, status: int = 200) -> web.Response:
    """JSON with exact numbers as text."""
    return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")
