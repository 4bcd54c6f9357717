"""What a venue lists, read when a connector connects and anew whenever its terms turn out to be others."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from workbench.connectors.chores import Chores
from workbench.connectors.dialect import Dialect, Listed
from workbench.connectors.hearing import Hearing
from workbench.connectors.limiter import Limiter
from workbench.connectors.listings import Listings
from workbench.connectors.traffic import Traffic
from workbench.core.clock import SECOND, Clock

AGAIN_NS = 10 * SECOND  # listings are heavy: at most so often, however often terms turn out to be stale

log = logging.getLogger(__name__)


class Relisting:
    """Keeps the listings of one account up to date; of `symbols`, None for all, changed terms are told."""

    def __init__(
        self,
        dialect: Dialect,
        listings: Listings,
        *,
        account: tuple[str, str],
        symbols: Sequence[str] | None,
        traffic: Traffic,
        limiter: Limiter,
        hearing: Hearing,
        chores: Chores,
        clock: Clock,
    ) -> None:
        self._dialect, self._listings = dialect, listings
        self._venue, self._account = account
        self._symbols = symbols
        self._traffic, self._limiter, self._hearing = traffic, limiter, hearing
        self._chores, self._clock = chores, clock
        self.at = 0  # when they were read last (UTC ns); 0: never

    async def read(self) -> None:
        """Reads them; raises VenueUnavailable."""
        answers = await self._traffic.ask_all(self._dialect.listings())
        listed = self._dialect.read_listings(answers, venue=self._venue, account=self._account)
        for each in self._listings.learn(listed):
            if self._symbols is None or each.instrument.symbol in self._symbols:
                self._hearing.terms_changed(self._listings.instrument(each.instrument.symbol), each.instrument)
        self._limiter.learn(self._dialect.published_limits(answers))
        self.at = self._clock.now()

    def again(self) -> None:
        """Reads them anew in the background, unless that was just done."""
        if self._clock.now() - self.at >= AGAIN_NS:
            self._chores.start("listings", self.read)

    def doubt(self, listed: Listed, refused: str) -> None:
        """An order was refused by what is listed: a market that was closed then may have opened since."""
        if not listed.open:
            log.info("%s: %s; its listing is read anew", self._venue, refused)
            self.again()
