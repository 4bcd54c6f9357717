"""All that the exchange says, in one order: numbered, hashed and told to whoever listens."""

from __future__ import annotations

import hashlib

import msgspec

from workbench.twin.ticket import Ticket
from workbench.twin.words import Event, Execution, Happened, Listener, OwnTrade

_json = msgspec.json.Encoder(order="deterministic")


class News:
    """Tells every event to the listeners and keeps the hash over all of them."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._hash = hashlib.sha256()
        self._executions = 0

    def listen(self, listener: Listener) -> None:
        """`listener` hears everything from now on."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """One event happened."""
        self._hash.update(type(event).__name__.encode() + _json.encode(event) + b"\n")
        for listener in self._listeners:
            listener(event)

    def report(
        self,
        ticket: Ticket,
        what: Happened,
        now: int,
        *,
        trade: OwnTrade | None = None,
        cancel_id: str = "",
        reason: str = "",
    ) -> Execution:
        """Something happened to an order: its next execution."""
        self._executions += 1
        execution = Execution(
            execution_id=self._executions,
            at=now,
            what=what,
            order=ticket.copy(),
            trade=trade,
            cancel_id=cancel_id,
            reason=reason,
        )
        self.tell(execution)
        return execution

    def digest(self) -> str:
        """SHA-256 over the canonical text of every event so far."""
        return self._hash.hexdigest()
