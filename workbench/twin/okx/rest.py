"""The REST door: signatures, paces, answers and error bodies as OKX gives them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from workbench.twin.floor import Floor
from workbench.twin.limits import Limited
from workbench.twin.okx import errors
from workbench.twin.okx.asked import Asked, Endpoint
from workbench.twin.okx.endpoints import ENDPOINTS
from workbench.twin.okx.errors import ApiError, Rejected
from workbench.twin.okx.formats import Instruments, Json, micros
from workbench.twin.okx.paces import Paces
from workbench.twin.okx.parameters import MILLISECOND, Parameters
from workbench.twin.okx.records import Records
from workbench.twin.okx.signing import signed_by
from workbench.twin.words import Refusal

_FINE, _NONE_WORKED, _SOME_WORKED = (
    ("0", ""),
    ("1", "All operations failed"),
    ("2", "Bulk operation partially succeeded"),
)

_DEADLINE = r"[0-9]{1,20}"  # milliseconds


class RestDoor:
    """Answers HTTP."""

    def __init__(self, floor: Floor, instruments: Instruments, records: Records) -> None:
        self._floor, self._instruments, self._records = floor, instruments, records
        self._paces = Paces()

    def routes(self) -> list[web.RouteDef]:
        """All verbs and paths."""
        return [web.route(each.verb, each.path, self._serving(each)) for each in ENDPOINTS]

    def _serving(self, endpoint: Endpoint) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            body, arrived = await request.text(), self._floor.clock.now()
            try:
                status, answer = 200, self._answer(endpoint, request, body)
            except (ApiError, Rejected, Refusal, Limited) as problem:
                status, answer = _failed(problem)
            if endpoint.operations:
                answer |= {"inTime": micros(arrived), "outTime": micros(self._floor.clock.now())}
            text = msgspec.json.encode(answer).decode()
            return web.Response(status=status, text=text, content_type="application/json")

        return serve

    def _answer(self, endpoint: Endpoint, request: web.Request, body: str) -> Json:
        floor, address, key = self._floor, request.remote or "", None
        if endpoint.needs is not None:
            payload = f"{request.method}{request.raw_path}{body}"
            key = signed_by(floor, endpoint.needs, request.headers, payload=payload, address=address)
        rows = _rows(request, body)
        asked = Asked(
            floor=floor,
            instruments=self._instruments,
            records=self._records,
            sent=rows[0] if rows else Parameters({}),
            rows=rows,
            now=floor.clock.now(),
            key=key,
        )
        if floor.meter.limits.paces:
            self._paces.take(endpoint, asked, address)
        _check_expiry(request, asked.now)
        found = endpoint.answer(asked)
        code, text = _outcome(found) if endpoint.operations else _FINE
        return {"code": code, "data": found, "msg": text}


def _rows(request: web.Request, body: str) -> tuple[Parameters, ...]:
    """What was sent: the rows of a list, the one map of a body, or the query."""
    if request.method == "GET":
        return (Parameters(dict(parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True))),)
    try:
        sent: Any = msgspec.json.decode(body or "{}", type=list[dict[str, Any]] | dict[str, Any])
    except msgspec.MsgspecError:
        raise errors.NOT_JSON() from None
    return (Parameters(sent),) if isinstance(sent, dict) else tuple(map(Parameters, sent))


def _check_expiry(request: web.Request, now: int) -> None:
    """Refuses a request whose own deadline has passed."""
    deadline = request.headers.get("expTime", "")
    if re.fullmatch(_DEADLINE, deadline, re.ASCII) and now > int(deadline) * MILLISECOND:
        raise errors.EXPIRED()


def _outcome(rows: list[Any]) -> tuple[str, str]:
    failed = sum(each["sCode"] != "0" for each in rows)
    if not failed:
        return _FINE
    return _NONE_WORKED if failed == len(rows) else _SOME_WORKED


def _failed(problem: ApiError | Rejected | Refusal | Limited) -> tuple[int, Json]:
    if isinstance(problem, Limited):
        problem = errors.limited(problem)
    if isinstance(problem, Refusal):
        problem = errors.refused(problem)
    if isinstance(problem, Rejected):
        return 200, {"code": problem.code, "data": [], "msg": problem.text}
    return problem.status, problem.body()
