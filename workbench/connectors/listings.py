"""What a venue lists now, and the instruments of this run: they keep their decimal places, whatever is listed later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from workbench.connectors.dialect import Listed
from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import Instrument

log = logging.getLogger(__name__)


class Listings:
    """The markets of one venue by our symbol and by its own.

    `instruments` (by key) fixes what events are made with; others are taken as they are listed first. One that is not
    listed any more is a closed market, by the name that the venue gave it by `market_id`.
    """

    def __init__(
        self, venue: str, instruments: Mapping[str, Instrument], *, market_id: Callable[[Instrument], str]
    ) -> None:
        self._venue, self._market_id = venue, market_id
        self._now: set[str] = set()
        self._fixed = dict(instruments)
        self._by_symbol: dict[str, Listed] = {}
        self.by_market: dict[str, Instrument] = {}  # the venue's symbol -> what its events are made with

    def learn(self, listed: Iterable[Listed]) -> list[Listed]:
        """Takes over what is listed now; what is listed no more keeps its last terms and is closed.

        Returns the markets whose steps or minimums are not those that were known.
        """
        now = {each.instrument.symbol: each for each in listed}
        if not now:
            raise DataError(f"{self._venue}: lists nothing at all")
        changed = []
        for symbol, each in now.items():
            before = self._by_symbol.get(symbol)
            known = before.instrument if before else self._fixed.get(each.instrument.key)
            if known is not None and _terms(known) != _terms(each.instrument):
                changed.append(each)
        for symbol, old in self._by_symbol.items():
            self._by_symbol[symbol] = now.get(symbol) or _closed(old)
        for symbol, each in now.items():
            self._by_symbol[symbol] = each
            self.by_market[each.market_id] = self._fixed.setdefault(each.instrument.key, each.instrument)
        for instrument in self._fixed.values():
            if instrument.symbol not in self._by_symbol:
                self._keep(instrument)
        self._now = set(now)
        return changed

    def listed(self, symbol: str) -> bool:
        """Whether the venue lists it now; if not it may still know our orders and trades there."""
        return symbol in self._now

    def _keep(self, instrument: Instrument) -> None:
        log.warning("%s: %s is not listed any more", self._venue, instrument.symbol)
        market_id = self._market_id(instrument)
        self._by_symbol[instrument.symbol] = Listed(instrument=instrument, market_id=market_id, open=False)
        self.by_market.setdefault(market_id, instrument)

    def of(self, symbol: str) -> Listed:
        """The market of a unified symbol with its present terms; raises ConfigError if it never was listed."""
        if symbol not in self._by_symbol:
            raise ConfigError(f"{self._venue}: lists no {symbol!r}")
        return self._by_symbol[symbol]

    def instrument(self, symbol: str) -> Instrument:
        """What events of a unified symbol are made with."""
        return self.by_market[self.of(symbol).market_id]

    def instruments(self, symbols: Sequence[str] | None) -> dict[str, Instrument]:
        """The instruments of some symbols, or of all, by key."""
        chosen = sorted(self._by_symbol) if symbols is None else symbols
        return {each.key: each for each in map(self.instrument, chosen)}


def _terms(instrument: Instrument) -> tuple[Decimal, ...]:
    return instrument.tick, instrument.lot, instrument.min_quantity, instrument.min_notional


def _closed(listed: Listed) -> Listed:
    return msgspec.structs.replace(listed, open=False)
