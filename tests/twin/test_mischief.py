"""What others do to an account: fills of chosen sizes, races, halts, keys, transfers, and it is all in the truth."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.twin.booth import NOW, Booth, ask, run
from tests.twin.street import BTC, SWAP, Street
from workbench.core.errors import ConfigError
from workbench.twin.faults import Action, Fault, Where
from workbench.twin.keys import Permission
from workbench.twin.mischief import Mischief
from workbench.twin.words import Happened, Refusal, State, Trading

SYMBOL = BTC.symbol


@pytest.fixture
def street() -> Street:
    return Street()


@pytest.fixture
def mischief(street: Street) -> Mischief:
    return Mischief(street)


def test_an_order_is_filled_by_exactly_as_much_as_was_said(street: Street, mischief: Mischief):
    street.place("BUY", "0.5", "90.00", client_id="mine")
    mischief.fill(symbol=SYMBOL, quantity=Decimal("0.12345"), client_id="mine")
    order = street.order("mine")
    assert (order.filled, order.state) == (Decimal("0.12345"), State.PARTIALLY_FILLED)


def test_a_late_fill_happens_after_the_end_and_only_where_it_is_asked_for(street: Street, mischief: Mischief):
    order = street.place("BUY", "0.5", "90.00", client_id="mine")
    street.exchange.cancel("main", symbol=SYMBOL, now=NOW, client_id="mine")
    with pytest.raises(Refusal):
        mischief.fill(symbol=SYMBOL, quantity=Decimal("0.1"), client_id="mine")
    mischief.fill(symbol=SYMBOL, quantity=Decimal("0.1"), order_id=order.order_id, late=True)
    (trade,) = street.exchange.trades_of("main", SYMBOL)
    assert trade.print.quantity == Decimal("0.1")
    assert street.order("mine").state is State.CANCELED


def race(street: Street, action: Action, **args: str) -> tuple[State, Decimal, bool]:
    """The state and fills of an order whose cancel raced a fill, and whether the cancel was refused."""
    street.place("BUY", "0.5", "90.00", client_id="mine-1")
    street.place("BUY", "0.5", "91.00", client_id="other")
    fault = Fault(where=Where.REST, action=action, match="POST *", args={"client_id": "mine-*", **args}, count=1)
    booth = Booth(fault, exchange=lambda: street.exchange)
    refused: list[Refusal] = []

    def cancel() -> None:
        try:
            street.exchange.cancel("main", symbol=SYMBOL, now=NOW, client_id="mine-1")
        except Refusal as refusal:
            refused.append(refusal)

    booth.on_execute = cancel
    assert run(booth, lambda booth: ask(booth.port)).status == 200
    assert street.order("other").filled == 0
    filled = sum((each.print.quantity for each in street.exchange.trades_of("main", SYMBOL)), Decimal(0))
    return street.order("mine-1").state, filled, bool(refused)


def test_a_fill_that_is_first_beats_the_cancel(street: Street):
    assert race(street, Action.FILL_FIRST) == (State.FILLED, Decimal("0.5"), True)


def test_a_partial_fill_that_is_first_leaves_the_rest_to_the_cancel(street: Street):
    assert race(street, Action.FILL_FIRST, quantity="0.2") == (State.CANCELED, Decimal("0.2"), False)


def test_a_cancel_that_is_first_is_followed_by_a_late_fill(street: Street):
    assert race(street, Action.CANCEL_FIRST, quantity="0.2") == (State.CANCELED, Decimal("0.2"), False)


def test_a_race_needs_an_exchange_to_trade_on():
    booth = Booth(Fault(where=Where.REST, action=Action.FILL_FIRST))
    assert run(booth, lambda booth: ask(booth.port)).status == 500


def test_an_order_that_the_exchange_ends_is_expired(street: Street, mischief: Mischief):
    street.place("BUY", "0.5", "90.00", client_id="mine")
    mischief.expire(symbol=SYMBOL, client_id="mine", reason="maintenance")
    assert street.order("mine").state is State.EXPIRED


@pytest.mark.parametrize("allows", [Trading.HALT, Trading.CANCEL_ONLY])
def test_a_symbol_that_does_not_trade_refuses_orders_until_it_does_again(
    street: Street, mischief: Mischief, allows: Trading
):
    mischief.trading(symbol=SYMBOL, allows=allows)
    with pytest.raises(Refusal):
        street.place("BUY", "0.5", "90.00")
    mischief.trading(symbol=SYMBOL, allows=Trading.TRADING)
    assert street.place("BUY", "0.5", "90.00").open


def test_filters_change_in_mid_session(street: Street, mischief: Mischief):
    listing = mischief.filters(symbol=SYMBOL, changes={"tick": "0.5", "max_orders": 3})
    assert (listing.tick, listing.max_orders, listing.lot) == (Decimal("0.5"), 3, BTC.lot)
    with pytest.raises(Refusal):
        street.place("BUY", "0.5", "90.25")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("filters", {"symbol": SYMBOL, "changes": {"symbol": "X/Y"}}, "filters of BTC/USDT: symbol cannot be changed"),
    ("filters", {"symbol": SYMBOL, "changes": {"ticks": "1"}}, "filters of BTC/USDT: ticks cannot be changed"),
    ("filters", {"symbol": SYMBOL, "changes": {"tick": "one"}}, "filters of BTC/USDT: Invalid decimal string"),
    ("trading", {"symbol": "X/Y", "allows": Trading.HALT}, "symbol is 'X/Y', expected one of BTC/USDT, BTC/USDT:USDT"),
    ("bust", {"symbol": SYMBOL, "trade_id": 9}, "bust: account 'main' has no trade 9 on BTC/USDT"),
    ("bust", {"symbol": SWAP.symbol, "trade_id": 9}, "bust: BTC/USDT:USDT is no spot symbol"),
    ("revoke", {"key": "none"}, "API key 'none'"),
]


@pytest.mark.parametrize(("name", "words", "complaint"), WRONG)
def test_mischief_that_makes_no_sense_is_refused_and_says_why(
    street: Street, mischief: Mischief, name: str, words: dict[str, Any], complaint: str
):
    before = street.exchange.digest()
    with pytest.raises(ConfigError) as refused:
        getattr(mischief, name)(**words)
    assert complaint in str(refused.value)
    assert street.exchange.digest() == before


def test_a_key_is_revoked_restored_and_restricted(street: Street, mischief: Mischief):
    def may(permission: Permission) -> bool:
        key = street.keys.find("twin-key")
        return key is not None and key.permits(permission, "127.0.0.1")

    mischief.revoke(key="twin-key")
    assert not may(Permission.READ)
    mischief.restore(key="twin-key")
    mischief.restrict(key="twin-key", permissions=frozenset({Permission.READ}))
    assert (may(Permission.READ), may(Permission.TRADE)) == (True, False)
    mischief.restrict(key="twin-key", addresses=("10.0.0.1",))
    assert not may(Permission.READ)


def test_an_order_by_hand_is_a_foreign_one_on_the_account(street: Street, mischief: Mischief):
    mischief.by_hand(symbol=SYMBOL, side="BUY", quantity=Decimal("0.2"), price=Decimal("90.00"))
    (resting,) = street.exchange.open_orders("main")
    assert resting.client_id.startswith("web_")
    happened = mischief.by_hand(symbol=SYMBOL, side="BUY", quantity=Decimal("0.3"))
    assert [each.what for each in happened] == [Happened.NEW, Happened.TRADE]
    assert street.total("BTC") == Decimal("100.2997")


def test_a_transfer_moves_the_balance_by_so_much(street: Street, mischief: Mischief):
    mischief.transfer(asset="USDT", amount=Decimal("-250.00000001"))
    assert street.total("USDT") == Decimal("99749.99999999")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_bust_gives_back_all_that_the_trade_took_to_the_last_digit(street: Street, mischief: Mischief, side: str):
    mischief.by_hand(symbol=SYMBOL, side=side, quantity=Decimal("0.33333"))
    (trade,) = street.exchange.trades_of("main", SYMBOL)
    assert street.total("BTC") != 100
    mischief.bust(symbol=SYMBOL, trade_id=trade.print.trade_id)
    assert (street.total("BTC"), street.total("USDT")) == (Decimal(100), Decimal(100_000))
    assert street.exchange.trades_of("main", SYMBOL) == [trade]


def test_marks_and_funding_reach_a_perpetual_position(street: Street, mischief: Mischief):
    mischief.mark(symbol=SWAP.symbol, price=Decimal("100"))
    street.place("SELL", "1", "100.0", account="maker", symbol=SWAP.symbol)
    street.place("BUY", "1", "100.0", symbol=SWAP.symbol)
    mischief.mark(symbol=SWAP.symbol, price=Decimal("110"))
    (position,) = street.exchange.positions("main")
    assert position.unrealised == Decimal(10)
    mischief.funding(symbol=SWAP.symbol, rate=Decimal("0.0001"))
    (paid,) = street.exchange.funding_of("main")
    assert paid.amount == Decimal("-0.011")


def test_the_clock_is_skewed_and_drifts(street: Street, mischief: Mischief):
    mischief.skew(ms=-1_500)
    assert street.clock.now() == NOW - 1_500_000_000
    mischief.drift(ppm=200)
    assert street.clock.drift_ppm == 200


def test_a_restart_is_the_servers_to_make(street: Street, mischief: Mischief):
    asyncio.run(mischief.restart(down_s=3))
    assert street.restarts == [3]
