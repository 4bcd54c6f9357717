"""An engine and the simulated venue in one loop: bars and commands in, and everything that follows is carried out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tests.trading.trading_bench import START_NS, UNIT, Speaker, started
from workbench.connectors.matching import Profile, SimulatedVenue
from workbench.core.clock import MINUTE
from workbench.core.events import ApprovedOrder, Bar, CancelEvent, Event
from workbench.core.instrument import Instrument
from workbench.core.ledger import OrderState
from workbench.core.order import Role
from workbench.risk.limits import Limits
from workbench.trading.desk import Desk
from workbench.trading.engine import Engine


class Floor:
    """Speakers with equal cash in one instrument, without fees; the venue answers `latency` ns after it was asked."""

    def __init__(
        self, instrument: Instrument, *, cash: str = "1000", latency: int = 0, names: Sequence[str] = ("s",)
    ) -> None:
        self.instrument = instrument
        self.venue = SimulatedVenue(
            [instrument],
            cash={"USDT": Decimal(cash) * len(names)},
            shares=dict.fromkeys(names, Decimal(cash)),
            profile=Profile(maker_rate=0, taker_rate=0, latency_ns=latency),
        )
        self.engine = Engine(started([instrument], dict.fromkeys(names, cash)), limits=Limits(), budgets={})
        self.speakers = {name: Speaker() for name in names}
        for name, speaker in self.speakers.items():
            self.engine.add(name, speaker, [instrument.key])
        self.journal: list[Event] = []
        self._now, self._count = START_NS, 0
        self._due: deque[Event] = deque()

    def say(self, says: Any, *, name: str = "s") -> None:
        """The strategy thinks so from the next bar on."""
        self.speakers[name].says = says

    def bar(self, first: int, *, high: int = 0, low: int = 0, last: int = 0, volume: int = 1000) -> None:
        """A minute from `first` to `last`; what is not given is as `first`, or as it must be."""
        last = last or first
        high, low = max(first, last, high), min(first, last, low or first)
        self._now += MINUTE
        stamp = self._stamp("md")
        bar = Bar(*stamp, self.instrument, MINUTE, first, high, low, last, volume * UNIT)
        self._due.extend(self.venue.on_market(bar))
        self._settle()
        self._process(bar)
        self._settle()

    def bars(self, number: int, price: int) -> None:
        """So many minutes in which nothing moves."""
        for _ in range(number):
            self.bar(price)

    def command(self, kind: type[Event], **fields: Any) -> None:
        self._process(kind(*self._stamp("operator"), **fields))
        self._settle()

    def _stamp(self, source: str) -> tuple[str, int, int, int]:
        self._count += 1
        return source, self._count, self._now, self._now

    def _settle(self) -> None:
        while self._due:
            self._process(self._due.popleft())

    def _process(self, event: Event) -> None:
        facts, requests = self.engine.process(event)
        self.journal += [event, *facts]
        for each in requests:
            if isinstance(each, ApprovedOrder):
                self._due.extend(self.venue.place(each, each.request.ts_event))
            elif isinstance(each, CancelEvent):
                self._due.extend(self.venue.cancel(each, each.ts_event))

    # --- what came of it --------------------------------------------------------------------------

    @property
    def living(self) -> list[OrderState]:
        return list(self.engine.ledger.living.values())

    def held(self, name: str = "s") -> Decimal:
        return self.engine.portfolio.quantity(name, self.instrument.key)

    def cash(self, name: str = "s") -> Decimal:
        return Decimal(self.engine.ledger.accounts[name].cash) / UNIT

    def desk(self, name: str = "s") -> Desk:
        return self.engine.portfolio.traders[name].desks[self.instrument.symbol]

    def sent(self, role: Role) -> list[OrderState]:
        """Every order of a role, in the order they were sent."""
        return [each for each in self.engine.ledger.orders.values() if each.order.role is role]
