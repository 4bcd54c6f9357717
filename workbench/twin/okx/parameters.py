"""Parameters as clients send them: text of a query, or one map of a JSON body, read one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.core.money import dec
from workbench.twin.okx import errors

MILLISECOND = 1_000_000

_AMOUNT = r"[0-9]{1,20}(\.[0-9]{1,20})?"
_WHOLE = r"[0-9]{1,20}"


class Parameters:
    """What a client sent; an empty text counts as not sent."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self._sent = sent

    def has(self, name: str) -> bool:
        """Whether something was sent."""
        return self._sent.get(name) not in (None, "", [])

    def text(self, name: str) -> str:
        """The text of a parameter, '' where it was not sent; what is no text, number or boolean is refused."""
        value = self._sent.get(name)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int):
            raise errors.WRONG(name)
        return str(value)

    def matching(self, name: str, pattern: str) -> str:
        """A text that must match where it was sent."""
        text = self.text(name)
        if text and not re.fullmatch(pattern, text, re.ASCII):
            raise errors.WRONG(name)
        return text

    def needed(self, name: str) -> str:
        """The text of a mandatory parameter of a query."""
        text = self.text(name)
        if not text:
            raise errors.EMPTY(name)
        return text

    def amount(self, name: str) -> Decimal | None:
        """An exact positive number, None where it was not sent."""
        text = self.matching(name, _AMOUNT)
        if not text:
            return None
        value = dec(text)
        if not value:
            raise errors.WRONG(name)
        return value

    def whole(self, name: str) -> int | None:
        """A whole number, None where it was not sent."""
        text = self.matching(name, _WHOLE)
        return int(text) if text else None

    def limit(self, *, default: int, most: int) -> int:
        """How many rows are wanted; more than allowed gives as many as allowed."""
        asked = self.whole("limit")
        return default if asked is None else max(1, min(asked, most))

    def instant(self, name: str) -> int | None:
        """A time, sent in milliseconds, in UTC ns."""
        sent = self.whole(name)
        return None if sent is None else sent * MILLISECOND

    def yes(self, name: str) -> bool:
        """Whether a boolean was sent as true."""
        return self.matching(name, "true|false") == "true"
