"""A venue on the bench: whole prices and quantities in, what the venue says out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from workbench.connectors.matching import Profile, SimulatedVenue
from workbench.core.events import (
    AmendEvent,
    ApprovedOrder,
    Bar,
    BookUpdate,
    CancelEvent,
    Event,
    FillEvent,
    MarketDataEvent,
    OrderEvent,
    OrderReport,
    Quote,
    Trade,
)
from workbench.core.instrument import Instrument
from workbench.core.order import OrderType, Role, Side, TimeInForce

STEP = 60  # a bar's interval; the bench counts nanoseconds from 0

SPOT = Instrument(venue="sim", symbol="BTC/USDT", tick=Decimal(1), lot=Decimal(1), quantity_places=8)
PERPETUAL = Instrument(venue="sim", symbol="BTC/USDT:USDT", tick=Decimal(1), lot=Decimal(1), quantity_places=8)
FREE = Profile(maker_rate=0, taker_rate=0)
UNIT = 10**8

_TYPES = {
    (False, False): OrderType.MARKET,
    (True, False): OrderType.LIMIT,
    (False, True): OrderType.STOP,
    (True, True): OrderType.STOP_LIMIT,
}


class Bench:
    """One venue and one instrument; time moves with what the market does."""

    def __init__(
        self,
        *,
        instrument: Instrument = SPOT,
        profile: Profile = FREE,
        usdt: str = "100000",
        btc: str = "0",
        others: Sequence[Instrument] = (),
    ) -> None:
        self.instrument = instrument
        cash = {"USDT": Decimal(usdt), "BTC": Decimal(btc)}
        self.venue = SimulatedVenue([instrument, *others], cash=cash, profile=profile)
        self.now = 0
        self.count = 0

    # --- what the market does ---

    def bar(
        self,
        *,
        open: int,  # noqa: A002 - the trade's own word
        high: int | None = None,
        low: int | None = None,
        close: int | None = None,
        volume: int = 1000,
    ) -> list[Event]:
        close = open if close is None else close
        high = max(open, close) if high is None else high
        low = min(open, close) if low is None else low
        self.now += STEP
        bar = Bar("md", self._next(), self.now, self.now, self.instrument, STEP, open, high, low, close, volume * UNIT)
        return self.venue.on_market(bar)

    def trade(self, price: int, quantity: int = 1000, *, after: int = 1) -> list[Event]:
        self.now += after
        return self.venue.on_market(
            Trade("md", self._next(), self.now, self.now, self.instrument, price, quantity * UNIT)
        )

    def quote(self, bid: int, ask: int, *, sizes: tuple[int, int] = (1000, 1000), after: int = 1) -> list[Event]:
        self.now += after
        quote = Quote(
            "md", self._next(), self.now, self.now, self.instrument, bid, ask, sizes[0] * UNIT, sizes[1] * UNIT
        )
        return self.venue.on_market(quote)

    def book(
        self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], *, snapshot: bool = True
    ) -> list[Event]:
        self.now += 1
        update = BookUpdate(
            "md",
            self._next(),
            self.now,
            self.now,
            self.instrument,
            tuple((price, size * UNIT) for price, size in bids),
            tuple((price, size * UNIT) for price, size in asks),
            snapshot,
        )
        return self.venue.on_market(update)

    def event(self, event: MarketDataEvent) -> list[Event]:
        return self.venue.on_market(event)

    # --- what we ask ---

    def buy(self, quantity: int, **terms: object) -> list[Event]:
        return self.order(Side.BUY, quantity, **terms)

    def sell(self, quantity: int, **terms: object) -> list[Event]:
        return self.order(Side.SELL, quantity, **terms)

    def order(
        self,
        side: Side,
        quantity: int,
        *,
        id: str = "",  # noqa: A002
        limit: int | None = None,
        stop: int | None = None,
        kind: OrderType | None = None,
        tif: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        reduce_only: bool = False,
        instrument: Instrument | None = None,
        raw: int | None = None,
    ) -> list[Event]:
        number = self._next()
        request = OrderEvent(
            "us",
            number,
            self.now,
            self.now,
            order_id=id or f"o{number}",
            strategy_id="s",
            role=Role.ENTRY,
            instrument=instrument or self.instrument,
            side=side,
            order_type=kind or _TYPES[(limit is not None, stop is not None)],
            quantity_raw=quantity * UNIT if raw is None else raw,
            price_raw=limit,
            stop_raw=stop,
            time_in_force=tif,
            post_only=post_only,
            reduce_only=reduce_only,
        )
        return self.venue.place(ApprovedOrder(request), self.now)

    def amend(self, order_id: str, quantity: int, *, limit: int | None = None, stop: int | None = None) -> list[Event]:
        amend = AmendEvent(
            "us",
            self._next(),
            self.now,
            self.now,
            order_id=order_id,
            strategy_id="s",
            instrument=self.instrument,
            quantity_raw=quantity * UNIT,
            price_raw=limit,
            stop_raw=stop,
        )
        return self.venue.place(ApprovedOrder(amend), self.now)

    def cancel(self, order_id: str) -> list[Event]:
        cancel = CancelEvent(
            "us",
            self._next(),
            self.now,
            self.now,
            order_id=order_id,
            strategy_id="s",
            instrument=self.instrument,
        )
        return self.venue.cancel(cancel, self.now)

    def usdt(self) -> Decimal:
        return self.venue.balances()["USDT"]

    def btc(self) -> Decimal:
        return self.venue.balances()["BTC"]

    def _next(self) -> int:
        self.count += 1
        return self.count


def fills(said: list[Event]) -> list[tuple[int, int]]:
    """(price, whole quantity) of each fill."""
    return [(each.price_raw, each.quantity_raw // UNIT) for each in said if isinstance(each, FillEvent)]


def filled(said: list[Event]) -> list[FillEvent]:
    return [each for each in said if isinstance(each, FillEvent)]


def statuses(said: list[Event]) -> list[str]:
    return [str(each.status) for each in said if isinstance(each, OrderReport)]


def reason(said: list[Event]) -> str:
    (report,) = [each for each in said if isinstance(each, OrderReport)]
    return report.reason
