"""Events are frozen facts with an id, and their amounts read as exact Decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.core.market import bar, fill, order, perpetual, spot
from workbench.core.events import Bar, Quote, Trade
from workbench.core.order import OrderType, Side


def test_an_event_has_an_id_of_its_source_and_sequence_and_cannot_be_changed():
    event = bar()
    assert event.id == "data/1"
    assert event.symbol == "BTC/USDT"
    with pytest.raises(AttributeError):
        event.close_raw = 1


def test_a_bar_reads_as_exact_numbers():
    each = Bar("data", 1, 60, 60, spot(), 60, 100, 110, 90, 105, 150_000_000)
    assert [str(value) for value in (each.open, each.high, each.low, each.close)] == ["1.00", "1.10", "0.90", "1.05"]
    assert each.volume == Decimal("1.5")


def test_a_trade_and_a_quote_read_as_exact_numbers():
    trade = Trade("data", 1, 1, 1, spot(), 12_345, 1)
    assert (trade.price, trade.quantity) == (Decimal("123.45"), Decimal("0.00000001"))
    quote = Quote("data", 1, 1, 1, spot(), 9_999, 10_001, 1, 1)
    assert (quote.bid, quote.ask) == (Decimal("99.99"), Decimal("100.01"))


def test_an_order_and_its_fill_read_as_exact_numbers():
    market = order("a", spot(), Side.BUY, 10**8)
    limit = order("b", perpetual(), Side.SELL, 25 * 10**7, order_type=OrderType.LIMIT, price_raw=10_050)
    assert (market.quantity, market.price) == (Decimal(1), None)
    assert (limit.quantity, limit.price) == (Decimal("2.5"), Decimal("100.5"))
    traded = fill(limit, 10_051, fee_raw=-25)
    assert (traded.symbol, traded.quantity, traded.price) == ("BTC/USDT:USDT", Decimal("2.5"), Decimal("100.51"))
    assert traded.fee == Decimal("-0.00000025")
