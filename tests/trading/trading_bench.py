"""An engine on the bench: whole prices and quantities in by hand, facts and requests out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from workbench.core.clock import MINUTE
from workbench.core.events import (
    ApprovedOrder,
    Bar,
    CancelEvent,
    Event,
    FillEvent,
    MarketDataEvent,
    OrderEvent,
    OrderReport,
    Quote,
    Quotes,
    RiskEvent,
    RunStarted,
    SignalEvent,
    Target,
    Timer,
)
from workbench.core.instrument import Instrument
from workbench.core.ledger import Ledger, OrderState
from workbench.core.order import OrderStatus, Side
from workbench.core.strategy import Says, Strategy
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.trading.engine import Engine

UNIT = 10**8  # quantities and cash on the bench are whole; inside they count 10^-8
START_NS = 1_700_000_000 * 10**9

SPOT = Instrument(
    venue="sim", symbol="BTC/USDT", tick=Decimal(1), lot=Decimal(1), min_notional=Decimal(50), quantity_places=8
)
PERPETUAL = Instrument(
    venue="sim", symbol="BTC/USDT:USDT", tick=Decimal(1), lot=Decimal(1), min_notional=Decimal(50), quantity_places=8
)
OTHER = Instrument(venue="sim", symbol="ETH/USDT", tick=Decimal(1), lot=Decimal(1), quantity_places=8)


class Speaker(Strategy):
    """Says what it was told to say, to every event; raises where it was told to raise."""

    several = True

    def __init__(self) -> None:
        super().__init__()
        self.says: Any = None
        self.hears: list[FillEvent] = []
        self.on_fill_raises: Exception | None = None

    def on_market_data(self, event: MarketDataEvent) -> Says:
        if isinstance(self.says, Exception):
            raise self.says
        says: Says = self.says
        return says

    def on_fill(self, event: FillEvent) -> None:
        self.hears.append(event)
        if self.on_fill_raises is not None:
            raise self.on_fill_raises


def started(instruments: Sequence[Instrument], cash: Mapping[str, str]) -> RunStarted:
    return RunStarted(
        "run",
        0,
        START_NS,
        START_NS,
        run_id="bench",
        base_currency="USDT",
        instruments=tuple(instruments),
        cash=dict(cash),
        strategies={name: {} for name in cash},
    )


class Bench:
    """One engine; time moves by a minute with every bar. The last call's facts are in `facts`, `requests`."""

    def __init__(
        self,
        *instruments: Instrument,
        cash: str = "1000",
        limits: Limits | None = None,
        budget: Budget | None = None,
        names: Sequence[str] = ("s",),
        strategies: Mapping[str, Strategy] | None = None,
    ) -> None:
        self.instruments = instruments or (SPOT,)
        self.instrument = self.instruments[0]
        self.speakers = {name: Speaker() for name in names}
        seated: Mapping[str, Strategy] = strategies or self.speakers
        self.engine = Engine(
            started(self.instruments, dict.fromkeys(seated, cash)),
            limits=limits or Limits(),
            budgets={name: budget or Budget() for name in seated},
        )
        for name, strategy in seated.items():
            self.engine.add(name, strategy, [each.key for each in self.instruments])
        self.now = START_NS
        self.price = 100
        self.facts: Sequence[Event] = ()
        self.requests: Sequence[ApprovedOrder | CancelEvent] = ()
        self.journal: list[Event] = []
        self._count = 0
        self._causes = {""}

    # --- inputs -----------------------------------------------------------------------------------

    def bar(self, price: int | None = None, *, instrument: Instrument | None = None, after: int = MINUTE) -> None:
        self.price = price or self.price
        self.now += after
        self.process(
            Bar(
                *self.stamp("md"),
                instrument or self.instrument,
                MINUTE,
                self.price,
                self.price,
                self.price,
                self.price,
                1000 * UNIT,
            )
        )

    def quote(self, bid: int, ask: int) -> None:
        self.now += 1
        self.process(Quote(*self.stamp("md"), self.instrument, bid, ask, UNIT, UNIT))

    def say(self, says: Any, price: int | None = None, *, name: str = "s") -> None:
        """The strategy thinks so from the next bar on."""
        self.speakers[name].says = says
        self.bar(price)

    def report(self, order: OrderState, status: OrderStatus = OrderStatus.ACKNOWLEDGED, **terms: Any) -> None:
        self.process(
            OrderReport(
                *self.stamp("venue"),
                order_id=order.order.order_id,
                status=status,
                instrument=order.order.instrument,
                **terms,
            )
        )

    def fill(
        self,
        order: OrderState,
        quantity: float,
        price: int | None = None,
        *,
        trade: str = "",
        fee: int = 0,
        currency: str = "USDT",
    ) -> None:
        self.process(self.fill_event(order, quantity, price, trade=trade, fee=fee, currency=currency))

    def fill_event(
        self,
        order: OrderState,
        quantity: float,
        price: int | None = None,
        *,
        trade: str = "",
        fee: int = 0,
        currency: str = "USDT",
    ) -> FillEvent:
        stamp = self.stamp("venue")
        return FillEvent(
            *stamp,
            order_id=order.order.order_id,
            trade_id=trade or f"T{stamp[1]}",
            instrument=order.order.instrument,
            side=order.order.side,
            quantity_raw=int(quantity * UNIT),
            price_raw=price or order.price_raw or self.price,
            fee_raw=fee,
            fee_currency=currency,
        )

    def tick(self, after: int) -> None:
        self.now += after
        self.process(Timer(*self.stamp("clock")))

    def command(self, kind: type[Event], **fields: Any) -> None:
        self.process(kind(*self.stamp("operator"), **fields))

    def stamp(self, source: str) -> tuple[str, int, int, int]:
        self._count += 1
        return source, self._count, self.now, self.now

    def process(self, event: Event) -> None:
        """One event through the engine; every law that must hold after every event is checked here."""
        self.facts, self.requests = (tuple(each) for each in self.engine.process(event))
        self.journal += [event, *self.facts]
        self._causes.add(event.id)
        for fact in self.facts:
            assert getattr(fact, "cause", "") in self._causes, f"{fact} has no cause"
            self._causes.add(fact.id)
        for account in self.ledger.accounts.values():
            account.balance()
        assert all(type(each) in (ApprovedOrder, CancelEvent) for each in self.requests)

    # --- what came of it --------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        return self.engine.ledger

    @property
    def sent(self) -> list[OrderState]:
        """New orders that went out in the last call."""
        return [
            self.ledger.orders[each.request.order_id]
            for each in self.requests
            if isinstance(each, ApprovedOrder) and isinstance(each.request, OrderEvent)
        ]

    @property
    def amended(self) -> list[Any]:
        return [
            each.request
            for each in self.requests
            if isinstance(each, ApprovedOrder) and not isinstance(each.request, OrderEvent)
        ]

    @property
    def cancelled(self) -> list[str]:
        return [each.order_id for each in self.requests if isinstance(each, CancelEvent)]

    @property
    def risk(self) -> list[RiskEvent]:
        return [each for each in self.facts if isinstance(each, RiskEvent)]

    @property
    def signals(self) -> list[SignalEvent]:
        return [each for each in self.facts if isinstance(each, SignalEvent)]

    def only(self) -> OrderState:
        """The one order that went out in the last call."""
        (order,) = self.sent
        return order

    def held(self, name: str = "s") -> Decimal:
        return self.engine.portfolio.quantity(name, self.instrument.key)

    def enter(self, says: Any, price: int | None = None, *, name: str = "s") -> OrderState:
        """Says a target and fills its order in full at the mark."""
        self.say(says, price, name=name)
        order = self.only()
        self.report(order)
        self.fill(order, order.quantity_raw / UNIT)
        return order


def exposure(fraction: float, **more: Any) -> Target:
    return Target("BTC/USDT", int(fraction * 1_000_000), **more)


def exactly(quantity: str, **more: Any) -> Target:
    return Target("BTC/USDT", quantity=Decimal(quantity), **more)


def quotes(bids: Sequence[tuple[int, int]] = (), asks: Sequence[tuple[int, int]] = ()) -> Quotes:
    pairs = [tuple((Decimal(price), Decimal(quantity)) for price, quantity in side) for side in (bids, asks)]
    return Quotes("BTC/USDT", pairs[0], pairs[1])


def perpetual(target: Target) -> Target:
    return Target("BTC/USDT:USDT", target.ppm, target.quantity, target.limit, target.stop, target.valid_until)


BUY, SELL = Side.BUY, Side.SELL
