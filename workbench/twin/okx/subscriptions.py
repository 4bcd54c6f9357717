"""Who listens to which channel of which instrument or account."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workbench.twin.actions import Where
from workbench.twin.okx.formats import Json
from workbench.twin.sockets import Outlet


class Listener(msgspec.Struct, frozen=True, eq=False):
    """One subscription of a connection: what it asked for, and whose events it hears where they are an account's."""

    outlet: Outlet
    arg: Json
    account: str = ""

    def covers(self, *, kind: str, native: str) -> bool:
        """Whether it is about this instrument."""
        wanted, one = self.arg.get("instType", ""), self.arg.get("instId", "")
        return wanted in ("", "ANY", kind) and one in ("", native)


class Subscriptions:
    """Subscriptions by channel, those of the market by channel and instrument."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[tuple[Outlet, bytes], Listener]] = {}

    def add(self, name: str, listener: Listener) -> None:
        """Tells this listener from now on; asking twice for the same changes nothing."""
        self._listeners.setdefault(name, {})[listener.outlet, _text(listener.arg)] = listener

    def remove(self, name: str, outlet: Outlet, arg: Json) -> None:
        """Ends a subscription, if there is one."""
        found = self._listeners.get(name, {})
        found.pop((outlet, _text(arg)), None)
        if not found:
            self._listeners.pop(name, None)

    def leave(self, outlet: Outlet) -> None:
        """Forgets a connection that is gone."""
        for name, each in self.of_outlet(outlet):
            self.remove(name, outlet, each.arg)

    def wants(self, name: str) -> bool:
        """Whether anybody listens."""
        return name in self._listeners

    def names(self) -> list[str]:
        """What is listened to."""
        return list(self._listeners)

    def of(self, name: str, account: str | None = None) -> list[Listener]:
        """Who listens, of one account or of all."""
        return [each for each in self._listeners.get(name, {}).values() if account in (None, each.account)]

    def of_outlet(self, outlet: Outlet) -> list[tuple[str, Listener]]:
        """All that a connection listens to, by name."""
        return [
            (name, each) for name, found in self._listeners.items() for each in found.values() if each.outlet is outlet
        ]

    def tell(self, name: str, message: Json) -> None:
        """Says it to everybody who listens to this channel of the market."""
        for each in self.of(name):
            say(each, Where.STREAM, name, message)


def say(listener: Listener, where: Where, name: str, message: Json, ended: Callable[[], None] | None = None) -> None:
    """Pushes a message to one listener, headed by what it asked for."""
    text = msgspec.json.encode({"arg": listener.arg, **message}).decode()
    listener.outlet.say(where, name, text, ended)


def _text(arg: Json) -> bytes:
    return msgspec.json.encode(arg, order="deterministic")
