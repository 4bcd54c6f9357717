"""A call as the doors hand it to whoever answers it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from workbench.twin.binance.formats import Symbols
from workbench.twin.binance.parameters import Parameters
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what was sent, by which key, when it is carried out (UTC ns)."""

    floor: Floor
    symbols: Symbols
    sent: Parameters
    now: int
    key: ApiKey | None = None

    @property
    def account(self) -> str:
        """Whose call it is; only signed calls may ask."""
        assert self.key is not None
        return self.key.account

    def symbol(self) -> tuple[str, str]:
        """The mandatory symbol as Binance writes it, and unified; raises ApiError."""
        native = self.sent.symbol()
        return native, self.symbols.find(native)


class Security(StrEnum):
    """What a call needs: nothing, a key, or a signature by a key that may read or trade."""

    NONE = "none"
    KEY = "key"
    READ = "read"
    TRADE = "trade"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A call that can be made, by REST verb and path, by WebSocket method, or both.

    An `order` call weighs nothing where it succeeds and counts as a new order.
    """

    answer: Callable[[Asked], Any]
    rest: str = ""
    method: str = ""
    security: Security = Security.NONE
    weight: int | Callable[[Parameters], int] = 1
    free: bool = False  # where it succeeds
    orders: bool = False

    def weighs(self, sent: Parameters) -> int:
        """What this call costs of the minute's weight."""
        return self.weight if isinstance(self.weight, int) else self.weight(sent)
