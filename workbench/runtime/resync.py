"""Bringing our books up to a venue's: after every interruption before anything new is opened, and from time to time.

One pass asks for the fills since the last one booked, for the open orders, for every order of ours that is not among
them, and for balances and positions. All of it enters the run as events that book once; a query that fails is repeated,
and never read as nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from workbench.core.clock import Clock
from workbench.core.errors import Unsupported, WorkbenchError
from workbench.core.events import AccountSnapshot, Event, FillEvent, OrderReport
from workbench.core.instrument import Instrument, account_key
from workbench.core.money import canonical
from workbench.core.order import OrderStatus
from workbench.core.ports import ExchangeConnector
from workbench.runtime.dispatch import Doubt, Numbers, Tell
from workbench.runtime.history import History
from workbench.runtime.rejoin import Rejoin
from workbench.runtime.settle import OVERLAP_NS, numbered
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

LOST = 100  # orders given up that are asked about at most, the newest: an accept does not come hours late
SECOND_LOOK_S = 2.0  # how soon a difference is looked at again: by then what was under way has arrived


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often the books are compared while nothing is amiss, in seconds."""

    orders_s: float = 60.0
    trades_s: float = 60.0
    balances_s: float = 300.0


class Listing(NamedTuple):
    """The open orders of an account, and when it was asked for them, in UTC nanoseconds."""

    asked: int
    orders: Sequence[OrderReport]


class Resync:
    """Keeps one account's books equal to its venue's. It is a sink: it hears of each change of the account's link."""

    def __init__(
        self,
        connector: ExchangeConnector,
        engine: Engine,
        *,
        account: str = "main",
        history: History | None = None,
        tell: Tell,
        doubt: Doubt,
        numbers: Numbers,
        clock: Clock,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        booked: Callable[[], bool] = lambda: True,
    ) -> None:
        self.key = account_key(connector.venue, account)
        self._connector, self._engine, self._account = connector, engine, account
        self._history = history
        self._tell, self._doubt = tell, doubt
        self._numbers, self._clock, self._pace = numbers, clock, pace
        self._rejoin = Rejoin(
            connector,
            account,
            once=self.once,
            ready=lambda: getattr(connector, "linked", True),  # what would happen meanwhile would be heard by nobody
            booked=booked,
            tell=tell,
            numbers=numbers,
        )
        self._last_fill: dict[str, int] = {fill.instrument.key: fill.ts_event for fill in engine.ledger.fills}

    @property
    def instruments(self) -> list[Instrument]:
        """What this account trades in the run."""
        return [each for each in self._engine.ledger.instruments.values() if each.account_key == self.key]

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears what the run takes in."""
        if isinstance(event, FillEvent):
            key = event.instrument.key
            self._last_fill[key] = max(self._last_fill.get(key, 0), event.ts_event)
            if self._engine.ledger.order_of(event) is None:
                self._ask_whose(event)
        self._rejoin.record(event, consequences)

    def _ask_whose(self, fill: FillEvent) -> None:
        """A trade of an order that only the venue knows may be of one that was given up: those are asked about."""
        key = fill.instrument.key
        orders = [each for each in self._engine.ledger.orders.values() if each.order.instrument.key == key]
        lost = [each for each in orders if each.status is OrderStatus.NEVER_ACCEPTED and not each.venue_order_id]
        for each in lost[-LOST:]:
            self._doubt(each.order.order_id)

    async def keep(self) -> None:
        """Resyncs after every interruption, and compares from time to time."""
        works = [self._rejoin.keep(), self._orders(), self._trades(), self._balances()]
        if self._history is not None:
            works.append(self._history.keep(self._connector, self.key, self._tell))
        await asyncio.gather(*works)

    async def once(self) -> None:
        """One whole pass; raises what the venue's connector raises."""
        await self._ask_trades()
        await self._ask_balances(await self._ask_orders())
        if self._history is not None:
            for bar in await self._history.missed(self._connector, self.key):
                self._tell(bar)

    # --- from time to time ------------------------------------------------------------------------

    async def _orders(self) -> None:
        while True:
            await asyncio.sleep(self._pace.orders_s)
            await self._quietly(self._ask_orders)

    async def _trades(self) -> None:
        while True:
            await asyncio.sleep(self._pace.trades_s)
            await self._quietly(self._ask_trades)

    async def _balances(self) -> None:
        while True:
            suspects = self._engine.reconciler.suspects(self.key)
            await asyncio.sleep(SECOND_LOOK_S if suspects else self._pace.balances_s)
            await self._quietly(self._ask_trades)  # a fill that was lost explains a balance
            await self._quietly(self._ask_balances)

    async def _quietly(self, ask: Callable[[], object]) -> None:
        if self.key in self._engine.gate.links:
            return  # the pass that follows the interruption asks for all of it
        try:
            await ask()  # type: ignore[misc]
        except WorkbenchError as error:
            log.info("%s: reconciliation failed, the next one is due as usual: %s", self.key, error)

    # --- the questions ----------------------------------------------------------------------------

    async def _ask_trades(self) -> None:
        began = self._engine.ledger.started.ts_event
        for instrument in self.instruments:
            since = self._last_fill.get(instrument.key, began) - OVERLAP_NS
            for fill in await self._connector.get_my_trades(instrument.symbol, since):
                if not self._engine.ledger.knows(fill):
                    self._tell(numbered(fill, self._numbers))
            if not instrument.is_spot:
                await self._ask_settlements(instrument, max(began, since))

    async def _ask_settlements(self, instrument: Instrument, since: int) -> None:
        """Funding, and what was closed by force, of a position that this run may hold."""
        try:
            settled = await self._connector.get_settlements(instrument.symbol, since)
        except Unsupported:
            return
        for each in settled:
            if not self._engine.ledger.settled(each):
                self._tell(each)

    async def _open_orders(self) -> Listing:
        return Listing(self._clock.now(), await self._connector.get_open_orders())

    async def _ask_orders(self) -> Listing:
        asked, listed = listing = await self._open_orders()
        ledger = self._engine.ledger
        for report in listed:
            if report.instrument.key in ledger.instruments:
                self._tell(numbered(report, self._numbers))
        there = {each.order_id for each in listed}
        for order_id, state in list(ledger.living.items()):
            if state.order.instrument.account_key == self.key and order_id not in there and state.updated < asked:
                self._doubt(order_id)
        return listing

    async def _ask_balances(self, listing: Listing | None = None) -> None:
        """Tells what the account holds; its open orders are asked for, unless that was done just now."""
        asked, listed = listing or await self._open_orders()
        balances = await self._connector.get_balances()
        positions = await self._positions()
        source, sequence, now, _ = self._numbers.stamp()
        self._tell(
            AccountSnapshot(
                source,
                sequence,
                now,
                now,
                venue=self._connector.venue,
                account=self._account,
                asked=asked,
                balances={asset: canonical(total) for asset, total in sorted(balances.items())},
                positions=positions,
                orders=tuple(sorted(each.order_id or each.venue_order_id for each in listed)),
            )
        )

    async def _positions(self) -> dict[str, str]:
        if all(each.is_spot for each in self.instruments):
            return {}
        try:
            held = await self._connector.get_positions()
        except Unsupported:
            return {}
        return {each.instrument.key: canonical(each.quantity) for each in held if not each.instrument.is_spot}
