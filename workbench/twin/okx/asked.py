"""A call as the REST door hands it to whoever answers it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey, Permission
from workbench.twin.okx.formats import Instruments, Json
from workbench.twin.okx.parameters import Parameters
from workbench.twin.okx.records import Records


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what was sent, by which key, when it is carried out (UTC ns)."""

    floor: Floor
    instruments: Instruments
    records: Records
    sent: Parameters
    now: int
    rows: tuple[Parameters, ...] = ()  # of a body that is a list
    key: ApiKey | None = None

    @property
    def account(self) -> str:
        """Whose call it is; only signed calls may ask."""
        assert self.key is not None
        return self.key.account

    def instrument(self) -> tuple[str, str]:
        """The mandatory instrument as OKX writes it, and unified."""
        native = self.sent.needed("instId")
        return native, self.instruments.find(native)

    def wanted(self) -> list[str]:
        """The unified symbols that `instId` or `instType` ask for; all where neither is sent."""
        native = self.sent.text("instId")
        found = [self.instruments.find(native)] if native else list(self.instruments.native)
        kind = self.sent.text("instType")
        return [each for each in found if kind in ("", "ANY", self.instruments.kind[each])]


class Pace(StrEnum):
    """Whose calls are counted together."""

    ADDRESS = "address"
    USER = "user"
    INSTRUMENT = "user and instrument"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A call that can be made: what it needs, and how many of them in two seconds.

    `operations` marks an answer about several orders, each with its own result.
    """

    call: str  # verb and path behind /api/v5/
    answer: Callable[[Asked], list[Json]] | Callable[[Asked], list[list[str]]]
    pace: int
    by: Pace = Pace.USER
    needs: Permission | None = None
    operations: bool = False

    @property
    def verb(self) -> str:
        return self.call.split(" ")[0]

    @property
    def path(self) -> str:
        return f"/api/v5/{self.call.split(' ')[1]}"
