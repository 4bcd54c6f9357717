"""Every promise of the contract, kept by the connector to real venues: over ccxt, on exchanges on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from workbench.connectors.ccxt_exchange import CcxtWire
from workbench.connectors.dialect import Dialect
from workbench.connectors.dialects.binance import BinanceDialect
from workbench.connectors.dialects.okx import OkxDialect
from workbench.connectors.venue import VenueConnector
from workbench.core.clock import SECOND
from workbench.core.secret import Credentials, Secret
from workbench.runtime.contract import PROMISES, keeps
from workbench.twin.opening import LISTINGS
from workbench.twin.server import LocalExchange
from workbench.twin.words import Listing

KEYS = Credentials(Secret("twin-key"), Secret("twin-secret"), Secret("twin-pass"))
DIALECTS: dict[str, Callable[[], Dialect]] = {"binance": BinanceDialect, "okx": OkxDialect}

# Lots of a size that a synthetic crowd makes deep enough to trade with.
OKX_LISTINGS = (
    Listing(symbol="BTC/USDT", tick=Decimal("0.1"), lot=Decimal("0.00001"), min_notional=Decimal(0)),
    Listing(
        symbol="BTC/USDT:USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.01"),
        min_quantity=Decimal("0.01"),
        min_notional=Decimal(0),
        contract_size=Decimal("0.01"),
    ),
)


class WallClock:
    def now(self):
        return time.time_ns()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    ("venue", "symbol", "listings"),
    [
        ("binance", "BTC/USDT", LISTINGS),
        ("okx", "BTC/USDT", OKX_LISTINGS),
        ("okx", "BTC/USDT:USDT", OKX_LISTINGS),
    ],
)
def test_a_connector_over_ccxt_keeps_its_promise_in_real_time(venue, symbol, listings, promise):
    async def whole():
        async with LocalExchange(dialect=venue, world="synthetic", seed=1, listings=listings) as twin:

            def make():
                wire = CcxtWire(venue, credentials=KEYS, rest_url=twin.rest_url, stream_url=twin.stream_url)
                dialect = DIALECTS[venue]()
                return VenueConnector(venue, wire=wire, dialect=dialect, symbols=[symbol], clock=WallClock())

            await keeps(promise, make, symbol=symbol, run=f"{venue} {symbol}", skew_ns=SECOND)

    asyncio.run(whole())
