"""Parameters as clients send them: text, read one by one, and refused as Binance refuses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from workbench.core.clock import SECOND
from workbench.core.money import dec, places_of
from workbench.twin.binance import errors
from workbench.twin.binance.errors import Error

MILLISECOND = SECOND // 1_000
PLACES = 8

_AMOUNT = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_WHOLE = r"^[0-9]{1,20}$"
_CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
_SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
_OF_EVERY_CALL = frozenset({"timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits"})

Choice = TypeVar("Choice", bound=StrEnum)


class Parameters:
    """What a client sent; whatever is asked for counts as read."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        self._sent = sent
        self._read: set[str] = set()

    def text(self, name: str, pattern: str | None = None) -> str | None:
        """The text of a parameter, None where it was not sent."""
        self._read.add(name)
        value = self._sent.get(name)
        if value == "":
            raise errors.EMPTY(name)
        if value is not None and pattern and not re.fullmatch(pattern, value, re.ASCII):
            raise errors.ILLEGAL(name, pattern)
        return value

    def needed(self, name: str, pattern: str | None = None) -> str:
        """The text of a mandatory parameter."""
        if not self._sent.get(name):
            raise errors.MISSING(name)
        value = self.text(name, pattern)
        assert value is not None
        return value

    def amount(self, name: str) -> Decimal | None:
        """An exact number of at most 8 decimals."""
        text = self.text(name, _AMOUNT)
        if text is None:
            return None
        number = dec(text)
        if places_of(number) > PLACES:
            raise errors.TOO_PRECISE(name)
        return number

    def whole(self, name: str) -> int | None:
        """A whole number."""
        text = self.text(name, _WHOLE)
        return None if text is None else int(text)

    def limit(self, *, default: int, most: int) -> int:
        """How many rows are wanted; more than allowed gives as many as allowed."""
        asked = self.whole("limit")
        return default if asked is None else max(1, min(asked, most))

    def instant(self, name: str) -> int | None:
        """A time, sent in milliseconds or microseconds, in UTC ns."""
        sent = self.whole(name)
        if sent is None:
            return None
        return sent * (MILLISECOND if sent < 10**14 else 1_000)

    def choice(self, name: str, kind: type[Choice], error: Error) -> Choice | None:
        """One of the words of an enumeration."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return kind(text)
        except ValueError:
            raise error(name) from None

    def client_id(self, name: str) -> str | None:
        """A client order id."""
        return self.text(name, _CLIENT_ID)

    def symbol(self) -> str:
        """The mandatory symbol, as Binance writes it."""
        return self.needed("symbol", _SYMBOL)

    def all_read(self) -> None:
        """Refuses the call where it carries something that nobody asked for."""
        known = self._read | _OF_EVERY_CALL
        sent = [name for name in self._sent if name not in _OF_EVERY_CALL]
        read = sum(name in known for name in sent)
        if read < len(sent):
            raise errors.UNREAD(read, len(sent))


def text_of(value: Any) -> str:
    """A JSON value as a query string writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
