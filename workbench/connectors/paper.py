"""Somebody's market data and a simulated venue: the connector of a paper run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from workbench.connectors.matching import SimulatedVenue
from workbench.connectors.simulated import SimulatedConnector
from workbench.core.events import Event, MarketDataEvent
from workbench.core.instrument import Instrument


class PaperConnector(SimulatedConnector):
    """Streams what its feed gives, as it comes; what is not market data passes through untouched."""

    def __init__(
        self,
        venue: str,
        feed: AsyncIterator[Event],
        simulated: SimulatedVenue,
        instruments: Iterable[Instrument],
    ) -> None:
        super().__init__(venue, simulated, instruments)
        self._feed = feed

    async def stream(self) -> AsyncIterator[Event]:
        for report in self._reports():  # what a recovery left to be taken
            yield report
        held = self.release()
        if held is not None:
            yield held
            for report in self._reports():
                yield report
        async for event in self._feed:
            if isinstance(event, MarketDataEvent):
                self.see(event)
                for report in self._reports():
                    yield report
                self.release()
            yield event
            for report in self._reports():
                yield report

    def _reports(self) -> Iterable[Event]:
        while self._pending:
            yield self._pending.popleft()
