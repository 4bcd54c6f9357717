"""Between the journal and the wire: an order leaves only once the intent behind it survives a loss of power.

The session does not wait for the disk: what it sends while one sync is under way shares the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from workbench.core.events import ApprovedOrder, CancelEvent
from workbench.core.ports import Disk, Executor

SLOW_S = 2.0  # a sync takes milliseconds, and whoever minds the run must know well within five seconds
MAX_WAITING = 10_000  # requests that wait for the disk; more means that the disk has stopped and nobody noticed


log = logging.getLogger(__name__)


class Post:
    """An executor that hands requests on in their order, orders after a sync; a cancel of a sent order at once."""

    def __init__(self, executor: Executor, disk: Disk) -> None:
        self._executor = executor
        self._disk = disk
        self._waiting: deque[ApprovedOrder | CancelEvent] = deque()
        self._leaving: set[str] = set()  # orders of which something waits: a cancel must not overtake it
        self._news = asyncio.Event()
        self.syncing_since: float | None = None  # loop time

    async def submit_order(self, order: ApprovedOrder) -> None:
        """Takes an order or amendment that leaves after the next sync."""
        self._wait(order, order.request.order_id)

    async def cancel_order(self, cancel: CancelEvent) -> None:
        """Takes a cancel; what it takes back has left already, or leaves first."""
        if cancel.order_id in self._leaving:
            self._wait(cancel, cancel.order_id)
        else:
            await self._executor.cancel_order(cancel)

    async def carry(self) -> None:
        """Carries what is handed in until it is cancelled; raises what the disk raises, and then nothing has left."""
        while True:
            await self._news.wait()
            self._news.clear()
            batch = list(self._waiting)
            self._waiting.clear()
            await self._durable()
            self._leaving = {_order_id(each) for each in self._waiting}
            for request in batch:
                if isinstance(request, ApprovedOrder):
                    await self._executor.submit_order(request)
                else:
                    await self._executor.cancel_order(request)

    async def _durable(self) -> None:
        loop = asyncio.get_running_loop()
        self.syncing_since = loop.time()
        alarm = loop.call_later(SLOW_S, log.critical, "the journal's disk is slow: no order leaves until it answers")
        try:
            await self._disk.sync()
        finally:
            alarm.cancel()
        self.syncing_since = None

    def _wait(self, request: ApprovedOrder | CancelEvent, order_id: str) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise OSError(f"the journal's disk: {MAX_WAITING} requests wait for it")
        self._waiting.append(request)
        self._leaving.add(order_id)
        self._news.set()


def _order_id(request: ApprovedOrder | CancelEvent) -> str:
    return request.request.order_id if isinstance(request, ApprovedOrder) else request.order_id
