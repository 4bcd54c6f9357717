"""A stage for strategies: hand-made bars, and a run through the real session, engine and simulated venue."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from typing import Any

from workbench.connectors.paper import PaperConnector
from workbench.connectors.profile import Profile
from workbench.core.clock import HOUR
from workbench.core.events import Bar, Event, FillEvent, MarketDataEvent, OrderEvent, OrderReport, SignalEvent
from workbench.core.instrument import Instrument
from workbench.core.ledger import Ledger
from workbench.core.order import Role
from workbench.core.strategy import Strategy
from workbench.data.journal import Journal
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.runtime.build import SIMULATED, simulated_venue, venues
from workbench.runtime.bus import MemoryBus
from workbench.runtime.executor import ConnectorExecutor
from workbench.runtime.plan import Plan, engine_of, made_of, seat_of
from workbench.runtime.session import Session, drive

SAMPLE = "binance_spot_BTCUSDT_1h"
SPOT = Instrument(venue="sim", symbol="BTC/USDT", tick=Decimal("0.5"), lot=Decimal("0.01"))
PERPETUAL = Instrument(venue="sim", symbol="BTC/USDT:USDT", tick=Decimal("0.5"), lot=Decimal("0.01"))
FREE = Profile(name="free", maker_rate=0, taker_rate=0)

ENDLESS = 1_000  # events that follow one market event: no honest exchange of words is that long


class Tape:
    """Hears everything of a run, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._since_market = 0

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        self._since_market = 0 if isinstance(event, MarketDataEvent) else self._since_market + 1
        self.events += [event, *consequences]

    def of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]


class Run:
    """What a run left behind."""

    def __init__(self, session: Session, tape: Tape) -> None:
        self.ledger: Ledger = session.engine.ledger
        self.journal_digest = session.journal.digest()
        self.tape = tape
        self.engine = session.engine

    @property
    def fills(self) -> list[FillEvent]:
        return self.ledger.fills

    @property
    def signals(self) -> list[SignalEvent]:
        return self.tape.of(SignalEvent)

    def orders(self, role: Role) -> list[OrderEvent]:
        return [each for each in self.tape.of(OrderEvent) if each.role is role]

    def reports(self, order: OrderEvent) -> list[OrderReport]:
        return [each for each in self.tape.of(OrderReport) if each.order_id == order.order_id]

    def fills_of(self, role: Role) -> list[FillEvent]:
        ids = {each.order_id for each in self.orders(role)}
        return [each for each in self.fills if each.order_id in ids]

    def balance(self) -> None:
        """Raises unless every account adds up and no spot account went below zero."""
        for account in self.ledger.accounts.values():
            account.balance()
            assert all(position.quantity >= 0 for position in account.positions.values() if position.instrument.is_spot)


def run(
    strategy: Strategy,
    events: Iterable[Event],
    instrument: Instrument,
    *,
    cash: str = "10000",
    profile: Profile = FREE,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    budget: Budget = Budget(),  # noqa: B008 - frozen
    restored_at: int | None = None,
) -> Run:
    """Runs `strategy` over `events`; before event number `restored_at` one restored from its state takes its place."""
    plan = Plan(
        base_currency=instrument.quote,
        instruments=(instrument,),
        seats={strategy.id: seat_of(strategy, instruments=(instrument.key,), cash=cash, budget=budget)},
        limits=limits,
        profile=profile,
    )
    started = plan.started(plan.run_id(), 0)
    engine = engine_of(started, made_of({strategy.id: strategy}))

    async def feed() -> AsyncIterator[Event]:
        for number, event in enumerate(events):
            if number == restored_at:
                trader = engine.portfolio.traders[strategy.id]
                trader.strategy = restored(trader.strategy)
                trader.strategy.attach(strategy.id, engine.portfolio)
            assert len(tape.events) < ENDLESS * (number + 1), "orders and reports go round in a circle"
            yield event

    connector = PaperConnector(SIMULATED, feed(), simulated_venue(plan), plan.instruments)
    tape = Tape()
    session = Session(
        engine,
        connector=connector,
        executor=ConnectorExecutor(dict.fromkeys(venues(plan.instruments), connector)),
        journal=Journal.memory(),
        bus=MemoryBus([tape]),
    )
    session.begin(started)
    drive(session.run())
    for trader in engine.portfolio.traders.values():
        if trader.failed is not None:
            raise trader.failed
    return Run(session, tape)


def restored(strategy: Strategy) -> Strategy:
    """A fresh strategy that took over parameters and state through JSON."""
    fresh = type(strategy)(**strategy.get_parameters())
    fresh.set_state(json.loads(json.dumps(strategy.get_state())))
    return fresh


def bar(
    number: int,
    close: str | int,
    *,
    open: str | int | None = None,  # noqa: A002 - its name in a bar
    high: str | int | None = None,
    low: str | int | None = None,
    volume: int = 1_000,
    instrument: Instrument = SPOT,
) -> Bar:
    """Bar number 1, 2, ... of an hour; what is not given follows from open and close."""
    places = instrument.price_places
    shut = int(Decimal(close).scaleb(places))
    begun = shut if open is None else int(Decimal(open).scaleb(places))
    top = max(begun, shut) if high is None else int(Decimal(high).scaleb(places))
    bottom = min(begun, shut) if low is None else int(Decimal(low).scaleb(places))
    at = number * HOUR
    amount = volume * 10**instrument.quantity_places
    return Bar("hand", number, at, at, instrument, HOUR, begun, top, bottom, shut, amount)


def closes(*values: str | int, instrument: Instrument = SPOT) -> list[Bar]:
    """Bars that open where the last one closed."""
    opens = (values[0], *values)
    return [bar(number, close, open=opens[number - 1], instrument=instrument) for number, close in enumerate(values, 1)]


def said(strategy: Strategy, events: Iterable[MarketDataEvent]) -> list[Any]:
    """What a strategy says to each event, outside of a run."""
    return [strategy.on_market_data(event) for event in events]
