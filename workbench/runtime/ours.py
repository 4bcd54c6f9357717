"""Whose an order is: the journal names every order that was ever sent, before it was sent."""

from __future__ import annotations

import logging
from pathlib import Path

from workbench.core.errors import WorkbenchError
from workbench.core.events import OrderEvent, OrderReport
from workbench.core.instrument import Instrument
from workbench.core.order import Role
from workbench.data.reader import JournalReader

log = logging.getLogger(__name__)

_ORDER = b',"type":"OrderEvent"}'  # keys are written in order and "type" is its last: nothing else ends like this


class Ours:
    """The orders of the run in a journal, whose writer may be alive, stopped or dead.

    `unknown` says why they are not known: the journal is missing or damaged. Then every order counts as ours but
    those that wait for a stop price: in an emergency an order too many is taken back rather than one too few.
    """

    def __init__(self, journal: Path) -> None:
        self._reader = JournalReader(journal)
        self._roles: dict[str, Role] = {}
        self._records = 0
        self.instruments: tuple[Instrument, ...] = ()
        self.unknown = "the journal was not read yet"

    @property
    def reader(self) -> JournalReader:
        """The journal itself."""
        return self._reader

    def read(self) -> None:
        """Takes in what is new in the journal; what cannot be read is told and leaves the orders unknown."""
        try:
            self.instruments = self._reader.started().instruments
            for line in self._reader.lines(start=self._records):
                self._records += 1
                if line.endswith(_ORDER):
                    self._note(line)
            self.unknown = ""
        except (WorkbenchError, OSError) as error:
            if self.unknown != str(error):
                log.error("the journal cannot be read, every order but stops is taken for ours: %s", error)
            self.unknown = str(error)

    def own(self, report: OrderReport) -> bool:
        """Whether this run sent the order, as far as is known."""
        return bool(self.unknown) or report.order_id in self._roles

    def protects(self, report: OrderReport) -> bool:
        """Whether the order is a protective stop."""
        if report.order_id in self._roles:
            return self._roles[report.order_id] is Role.STOP
        return report.stop_raw is not None

    def _note(self, line: bytes) -> None:
        order = self._reader.read(line)
        if isinstance(order, OrderEvent):
            self._roles[order.order_id] = order.role
