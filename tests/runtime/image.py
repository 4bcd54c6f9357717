"""Everything that can be reached from an object, as plain values: what is shared inside of it shows as shared."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from workbench.core.codec import encode
from workbench.core.events import Event, RunStarted
from workbench.core.instrument import Instrument
from workbench.trading.reconcile import Reconciler

_PLAIN = (int, str, bool, float, bytes, Decimal, Enum, type(None), type)
_CACHES = {"_target"}  # what is there only to be quicker
_LOOKUPS = {"_by_venue_id"}  # whose order nobody ever sees


def image(value: Any, seen: dict[int, int] | None = None) -> Any:
    """Equal images, equal objects; what was only ever a method or an error is left out."""
    seen = {} if seen is None else seen
    match value:
        case RunStarted() | Instrument():
            return type(value).__name__
        case Event():
            return encode(value)
        case Enum() | Decimal():
            return value
        case _ if isinstance(value, _PLAIN):
            return value
        case Reconciler():
            return value.state()  # its positions keep the steps that were in force when they were first seen: unused
        case BaseException():
            return "failed"
        case Mapping():
            return [(image(key, seen), image(each, seen)) for key, each in value.items()]
        case set() | frozenset():
            return sorted(value)
        case list() | tuple() | deque():
            return [image(each, seen) for each in value]
    if id(value) in seen:
        return f"as {seen[id(value)]}"
    if isinstance(value, msgspec.Struct):
        seen[id(value)] = len(seen)
        return [type(value).__name__, *(image(getattr(value, name), seen) for name in value.__struct_fields__)]
    if hasattr(value, "__dict__") and not callable(value):
        seen[id(value)] = len(seen)
        attributes = {name: each for name, each in sorted(vars(value).items()) if name not in _CACHES}
        for name in _LOOKUPS & attributes.keys():
            attributes[name] = dict(sorted(attributes[name].items()))
        return [type(value).__name__, *((name, image(each, seen)) for name, each in attributes.items())]
    return None
