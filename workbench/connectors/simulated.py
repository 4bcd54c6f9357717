"""What replay and paper share: a connector whose venue is simulated, fed in the order the journal tells."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal

from workbench.connectors.matching import SimulatedVenue
from workbench.core.events import ApprovedOrder, CancelEvent, Event, MarketDataEvent, OrderReport, TermsChanged
from workbench.core.instrument import Instrument
from workbench.core.money import to_decimal
from workbench.core.order import CANCEL_REJECTED, REJECTED
from workbench.core.ports import (
    CancelResult,
    ExchangeConnector,
    OrderResult,
    Outcome,
    Permissions,
    VenuePosition,
)


class SimulatedConnector(ExchangeConnector):
    """A venue that answers from market data alone.

    What a market event does to resting orders is streamed before the event itself, and what a
    request leads to is streamed before the next market event.
    """

    def __init__(self, venue: str, simulated: SimulatedVenue, instruments: Iterable[Instrument]) -> None:
        self.venue = venue
        self._simulated = simulated
        self._instruments = {each.key: each for each in instruments}
        self._pending: deque[Event] = deque()  # bounded by what one event and the requests it caused lead to
        self._held: MarketDataEvent | None = None
        self._connected = False

    @abstractmethod
    def stream(self) -> AsyncIterator[Event]:
        """Reports, fills and market data, in the order they are to be taken."""

    # --- the same moves for a stream and for a recovery -------------------------------------------

    def see(self, event: MarketDataEvent) -> None:
        """Shows the venue a market event and holds it until its reports are taken."""
        self._pending.extend(self._simulated.on_market(event))
        self._held = event

    def let_pass(self, event: Event) -> None:
        """Hears an event that no market made, before it is taken."""
        if isinstance(event, TermsChanged):
            self._simulated.change_terms(event)

    def next_report(self) -> Event | None:
        """The next report or fill to be taken before anything else."""
        return self._pending.popleft() if self._pending else None

    def release(self) -> MarketDataEvent | None:
        """The market event held back, once its reports are taken."""
        held, self._held = self._held, None
        return held

    def carry(self, request: ApprovedOrder | CancelEvent) -> list[Event]:
        """Hands a request to the venue; its reports join the stream."""
        if isinstance(request, ApprovedOrder):
            reports = self._simulated.place(request, self._sent_at(request.request))
        else:
            reports = self._simulated.cancel(request, self._sent_at(request))
        self._pending.extend(reports)
        return reports

    def _sent_at(self, request: Event) -> int:
        """When a request leaves, in UTC ns of the market's events."""
        return request.ts_event

    # --- the connector's door ---------------------------------------------------------------------

    async def connect(self) -> None:
        self._connected = True

    async def close(self) -> None:
        self._connected = False

    async def place_order(self, order: ApprovedOrder) -> OrderResult:
        return self._placed(order)

    async def amend_order(self, amend: ApprovedOrder) -> OrderResult:
        return self._placed(amend)

    def _placed(self, request: ApprovedOrder) -> OrderResult:
        reports = [each for each in self.carry(request) if isinstance(each, OrderReport)]
        first = reports[0] if reports else None
        order_id = request.request.order_id
        if first is not None and first.status is REJECTED:
            return OrderResult(Outcome.REJECTED, order_id, first.venue_order_id, first.reason)
        return OrderResult(Outcome.ACCEPTED, order_id, first.venue_order_id if first else "")

    async def cancel_order(self, cancel: CancelEvent) -> CancelResult:
        for report in self.carry(cancel):
            if isinstance(report, OrderReport) and report.status is CANCEL_REJECTED:
                return CancelResult(Outcome.REJECTED, cancel.order_id, report.reason)
        return CancelResult(Outcome.ACCEPTED, cancel.order_id)

    async def get_order(self, order_id: str, symbol: str = "") -> OrderReport | None:
        return self._simulated.order(order_id)

    async def get_open_orders(self) -> list[OrderReport]:
        return self._simulated.open_orders()

    async def get_positions(self) -> list[VenuePosition]:
        found = []
        for key, quantity in sorted(self._simulated.positions().items()):
            instrument = self._instruments[key]
            if quantity:
                found.append(VenuePosition(instrument, to_decimal(quantity, instrument.quantity_places)))
        return found

    async def get_balances(self) -> dict[str, Decimal]:
        return self._simulated.balances()

    async def get_instruments(self) -> dict[str, Instrument]:
        return dict(self._instruments)

    async def get_permissions(self) -> Permissions:
        return Permissions(trade=True, withdraw=False)
