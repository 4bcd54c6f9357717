"""The floor: what all doors of the exchange share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase

from aiohttp import web

from workbench.twin.actions import Where
from workbench.twin.clock import TwinClock
from workbench.twin.exchange import Exchange
from workbench.twin.faults import Faults
from workbench.twin.keys import Keys
from workbench.twin.limits import Meter
from workbench.twin.meddling import Meddler
from workbench.twin.sockets import LONGEST_MESSAGE, Outlet, Timing
from workbench.twin.tape import Tape
from workbench.twin.words import Event, Execution, Happened, Order, Print


class Floor:
    """The exchange, and around it its clock, keys, limits, faults, tape and connected clients."""

    def __init__(
        self, exchange: Exchange, *, keys: Keys, meter: Meter, clock: TwinClock, faults: Faults, timing: Timing
    ) -> None:
        self.exchange, self.keys, self.meter = exchange, keys, meter
        self.clock, self.faults, self.timing = clock, faults, timing
        self.meddler = Meddler(faults, clock, exchange=lambda: exchange)
        self.tape = Tape()
        self._outlets: dict[Outlet, None] = {}
        for symbol in exchange.listings:
            for each in exchange.prints(symbol):
                self.tape.add(each)
        exchange.listen(self._hear)

    def shows(self, order: Order) -> bool:
        """Whether queries see this order by now."""
        return not self.faults.hides(order, self.clock.now())

    @asynccontextmanager
    async def connection(self, request: web.Request, where: Where) -> AsyncIterator[Outlet | web.StreamResponse]:
        """A client's socket while it lasts, or what to answer instead; raises Limited."""
        self.meter.connect(request.remote or "", self.clock.now())
        socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=LONGEST_MESSAGE)
        refusal = await self.meddler.handshake(where, request, socket)
        if refusal is not None:
            yield refusal
            return
        outlet = Outlet(request, socket, meddler=self.meddler, timing=self.timing, since=self.clock.now())
        self._outlets[outlet] = None
        try:
            yield outlet
        finally:
            del self._outlets[outlet]

    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._outlets)

    def cut(self, path: str = "*") -> int:
        """Cuts the sockets whose path matches a glob, without a word; how many there were."""
        matching = self._matching(path)
        for outlet in matching:
            outlet.cut()
        return len(matching)

    async def close(self, path: str = "*", *, code: int = 1001, text: str = "") -> int:
        """Closes the sockets whose path matches a glob, in good order; how many there were."""
        matching = self._matching(path)
        for outlet in matching:
            await outlet.close(code, text)
        return len(matching)

    def _matching(self, path: str) -> list[Outlet]:
        return [outlet for outlet in self._outlets if fnmatchcase(outlet.path, path)]

    def _hear(self, event: Event) -> None:
        if isinstance(event, Print):
            self.tape.add(event)
        elif isinstance(event, Execution):
            self._count(event)

    def _count(self, execution: Execution) -> None:
        """Unfilled orders: a new one counts, its first fill takes it off again."""
        order, trade = execution.order, execution.trade
        if execution.what is Happened.NEW:
            self.meter.ordered(order.account, execution.at)
        elif trade is not None and trade.print.quantity == order.filled:
            self.meter.traded(order.account, execution.at, maker=trade.maker)
