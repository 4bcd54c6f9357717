"""What a person at the log should know of a run: refusals, locks, halts, failures and changed parameters."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from workbench.core.events import Event, OrderUpdate, ParametersChanged, RiskAction, RiskEvent, StrategyFailed
from workbench.core.order import OrderStatus
from workbench.data.wording import said

log = logging.getLogger(__name__)

_NEWS = frozenset({OrderStatus.UNKNOWN, OrderStatus.NEVER_ACCEPTED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
EVERY = 100  # of the plain refusals of one rule, the first and then each hundredth is told


class Notices:
    """A sink that logs the few events that are news; repeated refusals are sampled."""

    def __init__(self) -> None:
        self._refusals: dict[tuple[str, str], int] = {}

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Logs what is worth a line."""
        for fact in consequences:
            match fact:
                case RiskEvent(action=RiskAction.DENIED):
                    self._refused(fact)
                case RiskEvent() | StrategyFailed():
                    log.warning("%s", said(fact))
                case OrderUpdate() if fact.new in _NEWS and fact.new is not fact.old:
                    log.warning("%s", said(fact))
                case ParametersChanged():
                    log.log(logging.WARNING if fact.refused else logging.INFO, "%s", said(fact))

    def _refused(self, fact: RiskEvent) -> None:
        what = (fact.strategy_id, fact.rule)
        count = self._refusals.get(what, 0)
        self._refusals[what] = count + 1
        if count % EVERY == 0:
            log.info("%s%s", said(fact), f" ({count} before it)" if count else "")
