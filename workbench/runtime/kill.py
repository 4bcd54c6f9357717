"""The kill switch: takes back every order of ours at every venue, whatever has become of the process that sent them.

It shares nothing with the run but the journal, which it only reads, and the latch, which it sets first. It has its own
connection, rate limit and wire log, and where one is configured its own key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from workbench.core.clock import SECOND, Clock
from workbench.core.errors import ConfigError, Refused, VenueRejected, VenueUnavailable, WorkbenchError
from workbench.core.events import CancelEvent, OrderReport
from workbench.core.ports import ExchangeConnector, Outcome
from workbench.runtime.closing import Closing
from workbench.runtime.ours import Ours

log = logging.getLogger(__name__)

ZERO = 2  # lists in a row that show none: a venue's list may lag behind its book
LOOK_S = 0.2  # between two lists
FIRST_S, LAST_S = 0.25, 2.0  # between two tries of a venue that cannot be reached, doubling

Connect = Callable[[bool], ExchangeConnector]  # whether with the venue's own key rather than the switch's


class Order(msgspec.Struct, frozen=True):
    """An open order as it was found."""

    order_id: str
    symbol: str


class Outcomes(msgspec.Struct):
    """What was done at one venue, in the order in which it happened."""

    verified: bool = False
    cancelled: list[Order] = []
    kept: list[Order] = []  # protective stops
    others: int = 0  # open orders that are not ours
    left: list[Order] = []
    closed: list[dict[str, str]] = []
    held: dict[str, str] = {}  # what is still held of each instrument of ours
    error: str = ""
    connected_s: float | None = None
    first_list_s: float | None = None
    verified_s: float | None = None


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """What the kill switch is asked for."""

    everything: bool = False  # every order of the account, and stops too
    flatten: bool = False
    drill: bool = False  # all but the cancels


class VenueKill:
    """The kill switch at one account of one venue; `connect` makes a connector that was never connected before."""

    def __init__(
        self, name: str, connect: Connect, *, ours: Ours, switch: Switch, closing: Closing | None, clock: Clock
    ) -> None:
        self.name, self.done = name, Outcomes()
        self._connect, self._ours, self._switch, self._closing = connect, ours, switch, closing
        self._clock, self._began = clock, clock.now()
        self._connector: ExchangeConnector | None = None
        self._own_key = False

    async def run(self) -> Outcomes:
        """Tries until two lists in a row show nothing of ours and, where asked for, nothing is held."""
        pause = FIRST_S
        try:
            while True:
                try:
                    await self._clear()
                    break
                except ConfigError as error:
                    self.done.error = str(error)
                    raise  # no venue will mend it
                except (WorkbenchError, OSError) as error:  # a full disk keeps no order open
                    await self._failed(error)
                    await asyncio.sleep(pause)
                    pause = min(LAST_S, 2 * pause)
        finally:
            await self._let_go()
        return self.done

    async def _clear(self) -> None:
        connector = await self._reached()
        await self._until_none(connector)
        if self._switch.flatten and not self._switch.drill:
            await self._flatten(connector)
        self.done.error, self.done.verified = "", True
        self.done.verified_s = self._elapsed()

    async def _until_none(self, connector: ExchangeConnector) -> None:
        """Cancels what a list shows until two in a row show nothing; a drill lists twice and cancels nothing."""
        zero = 0
        while zero < ZERO:
            await asyncio.to_thread(self._ours.read)
            doomed = self._sorted_out(await connector.get_open_orders())
            if self.done.first_list_s is None:
                self.done.first_list_s = self._elapsed()
            if doomed and not self._switch.drill:
                zero = 0
                await asyncio.gather(*(self._cancel(connector, each) for each in doomed))
            else:
                zero += 1
            await asyncio.sleep(LOOK_S if zero < ZERO else 0)

    def _sorted_out(self, listed: Sequence[OrderReport]) -> list[OrderReport]:
        """The orders to take back; the others are counted."""
        own = [each for each in listed if self._switch.everything or self._ours.own(each)]
        kept = [] if self._switch.everything else [each for each in own if self._ours.protects(each)]
        doomed = [each for each in own if each not in kept]
        self.done.kept, self.done.left = [_named(each) for each in kept], [_named(each) for each in doomed]
        self.done.others = len(listed) - len(own)
        return doomed

    async def _cancel(self, connector: ExchangeConnector, report: OrderReport) -> None:
        now = self._clock.now()
        ids: dict[str, Any] = {"order_id": report.order_id, "strategy_id": "", "instrument": report.instrument}
        result = await connector.cancel_order(CancelEvent("kill", now, now, now, **ids))
        if result.outcome is Outcome.ACCEPTED and _named(report) not in self.done.cancelled:
            self.done.cancelled.append(_named(report))

    async def _flatten(self, connector: ExchangeConnector) -> None:
        """Closes what we hold; the stops that protected it go first, for they hold the coins."""
        if self._closing is None or self._ours.unknown:
            raise Refused(f"what is held is not known: {self._ours.unknown}")
        for each in await connector.get_open_orders():
            if self._ours.own(each) and self._ours.protects(each):
                await self._cancel(connector, each)
        self.done.closed, self.done.held = await self._closing.close(connector)
        self.done.kept = []

    # --- the connection ---------------------------------------------------------------------------

    async def _reached(self) -> ExchangeConnector:
        if self._connector is None:
            connector = self._connect(self._own_key)
            try:
                await connector.connect()
            except BaseException:
                await connector.close()
                raise
            self._connector = connector
            if self.done.connected_s is None:
                self.done.connected_s = self._elapsed()
        return self._connector

    async def _failed(self, error: WorkbenchError | OSError) -> None:
        """Tells of it and starts over: a key that is refused is not the only one there is."""
        if str(error) != self.done.error:
            log.error("%s: it is tried again: %s", self.name, error)
        self.done.error = str(error)
        if isinstance(error, VenueRejected):
            self._own_key = not self._own_key
        if isinstance(error, VenueRejected | VenueUnavailable | OSError):
            await self._let_go()

    async def _let_go(self) -> None:
        connector, self._connector = self._connector, None
        if connector is not None:
            with suppress(WorkbenchError, OSError):
                await connector.close()

    def _elapsed(self) -> float:
        return round((self._clock.now() - self._began) / SECOND, 4)


async def kill(venues: Sequence[VenueKill], *, stopped: asyncio.Event, seconds: float | None) -> bool:
    """Runs the switch at all venues at once, until all are verified, `stopped`, or so many seconds are over."""
    works = asyncio.gather(*(each.run() for each in venues), return_exceptions=True)
    waits = asyncio.ensure_future(stopped.wait())
    both: set[asyncio.Future[Any]] = {works, waits}
    await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waits.cancel()
    works.cancel()
    with suppress(asyncio.CancelledError):
        for problem in await works:
            if isinstance(problem, Exception):
                raise problem
    return all(each.done.verified for each in venues)


def _named(report: OrderReport) -> Order:
    return Order(report.order_id, report.instrument.symbol)
