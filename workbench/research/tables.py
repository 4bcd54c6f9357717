"""Orders, fills and round trips as DataFrames: float64 views of exact numbers, times in UTC nanoseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.core.events import FillEvent
from workbench.core.ledger import Ledger, OrderState
from workbench.research.trips import Trip

_Columns = Mapping[str, type]

_FILLS: _Columns = {
    "order_id": str,
    "strategy": str,
    "symbol": str,
    "side": str,
    "quantity": float,
    "price": float,
    "fee": float,
    "fee_currency": str,
    "liquidity": str,
    "trade_id": str,
}
_FUNDING: _Columns = {"strategy": str, "symbol": str, "amount": float}
_ORDERS: _Columns = {
    "order_id": str,
    "strategy": str,
    "symbol": str,
    "side": str,
    "type": str,
    "role": str,
    "quantity": float,
    "price": float,
    "filled": float,
    "average_price": float,
    "status": str,
    "reason": str,
}
_TRADES: _Columns = {
    "exit_time": pd.Timestamp,
    "strategy": str,
    "symbol": str,
    "side": str,
    "quantity": float,
    "entry_price": float,
    "exit_price": float,
    "fees": float,
    "pnl": float,
    "return": float,
    "duration": pd.Timedelta,
    "bars": float,
    "status": str,
}


def fills_table(ledger: Ledger) -> pd.DataFrame:
    """One row per booked fill, by the time it happened (`ts`)."""
    rows = (_fill(fill, ledger.orders[fill.order_id].order.strategy_id) for fill in ledger.fills)
    return _frame("ts", _FILLS, [fill.ts_event for fill in ledger.fills], rows)


def funding_table(ledger: Ledger) -> pd.DataFrame:
    """One row per settlement and strategy, by its time (`ts`); `amount` is what was received, in base currency."""
    unit = 10**ledger.cash_places
    rows = ((each.strategy_id, each.event.instrument.symbol, each.amount / unit) for each in ledger.funding)
    return _frame("ts", _FUNDING, [each.event.ts_event for each in ledger.funding], rows)


def orders_table(ledger: Ledger) -> pd.DataFrame:
    """One row per order with what became of it, by the time it was made (`created`); prices of none are NaN."""
    states = list(ledger.orders.values())
    rows = (_order(state, ledger) for state in states)
    return _frame("created", _ORDERS, [state.order.ts_event for state in states], rows)


def trades_table(found: Sequence[Trip], ledger: Ledger, intervals: Mapping[str, int]) -> pd.DataFrame:
    """One row per round trip, by its first fill (`entry_time`); `pnl` is after fees, in base currency.

    An open one is valued at the last mark: its exit is NaT and NaN. `bars` counts intervals of the data
    from entry to exit (`intervals`: ns by instrument key) and is NaN for data without one.
    """
    rows = (_trade(trip, ledger, intervals.get(trip.instrument.key, 0)) for trip in found)
    return _frame("entry_time", _TRADES, [trip.entered_ns for trip in found], rows)


def utc_index(times: Sequence[int], name: str) -> pd.DatetimeIndex:
    """UTC ns as an index of nanosecond precision."""
    return pd.DatetimeIndex(pd.Series(times, dtype="int64").astype("datetime64[ns]"), name=name).tz_localize("UTC")


def _fill(fill: FillEvent, strategy_id: str) -> tuple[Any, ...]:
    instrument = fill.instrument
    return (
        fill.order_id,
        strategy_id,
        fill.symbol,
        str(fill.side),
        fill.quantity_raw / 10**instrument.quantity_places,
        fill.price_raw / 10**instrument.price_places,
        fill.fee_raw / 10**instrument.fee_places,
        fill.fee_currency,
        "maker" if fill.maker else "taker",
        fill.trade_id,
    )


def _order(state: OrderState, ledger: Ledger) -> tuple[Any, ...]:
    order = state.order
    instrument = order.instrument
    price = state.price_raw if state.price_raw is not None else state.stop_raw
    return (
        order.order_id,
        order.strategy_id,
        instrument.symbol,
        str(order.side),
        str(order.order_type),
        str(order.role),
        state.quantity_raw / 10**instrument.quantity_places,
        float("nan") if price is None else price / 10**instrument.price_places,
        state.filled_raw / 10**instrument.quantity_places,
        _average(state.spent, state.filled_raw, instrument.key, ledger),
        str(state.status),
        state.reason,
    )


def _trade(trip: Trip, ledger: Ledger, interval: int) -> tuple[Any, ...]:
    unit = 10**ledger.cash_places
    key = trip.instrument.key
    lasted = trip.exited_ns - trip.entered_ns
    closed = not trip.open
    return (
        pd.Timestamp(trip.exited_ns, tz="UTC") if closed else pd.NaT,
        trip.strategy_id,
        trip.instrument.symbol,
        "long" if trip.side > 0 else "short",
        trip.entered / 10**trip.instrument.quantity_places,
        _average(trip.paid, trip.entered, key, ledger),
        _average(trip.received, trip.exited, key, ledger) if closed else float("nan"),
        trip.fees / unit,
        trip.pnl / unit,
        trip.pnl / trip.paid if trip.paid else float("nan"),
        pd.Timedelta(lasted, unit="ns") if closed else pd.NaT,
        float(lasted // interval) if closed and interval else float("nan"),
        "closed" if closed else "open",
    )


def _average(worth: int, quantity: int, key: str, ledger: Ledger) -> float:
    """The mean price of a quantity that was worth so many cash units."""
    if not quantity:
        return float("nan")
    terms, instrument = ledger.terms[key], ledger.instruments[key]
    return float(worth * terms.divisor / (quantity * terms.multiplier * 10**instrument.price_places))


def _frame(name: str, columns: _Columns, times: Sequence[int], rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    made = {
        column: pd.Series(list(value), dtype=_DTYPES[kind])
        for (column, kind), value in zip(columns.items(), values, strict=True)
    }
    return pd.DataFrame(made).set_index(utc_index(times, name))


_DTYPES: Mapping[type, Any] = {
    str: "str",
    float: "float64",
    pd.Timestamp: pd.DatetimeTZDtype("ns", "UTC"),
    pd.Timedelta: "timedelta64[ns]",
}
