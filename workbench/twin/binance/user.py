"""Account events: who listens to which account, and what they are told."""

from __future__ import annotations

import msgspec

from workbench.twin.actions import Where
from workbench.twin.binance.formats import Json, Symbols, amount, execution_report, ms
from workbench.twin.floor import Floor
from workbench.twin.sockets import Outlet
from workbench.twin.words import BalancesChanged, Event, Execution


class UserStreams:
    """Tells accounts what happens to their orders and balances."""

    def __init__(self, floor: Floor, symbols: Symbols) -> None:
        self._floor, self._symbols = floor, symbols
        self._listening: dict[tuple[Outlet, int], str] = {}  # a connection and its subscription: the account
        self._numbers: dict[Outlet, int] = {}
        floor.exchange.listen(self._hear)

    def subscribe(self, outlet: Outlet, account: str) -> int:
        """Tells this connection of an account from now on; the number of the subscription."""
        number = self._numbers.get(outlet, 0)
        self._numbers[outlet] = number + 1
        self._listening[outlet, number] = account
        return number

    def subscriptions(self, outlet: Outlet) -> list[int]:
        """The numbers of a connection's subscriptions."""
        return [number for listener, number in self._listening if listener is outlet]

    def listeners(self, account: str) -> int:
        """How many subscriptions to an account there are."""
        return sum(listened == account for listened in self._listening.values())

    def unsubscribe(self, outlet: Outlet, number: int | None = None) -> None:
        """Ends one subscription of a connection, or all, and says so."""
        for each in self.subscriptions(outlet) if number is None else [number]:
            if self._listening.pop((outlet, each), None) is not None:
                self._tell(outlet, each, "eventStreamTerminated", self._ended())

    def leave(self, outlet: Outlet) -> None:
        """Forgets a connection that is gone."""
        for number in self.subscriptions(outlet):
            del self._listening[outlet, number]
        self._numbers.pop(outlet, None)

    def terminate(self, account: str) -> int:
        """Ends all subscriptions to an account, with the event that says so; how many there were."""
        ending = [each for each, listened in self._listening.items() if listened == account]
        for outlet, number in ending:
            self.unsubscribe(outlet, number)
        return len(ending)

    def announce_shutdown(self) -> None:
        """Tells every subscription that the server goes down soon."""
        for outlet, number in list(self._listening):
            self._tell(outlet, number, "serverShutdown", {"e": "serverShutdown", "E": ms(self._floor.clock.now())})

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Execution | BalancesChanged):
            return
        account = event.order.account if isinstance(event, Execution) else event.account
        listeners = [each for each, listened in self._listening.items() if listened == account]
        for name, told in self._told(event) if listeners else ():
            for outlet, number in listeners:
                self._tell(outlet, number, name, told)

    def _told(self, event: Execution | BalancesChanged) -> list[tuple[str, Json]]:
        now = self._floor.clock.now()
        if isinstance(event, BalancesChanged):
            return [*_transfers(event, now), ("outboundAccountPosition", _position(event, now))]
        native = self._symbols.native.get(event.order.wanted.symbol)
        if native is None:
            return []
        report = execution_report(event, native, now)
        return [(f"executionReport:{report['x']}", report)]

    def _tell(self, outlet: Outlet, number: int, name: str, told: Json) -> None:
        text = msgspec.json.encode({"subscriptionId": number, "event": told}).decode()
        outlet.say(Where.USER, name, text, lambda: self._forget(outlet, number))

    def _forget(self, outlet: Outlet, number: int) -> None:
        self._listening.pop((outlet, number), None)

    def _ended(self) -> Json:
        return {"e": "eventStreamTerminated", "E": ms(self._floor.clock.now())}


def _position(event: BalancesChanged, now: int) -> Json:
    return {
        "e": "outboundAccountPosition",
        "E": ms(now),
        "u": ms(event.at),
        "B": [{"a": each.asset, "f": amount(each.free), "l": amount(each.locked)} for each in event.balances],
    }


def _transfers(event: BalancesChanged, now: int) -> list[tuple[str, Json]]:
    if event.transfer is None:
        return []
    return [
        (
            "balanceUpdate",
            {"e": "balanceUpdate", "E": ms(now), "a": each.asset, "d": amount(event.transfer), "T": ms(event.at)},
        )
        for each in event.balances
    ]
