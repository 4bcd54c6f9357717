"""The REST door: limits, signatures, answers and error bodies as Binance gives them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from workbench.twin.binance import errors
from workbench.twin.binance.asked import Asked, Endpoint, Security
from workbench.twin.binance.endpoints import ENDPOINTS
from workbench.twin.binance.errors import ApiError
from workbench.twin.binance.formats import Symbols
from workbench.twin.binance.parameters import Parameters
from workbench.twin.binance.signing import known_key, rest_payload, signed_by
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey
from workbench.twin.limits import Limited
from workbench.twin.meddling import ARRIVED
from workbench.twin.words import Refusal

_WINDOWS = {10: "10S", 60: "1M", 86_400: "1D"}


class RestDoor:
    """Answers HTTP."""

    def __init__(self, floor: Floor, symbols: Symbols) -> None:
        self._floor, self._symbols = floor, symbols

    def routes(self) -> list[web.RouteDef]:
        """All verbs and paths."""
        return [web.route(*_verb_and_path(each), self._serving(each)) for each in ENDPOINTS if each.rest]

    def _serving(self, endpoint: Endpoint) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            body = await request.text()
            try:
                status, answer, until = 200, self._answer(endpoint, request, body), 0
            except (ApiError, Refusal, Limited) as problem:
                error = errors.error_of(problem)
                status, answer, until = error.status, error.body(), error.until
            headers = self._headers(endpoint, request, until)
            text = msgspec.json.encode(answer).decode()
            return web.Response(status=status, text=text, content_type="application/json", headers=headers)

        return serve

    def _answer(self, endpoint: Endpoint, request: web.Request, body: str) -> Any:
        floor, address = self._floor, request.remote or ""
        query = request.raw_path.partition("?")[2]
        sent = _parsed(query, body)
        weight = endpoint.weighs(Parameters(sent))
        floor.meter.spend(address, weight, floor.clock.now())
        key = self._key(endpoint, request, sent, payload=rest_payload(query, body))
        now = floor.clock.now()
        asked = Asked(floor=floor, symbols=self._symbols, sent=Parameters(sent), now=now, key=key)
        answer = endpoint.answer(asked)
        if endpoint.free:
            floor.meter.refund(address, weight, now)
        return answer

    def _key(self, endpoint: Endpoint, request: web.Request, sent: dict[str, str], *, payload: str) -> ApiKey | None:
        text = request.headers.get("X-MBX-APIKEY")
        if endpoint.security is Security.NONE:
            return None
        if endpoint.security is Security.KEY:
            return known_key(self._floor, text)
        return signed_by(
            self._floor,
            endpoint.security,
            sent,
            payload=payload,
            key=text,
            address=request.remote or "",
            at=request.get(ARRIVED, self._floor.clock.now()),
        )

    def _headers(self, endpoint: Endpoint, request: web.Request, until: int) -> dict[str, str]:
        floor, now = self._floor, self._floor.clock.now()
        used = str(floor.meter.used(request.remote or "", now))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        key = floor.keys.find(request.headers.get("X-MBX-APIKEY", ""))
        if endpoint.orders and key is not None:
            for rule, count in floor.meter.orders(key.account, now):
                headers[f"X-MBX-ORDER-COUNT-{_WINDOWS.get(rule.seconds, f'{rule.seconds}S')}"] = str(count)
        if until:
            headers["Retry-After"] = str(max(1, -(-(until - now) // 1_000_000_000)))
        return headers


def _parsed(query: str, body: str) -> dict[str, str]:
    pairs = [pair for part in (query, body) for pair in parse_qsl(part, keep_blank_values=True)]
    sent = dict(pairs)
    if len(sent) < len(pairs):
        raise errors.TWICE()
    return sent


def _verb_and_path(endpoint: Endpoint) -> tuple[str, str]:
    verb, path = endpoint.rest.split(" ")
    return verb, path
