"""Where consequences are made: each is numbered, applied to the ledger, and kept to be returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from workbench.core.events import ApprovedOrder, CancelEvent, Consequence, Event, RiskAction, RiskEvent
from workbench.core.ledger import Ledger
from workbench.core.memory import Plain, recall, remembered

Requests = Sequence[ApprovedOrder | CancelEvent]
Consequences = tuple[Sequence[Event], Requests]

NOTHING: Consequences = ((), ())

_REMEMBERED = {"_sequence": int, "now": int}

Fact = TypeVar("Fact", bound=Consequence)


class Facts:
    """Collects what one event led to."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._sequence = 0
        self.made: list[Event] = []
        self._requests: list[ApprovedOrder | CancelEvent] = []
        self.now = 0

    def add(self, make: type[Fact], cause: str, /, **fields: Any) -> Fact:
        """Makes a fact, applies it to the ledger and keeps it."""
        self._sequence += 1
        fact = make("engine", self._sequence, self.now, self.now, cause=cause, **fields)
        self._ledger.apply(fact)
        self.made.append(fact)
        return fact

    def risk(self, cause: str, rule: str, action: RiskAction, reason: str, **ids: str) -> RiskEvent:
        """Makes the fact that risk stepped in."""
        return self.add(RiskEvent, cause, rule=rule, action=action, reason=reason, **ids)

    def send(self, request: ApprovedOrder | CancelEvent) -> None:
        """Keeps a request for the executor."""
        self._requests.append(request)

    def state(self) -> Plain:
        """The number of the last fact and when it was; between two events nothing else is kept."""
        return remembered(self, _REMEMBERED)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        recall(self, _REMEMBERED, state)

    def take(self) -> Consequences:
        """Everything since the last take, in order."""
        if not self.made:
            return NOTHING  # no request leaves without a fact that tells of it
        taken = (self.made, self._requests)
        self.made, self._requests = [], []
        return taken
