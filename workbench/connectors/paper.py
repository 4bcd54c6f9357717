"""Somebody's market data and a simulated venue: the connectors of a paper run, over stored and over living data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from workbench.connectors.matching import SimulatedVenue
from workbench.connectors.simulated import SimulatedConnector
from workbench.core.codec import encode
from workbench.core.events import Arrived, Event, MarketDataEvent
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
                for before in self._announced(event):
                    yield before
                for report in self._reports():
                    yield report
                self.release()
            else:
                self.let_pass(event)
            yield event
            for report in self._reports():
                yield report

    def _announced(self, event: MarketDataEvent) -> Iterable[Event]:
        """What is told before the reports that a market event leads to; of a stored one a replay knows enough."""
        return ()

    def _reports(self) -> Iterable[Event]:
        while self._pending:
            yield self._pending.popleft()


class LivePaperConnector(PaperConnector):
    """The same over a venue's living data, which nobody can ask for again: it tells what a replay has to know.

    Time at the simulated venue is that of its market: what follows from a market event is sent when that happened,
    whenever it was heard; anything else when it was decided.
    """

    _reached: int | None = None  # when the market event in hand happened; None while it is something else

    def see(self, event: MarketDataEvent) -> None:
        self._reached = event.ts_event
        super().see(event)

    def let_pass(self, event: Event) -> None:
        self._reached = None
        super().let_pass(event)

    def _sent_at(self, request: Event) -> int:
        return request.ts_event if self._reached is None else self._reached

    def _announced(self, event: MarketDataEvent) -> Iterable[Event]:
        """The event itself, where reports come before it."""
        if self._pending:
            yield Arrived(
                f"arrived:{event.source}", event.sequence, event.ts_event, event.ts_init, line=encode(event).decode()
            )
