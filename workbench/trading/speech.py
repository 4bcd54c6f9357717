"""What a strategy says, checked before anything is made of it: it is a stranger's code."""

from __future__ import annotations

import re
from decimal import Decimal
from operator import is_
from typing import Any

from msgspec.structs import astuple

from workbench.core.errors import ConfigError
from workbench.core.events import Opinion, Quotes, Target
from workbench.core.money import dec

MAX_LEVELS = 100  # quotes a side; no venue of ours shows more of one account
MAX_WORDS = 500  # characters of an error that are kept

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def checked(says: object) -> Opinion:
    """The opinion in the one form that is journalled; raises ConfigError or DataError naming the part that is wrong.

    Exact numbers may come as text or int and levels as lists; floats, and what only looks like a number, may not.
    """
    if isinstance(says, Target):
        exact = Target(
            _plain(says.symbol, str, "target symbol"),
            _plain(says.ppm, int, "target ppm", optional=True),
            _exact(says.quantity, "target quantity"),
            _exact(says.limit, "target limit"),
            _exact(says.stop, "target stop"),
            _plain(says.valid_until, int, "target valid_until", optional=True),
        )
        return says if _is(says, exact) else exact
    if isinstance(says, Quotes):
        symbol = _plain(says.symbol, str, "quotes symbol")
        return Quotes(symbol, _levels(says.bids, f"bids for {symbol}"), _levels(says.asks, f"asks for {symbol}"))
    raise ConfigError(f"expected a Target or Quotes, the strategy said a {type(says).__name__}")


def _is(says: Target, exact: Target) -> bool:
    """Whether the opinion was exact as it came: then it stays that very object, which is cheap to recognise."""
    return type(says) is Target and all(map(is_, astuple(says), astuple(exact)))


def _levels(levels: Any, what: str) -> tuple[tuple[Decimal, Decimal], ...]:
    if not isinstance(levels, (tuple, list)) or len(levels) > MAX_LEVELS:
        raise ConfigError(f"{what}: expected at most {MAX_LEVELS} levels of (price, quantity)")
    for level in levels:
        if not isinstance(level, (tuple, list)) or len(level) != 2:
            raise ConfigError(f"{what}: expected levels of (price, quantity), got a {type(level).__name__}")
    return tuple((dec(price, what), dec(quantity, what)) for price, quantity in levels)


def _exact(value: Any, what: str) -> Decimal | None:
    return None if value is None else dec(value, what)


def _plain(value: Any, kind: type, what: str, *, optional: bool = False) -> Any:
    if type(value) is not kind and not (optional and value is None):
        expected = "a whole number" if kind is int else "text"
        raise ConfigError(f"{what}: expected {expected}, got a {type(value).__name__}")
    return value


def in_words(error: BaseException) -> str:
    """An error as its kind and its text, the same in every process."""
    return f"{type(error).__name__}: {text_of(error)}"


def text_of(error: BaseException) -> str:
    """An error's own text as one that can be kept: no addresses, nothing that cannot be written, not too long."""
    try:
        said = str(error)
    except Exception:  # its own __str__ is broken too
        said = ""
    return _ADDRESS.sub("", said)[:MAX_WORDS].encode("utf-8", "replace").decode()
