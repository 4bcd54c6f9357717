"""The market stream door: connections, and what they ask to hear."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from workbench.core.clock import SECOND
from workbench.twin.actions import Where
from workbench.twin.binance import errors
from workbench.twin.binance.formats import Json
from workbench.twin.binance.listeners import Listeners
from workbench.twin.floor import Floor
from workbench.twin.limits import Limited
from workbench.twin.sockets import Outlet

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_CODES = {"property": 0, "boolean": 1, "request": 2, "json": 3}


class _Client:
    """One connection: whether it hears the combined form, and when it spoke lately."""

    def __init__(self, outlet: Outlet, *, combined: bool, messages: int) -> None:
        self.outlet, self.combined = outlet, combined
        self._spoke: deque[int] = deque(maxlen=messages)

    def speaks_too_much(self, now: int) -> bool:
        """Notes a message; whether it is one too many within a second."""
        too_much = len(self._spoke) == self._spoke.maxlen and now - self._spoke[0] < SECOND
        self._spoke.append(now)
        return too_much


class MarketDoor:
    """Serves `/ws/<stream>` (raw) and `/stream?streams=<a>/<b>` (combined), with any tail after either."""

    def __init__(self, floor: Floor, listeners: Listeners) -> None:
        self._floor, self._listeners = floor, listeners

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its handshake to its end."""
        try:
            async with self._floor.connection(request, Where.STREAM) as outlet:
                return outlet if isinstance(outlet, web.StreamResponse) else await self._converse(request, outlet)
        except Limited as limit:
            return limited_response(limit)

    async def _converse(self, request: web.Request, outlet: Outlet) -> web.WebSocketResponse:
        parts = request.path.split("/")
        client = _Client(outlet, combined="ws" not in parts, messages=self._floor.meter.limits.messages)
        named = [*request.query.get("streams", "").split("/"), *parts]
        for stream in (each for each in named if "@" in each):
            self._listeners.subscribe(outlet, stream, combined=client.combined)
        try:
            async for message in outlet.heard():
                if client.speaks_too_much(self._floor.clock.now()):
                    await outlet.close(WSCloseCode.POLICY_VIOLATION, "Too many requests")
                elif message.type is WSMsgType.TEXT:
                    outlet.say(Where.STREAM, "", msgspec.json.encode(self._answer(client, message.data)).decode())
        finally:
            self._listeners.leave(outlet)
        return outlet.socket

    def _answer(self, client: _Client, text: str) -> Json:
        try:
            call = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return {"error": _problem("json", "Invalid JSON: expected value at line 1 column 1")}
        method = call.get("method") if isinstance(call, dict) else None
        if method not in _METHODS:
            expected = ", ".join(f"`{each}`" for each in _METHODS)
            said = f"unknown variant `{method}`, expected one of {expected}"
            return {"error": _problem("request", f"Invalid request: {said}")}
        params = call.get("params") or []
        try:
            return {"result": self._act(client, method, params), "id": call.get("id")}
        except ValueError as problem:
            kind, said = problem.args
            return {"error": _problem(kind, said), "id": call.get("id")}

    def _act(self, client: _Client, method: str, params: Any) -> object:
        if method == "LIST_SUBSCRIPTIONS":
            return self._listeners.subscriptions(client.outlet)
        if not isinstance(params, list):
            raise ValueError("request", "Invalid request: params must be a list")
        if method.endswith("PROPERTY"):
            return self._property(client, method, params)
        if not all(isinstance(each, str) for each in params):
            raise ValueError("request", "Invalid request: params must be strings")
        for stream in params:
            if method == "UNSUBSCRIBE":
                self._listeners.unsubscribe(client.outlet, stream)
            elif len(self._listeners.subscriptions(client.outlet)) >= self._floor.meter.limits.streams:
                raise ValueError("request", "Invalid request: too many parameters")
            else:
                self._listeners.subscribe(client.outlet, stream, combined=client.combined)
        return None

    def _property(self, client: _Client, method: str, params: list[Any]) -> object:
        if not params or not isinstance(params[0], str):
            raise ValueError("request", "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise ValueError("property", "Unknown property")
        if method == "GET_PROPERTY":
            return client.combined
        if len(params) < 2 or not isinstance(params[1], bool):
            raise ValueError("boolean", "Invalid value type: expected Boolean")
        client.combined = params[1]
        for stream in self._listeners.subscriptions(client.outlet):
            self._listeners.subscribe(client.outlet, stream, combined=client.combined)
        return None


def limited_response(limit: Limited) -> web.Response:
    """The refusal of a connection that is one too many."""
    error = errors.limited(limit)
    headers = {"Retry-After": str(limit.retry_after_s)}
    text = msgspec.json.encode(error.body()).decode()
    return web.Response(status=error.status, text=text, content_type="application/json", headers=headers)


def _problem(kind: str, said: str) -> Json:
    return {"code": _CODES[kind], "msg": said}
