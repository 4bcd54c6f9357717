"""The executor: the one way from an approved request to a venue."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.core.events import AmendEvent, ApprovedOrder, CancelEvent
from workbench.core.ports import ExchangeConnector


class ConnectorExecutor:
    """Hands each request to the connector of its venue; what becomes of it comes back through the stream."""

    def __init__(self, connectors: Mapping[str, ExchangeConnector]) -> None:
        self._connectors = connectors

    async def submit_order(self, order: ApprovedOrder) -> None:
        """Places an approved order, or amends a resting one."""
        connector = self._connectors[order.request.instrument.venue]
        if isinstance(order.request, AmendEvent):
            await connector.amend_order(order)
        else:
            await connector.place_order(order)

    async def cancel_order(self, cancel: CancelEvent) -> None:
        """Takes an order back."""
        await self._connectors[cancel.instrument.venue].cancel_order(cancel)
