"""The WebSocket API: the calls of REST as messages, and account events on the same connection."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeGuard

import msgspec
from aiohttp import WSMsgType, web

from workbench.twin.actions import Where
from workbench.twin.binance import errors
from workbench.twin.binance.asked import Asked, Endpoint, Security
from workbench.twin.binance.endpoints import BY_METHOD
from workbench.twin.binance.errors import ApiError
from workbench.twin.binance.formats import Json, Symbols, ms
from workbench.twin.binance.info import rate_limit
from workbench.twin.binance.market_door import limited_response
from workbench.twin.binance.parameters import Parameters, text_of
from workbench.twin.binance.signing import known_key, signed_by, wsapi_payload
from workbench.twin.binance.user import UserStreams
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey
from workbench.twin.limits import Limited
from workbench.twin.sockets import Outlet
from workbench.twin.words import Refusal

_CONNECTING = 2  # weight
_SUBSCRIBING = 2
_DECODER = msgspec.json.Decoder(float_hook=str)  # a number keeps its digits, also for the signature


class WsApiDoor:
    """Answers calls over WebSockets."""

    def __init__(self, floor: Floor, symbols: Symbols, users: UserStreams) -> None:
        self._floor, self._symbols, self._users = floor, symbols, users
        self._own = {
            "session.logon": self._logon,
            "session.status": self._status,
            "session.logout": self._status,
            "userDataStream.subscribe": self._subscribe_unsigned,
            "userDataStream.subscribe.signature": self._subscribe,
            "userDataStream.unsubscribe": self._unsubscribe,
            "session.subscriptions": self._subscriptions,
        }

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its handshake to its end."""
        floor = self._floor
        try:
            floor.meter.spend(request.remote or "", _CONNECTING, floor.clock.now())
            async with floor.connection(request, Where.WSAPI) as outlet:
                return outlet if isinstance(outlet, web.StreamResponse) else await self._converse(outlet)
        except Limited as limit:
            return limited_response(limit)

    async def _converse(self, outlet: Outlet) -> web.WebSocketResponse:
        try:
            async for message in outlet.heard():
                if message.type is WSMsgType.TEXT:
                    await self._hear(outlet, message.data)
        finally:
            self._users.leave(outlet)
        return outlet.socket

    async def _hear(self, outlet: Outlet, text: str) -> None:
        try:
            call = _DECODER.decode(text)
        except msgspec.DecodeError:
            call = None
        if not _is_call(call):
            outlet.say(Where.WSAPI, "", _encoded(_failed(None, errors.INVALID_JSON())))
            return
        method = call["method"].removeprefix("v3/")
        execute = partial(self._execute, outlet, method, call)
        answer = await self._floor.meddler.answer(outlet.socket, method, call.get("id"), execute)
        if answer is not None:
            outlet.say(Where.WSAPI, method, answer)

    async def _execute(self, outlet: Outlet, method: str, call: Json) -> str:
        params = call.get("params") or {}
        endpoint = BY_METHOD.get(method)
        key = self._floor.keys.find(str(params.get("apiKey", "")))
        try:
            if endpoint is not None:
                result = self._answer(outlet, endpoint, params)
            elif method in self._own:
                result = self._own[method](outlet, params)
            else:
                raise errors.INVALID_METHOD(method)
            answer = {"id": call.get("id"), "status": 200, "result": result}
        except (ApiError, Refusal, Limited) as problem:
            answer = _failed(call.get("id"), errors.error_of(problem), self._floor.clock.now())
        if params.get("returnRateLimits") is not False:
            answer["rateLimits"] = self._used(outlet, key if endpoint is not None and endpoint.orders else None)
        return _encoded(answer)

    def _answer(self, outlet: Outlet, endpoint: Endpoint, params: Json) -> Any:
        floor, sent = self._floor, {name: text_of(value) for name, value in params.items()}
        weight = endpoint.weighs(Parameters(sent))
        floor.meter.spend(outlet.address, weight, floor.clock.now())
        key = self._key(outlet, endpoint.security, params)
        now = floor.clock.now()
        asked = Asked(floor=floor, symbols=self._symbols, sent=Parameters(sent), now=now, key=key)
        answer = endpoint.answer(asked)
        if endpoint.free:
            floor.meter.refund(outlet.address, weight, now)
        return answer

    def _key(self, outlet: Outlet, security: Security, params: Json) -> ApiKey | None:
        sent = {name: text_of(value) for name, value in params.items()}
        if security is Security.NONE:
            return None
        if security is Security.KEY:
            return known_key(self._floor, sent.get("apiKey"))
        return signed_by(
            self._floor,
            security,
            sent,
            payload=wsapi_payload(params),
            key=sent.get("apiKey"),
            address=outlet.address,
            at=self._floor.clock.now(),
        )

    def _subscribe(self, outlet: Outlet, params: Json) -> Json:
        self._floor.meter.spend(outlet.address, _SUBSCRIBING, self._floor.clock.now())
        key = self._key(outlet, Security.READ, params)
        assert key is not None
        return {"subscriptionId": self._users.subscribe(outlet, key.account)}

    def _subscribe_unsigned(self, outlet: Outlet, params: Json) -> Json:
        raise errors.UNAUTHORIZED()  # only a session can, and only an Ed25519 key has a session

    def _unsubscribe(self, outlet: Outlet, params: Json) -> Json:
        number = params.get("subscriptionId")
        if number is not None and number not in self._users.subscriptions(outlet):
            raise errors.INVALID_VALUE("subscriptionId")
        self._users.unsubscribe(outlet, number)
        return {}

    def _subscriptions(self, outlet: Outlet, params: Json) -> list[Json]:
        return [{"subscriptionId": number} for number in self._users.subscriptions(outlet)]

    def _logon(self, outlet: Outlet, params: Json) -> Json:
        self._key(outlet, Security.READ, params)
        raise errors.HMAC_KEY()

    def _status(self, outlet: Outlet, params: Json) -> Json:
        return {
            "apiKey": None,
            "authorizedSince": None,
            "connectedSince": ms(outlet.since),
            "returnRateLimits": True,
            "serverTime": ms(self._floor.clock.now()),
            "userDataStream": bool(self._users.subscriptions(outlet)),
        }

    def _used(self, outlet: Outlet, key: ApiKey | None) -> list[Json]:
        meter, now = self._floor.meter, self._floor.clock.now()
        weight = {**rate_limit("REQUEST_WEIGHT", 60, meter.limits.weight), "count": meter.used(outlet.address, now)}
        orders = meter.orders(key.account, now) if key is not None else []
        return [*({**rate_limit("ORDERS", rule.seconds, rule.limit), "count": count} for rule, count in orders), weight]


def _is_call(said: object) -> TypeGuard[Json]:
    return isinstance(said, dict) and isinstance(said.get("method"), str) and isinstance(said.get("params") or {}, dict)


def _failed(call_id: object, error: ApiError, now: int = 0) -> Json:
    body = error.body()
    if error.until:
        body["data"] = {"serverTime": ms(now), "retryAfter": ms(error.until)}
    return {"id": call_id, "status": error.status, "error": body}


def _encoded(answer: Json) -> str:
    return msgspec.json.encode(answer).decode()
