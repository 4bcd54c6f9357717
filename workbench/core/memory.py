"""What the parts of an engine remember, as plain values that can be written down and taken back.

Events stay events: they never change, so whoever writes them can do so later. Every container is a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from workbench.core.errors import DataError

Plain = dict[str, Any]


class Part(Protocol):
    """A part of an engine whose state can be taken and given back, between two events."""

    def state(self) -> Plain:
        """All it remembers; an equal part has an equal state, the order of every map included."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stands where the part stood that gave the state; raises DataError where it does not fit."""


def remembered(part: object, fields: Mapping[str, Any]) -> Plain:
    """The attributes that `fields` names, as plain values."""
    return {name.lstrip("_"): msgspec.to_builtins(getattr(part, name)) for name in fields}


def recall(part: object, fields: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Sets the attributes that `fields` names, each of the type it names; raises DataError where one does not fit."""
    for name, kind in fields.items():
        setattr(part, name, taken(state, name.lstrip("_"), kind))


def taken(state: Mapping[str, Any], name: str, kind: Any) -> Any:
    """One remembered value as `kind`; raises DataError where it is missing or does not fit."""
    try:
        return msgspec.convert(state[name], kind)
    except (KeyError, msgspec.ValidationError) as error:
        raise DataError(f"state {name!r}: expected {kind}: {error}") from None
