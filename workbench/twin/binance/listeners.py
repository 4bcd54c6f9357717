"""Who listens to which market stream."""

from __future__ import annotations

import msgspec

from workbench.twin.actions import Where
from workbench.twin.sockets import Outlet


class Listeners:
    """Connections by stream; each hears a stream in the raw or the combined form."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Outlet, bool]] = {}  # by stream; whether in the combined form

    def subscribe(self, outlet: Outlet, stream: str, *, combined: bool) -> None:
        """Tells this connection of a stream from now on; an unknown stream stays silent, as at Binance."""
        self._listeners.setdefault(stream, {})[outlet] = combined

    def unsubscribe(self, outlet: Outlet, stream: str) -> None:
        """Ends a subscription, if there is one."""
        listeners = self._listeners.get(stream, {})
        listeners.pop(outlet, None)
        if not listeners:
            self._listeners.pop(stream, None)

    def subscriptions(self, outlet: Outlet) -> list[str]:
        """The streams of a connection."""
        return [stream for stream, listeners in self._listeners.items() if outlet in listeners]

    def leave(self, outlet: Outlet) -> None:
        """Forgets a connection that is gone."""
        for stream in self.subscriptions(outlet):
            self.unsubscribe(outlet, stream)

    def wants(self, stream: str) -> bool:
        """Whether anybody listens."""
        return stream in self._listeners

    def tell(self, stream: str, message: object) -> None:
        """Says it to everybody who listens to the stream."""
        text = msgspec.json.encode(message).decode()
        for outlet, combined in self._listeners.get(stream, {}).items():
            outlet.say(Where.STREAM, stream, f'{{"stream":"{stream}","data":{text}}}' if combined else text)
