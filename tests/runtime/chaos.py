"""An engine under every word that a venue, a market or a person may say, in any order: drawn by chance, seeded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta

from tests.trading.trading_bench import PERPETUAL, SPOT, START_NS, UNIT
from workbench.core import strategy
from workbench.core.clock import SECOND
from workbench.core.events import (
    AccountSnapshot,
    ApprovedOrder,
    Bar,
    CancelEvent,
    Event,
    FillEvent,
    Flatten,
    FundingEvent,
    Halt,
    LinkState,
    Liquidation,
    MarketDataEvent,
    MarketStale,
    MarkPrice,
    OrderReport,
    Pause,
    Quote,
    Quotes,
    Rearm,
    Resume,
    RunStarted,
    SetParameters,
    Target,
    TermsChanged,
    Timer,
    VenueLink,
    Withdraw,
)
from workbench.core.indicators import Ema
from workbench.core.instrument import Instrument
from workbench.core.ledger import OrderState
from workbench.core.order import OrderStatus, Side
from workbench.core.strategy import Says, Strategy, hot
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits
from workbench.trading.engine import Engine

Requests = Sequence[ApprovedOrder | CancelEvent]

INSTRUMENTS = (SPOT, PERPETUAL)
NAMES = ("a", "b", "c")
ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)
SAID = (*ENDED, *(OrderStatus(each) for each in ("rejected", "unknown", "cancel_rejected", "never_accepted")))
LIMITS = Limits(
    max_drawdown=Decimal("0.4"),
    max_orders_per_minute=30,
    max_rejections_per_minute=5,
    max_data_age_s=Decimal(40),
    max_order_notional=Decimal(900),
)


class Moody(Strategy):
    """Wants something else every so often, as its own numbers have it; fails where they say so."""

    several = True

    class Parameters(strategy.Parameters, frozen=True):
        window: Annotated[int, Meta(ge=1, le=9)] = 3
        mood: Annotated[int, Meta(ge=0, extra=hot)] = 1

    class State(strategy.State):
        number: int = 1
        fills: int = 0
        mean: dict[str, Ema] = {}  # noqa: RUF012 - a struct copies it

    def warmup(self) -> int:
        return self.params.window

    def on_fill(self, event: FillEvent) -> None:
        self.state.fills += 1

    def on_market_data(self, event: MarketDataEvent) -> Says:
        state, key = self.state, event.instrument.key
        price = 100.0 if not isinstance(event, Bar) else event.close_raw
        mean = state.mean.setdefault(key, Ema.of(self.params.window))
        mean.update(float(price))
        state.number = number = (state.number * 1_103_515_245 + 12_345 + self.params.mood) % 2**31
        roll, size = number // 2**16 % 100, Decimal(number // 2**8 % 7)
        if roll == 99 and number % 5 == 0:
            raise ValueError(f"rolled {number}")
        if roll < 60 or not mean.ready:
            return None
        if roll < 75 and self.params.mood % 3 == 0:
            bids = ((Decimal(96), size), (Decimal(95), size))
            return Quotes(key, bids[: 1 + number % 2], ((Decimal(104), size),))
        if roll < 85:
            until = event.ts_event + number % 50 * SECOND
            return Target(key, number % 1_000_000, None, Decimal(97 + number % 6), None, until)
        if roll < 95:
            return Target(key, None, size, None, Decimal(90 + number % 5))
        return Target(key, None, -size if ":USDT" in key else size, Decimal(97 + number % 6))


class Chaos:
    """One engine and what is said to it next."""

    def __init__(self, seed: int) -> None:
        self.engine = fresh()
        self._chance = random.Random(seed)
        self._now, self._count = START_NS, 0
        self._renamed = 0

    def next(self) -> Event:
        """Anything but nonsense: what it says of an order is said of one that was meant."""
        chance = self._chance
        self._now += chance.choice((0, 1, SECOND, 7 * SECOND, 20 * SECOND))
        self._count += 1
        if self.engine.gate.halted and chance.random() < 0.1:
            return Rearm(*self._stamp("operator"), reason="test")
        if chance.random() < 0.002:
            return Withdraw(*self._stamp("operator"), flatten=chance.random() < 0.5)
        kinds = (self._market, self._market, self._market, self._order, self._order, self._order, self._fill)
        return chance.choice((*kinds, *kinds, self._account, self._command, self._standing))()

    def _stamp(self, source: str) -> tuple[str, int, int, int]:
        return source, self._count, self._now, self._now

    def _instrument(self) -> Instrument:
        return self._chance.choice(INSTRUMENTS)

    def _price(self) -> int:
        return self._chance.randint(92, 108)

    def _market(self) -> Event:
        instrument, price = self._instrument(), self._price()
        match self._chance.randrange(5):
            case 0:
                return Quote(*self._stamp("md"), instrument, price, price + 1, UNIT, UNIT)
            case 1:
                return MarkPrice(*self._stamp("md"), PERPETUAL, price)
            case _:
                return Bar(*self._stamp("md"), instrument, SECOND, price, price + 2, price - 2, price, 1000 * UNIT)

    def _some_order(self) -> OrderState | None:
        ledger = self.engine.ledger
        pool = list(ledger.living.values()) if self._chance.random() < 0.8 else list(ledger.orders.values())
        pool = [each for each in pool if each.status is not OrderStatus.DENIED]
        return self._chance.choice(pool) if pool else None

    def _order(self) -> Event:
        state, chance = self._some_order(), self._chance
        if state is None:
            return Timer(*self._stamp("clock"))
        order = state.order
        status = chance.choice((*(OrderStatus.ACKNOWLEDGED,) * 14, *SAID))
        terms: dict[str, Any] = {}
        if state.status is OrderStatus.AMEND_PENDING:
            terms = {
                "quantity_raw": state.quantity_raw + UNIT,
                "price_raw": state.price_raw,
                "stop_raw": state.stop_raw,
            }
        if status in ENDED and chance.random() < 0.3:
            terms["filled_raw"] = state.filled_raw + chance.choice((0, UNIT))
        self._renamed += chance.random() < 0.1
        return OrderReport(
            *self._stamp("venue"),
            order_id=order.order_id if chance.random() < 0.95 else f"of-others-{chance.randrange(9)}",
            status=status,
            instrument=order.instrument,
            venue_order_id=f"{order.order_id[:6]}-{self._renamed}" if chance.random() < 0.6 else "",
            reason=chance.choice(("", "because")),
            **terms,
        )

    def _fill(self) -> Event:
        state, chance = self._some_order(), self._chance
        if state is None:
            return Timer(*self._stamp("clock"))
        order, unnamed = state.order, chance.random() < 0.2
        if not state.remaining_raw and chance.random() < 0.9:
            return Timer(*self._stamp("clock"))  # now and then a venue fills too much, and everything halts
        size = min(max(UNIT, state.remaining_raw), chance.choice((UNIT, 2 * UNIT, 1000 * UNIT)))
        return FillEvent(
            *self._stamp("venue"),
            order_id="" if unnamed else chance.choice((*(order.order_id,) * 15, "of-others-1")),
            trade_id=str(chance.randrange(400)),
            instrument=order.instrument,
            side=order.side,
            quantity_raw=size,
            price_raw=self._price(),
            fee_raw=chance.randrange(-3, 50),
            fee_currency=chance.choice(("USDT", "USDT", "BNB")),
            venue_order_id=f"{order.order_id[:6]}-{self._renamed + chance.randrange(2)}" if unnamed else "",
        )

    def _account(self) -> Event:
        chance = self._chance
        match chance.randrange(4):
            case 0:
                return FundingEvent(
                    *self._stamp("venue"),
                    instrument=PERPETUAL,
                    amount_raw=chance.randrange(-99, 99),
                    funding_id=str(self._count),
                )
            case 1 if chance.random() < 0.2:
                return Liquidation(
                    *self._stamp("venue"),
                    instrument=PERPETUAL,
                    trade_id=f"taken-{self._count}",
                    side=chance.choice(tuple(Side)),
                    quantity_raw=chance.choice((1, 5)) * UNIT,
                    price_raw=self._price(),
                    fee_raw=7,
                    fee_currency="USDT",
                )
            case 2 if chance.random() < 0.3:
                return TermsChanged(
                    *self._stamp("venue"),
                    instrument=chance.choice(INSTRUMENTS),
                    tick="1",
                    lot=chance.choice(("1", "2")),
                    min_quantity="0",
                    min_notional=chance.choice(("10", "50")),
                )
            case _:
                return AccountSnapshot(
                    *self._stamp("venue"),
                    venue="sim",
                    account="main",
                    asked=self._now - SECOND,
                    balances={"USDT": str(chance.choice((3000, 2900))), "BTC": "3"},
                    positions={PERPETUAL.key: str(chance.choice((0, 2)))},
                    orders=tuple(sorted(self.engine.ledger.living)[: chance.randrange(9)]),
                )

    def _command(self) -> Event:
        chance, stamp = self._chance, self._stamp("operator")
        name = chance.choice(NAMES)
        values: dict[str, Any] = chance.choice(
            ({"mood": self._count}, {"window": chance.randint(1, 9)}, {"window": 99})
        )
        return chance.choice(
            (
                Halt(*stamp, reason="test"),
                Rearm(*stamp, reason="test"),
                Rearm(*stamp, reason="test", strategy_id=name),
                Pause(*stamp, strategy_id=name, reason="test"),
                Resume(*stamp, strategy_id=name),
                Flatten(*stamp, strategy_id=name),
                SetParameters(*stamp, strategy_id=name, values=values),
                SetParameters(*stamp, strategy_id=name, values=values),
            )
        )

    def _standing(self) -> Event:
        chance = self._chance
        match chance.randrange(4):
            case 0:
                return MarketStale(*self._stamp("md"), self._instrument(), "test")
            case 1:
                return Timer(*self._stamp("clock"))
            case _:
                state = chance.choice((LinkState.UP, LinkState.UP, LinkState.SYNCING, LinkState.DOWN))
                return VenueLink(*self._stamp("venue"), venue="sim", state=state, reason="test")


def started(run_id: str = "chaos", names: Sequence[str] = NAMES) -> RunStarted:
    return RunStarted(
        "run",
        0,
        START_NS,
        START_NS,
        run_id=run_id,
        base_currency="USDT",
        instruments=INSTRUMENTS,
        cash=dict.fromkeys(names, "1000"),
        strategies={},
        settings={"data": "[]", "limits": "{}", "profile": "{}"},
    )


def fresh(strategies: dict[str, Strategy] | None = None) -> Engine:
    seated = strategies or {name: Moody(mood=number) for number, name in enumerate(NAMES)}
    budgets = {"a": Budget(max_drawdown=Decimal("0.3")), "b": Budget(rebalance_band=Decimal("0.02"))}
    engine = Engine(started(names=tuple(seated)), limits=LIMITS, budgets=budgets)
    for name, each in seated.items():
        engine.add(name, each, [instrument.key for instrument in INSTRUMENTS])
    return engine
