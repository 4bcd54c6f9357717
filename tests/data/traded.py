"""A small run told as events: two strategies, a fill in two parts, a refusal, a protective stop that still stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from workbench.core.clock import HOUR
from workbench.core.events import (
    Bar,
    Event,
    FillEvent,
    OrderEvent,
    OrderReport,
    OrderUpdate,
    RiskAction,
    RiskEvent,
    RunStarted,
    SignalEvent,
    Target,
    Timer,
)
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus, OrderType, Role, Side
from workbench.data.journal import Journal

BTC = Instrument(venue="binance", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))
STARTED_NS = 1_700_000_000_123_456_789
DATASET, SHA = "binance_spot_BTCUSDT_1h", "ab" * 32


def started(run_id: str = "run-1", instruments: Sequence[Instrument] = (BTC,)) -> RunStarted:
    return RunStarted(
        "run",
        0,
        STARTED_NS,
        STARTED_NS,
        run_id=run_id,
        base_currency="USDT",
        instruments=tuple(instruments),
        cash={"trend": "10000", "calm": "500.5"},
        strategies={"trend": {"entry": "sma"}, "calm": {"entry": "none"}},
        settings={"profile": "plain"},
    )


def bar(number: int, close: int = 40_000_00, source: str = "data") -> Bar:
    at = STARTED_NS + number * HOUR
    return Bar(source, number, at, at, BTC, HOUR, close, close, close, close, 0)


def timer(number: int) -> Timer:
    return Timer("clock", number, STARTED_NS + number, STARTED_NS + number)


def _at(number: int) -> tuple[str, int, int, int]:
    return ("engine", number, STARTED_NS + number, STARTED_NS + number)


def _step(number: int, order_id: str, old: OrderStatus, new: OrderStatus, reason: str = "") -> OrderUpdate:
    return OrderUpdate(*_at(number), order_id=order_id, old=old, new=new, instrument=BTC, reason=reason)


def _fill(number: int, trade_id: str, quantity: int, price: int) -> FillEvent:
    return FillEvent(
        *_at(number),
        order_id="o-1",
        trade_id=trade_id,
        instrument=BTC,
        side=Side.BUY,
        quantity_raw=quantity,
        price_raw=price,
        fee_raw=1_23456789,
        fee_currency="USDT",
        maker=trade_id == "t-2",
        cause="data/18",
    )


def steps(run_id: str = "run-1") -> Iterator[tuple[Event, list[Event]]]:
    """Inputs with their consequences, in journal order."""
    s = OrderStatus
    yield started(run_id), []
    for number in range(18):
        yield bar(number), []
    entry = OrderEvent(
        *_at(2),
        cause="engine/1",
        order_id="o-1",
        strategy_id="trend",
        role=Role.ENTRY,
        instrument=BTC,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity_raw=10_000_000,
    )
    signal = SignalEvent(*_at(1), cause="data/18", strategy_id="trend", instrument=BTC, says=Target("BTC/USDT", ppm=1))
    yield bar(18), [signal, entry, _step(3, "o-1", s.PENDING, s.SUBMITTED)]
    report = OrderReport(*_at(4), order_id="o-1", status=s.ACKNOWLEDGED, instrument=BTC, venue_order_id="v-9")
    yield report, [_step(5, "o-1", s.SUBMITTED, s.ACKNOWLEDGED)]
    yield _fill(6, "t-1", 4_000_000, 40_000_00), [_step(7, "o-1", s.ACKNOWLEDGED, s.PARTIALLY_FILLED)]
    yield _fill(8, "t-2", 6_000_000, 40_100_00), [_step(9, "o-1", s.PARTIALLY_FILLED, s.FILLED)]
    yield _fill(8, "t-2", 6_000_000, 40_100_00), []  # delivered twice
    stop = OrderEvent(
        *_at(10),
        cause="engine/8",
        order_id="o-2",
        strategy_id="trend",
        role=Role.STOP,
        instrument=BTC,
        side=Side.SELL,
        order_type=OrderType.STOP,
        quantity_raw=4_000_000,
        stop_raw=39_000_00,
    )
    yield timer(1), [stop, _step(11, "o-2", s.PENDING, s.SUBMITTED)]
    greedy = OrderEvent(
        *_at(12),
        cause="engine/1",
        order_id="o-3",
        strategy_id="calm",
        role=Role.BID,
        instrument=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity_raw=900_000_000,
        price_raw=39_500_00,
    )
    refusal = RiskEvent(
        *_at(13), rule="notional", action=RiskAction.DENIED, reason="too much", strategy_id="calm", order_id="o-3"
    )
    yield timer(2), [greedy, refusal, _step(14, "o-3", s.PENDING, s.DENIED, "too much")]
    bid = OrderEvent(
        *_at(15),
        order_id="o-4",
        strategy_id="calm",
        role=Role.BID,
        instrument=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity_raw=1_000_000,
        price_raw=39_500_50,
    )
    yield timer(3), [bid, _step(16, "o-4", s.PENDING, s.SUBMITTED)]
    yield bar(20, 41_000_00, source="live"), []


def write(journal: Journal, run_id: str = "run-1", frame_every: int = 0) -> Journal:
    """Writes the run; `frame_every` inputs a frame is closed, where none is left open by rows."""
    journal.declare("data", DATASET, SHA)
    for number, (event, consequences) in enumerate(steps(run_id)):
        journal.take(event, consequences)
        if frame_every and number > 18 and number % frame_every == 0:
            journal.close_frame()
    journal.close_frame()
    return journal
