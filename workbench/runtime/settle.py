"""Settling what is open: an order whose fate is not known is asked about until there is evidence, never guessed.

Not found is no evidence while a request may still be booked: its validity, the time the venue may sit on it, the skew
of the clocks and the lag of its answers must all be over. A failed query is no evidence at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from workbench.core.clock import SECOND, Clock, instant_text
from workbench.core.events import CancelEvent, FillEvent, OrderEvent, OrderReport
from workbench.core.ledger import Ledger, OrderState
from workbench.core.order import OrderStatus
from workbench.core.ports import ExchangeConnector
from workbench.runtime.dispatch import Numbers, Tell

log = logging.getLogger(__name__)

SKEW_NS = SECOND  # how far our clock may be from the venue's although it was measured
LAG_NS = 2 * SECOND  # how far a venue's answers may be behind its matching
OVERLAP_NS = 60 * SECOND  # fills are asked for from so long before: a venue's stamps are not our clock's
FIRST_S, LAST_S = 0.25, 5.0  # between two questions, doubling: most are settled by the first, none may flood the venue
ANSWER_S = 5.0  # an order that has been on its way for longer is asked about
OWED_S = 1.0  # a fill that a venue told of and did not send is asked for
LOOK_S = 0.5  # how often the living orders are looked through

Word = TypeVar("Word", OrderReport, FillEvent)

_ON_ITS_WAY = frozenset({OrderStatus.SUBMITTED, OrderStatus.CANCEL_PENDING, OrderStatus.AMEND_PENDING})
_OPEN = _ON_ITS_WAY | {OrderStatus.UNKNOWN}


class Settlement:
    """One task for each order in doubt; all it learns enters the run as reports and fills."""

    def __init__(
        self,
        ledger: Ledger,
        connectors: Mapping[str, ExchangeConnector],
        *,
        tell: Tell,
        numbers: Numbers,
        clock: Clock,
        sent: Mapping[str, int],
        validity_ns: Mapping[str, int],
        began: int,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._ledger, self._connectors = ledger, connectors
        self._tell, self._numbers, self._clock = tell, numbers, clock
        self._sent = sent
        self._validity_ns = validity_ns  # by account key: how long after it was sent a request may still be booked
        self._began = began  # requests of an earlier process left before this
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fail = fail

    def doubt(self, order_id: str) -> None:
        """Asks about an order until its fate is known; asking twice asks once."""
        if order_id not in self._tasks and order_id in self._ledger.orders:
            task = self._tasks[order_id] = asyncio.create_task(self._settle(order_id))
            task.add_done_callback(lambda done: self._settled(order_id, done))

    async def watch(self) -> None:
        """Doubts every order that has been on its way, or is owed a fill, for too long."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._clock.now()
            for order_id, state in list(self._ledger.living.items()):
                waited = now - state.updated
                late = state.status in _ON_ITS_WAY and waited > ANSWER_S * SECOND
                if late or state.status is OrderStatus.UNKNOWN or (state.owed_raw and waited > OWED_S * SECOND):
                    self.doubt(order_id)

    async def close(self) -> None:
        """Stops asking."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _settled(self, order_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(order_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _settle(self, order_id: str) -> None:
        state = self._ledger.orders[order_id]
        connector = self._connectors[state.order.instrument.account_key]
        absent, pause = 0, 0.0
        while True:
            await asyncio.sleep(pause)
            pause = min(LAST_S, 2 * pause) or FIRST_S
            asked = self._clock.now()
            try:
                found = await connector.get_order(order_id, state.order.instrument.symbol)
                if found is not None:
                    await self._found(connector, state, found)
                    absent = 0
                elif asked >= self._over(state) and await self._nowhere(connector, state):
                    absent += 1
            except Exception as error:  # an error is no evidence, a stranger's connector's neither
                log.info("order %s: not settled yet: %s", order_id, error)
                continue
            if absent == 2:
                self._never(state, asked)
            await asyncio.sleep(0)  # what was told is taken in before it is looked at
            if absent >= 2 or not self._in_doubt(state):
                return

    def _in_doubt(self, state: OrderState) -> bool:
        return state.living and (state.status in _OPEN or state.owed_raw > 0)

    def _over(self, state: OrderState) -> int:
        """When no request of the order can be booked any more."""
        order = state.order
        sent = max(self._sent.get(order.order_id, self._began), order.ts_event)
        return sent + self._validity_ns[order.instrument.account_key] + SKEW_NS + LAG_NS

    async def _found(self, connector: ExchangeConnector, state: OrderState, found: OrderReport) -> None:
        self._tell(numbered(found, self._numbers))
        if (found.filled_raw or 0) > state.filled_raw:
            for fill in await self._fills(connector, state):
                self._tell(numbered(fill, self._numbers))
        still_open = found.status in (OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED)
        if still_open and state.status is OrderStatus.CANCEL_PENDING:
            order = state.order
            await connector.cancel_order(self._again(order))  # it changes nothing that is not asked for already

    def _again(self, order: OrderEvent) -> CancelEvent:
        stamp = self._numbers.stamp()
        return CancelEvent(*stamp, order_id=order.order_id, strategy_id=order.strategy_id, instrument=order.instrument)

    async def _fills(self, connector: ExchangeConnector, state: OrderState) -> list[FillEvent]:
        order = state.order
        fills = await connector.get_my_trades(order.instrument.symbol, order.ts_event - OVERLAP_NS)
        return [
            each
            for each in fills
            if each.order_id == order.order_id or (each.venue_order_id and each.venue_order_id == state.venue_order_id)
        ]

    async def _nowhere(self, connector: ExchangeConnector, state: OrderState) -> bool:
        """Whether neither the open orders nor the trades of the account know an order that was never acknowledged."""
        if state.venue_order_id or state.filled_raw:
            return False  # it was there: an answer that does not know it any more proves nothing
        if any(each.order_id == state.order.order_id for each in await connector.get_open_orders()):
            return False
        return not await self._fills(connector, state)

    def _never(self, state: OrderState, asked: int) -> None:
        order = state.order
        why = f"twice neither found nor open nor traded, last at {instant_text(asked)}: too late for it to be booked"
        self._tell(
            OrderReport(
                *self._numbers.stamp(),
                order_id=order.order_id,
                status=OrderStatus.NEVER_ACCEPTED,
                instrument=order.instrument,
                reason=why,
            )
        )


def numbered(answer: Word, numbers: Numbers) -> Word:
    """An answer as an event of its own: a query's report may have no number in its venue's stream."""
    if answer.sequence:
        return answer
    source, sequence, now, _ = numbers.stamp()
    return msgspec.structs.replace(answer, source=source, sequence=sequence, ts_init=now)
