"""Replay and recovery: the same walk through a journal, once to prove it and once to go on from it.

Every input is processed again; every consequence must come out as it was written. With a connector,
its simulated venue is fed along the way, so that it stands where it stood when the process ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from workbench.connectors.simulated import SimulatedConnector
from workbench.core.codec import decode, encode
from workbench.core.errors import CorruptState
from workbench.core.events import (
    Arrived,
    Consequence,
    Event,
    FillEvent,
    FundingEvent,
    Liquidation,
    MarketDataEvent,
    OrderReport,
    Resumed,
    RunStarted,
)
from workbench.data.journal import Journal, Rows
from workbench.trading.engine import Engine


class Replay:
    """Walks a journal's records through a fresh engine; raises CorruptState where the two disagree."""

    def __init__(
        self,
        engine: Engine,
        rows: Iterator[MarketDataEvent],
        *,
        connector: SimulatedConnector | None = None,
        copy: Journal | None = None,
        seen: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self.engine = engine
        self._rows = rows
        self._connector = connector
        self._copy = copy
        self._seen = seen  # hears every input
        self.missing: deque[Event] = deque()  # consequences that the journal does not show yet
        self.records = 0

    def walk(self, records: Iterable[Event | Rows]) -> None:
        """Takes all records; afterwards `missing` holds what a crash kept from being written."""
        for record in records:
            self.records += 1
            match record:
                case Rows():
                    self._take_rows(record)
                case RunStarted() | Resumed():  # marks of the process, which lead to nothing
                    self._all_told(record)
                    self.engine.go_on()
                    if self._copy is not None:
                        self._copy.take(record)
                case FillEvent() | OrderReport() | FundingEvent() | Liquidation():
                    self._check(self._next_report(), record)
                    self._deliver(record)
                case Consequence():
                    self._check(self.missing.popleft() if self.missing else None, record)
                case Arrived():
                    self._see(record)
                    self._deliver(record)
                case MarketDataEvent():
                    self._meet(record)
                    self._deliver(record)
                case _:
                    if self._connector is not None:
                        self._connector.let_pass(record)
                    self._deliver(record)

    def _take_rows(self, rows: Rows) -> None:
        for sequence in range(rows.first, rows.last + 1):
            event = self._held_row() or self._next_row()
            if (event.source, event.sequence) != (rows.dataset, sequence):
                raise CorruptState(
                    f"journal record {self.records}: it took row {sequence} of {rows.dataset}, "
                    f"the data gives row {event.sequence} of {event.source}"
                )
            self._deliver(event)
        if self._copy is not None:
            self._copy.close_frame()  # a range that ended here ends here again

    def _see(self, arrived: Arrived) -> None:
        """Shows the venue a market event whose reports come first."""
        if self._connector is not None:
            event = decode(arrived.line.encode(), self.engine.ledger.instruments)
            if not isinstance(event, MarketDataEvent):
                raise CorruptState(f"journal record {self.records}: {type(event).__name__} is no market data")
            self._connector.see(event)

    def _meet(self, event: MarketDataEvent) -> None:
        """Takes the event whose reports were told, or shows the venue one that leads to none."""
        if self._connector is None:
            return
        held = self._connector.release()
        if held is None:
            self._connector.see(event)
            self._connector.release()
        elif held != event:
            self._check(held, event)
        unsaid = self._connector.next_report()
        if unsaid is not None:
            self._check(unsaid, event)

    def _held_row(self) -> MarketDataEvent | None:
        return self._connector.release() if self._connector is not None else None

    def _next_row(self) -> MarketDataEvent:
        event = next(self._rows, None)
        if event is None:
            raise CorruptState(f"journal record {self.records}: the data ends before the journal does")
        if self._connector is not None:
            self._connector.see(event)
            self._connector.release()
        return event

    def _next_report(self) -> Event | None:
        """What the venue says next; it may have to see the next row first."""
        if self._connector is None:
            return None
        report = self._connector.next_report()
        if report is None:
            event = next(self._rows, None)
            if event is not None:
                self._connector.see(event)
                report = self._connector.next_report()
        return report

    def _check(self, made: Event | None, written: Event) -> None:
        said = isinstance(written, (FillEvent, OrderReport, FundingEvent, Liquidation))
        if made is None and said and self._connector is None:
            return
        if made != written:
            shown = encode(made).decode() if made is not None else "nothing"
            raise CorruptState(f"journal record {self.records} is {encode(written).decode()}, its replay gives {shown}")

    def _all_told(self, written: Event) -> None:
        """What the input before this one led to must have been written before it."""
        if self.missing:
            self._check(self.missing[0], written)

    def _deliver(self, event: Event) -> None:
        self._all_told(event)
        self._seen(event)
        facts, requests = self.engine.process(event)
        self.missing.extend(facts)
        if self._copy is not None:
            self._copy.take(event, facts)
        if self._connector is not None:
            for request in requests:
                self._connector.carry(request)
