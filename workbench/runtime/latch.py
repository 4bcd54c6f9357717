"""Taking the halt latch off once the run has been re-armed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.core.events import Event, RiskAction, RiskEvent
from workbench.runtime.state import StateFolder


class Unlatch:
    """A sink that removes the HALT file when everything was re-armed, which is in the journal by then.

    A halt that nobody in the run has `seen` yet was set after the command: it stays, and is taken.
    """

    def __init__(self, state: StateFolder, *, seen: Callable[[], str], opened: Callable[[], None]) -> None:
        self._state, self._seen, self._opened = state, seen, opened

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears what the run did."""
        for fact in consequences:
            if isinstance(fact, RiskEvent) and fact.action is RiskAction.REARMED and not fact.strategy_id:
                self._release()

    def _release(self) -> None:
        if self._state.halt_reason() in (None, self._seen()):
            self._state.release_halt()
            self._opened()
