"""What faults do to a REST request: each action is one function from the request to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from workbench.core.clock import Clock
from workbench.twin.canned import WEB_PAGE, Voice, canned, is_book, older
from workbench.twin.faults import Action, Fault
from workbench.twin.line import Later, reset
from workbench.twin.rivals import Rivals

SNAPSHOTS = 64  # books that are remembered, by the query that asked: a test has a handful of symbols


class Snapshots:
    """The last answer to each query for a book, so that an old one can be given again."""

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}

    def kept(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Remembers the answer if it is a book, and passes it on."""
        body = body_of(response)
        if is_book(body):
            self._answers.pop(request.path_qs, None)
            self._answers[request.path_qs] = body
            if len(self._answers) > SNAPSHOTS:
                del self._answers[next(iter(self._answers))]
        return response

    def before(self, request: web.Request) -> bytes | None:
        """The last answer to the same query, if any."""
        return self._answers.get(request.path_qs)


class Request:
    """A request at the door: it can be executed, now or later, and its connection can be cut."""

    def __init__(
        self,
        *,
        request: web.Request,
        handler: Handler,
        later: Later,
        snapshots: Snapshots,
        rivals: Rivals,
        clock: Clock,
        voice: Voice,
    ) -> None:
        self.request, self.snapshots, self.rivals, self.clock = request, snapshots, rivals, clock
        self.voice = voice
        self._handler, self._later = handler, later

    async def execute(self) -> web.StreamResponse:
        """The exchange's own answer."""
        try:
            return await self._handler(self.request)
        except web.HTTPException as refusal:
            return refusal

    async def execute_later(self, ms: int) -> None:
        """Executes after so many milliseconds; the answer goes nowhere."""
        await self.request.read()  # now: the connection may be gone by then

        async def work() -> None:
            await self.execute()

        self._later.start(ms, work)

    def cut(self) -> web.StreamResponse:
        """Resets the connection; what is returned reaches nobody."""
        reset(self.request.transport)
        return web.Response()


async def _delay_before(asked: Request, fault: Fault) -> web.StreamResponse:
    await asked.request.read()
    await asyncio.sleep(fault.number("ms") / 1_000)
    return await asked.execute()


async def _delay_after(asked: Request, fault: Fault) -> web.StreamResponse:
    response = await asked.execute()
    await asyncio.sleep(fault.number("ms") / 1_000)
    return response


async def _drop_before(asked: Request, fault: Fault) -> web.StreamResponse:
    return asked.cut()


async def _drop_after(asked: Request, fault: Fault) -> web.StreamResponse:
    await asked.execute()
    return asked.cut()


async def _half_a_body(asked: Request, fault: Fault) -> web.StreamResponse:
    """Promises the whole body and sends half of it; then the connection ends, by a reset or in good order."""
    body = body_of(await asked.execute())
    half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await half.prepare(asked.request)
    await half.write(body[: len(body) // 2])
    if fault.action is Action.RESET_MID_BODY:
        reset(asked.request.transport)
    elif asked.request.transport is not None:
        asked.request.transport.close()
    return half


async def _html_200(asked: Request, fault: Fault) -> web.StreamResponse:
    await asked.execute()
    return web.Response(text=WEB_PAGE.format(status=200), content_type="text/html")


async def _not_json(asked: Request, fault: Fault) -> web.StreamResponse:
    body = body_of(await asked.execute())
    return web.Response(body=body[: len(body) // 2], content_type="application/json")


async def _status_before(asked: Request, fault: Fault) -> web.StreamResponse:
    said = canned(fault, asked.voice)
    return web.Response(status=said.status, headers=said.headers, text=said.body)


async def _status_after(asked: Request, fault: Fault) -> web.StreamResponse:
    await asked.execute()
    return await _status_before(asked, fault)


async def _late_accept(asked: Request, fault: Fault) -> web.StreamResponse:
    await asked.execute_later(fault.number("ms"))
    return await _status_before(asked, fault) if fault.number("status") else asked.cut()


async def _empty_200(asked: Request, fault: Fault) -> web.StreamResponse:
    return web.Response(text=fault.words("body"), content_type="application/json")


async def _stale_snapshot(asked: Request, fault: Fault) -> web.StreamResponse:
    before = asked.snapshots.before(asked.request)
    response = await asked.execute()
    if before is None and is_book(body_of(response)):
        before = older(body_of(response), fault.number("by"))
    return response if before is None else web.Response(body=before, content_type="application/json")


async def _fill_first(asked: Request, fault: Fault) -> web.StreamResponse:
    asked.rivals.fill(asked.rivals.targets(fault), fault, asked.clock.now())
    return await asked.execute()


async def _cancel_first(asked: Request, fault: Fault) -> web.StreamResponse:
    targets = asked.rivals.targets(fault)
    response = await asked.execute()
    asked.rivals.fill_ended(targets, fault, asked.clock.now())
    return response


def body_of(response: web.StreamResponse) -> bytes:
    """The whole body of an answer; empty where it is streamed."""
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


REQUESTS: dict[Action, Callable[[Request, Fault], Awaitable[web.StreamResponse]]] = {
    Action.DELAY_BEFORE: _delay_before,
    Action.DELAY_AFTER: _delay_after,
    Action.DROP_BEFORE: _drop_before,
    Action.DROP_AFTER: _drop_after,
    Action.RESET_MID_BODY: _half_a_body,
    Action.TRUNCATED_BODY: _half_a_body,
    Action.HTML_200: _html_200,
    Action.NOT_JSON: _not_json,
    Action.STATUS_BEFORE: _status_before,
    Action.STATUS_AFTER: _status_after,
    Action.LATE_ACCEPT: _late_accept,
    Action.RATE_LIMIT: _status_before,
    Action.BAN: _status_before,
    Action.TOO_MANY_ORDERS: _status_before,
    Action.EMPTY_200: _empty_200,
    Action.STALE_SNAPSHOT: _stale_snapshot,
    Action.FILL_FIRST: _fill_first,
    Action.CANCEL_FIRST: _cancel_first,
}
