"""How far a venue's word on the account can be relied on, as the connector sees it."""

from __future__ import annotations

from collections.abc import Callable

from workbench.connectors.breaker import Circuit
from workbench.core.venue import LinkState


class AccountLink:
    """Says SYNCING when the private channel drops or comes back, and DOWN when it stays away or nobody answers.

    It never says UP: that takes a look at what happened meanwhile. `say` hears state, reason and instant (UTC ns).
    """

    def __init__(self, say: Callable[[LinkState, str, int], None], *, grace_ns: int) -> None:
        self._say, self._grace_ns = say, grace_ns
        self._deadline: int | None = None  # by when it has to be back
        self._unanswered = False  # the breaker is open
        self.linked = False

    def came_up(self, now: int) -> None:
        """The private channel carries the account, from now on and nothing before."""
        self.linked, self._deadline = True, None
        if not self._unanswered:
            self._say(LinkState.SYNCING, "connected", now)

    def went_down(self, reason: str, now: int) -> None:
        """The private channel is gone."""
        if not self.linked:
            return
        self.linked, self._deadline = False, now + self._grace_ns
        if not self._unanswered:
            self._say(LinkState.SYNCING, reason, now)

    def doubt(self, reason: str, now: int) -> None:
        """Something of the account was heard and could not be read: it has to be asked for."""
        if self.linked and not self._unanswered:
            self._say(LinkState.SYNCING, reason, now)

    def gone(self, reason: str, now: int) -> None:
        """The venue refuses our key, or the wire broke for good."""
        self._say(LinkState.DOWN, reason, now)

    def breaker(self, circuit: Circuit, reason: str, now: int) -> None:
        """The venue stopped answering requests, or answers again."""
        self._unanswered = circuit is Circuit.OPEN
        if self._unanswered:
            self._say(LinkState.DOWN, reason, now)
        elif self.linked:
            self._say(LinkState.SYNCING, reason, now)

    def tick(self, now: int) -> None:
        """Time passes."""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._say(LinkState.DOWN, "the private channel did not come back in time", now)
