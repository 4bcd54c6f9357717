"""What faults do to a WS-API call: each action is one function from the call to the text of its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec

from workbench.core.clock import Clock
from workbench.twin.canned import Voice, canned_reply
from workbench.twin.faults import Action, Fault
from workbench.twin.line import Later, Line
from workbench.twin.rivals import Rivals


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call at the door: its own id, what executes it, the line it came on."""

    call_id: object
    execute: Callable[[], Awaitable[str]]
    line: Line
    later: Later
    rivals: Rivals
    clock: Clock
    voice: Voice

    def canned(self, fault: Fault) -> str:
        """What a status fault answers."""
        return canned_reply(fault, self.voice, self.call_id, self.clock.now())


async def _delay_before(call: Call, fault: Fault) -> str | None:
    await asyncio.sleep(fault.number("ms") / 1_000)
    return await call.execute()


async def _delay_after(call: Call, fault: Fault) -> str | None:
    answer = await call.execute()
    await asyncio.sleep(fault.number("ms") / 1_000)
    return answer


async def _drop_before(call: Call, fault: Fault) -> str | None:
    call.line.cut()
    return None


async def _drop_after(call: Call, fault: Fault) -> str | None:
    await call.execute()
    call.line.cut()
    return None


async def _not_json(call: Call, fault: Fault) -> str | None:
    answer = await call.execute()
    return answer[: len(answer) // 2]


async def _status_before(call: Call, fault: Fault) -> str | None:
    return call.canned(fault)


async def _status_after(call: Call, fault: Fault) -> str | None:
    await call.execute()
    return call.canned(fault)


async def _late_accept(call: Call, fault: Fault) -> str | None:
    async def work() -> None:
        await call.execute()

    call.later.start(fault.number("ms"), work)
    return call.canned(fault) if fault.number("status") else await _drop_before(call, fault)


async def _empty_200(call: Call, fault: Fault) -> str | None:
    return json.dumps({"id": call.call_id, "status": 200, "result": json.loads(fault.words("body"))})


async def _fill_first(call: Call, fault: Fault) -> str | None:
    call.rivals.fill(call.rivals.targets(fault), fault, call.clock.now())
    return await call.execute()


async def _cancel_first(call: Call, fault: Fault) -> str | None:
    targets = call.rivals.targets(fault)
    answer = await call.execute()
    call.rivals.fill_ended(targets, fault, call.clock.now())
    return answer


CALLS: dict[Action, Callable[[Call, Fault], Awaitable[str | None]]] = {
    Action.DELAY_BEFORE: _delay_before,
    Action.DELAY_AFTER: _delay_after,
    Action.DROP_BEFORE: _drop_before,
    Action.DROP_AFTER: _drop_after,
    Action.NOT_JSON: _not_json,
    Action.STATUS_BEFORE: _status_before,
    Action.STATUS_AFTER: _status_after,
    Action.LATE_ACCEPT: _late_accept,
    Action.RATE_LIMIT: _status_before,
    Action.BAN: _status_before,
    Action.TOO_MANY_ORDERS: _status_before,
    Action.EMPTY_200: _empty_200,
    Action.FILL_FIRST: _fill_first,
    Action.CANCEL_FIRST: _cancel_first,
}
