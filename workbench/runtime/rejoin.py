"""The way back to a venue after an interruption: what was missed is asked for before anything new is opened there."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from workbench.core.errors import WorkbenchError
from workbench.core.events import Event, LinkState, VenueLink
from workbench.core.instrument import account_key
from workbench.core.ports import ExchangeConnector
from workbench.runtime.dispatch import Numbers, Tell

log = logging.getLogger(__name__)

FIRST_S, LAST_S = 0.25, 5.0  # between two tries of a pass that failed, doubling
LOOK_S = 0.05  # how often it is asked whether what was told is taken in, before the account is called up


class Rejoin:
    """Calls one account UP after a whole pass of `once`. It is a sink: it hears of each change of the account's link.

    `ready` tells whether the connector hears the venue again, `booked` whether all that was told is taken in.
    """

    def __init__(
        self,
        connector: ExchangeConnector,
        account: str,
        *,
        once: Callable[[], Awaitable[None]],
        ready: Callable[[], bool],
        booked: Callable[[], bool],
        tell: Tell,
        numbers: Numbers,
    ) -> None:
        self._venue, self._account = connector.venue, account
        self._key = account_key(connector.venue, account)
        self._once, self._ready, self._booked = once, ready, booked
        self._tell, self._numbers = tell, numbers
        self._broken = asyncio.Event()

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears what the run takes in."""
        if isinstance(event, VenueLink) and event.state is not LinkState.UP and self._is_ours(event):
            self._broken.set()

    def _is_ours(self, link: VenueLink) -> bool:
        return account_key(link.venue, link.account) == self._key

    async def keep(self) -> None:
        """Takes one pass after each interruption, again until it is whole, for as long as the run lasts."""
        pause = FIRST_S
        while True:
            await self._broken.wait()
            if not self._ready():
                await asyncio.sleep(FIRST_S)
                continue
            self._broken.clear()
            try:
                await self._once()
                await self._taken_in()
            except WorkbenchError as error:
                log.info("%s: resync failed, it is tried again: %s", self._key, error)
                self._broken.set()
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
                pause = min(LAST_S, 2 * pause)
                continue
            pause = FIRST_S
            if not self._broken.is_set():
                stamp = self._numbers.stamp()
                self._tell(VenueLink(*stamp, venue=self._venue, account=self._account, state=LinkState.UP))

    async def _taken_in(self) -> None:
        """Returns once what the pass told is booked, so that nothing is opened on an older state."""
        while not self._booked():
            await asyncio.sleep(LOOK_S)
