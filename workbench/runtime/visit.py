"""One visit to a venue to see whether its connector keeps its word: small orders out, everything heard kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from types import TracebackType

import msgspec

from workbench.core import rules
from workbench.core.account import Position
from workbench.core.errors import Unsupported, WorkbenchError
from workbench.core.events import (
    AmendEvent,
    ApprovedOrder,
    Bar,
    CancelEvent,
    Event,
    FillEvent,
    FundingEvent,
    MarketDataEvent,
    OrderEvent,
    OrderReport,
    Quote,
    RunStarted,
    Trade,
)
from workbench.core.instrument import Instrument
from workbench.core.ledger import Ledger
from workbench.core.money import to_decimal
from workbench.core.order import FINAL, OrderStatus, OrderType, Role, Side
from workbench.core.ports import ExchangeConnector, Outcome
from workbench.risk.gate import Gate
from workbench.risk.limits import View
from workbench.trading.orders import client_order_id

PATIENCE = 500  # market events that an order may take: on liquid data it is a few
WORTH = 3  # an order is this many times the least the venue takes, so that neither a fall nor a fee undercuts it
LOTS = 10  # and at least this many lots, so that half of it is an order too

Make = Callable[[], ExchangeConnector]


class BrokenContract(AssertionError):
    """A connector broke a promise; the message says which one and what was seen instead."""


def holds(kept: bool, promise: str, seen: object) -> None:
    """Raises BrokenContract unless the promise was kept."""
    if not kept:
        raise BrokenContract(f"{promise}; got {seen!r}"[:2_000])


class Host(msgspec.Struct, frozen=True):
    """A connector's maker, what to trade there, and what makes the ids of our orders ours.

    `skew_ns` is by how much an instant of the venue's may be off ours: none where time is stored data's.
    """

    make: Make
    symbol: str
    run: str
    skew_ns: int = 0

    def visit(self) -> Visit:
        """A visit over a new connector."""
        return Visit(self.make(), symbol=self.symbol, run=self.run)


class Visit:
    """A connector in use: `async with` connects and closes it. What it streams is folded into a ledger of our own."""

    def __init__(self, connector: ExchangeConnector, *, symbol: str, run: str) -> None:
        self.connector = connector
        self.heard: list[Event] = []
        self.fills: list[FillEvent] = []
        self.market_ids: set[str] = set()
        self.balances: dict[str, Decimal] = {}
        self._symbol, self._run = symbol, run
        self._gate = Gate(())
        self._count = 0
        self._last: MarketDataEvent | None = None

    async def __aenter__(self) -> Visit:
        await self.connector.connect()
        known = [each for each in (await self.connector.get_instruments()).values() if each.symbol == self._symbol]
        holds(len(known) == 1, f"it trades {self._symbol} once", known)
        self.instrument: Instrument = known[0]
        terms = {"base_currency": self.instrument.quote, "instruments": (self.instrument,), "cash": {"visit": "0"}}
        self._ledger = Ledger(RunStarted("visit", 0, 0, 0, run_id="visit", strategies={}, **terms))  # type: ignore[arg-type]
        self._view = View(ledger=self._ledger)
        self.balances = await self.connector.get_balances()
        self._held = await self._quantity()
        self._stream: AsyncIterator[Event] = self.connector.stream()
        await self._subscribe()
        return self

    async def _subscribe(self) -> None:
        """Asks for the market; stored data comes unasked."""
        connector, symbol = self.connector, self._symbol
        for asked in (
            connector.subscribe_trades,
            connector.subscribe_quotes,
            partial(connector.subscribe_bars, interval="1m"),
        ):
            with suppress(Unsupported):
                await asked(symbol)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connector.close()

    # --- what it says -----------------------------------------------------------------------------

    async def next(self) -> Event:
        """The next event of the stream, kept and booked."""
        try:
            event = await anext(self._stream)
        except StopAsyncIteration:
            raise BrokenContract(f"the market goes on; the stream ended after {len(self.heard)} events") from None
        if isinstance(event, FillEvent) and self._told(event):
            return event
        self.heard.append(event)
        if isinstance(event, MarketDataEvent):
            self._last = event
            self.market_ids.add(event.id)
        elif isinstance(event, (OrderReport, FillEvent, FundingEvent)):
            self._ledger.apply(event)
        if isinstance(event, FillEvent):
            self.fills.append(event)
        return event

    def _told(self, fill: FillEvent) -> bool:
        """Whether this trade was told before, as where an answer and a stream both tell it; then both say the same."""
        if not self._ledger.knows(fill):
            return False
        same = [each for each in self.fills if _trade(each) == _trade(fill)]
        holds(bool(same), "a trade that is told again is told the same", fill)
        return True

    async def market(self) -> MarketDataEvent:
        """The next market event of the instrument."""
        for _ in range(PATIENCE):
            event = await self.next()
            if isinstance(event, MarketDataEvent) and event.instrument.key == self.instrument.key and _price(event):
                return event
        raise BrokenContract(f"the market of {self._symbol} moves; {PATIENCE} events said nothing of it")

    async def listen(self, events: int) -> None:
        """Takes so many more market events."""
        for _ in range(events):
            await self.market()

    def about(self, order_id: str) -> list[OrderReport | FillEvent]:
        """Every report and fill of an order, in order."""
        return [e for e in self.heard if isinstance(e, (OrderReport, FillEvent)) and e.order_id == order_id]

    async def until_filled(self, order: OrderEvent) -> None:
        """Listens until the fills add up to the order."""
        await self._until(order, lambda: self._ledger.orders[order.order_id].remaining_raw == 0, "is filled")

    async def until(self, order: OrderEvent, status: OrderStatus) -> None:
        """Listens until the venue reports this status of an order."""
        await self._until(order, lambda: status in self._statuses(order), f"is reported {status}")

    async def until_terms(self, order: OrderEvent, quantity: int, price: int | None) -> None:
        """Listens until the venue reports these terms of an order."""

        def shown() -> bool:
            state = self._ledger.orders[order.order_id]
            return (state.quantity_raw, state.price_raw) == (quantity, price)

        await self._until(order, shown, "is reported with its new terms")

    async def _until(self, order: OrderEvent, reached: Callable[[], bool], what: str) -> None:
        markets = 0
        while not reached():
            ended = [each for each in self._statuses(order) if each in FINAL - {OrderStatus.FILLED}]
            holds(not ended, f"the order {what}", self.about(order.order_id)[-1:])
            holds(markets < PATIENCE, f"the order {what} within {PATIENCE} market events", self.about(order.order_id))
            markets += isinstance(await self.next(), MarketDataEvent)

    def _statuses(self, order: OrderEvent) -> list[OrderStatus]:
        return [each.status for each in self.about(order.order_id) if isinstance(each, OrderReport)]

    # --- what we hold by its fills ----------------------------------------------------------------

    @property
    def began(self) -> int:
        """When the first event happened."""
        return self.heard[0].ts_event

    @property
    def position(self) -> Position:
        return self._ledger.position("visit", self.instrument.key)

    async def moved(self) -> Decimal:
        """By how much the position that the venue reports has changed since we came."""
        return await self._quantity() - self._held

    async def _quantity(self) -> Decimal:
        named = [each for each in await self.connector.get_positions() if each.instrument.key == self.instrument.key]
        return sum((each.quantity for each in named), Decimal(0))

    @property
    def cash(self) -> Decimal:
        """What the fills did to cash, fees included."""
        return to_decimal(self._ledger.accounts["visit"].cash, self._ledger.cash_places)

    # --- what we ask for --------------------------------------------------------------------------

    async def buy(self) -> OrderEvent:
        """Buys a little at market."""
        return await self._place(await self._ready(Side.BUY))

    async def rest(self) -> OrderEvent:
        """Bids for a little at half the price: it rests."""
        return await self._place(await self._ready(Side.BUY, limit=True))

    async def sell_all(self) -> OrderEvent:
        """Sells what the fills left, in whole lots, at market."""
        held = rules.floor_to(self.position.quantity, self.position.terms.lot)
        return await self._place(await self._ready(Side.SELL, quantity=held))

    async def _ready(self, side: Side, *, limit: bool = False, quantity: int | None = None) -> OrderEvent:
        if self._last is None:
            await self.market()
        return self.order(side, limit=limit, quantity=quantity)

    def order(self, side: Side, *, limit: bool = False, quantity: int | None = None) -> OrderEvent:
        """An order that was not placed yet, caused by the last market event."""
        assert self._last is not None
        tick, price = self.position.terms.tick, _price(self._last)
        return OrderEvent(
            *self._stamp(),
            cause=self._last.id,
            order_id=client_order_id(self.instrument.account, self._run, self._count),
            strategy_id="visit",
            role=Role.ENTRY,
            instrument=self.instrument,
            side=side,
            order_type=OrderType.LIMIT if limit else OrderType.MARKET,
            quantity_raw=quantity or self._small(price),
            price_raw=rules.floor_to(price // 2, tick) if limit else None,
        )

    def amendment(self, order: OrderEvent) -> AmendEvent:
        """A tick lower, a lot more."""
        terms = self.position.terms
        assert order.price_raw is not None
        return AmendEvent(
            *self._stamp(),
            order_id=order.order_id,
            strategy_id="visit",
            instrument=self.instrument,
            quantity_raw=order.quantity_raw + terms.lot,
            price_raw=order.price_raw - terms.tick,
        )

    def cancellation(self, order_id: str) -> CancelEvent:
        return CancelEvent(*self._stamp(), order_id=order_id, strategy_id="visit", instrument=self.instrument)

    def approved(self, request: OrderEvent | AmendEvent) -> ApprovedOrder:
        """The gate's approval, as in any run."""
        verdict = self._gate.review(request, self._view)
        if not isinstance(verdict, ApprovedOrder):
            raise WorkbenchError(f"the gate of a visit has no limits, and refused: {verdict}")
        return verdict

    async def _place(self, order: OrderEvent) -> OrderEvent:
        self._ledger.apply(order)
        result = await self.connector.place_order(self.approved(order))
        holds(result.outcome is Outcome.ACCEPTED, "a small order is accepted", result)
        holds(result.order_id == order.order_id, "an answer names the order asked about", result)
        return order

    def _small(self, price: int) -> int:
        """A quantity that the venue takes even at half the price."""
        terms = self.position.terms
        worth = 2 * WORTH * terms.min_notional * terms.divisor // (price * terms.multiplier)
        return rules.ceil_to(max(worth, WORTH * terms.min_quantity, LOTS * terms.lot), terms.lot)

    def _stamp(self) -> tuple[str, int, int, int]:
        assert self._last is not None
        self._count += 1
        return "visit", self._count, self._last.ts_init, self._last.ts_init


def _trade(fill: FillEvent) -> tuple[object, ...]:
    """What a trade is, however often and by whatever way it is told."""
    return (fill.trade_id, fill.side, fill.quantity_raw, fill.price_raw, fill.fee_raw, fill.fee_currency)


def _price(event: MarketDataEvent) -> int:
    """The price a market event tells; 0 where it tells none."""
    if isinstance(event, Bar):
        return event.close_raw
    if isinstance(event, Trade):
        return event.price_raw
    return event.ask_raw if isinstance(event, Quote) else 0
