"""Stored market data and a simulated venue: the connector of a backtest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from workbench.connectors.matching import SimulatedVenue
from workbench.connectors.simulated import SimulatedConnector
from workbench.core.events import Event, MarketDataEvent
from workbench.core.instrument import Instrument


class ReplayConnector(SimulatedConnector):
    """Streams an iterator of market events; it never waits."""

    def __init__(
        self,
        venue: str,
        feed: Iterator[MarketDataEvent],
        simulated: SimulatedVenue,
        instruments: Iterable[Instrument],
    ) -> None:
        super().__init__(venue, simulated, instruments)
        self._feed = feed

    async def stream(self) -> AsyncIterator[Event]:
        pending, on_market = self._pending, self._simulated.on_market
        for event in self._feed:
            said = on_market(event)
            if said:
                pending.extend(said)
                while pending:
                    yield pending.popleft()
            yield event
            while pending:
                yield pending.popleft()
