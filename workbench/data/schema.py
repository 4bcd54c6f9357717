"""The tables of the database view.

Every time stands twice: as a zone-aware column for people and as `*_ns`, the exact UTC nanoseconds.
Keys carry the run, and where it matters the account: a venue may use one trade id for two orders,
and two accounts one symbol.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from workbench.data.columns import Exact, Utc

CASH = Exact(66, 36)  # price times quantity: twice the decimal places of either

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("started_at", Utc, nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("base_currency", Text, nullable=False),
    Column("strategies", Text, nullable=False),  # JSON
    Column("settings", Text, nullable=False),  # JSON
    Column("records", BigInteger, nullable=False),  # how far the journal was taken in: the view's cursor
    Column("journal_digest", Text, nullable=False),  # of exactly those records
)

orders = Table(
    "orders",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("exchange", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("strategy_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("order_type", Text, nullable=False),
    Column("quantity", Exact(), nullable=False),
    Column("price", Exact()),
    Column("stop_price", Exact()),
    Column("status", Text, nullable=False),
    Column("filled", Exact(), nullable=False),
    Column("average_price", Exact()),
    Column("venue_order_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Index("orders_by_symbol", "exchange", "account", "symbol", "created_ns"),
)

FILL_KEY = ("run_id", "exchange", "account", "symbol", "order_id", "trade_id", "side")

fills = Table(
    "fills",
    metadata,
    Column("fill_id", Text, primary_key=True),  # derived from the key below
    Column("run_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("trade_id", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("strategy_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Exact(), nullable=False),
    Column("price", Exact(), nullable=False),
    Column("fee", Exact(), nullable=False),
    Column("fee_currency", Text, nullable=False),
    Column("liquidity", Text, nullable=False),
    Column("filled_at", Utc, nullable=False),
    Column("filled_ns", BigInteger, nullable=False),
    UniqueConstraint(*FILL_KEY),
    ForeignKeyConstraint(["run_id", "order_id"], ["orders.run_id", "orders.order_id"]),
    Index("fills_by_symbol", "exchange", "account", "symbol", "filled_ns"),
)

funding = Table(
    "funding",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("exchange", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("funding_id", Text, primary_key=True),
    Column("strategy_id", Text, primary_key=True),
    Column("amount", CASH, nullable=False),  # received; negative: paid
    Column("settled_at", Utc, nullable=False),
    Column("settled_ns", BigInteger, nullable=False),
)

liquidations = Table(
    "liquidations",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("exchange", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("trade_id", Text, primary_key=True),
    Column("strategy_id", Text, primary_key=True),
    Column("side", Text, nullable=False),
    Column("quantity", Exact(), nullable=False),
    Column("price", Exact(), nullable=False),
    Column("fee", Exact(), nullable=False),
    Column("fee_currency", Text, nullable=False),
    Column("closed_at", Utc, nullable=False),
    Column("closed_ns", BigInteger, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("exchange", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("strategy_id", Text, primary_key=True),
    Column("quantity", Exact(), nullable=False),
    Column("average_entry_price", Exact()),  # null when flat
    Column("realized_pnl", CASH, nullable=False),
    Column("unrealized_pnl", CASH, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
)

balances = Table(
    "balances",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("exchange", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("free", CASH, nullable=False),
    Column("locked", CASH, nullable=False),
    Column("total", CASH, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), primary_key=True),
    Column("records", BigInteger, nullable=False),  # how far into the journal it was taken
    Column("format", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),  # of its content
    Column("content", Text, nullable=False),  # what it belongs to and what was remembered, as lines of JSON
    Column("taken_at", Utc, nullable=False),
    Column("taken_ns", BigInteger, nullable=False),
)

market_data = Table(
    "market_data",
    metadata,
    Column("time", Utc, primary_key=True),
    Column("time_ns", BigInteger, primary_key=True),
    Column("exchange", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("bid", Exact()),
    Column("ask", Exact()),
    Column("last_price", Exact()),
    Column("volume_24h", Exact()),
)
