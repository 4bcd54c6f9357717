"""A venue is reached where its entry says, safely, and no account has two entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.core.errors import ConfigError
from workbench.runtime.config import Config
from workbench.runtime.service import SteadyClock
from workbench.runtime.venues import check_venues, reaches

KEY, OTHER = "one-key-in-the-open", "another-key-in-the-open"
HERE = "http://127.0.0.1:9001"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in (("ONE", KEY), ("SAME", KEY), ("OTHER", OTHER)):
        monkeypatch.setenv(f"{name}_API_KEY", key)
        monkeypatch.setenv(f"{name}_API_SECRET", f"secret of {key}")


def venue(**settings: Any) -> dict[str, Any]:
    return {"connector": "ccxt", "exchange": "binance", "credentials": "secret://env/ONE", **settings}


def trading(**venues: dict[str, Any]) -> Config:
    named = {name.replace("__", "/"): settings for name, settings in venues.items()}
    seat = {"id": "s", "strategy": "m:S", "symbols": [f"{name}:BTC/USDT" for name in named]}
    return Config.model_validate({"venues": named, "strategies": [seat]})


@pytest.mark.parametrize("where", ["rest_url", "stream_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://evil.com",
        "HTTP://evil.com/",
        "Ws://evil.com",
        " http://evil.com",
        "ht\ntp://evil.com",
        "http://evil.com\\@127.0.0.1",
        "http://127.0.0.1@evil.com",
        "http://127.0.0.1.evil.com",
        "ftp://evil.com",
        "evil.com",
        "https://",
        "https://[::1",
        "https://evil.com:port",
    ],
)
def test_a_url_that_is_unsafe_or_none_is_refused_with_its_venue(where: str, url: str) -> None:
    with pytest.raises(ConfigError, match=r"^venues\.binance: .*(plain http and ws|is no address)"):
        check_venues(trading(binance=venue(**{where: url})))


@pytest.mark.parametrize(
    "url", ["https://api.binance.com", "WSS://stream.binance.com:9443/ws", HERE, "ws://localhost:1", "http://[::1]:80"]
)
def test_a_url_that_is_safe_or_on_this_machine_is_taken(url: str) -> None:
    check_venues(trading(binance=venue(rest_url=url, stream_url=url)))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"credentials": "secret://env/SAME"}),
        ({"rest_url": HERE}, {"rest_url": "HTTP://localhost:9001/", "stream_url": "ws://127.0.0.1:9"}),
        ({"rest_url": "https://api.binance.com"}, {"rest_url": "https://API.binance.com:443/"}),
    ],
)
def test_two_entries_for_one_account_are_refused_and_the_key_stays_unsaid(
    first: dict[str, Any], second: dict[str, Any], tmp_path: Path
) -> None:
    config = trading(binance=venue(**first), binance__hedge=venue(**second))
    with pytest.raises(
        ConfigError, match=r"^venues\.binance/hedge: it is the same account as venues\.binance:"
    ) as caught:
        reaches(config, clock=SteadyClock(), folder=tmp_path)
    assert KEY not in str(caught.value)
    assert not list(tmp_path.iterdir()), "nothing was opened"
    with pytest.raises(ConfigError, match="the same account"):
        check_venues(config)


@pytest.mark.parametrize(
    "other",
    [
        {"credentials": "secret://env/OTHER"},
        {"rest_url": "http://127.0.0.1:9002"},
        {"exchange": "okx"},
    ],
)
def test_two_entries_that_differ_in_key_address_or_exchange_are_two_accounts(other: dict[str, Any]) -> None:
    check_venues(trading(binance=venue(rest_url=HERE), binance__hedge=venue(**{"rest_url": HERE, **other})))


def test_a_simulated_venue_is_refused_before_a_live_run_begins() -> None:
    with pytest.raises(ConfigError, match=r"venues\.binance\.connector: 'paper' has no market data of its own"):
        check_venues(trading(binance=venue(connector="paper")))
