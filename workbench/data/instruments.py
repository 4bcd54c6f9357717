"""Which instrument a file is about: the naming convention, the table of well-known ones, and inference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml

from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import VOLUME_PLACES, Instrument
from workbench.data.dataset import FUNDING, MARKS

# venue_market_SYMBOL_interval, such as binance_spot_BTCUSDT_1h, or binance_usdm_BTCUSDT_funding_8h
_NAMED = re.compile(
    r"(?P<venue>[a-z0-9]+)_(?P<market>[a-z]+)_(?P<symbol>[A-Z0-9]+(-[A-Z0-9]+)?)_((?P<kind>funding|mark)_)?(?P<interval>[0-9][0-9A-Za-z]*)"
)
_MARGIN = frozenset({"max_leverage", "maintenance", "tiers"})
_KINDS: Mapping[str, str] = {"funding": FUNDING, "mark": MARKS}
_INTERVAL = re.compile(r"[1-9]\d{0,5}[smhdwM]")
_SETTLED_IN_QUOTE = {"spot": False, "usdm": True, "linear": True, "perp": True, "swap": True}
_QUOTES = [
    "FDUSD",
    "USDT",
    "USDC",
    "BUSD",
    "TUSD",
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "TRY",
    "BRL",
    "DAI",
    "BTC",
    "XBT",
    "ETH",
    "BNB",
]  # longest match first


class Named(msgspec.Struct, frozen=True):
    """What a file name says; `interval` is empty where it names none."""

    venue: str
    symbol: str
    interval: str
    kind: str = ""  # funding or marks; empty where the rows tell

    @property
    def key(self) -> str:
        return f"{self.venue}:{self.symbol}"


def named(stem: str) -> Named | None:
    """What `venue_market_SYMBOL_interval` says; None for a name in no such form, DataError for an unknown symbol."""
    found = _NAMED.fullmatch(stem)
    if not found or found["market"] not in _SETTLED_IN_QUOTE:
        return None
    interval = found["interval"] if _INTERVAL.fullmatch(found["interval"]) else ""
    symbol = unified(found["symbol"], settled=_SETTLED_IN_QUOTE[found["market"]])
    return Named(found["venue"], symbol, interval, _KINDS.get(found["kind"] or "", ""))


def unified(symbol: str, *, settled: bool) -> str:
    """`BTCUSDT` or `BTC-USDT` as `BTC/USDT`, or as `BTC/USDT:USDT` where it is settled in its quote currency."""
    base, dash, quote = symbol.partition("-")
    if not dash:
        quote = next((each for each in _QUOTES if symbol.endswith(each) and symbol != each), "")
        base = symbol.removesuffix(quote)
    if not quote:
        raise DataError(
            f"symbol {symbol!r}: cannot tell base from quote; write BASE-QUOTE in the file's name or give an instrument"
        )
    return f"{base}/{quote}:{quote}" if settled else f"{base}/{quote}"


def split_key(key: str) -> tuple[str, str]:
    """Venue and symbol of `binance:BTC/USDT`; raises ConfigError for anything else."""
    venue, colon, symbol = key.partition(":")
    if not (venue and colon and "/" in symbol):
        raise ConfigError(f"instrument: expected VENUE:BASE/QUOTE such as 'binance:BTC/USDT', got {key!r}")
    return venue, symbol


def known(key: str) -> Instrument | None:
    """The well-known instrument of that key, None where the table has none."""
    terms = _table().get(key)
    if terms is None:
        return None
    venue, symbol = split_key(key)
    return msgspec.convert({"venue": venue, "symbol": symbol, **terms}, Instrument)


def inferred(key: str, places: int) -> Instrument:
    """An instrument whose tick is the finest place seen in its prices and whose lot is what volumes are kept in.

    Margin terms cannot be seen in prices: they are those of the table, where it knows the key.
    """
    venue, symbol = split_key(key)
    terms = {name: value for name, value in _table().get(key, {}).items() if name in _MARGIN}
    plain = {"tick": Decimal((0, (1,), -places)), "lot": Decimal((0, (1,), -VOLUME_PLACES))}
    return msgspec.convert({"venue": venue, "symbol": symbol, **plain, **terms}, Instrument)


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files("workbench.data").joinpath("instruments.yaml").read_text(encoding="utf-8")
    table: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return table
