"""Kinds of values in a kernel: an int, a float, a bool, tuples of them, rings, and what has fields."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.indicator import Indicator
from workbench.core.kernel_views import LastFill, Market

INT, FLOAT, BOOL = "int", "float", "bool"
OPINION = "opinion"  # what target(...) and quotes(...) give
NUMBERS = (INT, FLOAT)


class RingOf(msgspec.Struct, frozen=True):
    """A list of a fixed length."""

    item: str


class Record(msgspec.Struct, frozen=True):
    """Something with fields; `indicator` is its class where it is one."""

    name: str
    fields: dict[str, Any]
    indicator: type[Indicator] | None = None
    writable: bool = False


Kind = str | tuple[str, ...] | RingOf | Record


def words(kind: Any) -> str:
    """A kind as a person would say it."""
    if isinstance(kind, RingOf):
        return f"a ring of {kind.item}s"
    if isinstance(kind, Record):
        return f"the {kind.name}"
    if isinstance(kind, tuple):
        return f"a tuple of {len(kind)}"
    return "an opinion" if kind == OPINION else f"an {kind}" if kind == INT else f"a {kind}"


def kind_of(annotation: Any, what: str) -> Kind:
    """The kind of a field with this type; raises ConfigError naming what a state cannot hold."""
    if annotation in (int, float, bool):
        return str(annotation.__name__)
    if get_origin(annotation) is list and get_args(annotation)[0] in (int, float):
        return RingOf(get_args(annotation)[0].__name__)
    if isinstance(annotation, type) and issubclass(annotation, Indicator):
        return record_of(annotation)
    raise ConfigError(f"{what}: expected an int, float, bool, list[int], list[float] or an indicator, got {annotation}")


@cache
def record_of(kind: type[Indicator]) -> Record:
    """The fields of an indicator, writable for its own `update`."""
    return Record(kind.__name__, _fields(kind), kind, writable=True)


def state_record(kind: type[msgspec.Struct]) -> Record:
    """The fields of a kernel's state."""
    return Record("state", _fields(kind), writable=True)


def _fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {each.name: kind_of(each.type, f"{kind.__name__}.{each.name}") for each in msgspec.structs.fields(kind)}


LAST_FILL = Record("last fill", dict.fromkeys(LastFill.__struct_fields__, INT))
MARKET = Record("market", dict.fromkeys(Market.__struct_fields__, INT))
