"""A connector says what it cannot do, and one that lacks what every connector owes cannot be made."""

from __future__ import annotations

import asyncio

import pytest

from workbench.core.errors import Unsupported
from workbench.core.ports import ExchangeConnector

OPTIONAL = {
    "subscribe_bars": ("BTC/USDT", "1m"),
    "subscribe_trades": ("BTC/USDT",),
    "subscribe_quotes": ("BTC/USDT",),
    "subscribe_orderbook": ("BTC/USDT", 10),
    "amend_order": (None,),
    "get_order": ("o1",),
    "get_open_orders": (),
    "get_my_trades": ("BTC/USDT", 0),
    "get_settlements": ("BTC/USDT:USDT", 0),
    "fetch_bars": ("BTC/USDT", "1m", 0, 1),
    "fetch_trades": ("BTC/USDT", 0, 1),
    "get_permissions": (),
    "server_time": (),
}
OWED = {"connect", "close", "stream", "place_order", "cancel_order", "get_positions", "get_balances", "get_instruments"}


class Least(ExchangeConnector):
    """Owes everything and does nothing."""

    venue = "least"
    connect = close = stream = place_order = cancel_order = None
    get_positions = get_balances = get_instruments = None


@pytest.mark.parametrize(("name", "arguments"), OPTIONAL.items(), ids=OPTIONAL)
def test_a_missing_capability_is_unsupported_and_names_the_venue(name, arguments):
    with pytest.raises(Unsupported, match=r"^least: "):
        asyncio.run(getattr(Least(), name)(*arguments))


def test_what_every_connector_owes_is_abstract_and_all_else_is_optional():
    assert ExchangeConnector.__abstractmethods__ == OWED
    public = {name for name in vars(ExchangeConnector) if not name.startswith("_")}
    assert public == OWED | OPTIONAL.keys()


def test_a_connector_that_lacks_what_it_owes_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (ExchangeConnector,), {"venue": "half"})()
