"""Names and numbers as OKX writes them: numbers are text without trailing zeros, times are text in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from workbench.twin.okx import errors
from workbench.twin.words import Listing

Json = dict[str, Any]

SPOT, SWAP = "SPOT", "SWAP"
CLIENT_ID = r"[A-Za-z0-9]{1,32}"

_EXACT = Context(prec=60)  # more digits than any product of a price, a quantity and a contract size has
_MILLISECOND = 1_000_000
_UNIT_PLACES = 8


class Instruments:
    """OKX's names of the listings, both ways: BTC-USDT for spot, BTC-USDT-SWAP for a perpetual."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self.native = {symbol: native_id(each) for symbol, each in listings.items()}
        self.unified = {native: symbol for symbol, native in self.native.items()}
        self.kind = {symbol: kind_of(each) for symbol, each in listings.items()}

    def find(self, native: str) -> str:
        """The unified symbol; raises Rejected where it is not listed."""
        unified = self.unified.get(native)
        if unified is None:
            raise errors.UNKNOWN_INSTRUMENT()
        return unified

    def of(self, kind: str) -> list[str]:
        """The unified symbols of an instrument type; '' or ANY gives all."""
        return [symbol for symbol, each in self.kind.items() if kind in ("", "ANY", each)]


def native_id(listing: Listing) -> str:
    """A listing's instrument id."""
    return f"{listing.base}-{listing.quote}{'' if listing.is_spot else '-SWAP'}"


def kind_of(listing: Listing) -> str:
    """A listing's instrument type."""
    return SPOT if listing.is_spot else SWAP


def number(value: Decimal | None) -> str:
    """A number in plain digits, '' for none."""
    if value is None:
        return ""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("", "-0") else text


def units(scaled: int, places: int = _UNIT_PLACES) -> str:
    """The text of a number of units of 10^-places."""
    return number(_EXACT.scaleb(Decimal(scaled), -places))


def product(*factors: Decimal) -> Decimal:
    """The exact product, whatever the thread's decimal context."""
    whole = Decimal(1)
    for each in factors:
        whole = _EXACT.multiply(whole, each)
    return whole


def total(*parts: Decimal) -> Decimal:
    """The exact sum."""
    whole = Decimal(0)
    for each in parts:
        whole = _EXACT.add(whole, each)
    return whole


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """A quotient to 16 digits, 0 where there is nothing to divide by."""
    return Context(prec=16).divide(part, whole) if whole else Decimal(0)


def ms(ns: int) -> str:
    """Milliseconds of UTC nanoseconds."""
    return str(ns // _MILLISECOND)


def micros(ns: int) -> str:
    """Microseconds of UTC nanoseconds."""
    return str(ns // 1_000)


def flag(value: bool) -> str:
    """Yes or no as OKX's order rows write it."""
    return "true" if value else "false"


def client_id(text: str) -> str:
    """A client order id, '' for one that the exchange made itself."""
    return text if re.fullmatch(CLIENT_ID, text, re.ASCII) else ""
