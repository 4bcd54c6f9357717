"""Bringing our books up to a venue's: after every interruption before anything new is opened, and from time to time.

One pass asks for the fills since the last one booked, for the open orders, for every order of ours that is not among
them, and for balances and positions. All of it enters the run as events that book once; a query that fails is repeated,
and never read as nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import msgspec

from workbench.core.clock import Clock
from workbench.core.errors import Unsupported, WorkbenchError
from workbench.core.events import AccountSnapshot, Event, FillEvent, LinkState, OrderReport, VenueLink
from workbench.core.instrument import Instrument, account_key
from workbench.core.money import canonical
from workbench.core.ports import ExchangeConnector
from workbench.runtime.dispatch import Doubt, Numbers, Tell
from workbench.runtime.history import History
from workbench.runtime.settle import OVERLAP_NS, numbered
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

FIRST_S, LAST_S = 0.25, 5.0  # between two tries of a pass that failed, doubling
SECOND_LOOK_S = 2.0  # how soon a difference is looked at again: by then what was under way has arrived
ANSWERED_S = 0.05  # how long what was told may take until it is booked, before the account is called up


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often the books are compared while nothing is amiss, in seconds."""

    orders_s: float = 60.0
    trades_s: float = 60.0
    balances_s: float = 300.0


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
        self._booked = booked  # whether all that was told is taken in
        self._broken = asyncio.Event()
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
        elif isinstance(event, VenueLink) and self._broke(event):
            self._broken.set()

    def _broke(self, link: VenueLink) -> bool:
        return link.state is not LinkState.UP and account_key(link.venue, link.account) == self.key

    async def keep(self) -> None:
        """Resyncs after every interruption, and compares from time to time."""
        await asyncio.gather(self._after_interruptions(), self._orders(), self._trades(), self._balances())

    async def once(self) -> None:
        """One whole pass; raises what the venue's connector raises."""
        await self._ask_trades()
        await self._ask_orders()
        await self._ask_balances()
        if self._history is not None:
            for bar in await self._history.missed(self._connector, self.key):
                self._tell(bar)

    async def _after_interruptions(self) -> None:
        pause = FIRST_S
        while True:
            await self._broken.wait()
            if not getattr(self._connector, "linked", True):
                await asyncio.sleep(FIRST_S)  # what would happen meanwhile would be heard by nobody
                continue
            self._broken.clear()
            try:
                await self.once()
                await self._taken_in()
            except WorkbenchError as error:
                log.info("%s: resync failed, it is tried again: %s", self.key, error)
                self._broken.set()
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
                pause = min(LAST_S, 2 * pause)
                continue
            pause = FIRST_S
            if not self._broken.is_set():
                stamp = self._numbers.stamp()
                self._tell(VenueLink(*stamp, venue=self._connector.venue, account=self._account, state=LinkState.UP))

    async def _taken_in(self) -> None:
        """Returns once what the pass told is booked, so that nothing is opened on an older state."""
        while not self._booked():
            await asyncio.sleep(ANSWERED_S)

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

    async def _ask_orders(self) -> None:
        asked = self._clock.now()
        listed = await self._connector.get_open_orders()
        ledger = self._engine.ledger
        for report in listed:
            if report.instrument.key in ledger.instruments:
                self._tell(numbered(report, self._numbers))
        there = {each.order_id for each in listed}
        for order_id, state in list(ledger.living.items()):
            if state.order.instrument.account_key == self.key and order_id not in there and state.updated < asked:
                self._doubt(order_id)

    async def _ask_balances(self) -> None:
        asked = self._clock.now()
        balances = await self._connector.get_balances()
        positions = await self._positions()
        listed: Sequence[OrderReport] = await self._connector.get_open_orders()
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
