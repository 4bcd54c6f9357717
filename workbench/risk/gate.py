"""The gate: the only maker of an `ApprovedOrder`, and the keeper of halt, locks and pauses."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.core.events import AmendEvent, ApprovedOrder, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.memory import Plain, recall, remembered
from workbench.core.order import FLATTEN, STOP, OrderType
from workbench.risk.limits import MaxOrdersPerMinute, RiskRule, View

_LATCHES: Mapping[str, Any] = {
    "halted": str,
    "locked": dict[str, str],
    "paused": dict[str, str],
    "stopping": str,
    "reducing": dict[str, str],
    "links": dict[str, str],
}

EVERYONE = ""  # the strategy id that means all of them
# Latches that a smaller position passes.
_MAY_REDUCE = frozenset({"paused", "stopping", "reduce_only", "stale_data", "empty_book"})


class Gate:
    """Reviews every request; cancels do not come here, nothing stands in their way.

    A request that only closes a position for risk or an operator (role `flatten`) passes every
    limit, so that risk can always get out.
    """

    def __init__(self, limits: Sequence[RiskRule]) -> None:
        self.limits = limits
        self.halted = ""  # the reason, while the halt latch is set
        self.locked: dict[str, str] = {}  # strategy -> why risk locked it
        self.paused: dict[str, str] = {}  # strategy, or everyone -> why
        self.stopping = ""  # the reason, while the process takes back what may open before it ends
        self.reducing: dict[str, str] = {}  # instrument key -> why it may only be reduced
        self.links: dict[str, str] = {}  # account at a venue -> why it cannot be relied on; one that is up is not here
        self._rate = [rule for rule in limits if isinstance(rule, MaxOrdersPerMinute)]

    def state(self) -> Plain:
        """Every latch with its reason, and when requests left in the last minute."""
        return {**remembered(self, _LATCHES), "recent": [list(rule.recent) for rule in self._rate]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        recall(self, _LATCHES, state)
        for rule, recent in zip(self._rate, state["recent"], strict=True):
            rule.recent = deque(recent)

    def review(self, request: OrderEvent | AmendEvent, view: View) -> ApprovedOrder | tuple[str, str]:
        """The approval, or the name of the rule that refuses and its figures."""
        if isinstance(request, OrderEvent) and request.role is FLATTEN:
            if not self._reduces(request, view):
                return "reduce_only", "there is no position to close"
            return ApprovedOrder(request)
        refusal = self._latched(request, view) or self._limited(request, view)
        if refusal:
            return refusal
        for rule in self._rate:
            rule.approved(view.now)
        return ApprovedOrder(request)

    def closed_to(self, strategy_id: str) -> tuple[str, str] | None:
        """The latch that keeps a strategy from opening anything, with its reason."""
        if self.halted:
            return "halt", self.halted
        if self.stopping:
            return "stopping", self.stopping
        if strategy_id in self.locked:
            return "locked", self.locked[strategy_id]
        for who in (EVERYONE, strategy_id):
            if who in self.paused:
                return "paused", self.paused[who] or "paused"
        return None

    def waits(self, instrument: Instrument) -> bool:
        """Whether requests for an instrument wait until its account can be relied on again."""
        return bool(self.links) and instrument.account_key in self.links

    def _latched(self, request: OrderEvent | AmendEvent, view: View) -> tuple[str, str] | None:
        latch = self.closed_to(request.strategy_id) or self._unsafe(request, view)
        if latch and latch[0] in _MAY_REDUCE and self._reduces(request, view):
            return None
        if latch is None and isinstance(request, OrderEvent) and (request.reduce_only or request.role is STOP):
            return None if self._reduces(request, view) else ("reduce_only", "it would open a position")
        return latch

    def _unsafe(self, request: OrderEvent | AmendEvent, view: View) -> tuple[str, str] | None:
        """Why nothing may be opened in the request's instrument, whoever asks."""
        key = request.instrument.key
        if key in self.reducing:
            return "reduce_only", self.reducing[key]
        if key in view.stale:
            return "stale_data", view.stale[key]
        at_market = isinstance(request, OrderEvent) and request.order_type is OrderType.MARKET
        if at_market and key in view.one_sided:
            return "empty_book", view.one_sided[key]
        return None

    def _limited(self, request: OrderEvent | AmendEvent, view: View) -> tuple[str, str] | None:
        for rule in self.limits:
            why = rule.refuses(request, view)
            if why is not None:
                return rule.name, why
        return None

    @staticmethod
    def _reduces(request: OrderEvent | AmendEvent, view: View) -> bool:
        """Whether the request can only make the strategy's position smaller."""
        position = view.ledger.position(request.strategy_id, request.instrument.key).quantity
        done = view.ledger.orders[request.order_id].filled_raw if isinstance(request, AmendEvent) else 0
        return position * view.side_of(request).sign < 0 and request.quantity_raw - done <= abs(position)
