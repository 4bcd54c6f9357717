"""What a kernel remembers: numbers, rings of a fixed length, and indicators, in lengths that parameters may name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.indicator import Indicator, Sized
from workbench.core.strategy import State

LONGEST_RING = 1_000_000  # numbers; a ring is state that is saved with every snapshot


class Ring(msgspec.Struct, frozen=True):
    """A fixed number of integers or floats; `size` is a number or names a parameter."""

    size: int | str
    fill: int | float = 0


def ring(size: int | str, fill: int | float = 0) -> Any:
    """A ring of `size` numbers, all `fill` at first: integers for `ring("slow")`, floats for `ring("slow", 0.0)`.

    `size` is a number or the name of an int parameter.
    """
    return Ring(size, fill)


Part = int | float | bool | Ring | Sized
Blueprint = Mapping[str, Part]


def state_type(name: str, blueprint: Blueprint, parameters: Mapping[str, type]) -> type[State]:
    """The struct that a blueprint describes; raises ConfigError naming the field that cannot be."""
    fields = [(field, _type_of(f"{name}: state {field!r}", part, parameters)) for field, part in blueprint.items()]
    made: Any = msgspec.defstruct("State", fields, bases=(State,), module=__name__)
    kind: type[State] = made
    return kind


def _type_of(what: str, part: Any, parameters: Mapping[str, type]) -> Any:
    if type(part) in (bool, int, float):
        return type(part)
    if isinstance(part, Ring):
        _check_size(what, part.size, parameters)
        if type(part.fill) not in (int, float):
            raise ConfigError(f"{what}: expected a ring of ints or floats, got one of {type(part.fill).__name__}")
        return list[type(part.fill)]  # type: ignore[misc]
    if isinstance(part, Sized):
        for argument in part.arguments:
            if isinstance(argument, str):
                _known(what, argument, parameters)
        return part.make
    if isinstance(part, Indicator) or (isinstance(part, type) and issubclass(part, Indicator)):
        kind = part if isinstance(part, type) else type(part)
        raise ConfigError(f'{what}: write {kind.__name__}.sized("a_parameter") or {kind.__name__}.sized(20)')
    raise ConfigError(
        f"{what}: expected a number, a bool, ring(...) or an indicator's .sized(...), got {type(part).__name__}"
    )


def _check_size(what: str, size: int | str, parameters: Mapping[str, type]) -> None:
    if isinstance(size, str):
        if _known(what, size, parameters) is not int:
            raise ConfigError(f"{what}: its size {size!r} is not an int parameter")
    elif type(size) is not int or not 1 <= size <= LONGEST_RING:
        raise ConfigError(f"{what}: expected a size from 1 to {LONGEST_RING}, got {size!r}")


def _known(what: str, name: str, parameters: Mapping[str, type]) -> type:
    if name not in parameters:
        raise ConfigError(f"{what}: no parameter {name!r}; there is {', '.join(parameters) or 'none'}")
    return parameters[name]


def new_state(kind: type[State], blueprint: Blueprint, parameters: msgspec.Struct) -> State:
    """The state before the first event; raises ConfigError where a parameter is no size."""
    return kind(**{name: _made(name, part, parameters) for name, part in blueprint.items()})


def _made(name: str, part: Part, parameters: msgspec.Struct) -> Any:
    if isinstance(part, Ring):
        size = _value(part.size, parameters)
        if not 1 <= size <= LONGEST_RING:
            raise ConfigError(f"state {name!r}: expected a ring of 1 to {LONGEST_RING} numbers, got {size}")
        return [part.fill] * int(size)
    if isinstance(part, Sized):
        make: Any = part.make
        return make.of(*(_value(each, parameters) for each in part.arguments))
    return part


def _value(argument: Any, parameters: msgspec.Struct) -> Any:
    return getattr(parameters, argument) if isinstance(argument, str) else argument


def largest_window(blueprint: Blueprint, parameters: msgspec.Struct) -> int:
    """The largest whole number that sizes anything here; 0 where nothing has a size."""
    return max((size for size in _sizes(blueprint, parameters) if type(size) is int), default=0)


def _sizes(blueprint: Blueprint, parameters: msgspec.Struct) -> Iterator[Any]:
    for part in blueprint.values():
        if isinstance(part, Ring):
            yield _value(part.size, parameters)
        elif isinstance(part, Sized):
            yield from (_value(each, parameters) for each in part.arguments)


def schema(kind: type[msgspec.Struct]) -> str:
    """A hash of the names and types of a state, indicators included."""
    return hashlib.sha256(repr(_shape(kind)).encode()).hexdigest()[:16]


def _shape(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind.__name__, *((field.name, _shape(field.type)) for field in msgspec.structs.fields(kind))]
    return str(kind)


def lengths(value: Any) -> Any:
    """The lengths of all rings in a state's plain values, nested as they are; what set_state must not change."""
    if isinstance(value, Mapping):
        return {name: lengths(each) for name, each in value.items()}
    return len(value) if isinstance(value, list) else None
