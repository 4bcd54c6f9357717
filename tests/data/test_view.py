"""What a journal tells of orders, fills, positions and balances."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.data.traded import BTC, STARTED_NS, started, write
from workbench.core.instrument import Instrument
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.view import Fold, ledger_view

VIEW = ledger_view(JournalReader(write(Journal.memory())))
ORDERS = {order["client_order_id"]: order for order in VIEW["orders"]}


def test_a_filled_order_tells_its_life_and_its_causes() -> None:
    assert ORDERS["o-1"] == {
        "client_order_id": "o-1",
        "venue_order_id": "v-9",
        "exchange": "binance",
        "account": "main",
        "symbol": "BTC/USDT",
        "strategy_id": "trend",
        "role": "entry",
        "side": "buy",
        "order_type": "market",
        "status": "filled",
        "quantity": "0.1",
        "filled": "0.1",
        "price": None,
        "stop_price": None,
        "average_price": "40060",
        "created_ns": STARTED_NS + 2,
        "updated_ns": STARTED_NS + 9,
        "reason": "",
        "causes": ["engine/1", "data/18"],
    }


def test_an_order_that_a_fill_led_to_names_the_fill_and_what_led_to_that() -> None:
    assert ORDERS["o-2"]["causes"] == ["engine/8", "data/18"]
    assert ORDERS["o-2"]["stop_price"] == "39000"


def test_a_refused_order_says_why() -> None:
    assert (ORDERS["o-3"]["status"], ORDERS["o-3"]["reason"]) == ("denied", "too much")


def test_a_fill_that_was_delivered_twice_is_there_once() -> None:
    assert [fill["venue_trade_id"] for fill in VIEW["fills"]] == ["t-1", "t-2"]
    assert VIEW["fills"][1] == {
        "venue_trade_id": "t-2",
        "client_order_id": "o-1",
        "venue_order_id": "v-9",
        "exchange": "binance",
        "account": "main",
        "symbol": "BTC/USDT",
        "strategy_id": "trend",
        "side": "buy",
        "quantity": "0.06",
        "price": "40100",
        "fee": "1.23456789",
        "fee_currency": "USDT",
        "liquidity": "maker",
        "ts_ns": STARTED_NS + 8,
    }


def test_a_position_is_valued_at_the_last_price_of_the_journal() -> None:
    (position,) = VIEW["positions"]
    assert position["quantity"] == "0.1"
    assert position["average_entry_price"] == "40060"
    assert position["unrealized_pnl"] == "94"
    assert position["realized_pnl"] == "0"


def test_living_orders_hold_cash_and_coins() -> None:
    cash, coins = VIEW["balances"]
    total = Decimal(10_000) + Decimal("500.5") - 4_006 - 2 * Decimal("1.23456789")
    assert Decimal(cash["total"]) == total
    assert cash["locked"] == "395.005"
    assert Decimal(cash["free"]) == total - Decimal("395.005")
    assert (cash["asset"], cash["exchange"]) == ("USDT", "binance")
    assert (coins["asset"], coins["free"], coins["locked"], coins["total"]) == ("BTC", "0.06", "0.04", "0.1")


def test_cash_that_two_venues_share_belongs_to_neither() -> None:
    other = msgspec.structs.replace(BTC, venue="kraken")
    (cash,) = Fold(started(instruments=(BTC, other))).balances()
    assert (cash.exchange, cash.account, cash.total) == ("", "", "10500.5")


def test_the_view_of_a_growing_journal_on_disk_is_that_of_its_whole_frames(tmp_path: Path) -> None:
    write(Journal.on_disk(tmp_path)).close()
    path = tmp_path / "000001.journal"
    path.write_bytes(path.read_bytes() + b"half a header")
    assert ledger_view(JournalReader(tmp_path)) == VIEW


@pytest.mark.parametrize("tick", ["0.01", "0.000000000001", "0.000000000000000001"])
def test_average_prices_never_need_more_places_than_a_column_has(tick: str) -> None:
    fine = Instrument(venue="v", symbol="A/USDT", tick=Decimal(tick), lot=Decimal("0.00000001"))
    fold = Fold(started(instruments=(fine,)))
    position = fold.ledger.position("trend", fine.key)
    position.quantity, position.cost = 3, 10
    fold._valued[fine.key] = 1
    (line,) = fold.positions()
    assert line.average_entry_price is not None
    assert -int(Decimal(line.average_entry_price).as_tuple().exponent) <= 18
