"""What is told of a run's money, one line each, in exact canonical text; the database and the commands show these."""

from __future__ import annotations

import msgspec


class OrderLine(msgspec.Struct, frozen=True):
    """One order; numbers are canonical text, `causes` runs from the signal back to the input."""

    client_order_id: str
    venue_order_id: str
    exchange: str
    account: str
    symbol: str
    strategy_id: str
    role: str
    side: str
    order_type: str
    status: str
    quantity: str
    filled: str
    price: str | None
    stop_price: str | None
    average_price: str | None
    created_ns: int
    updated_ns: int
    reason: str
    causes: list[str]


class FillLine(msgspec.Struct, frozen=True):
    """One booked fill; `liquidity` is maker or taker."""

    venue_trade_id: str
    client_order_id: str
    venue_order_id: str
    exchange: str
    account: str
    symbol: str
    strategy_id: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_currency: str
    liquidity: str
    ts_ns: int


class PositionLine(msgspec.Struct, frozen=True):
    """One strategy's position; profits are before fees, in base currency, at the last price the journal shows."""

    exchange: str
    account: str
    symbol: str
    strategy_id: str
    quantity: str
    average_entry_price: str | None
    realized_pnl: str
    unrealized_pnl: str
    updated_ns: int


class BalanceLine(msgspec.Struct, frozen=True):
    """One asset; free + locked = total. Cash that several accounts share names no exchange and no account."""

    exchange: str
    account: str
    asset: str
    free: str
    locked: str
    total: str
    updated_ns: int


class FundingLine(msgspec.Struct, frozen=True):
    """One strategy's part of a funding; `amount` is what it received (negative: paid), in base currency."""

    funding_id: str
    exchange: str
    account: str
    symbol: str
    strategy_id: str
    amount: str
    ts_ns: int


class LiquidationLine(msgspec.Struct, frozen=True):
    """One strategy's part of a position that the venue closed by force."""

    venue_trade_id: str
    exchange: str
    account: str
    symbol: str
    strategy_id: str
    side: str
    quantity: str
    price: str
    fee: str
    fee_currency: str
    ts_ns: int
