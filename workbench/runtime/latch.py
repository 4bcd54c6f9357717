"""Taking the halt latch off once the run has been re-armed."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.core.events import Event, RiskAction, RiskEvent
from workbench.runtime.state import StateFolder


class Unlatch:
    """A sink that removes the HALT file when everything was re-armed, which is in the journal by then."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears what the run did."""
        for fact in consequences:
            if isinstance(fact, RiskEvent) and fact.action is RiskAction.REARMED and not fact.strategy_id:
                self._state.release_halt()
