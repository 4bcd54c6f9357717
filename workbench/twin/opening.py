"""What a local exchange opens with where nothing else is said: listings, and an account with a key."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from workbench.core.secret import Secret
from workbench.twin.keys import READ_AND_TRADE, Permission
from workbench.twin.words import Listing

MAIN = "main"


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """An account, what it starts with, and its key."""

    name: str = MAIN
    balances: Mapping[str, Decimal] = {}
    key: str = "twin-key"
    secret: Secret = Secret("twin-secret")
    passphrase: Secret = Secret("twin-pass")
    permissions: frozenset[Permission] = READ_AND_TRADE
    bnb_fees: bool = False


LISTINGS = (
    Listing(symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.00001")),
    Listing(
        symbol="ETH/USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        market_max_quantity=Decimal(3_000),
    ),
    Listing(
        symbol="BNB/USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        market_max_quantity=Decimal(2_000),
        max_quantity=Decimal(900_000),
    ),
)

OKX_LISTINGS = (
    Listing(
        symbol="BTC/USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.00000001"),
        maker=Decimal("0.0008"),
        min_notional=Decimal(0),
        market_max_quantity=Decimal(0),
        max_stop_orders=100,
    ),
    Listing(
        symbol="ETH/USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.000001"),
        min_quantity=Decimal("0.0001"),
        maker=Decimal("0.0008"),
        min_notional=Decimal(0),
        market_max_quantity=Decimal(0),
        max_stop_orders=100,
    ),
    Listing(
        symbol="BTC/USDT:USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.01"),
        min_quantity=Decimal("0.01"),
        max_quantity=Decimal(1_000_000),
        market_max_quantity=Decimal(12_000),
        min_notional=Decimal(0),
        maker=Decimal("0.0002"),
        taker=Decimal("0.0005"),
        contract_size=Decimal("0.01"),
        max_stop_orders=100,
    ),
)

ACCOUNTS = (Opening(balances={"USDT": Decimal(100_000), "BTC": Decimal(5), "ETH": Decimal(50), "BNB": Decimal(20)}),)
OKX_ACCOUNTS = (Opening(balances={"USDT": Decimal(100_000), "BTC": Decimal(5), "ETH": Decimal(50)}),)

PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "BNB": Decimal(600)}  # where a synthetic world starts
PRICE = Decimal(100)  # of any other asset
