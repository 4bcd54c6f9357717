"""A small market for the promises of core: instruments, bars, orders and fills by keyword."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workbench.core.events import Bar, FillEvent, OrderEvent, OrderUpdate, RunStarted
from workbench.core.instrument import Instrument
from workbench.core.order import OrderStatus, OrderType, Role, Side


def spot(**changes: Any) -> Instrument:
    return Instrument(
        **{"venue": "x", "symbol": "BTC/USDT", "tick": Decimal("0.01"), "lot": Decimal("0.001"), **changes}
    )


def perpetual(**changes: Any) -> Instrument:
    return spot(**{"symbol": "BTC/USDT:USDT", "contract_size": Decimal("0.1"), **changes})


def bar(close: int = 10_000, instrument: Instrument | None = None) -> Bar:
    return Bar("data", 1, 60, 60, instrument or spot(), 60, close, close, close, close, 0)


def started(*instruments: Instrument, **changes: Any) -> RunStarted:
    terms: dict[str, Any] = {
        "run_id": "r",
        "base_currency": "USDT",
        "instruments": instruments,
        "cash": {"t1": "10000"},
        "strategies": {},
    }
    return RunStarted("run", 0, 0, 0, **{**terms, **changes})


def order(order_id: str, instrument: Instrument, side: Side, quantity_raw: int, **changes: Any) -> OrderEvent:
    terms: dict[str, Any] = {
        "order_id": order_id,
        "strategy_id": "t1",
        "role": Role.ENTRY,
        "instrument": instrument,
        "side": side,
        "order_type": OrderType.MARKET,
        "quantity_raw": quantity_raw,
    }
    return OrderEvent("engine", 1, 1, 1, **{**terms, **changes})


def fill(wanted: OrderEvent, price_raw: int, trade_id: str = "1", **changes: Any) -> FillEvent:
    terms: dict[str, Any] = {
        "order_id": wanted.order_id,
        "trade_id": trade_id,
        "instrument": wanted.instrument,
        "side": wanted.side,
        "quantity_raw": wanted.quantity_raw,
        "price_raw": price_raw,
        "fee_raw": 0,
        "fee_currency": wanted.instrument.quote,
    }
    return FillEvent("venue", 2, 2, 2, **{**terms, **changes})


def update(wanted: OrderEvent, old: OrderStatus, new: OrderStatus, **changes: Any) -> OrderUpdate:
    return OrderUpdate(
        "engine", 3, 3, 3, order_id=wanted.order_id, old=old, new=new, instrument=wanted.instrument, **changes
    )
