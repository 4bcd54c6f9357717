"""The way from an approved request to a real venue, and what is known of it when the call returns.

A request waits for the one before it of the same order and for no other. What a venue says at once enters the run as
a report; what it leaves open is settled by evidence (`settle.py`), never by sending again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from workbench.core.clock import Clock
from workbench.core.errors import Unsupported, VenueUnavailable, WorkbenchError
from workbench.core.events import AmendEvent, ApprovedOrder, CancelEvent, Event, OrderEvent, OrderReport
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus
from workbench.core.ports import ExchangeConnector, OrderResult, Outcome

log = logging.getLogger(__name__)

Tell = Callable[[Event], None]
Doubt = Callable[[str], None]

SOURCE = "executor"


class Numbers:
    """Numbers for events that the executor makes: they grow with the clock, so that a restart repeats none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def stamp(self) -> tuple[str, int, int, int]:
        """Source, sequence, and now twice."""
        now = self._clock.now()
        self._last = max(self._last + 1, now)
        return SOURCE, self._last, now, now


class Dispatcher:
    """The executor of a live run; `submit_order` and `cancel_order` return at once."""

    def __init__(
        self,
        connectors: Mapping[str, ExchangeConnector],
        *,
        tell: Tell,
        doubt: Doubt,
        numbers: Numbers,
        clock: Clock,
        latched: Callable[[], str | None] = lambda: None,
        handed_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connectors = connectors  # by account key
        self._tell, self._doubt = tell, doubt
        self._latched = latched  # asked before each order leaves: a halt counts from the instant it is set
        self._handed_over = handed_over  # whether somebody else closes our positions: two would close them twice
        self._numbers, self._clock = numbers, clock
        self._lines: dict[str, asyncio.Task[None]] = {}  # the last request of each order that is under way
        self.sent: dict[str, int] = {}  # when a request of an order last left, while its fate is open
        self.closed = ""  # why nothing new may leave; cancels still do

    async def submit_order(self, order: ApprovedOrder) -> None:
        """Places an approved order, or amends a resting one."""
        self._line_up(order.request.order_id, self._submit(order))

    async def cancel_order(self, cancel: CancelEvent) -> None:
        """Takes an order back."""
        self._line_up(cancel.order_id, self._cancel(cancel))

    @property
    def under_way(self) -> int:
        """How many orders have a request whose answer is not here yet."""
        return len(self._lines)

    def _line_up(self, order_id: str, request: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_after(self._lines.get(order_id), request))
        self._lines[order_id] = task
        task.add_done_callback(lambda done: self._left(order_id, done))

    def _left(self, order_id: str, task: asyncio.Task[None]) -> None:
        if self._lines.get(order_id) is task:
            del self._lines[order_id]
        if not task.cancelled() and task.exception() is not None:  # ours: what became of the order is not known
            log.error("order %s: the request failed", order_id, exc_info=task.exception())
            self._doubt(order_id)

    async def _submit(self, order: ApprovedOrder) -> None:
        request = order.request
        connector = self._connectors[request.instrument.account_key]
        barred = self.closed or self._latched()
        if barred and (self._handed_over() or not _closes(request)):
            self._not_sent(request, barred)
            return
        self.sent[request.order_id] = self._clock.now()
        try:
            if isinstance(request, AmendEvent):
                self._amended(request, await connector.amend_order(order))
            else:
                self._placed(request, await connector.place_order(order))
        except Unsupported as error:
            self._not_sent(request, str(error))
        except WorkbenchError as error:  # no answer, or one that cannot be read: it may have arrived
            self._open(request.order_id, request.instrument, str(error))

    def _placed(self, order: OrderEvent, result: OrderResult) -> None:
        if result.outcome is Outcome.UNKNOWN:
            self._open(order.order_id, order.instrument, result.evidence)
        else:
            self.sent.pop(order.order_id, None)
            accepted = result.outcome is Outcome.ACCEPTED
            status = OrderStatus.ACKNOWLEDGED if accepted else OrderStatus.REJECTED
            self._report(
                order.order_id,
                order.instrument,
                status,
                reason="" if accepted else result.evidence,
                venue_order_id=result.venue_order_id,
            )

    def _amended(self, amend: AmendEvent, result: OrderResult) -> None:
        if result.outcome is Outcome.ACCEPTED:
            self.sent.pop(amend.order_id, None)
            terms = {"quantity_raw": amend.quantity_raw, "price_raw": amend.price_raw, "stop_raw": amend.stop_raw}
            self._report(amend.order_id, amend.instrument, OrderStatus.ACKNOWLEDGED, reason="amended", **terms)
        elif result.outcome is Outcome.UNKNOWN:
            self._open(amend.order_id, amend.instrument, result.evidence)
        else:
            self._doubt(amend.order_id)  # refused as it stands, or because it stands no more: the venue will say

    async def _cancel(self, cancel: CancelEvent) -> None:
        connector = self._connectors[cancel.instrument.account_key]
        try:
            result = await connector.cancel_order(cancel)
        except VenueUnavailable:
            self._doubt(cancel.order_id)
            return
        if result.outcome is not Outcome.ACCEPTED:
            self._doubt(cancel.order_id)  # gone, filled, not there yet: a refusal says no more than that

    def _not_sent(self, request: OrderEvent | AmendEvent, why: str) -> None:
        """The request never left us: an order ends, an amendment leaves its order as it was."""
        if isinstance(request, AmendEvent):
            self._doubt(request.order_id)
        else:
            self._report(request.order_id, request.instrument, OrderStatus.NEVER_ACCEPTED, reason=f"not sent: {why}")

    def _open(self, order_id: str, instrument: Instrument, why: str) -> None:
        self._report(order_id, instrument, OrderStatus.UNKNOWN, reason=why)
        self._doubt(order_id)

    def _report(self, order_id: str, instrument: Instrument, status: OrderStatus, **more: Any) -> None:
        stamp = self._numbers.stamp()
        self._tell(OrderReport(*stamp, order_id=order_id, status=status, instrument=instrument, **more))


def _closes(request: OrderEvent | AmendEvent) -> bool:
    """Whether a request can only protect or end what is held: a halt keeps neither."""
    return isinstance(request, OrderEvent) and request.role.reduces


async def _after(before: asyncio.Task[None] | None, request: Coroutine[Any, Any, None]) -> None:
    if before is not None:
        await asyncio.wait({before})
    await request
