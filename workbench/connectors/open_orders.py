"""How many orders rest in each market, as last heard: only to refuse one too many before the venue does."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.core.events import OrderReport
from workbench.core.instrument import Instrument
from workbench.core.order import FINAL


class OpenOrders:
    """A count, not a book of orders: every listing corrects it. As large as what the venue lets rest."""

    def __init__(self) -> None:
        self._resting: dict[str, set[str]] = {}  # instrument key -> order ids

    def hear(self, report: OrderReport) -> None:
        """Counts an order in, or out once it has ended."""
        resting = self._resting.setdefault(report.instrument.key, set())
        if report.status in FINAL:
            resting.discard(report.order_id)
        else:
            resting.add(report.order_id)

    def listed(self, reports: Iterable[OrderReport]) -> None:
        """Takes a whole listing of the open orders in place of what was heard."""
        self._resting.clear()
        for report in reports:
            self.hear(report)

    def count(self, instrument: Instrument) -> int:
        """How many rest in a market."""
        return len(self._resting.get(instrument.key, ()))
