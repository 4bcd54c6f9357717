"""What a kernel's first line says: the event, what it reads, and its parameters."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.kernel_says import LARGEST
from workbench.core.kernel_source import Source
from workbench.core.kernel_views import EVENTS
from workbench.core.strategy import Parameters

READS = ("position", "entry_price", "last_fill", "market")

_FORM = f"write (event, state, [{', '.join(READS)},] parameter: type = default, ...)"


class Arguments(msgspec.Struct, frozen=True):
    """The names in a kernel's first line."""

    event: str
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]


def arguments_of(source: Source) -> Arguments:
    """The names in the first line; raises ConfigError saying which one is out of place."""
    given = list(inspect.signature(source.function).parameters.values())
    for each in given:
        if each.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise source.refuse(None, f"argument {each.name!r} is none by position and name", _FORM)
        if "__" in each.name:
            raise source.refuse(None, f"argument {each.name!r} has two underscores", "choose another name")
    names = [each.name for each in given if each.default is inspect.Parameter.empty]
    if not names or names[0] not in EVENTS:
        said = f"argument {names[0]!r} is no event" if names else "it hears no event"
        raise source.refuse(None, said, f"name the first argument {', '.join(EVENTS)}")
    if names[1:2] != ["state"]:
        raise source.refuse(None, "its second argument is not state", _FORM)
    for name in names[2:]:
        if name not in READS:
            instead = f"give it a default, as a parameter; a kernel can read {', '.join(READS)}"
            raise source.refuse(None, f"argument {name!r} has no default", instead)
    parameters = tuple(each.name for each in given[len(names) :])
    for name in parameters:
        if name in READS or name in EVENTS:
            raise source.refuse(None, f"parameter {name!r} has the name of an input", "choose another name")
    return Arguments(names[0], tuple(names[2:]), parameters)


def parameters_of(
    function: Callable[..., Any], source: Source, arguments: Arguments, requires: Callable[..., Any] | None
) -> type[Parameters]:
    """The struct of the parameters, with their bounds and what they must satisfy together."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:  # an annotation is the user's text
        raise source.refuse(None, f"its annotations cannot be read: {error}") from None
    defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    fields = []
    for name in arguments.parameters:
        kind = hints.get(name)
        if plain(kind) not in (int, float, bool):
            raise source.refuse(None, f"parameter {name!r} is no int, float or bool", f"write {name}: int = 20")
        default = float(defaults[name]) if plain(kind) is float and type(defaults[name]) is int else defaults[name]
        fields.append((name, kind, default))
    checks = {"__post_init__": _check_of(source, arguments, requires)}
    made: Any = msgspec.defstruct(
        "Parameters", fields, bases=(Parameters,), namespace=checks, module=function.__module__, frozen=True
    )
    try:
        msgspec.convert({name: default for name, _, default in fields}, made)
    except (msgspec.ValidationError, ConfigError) as error:
        raise source.refuse(None, f"its defaults do not fit: {error}") from None
    found: type[Parameters] = made
    return found


def plain(kind: Any) -> Any:
    """A type without its bounds."""
    return get_args(kind)[0] if get_origin(kind) is not None and hasattr(kind, "__metadata__") else kind


def _check_of(
    source: Source, arguments: Arguments, requires: Callable[..., Any] | None
) -> Callable[[msgspec.Struct], None]:
    rule = _text_of(source, "requires")
    if requires is not None:
        asked_names(requires, arguments.parameters, f"kernel {source.name}: requires")

    def check(parameters: msgspec.Struct) -> None:
        for name, value in msgspec.structs.asdict(parameters).items():
            if type(value) is int and abs(value) > LARGEST:
                raise ConfigError(f"{name}: expected a whole number of 64 bits, got {value}")
        if requires is not None and not ask(requires, parameters):
            names = asked_names(requires, arguments.parameters, "requires")
            found = ", ".join(f"{name}={getattr(parameters, name)}" for name in names)
            raise ConfigError(f"{source.name}: expected {rule or 'what it requires'}, got {found}")

    return check


def asked_names(rule: Callable[..., Any], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The parameters that a rule asks for; raises ConfigError for one that does not exist."""
    names = tuple(inspect.signature(rule).parameters)
    for name in names:
        if name not in known:
            raise ConfigError(f"{what}: no parameter {name!r}; there is {', '.join(known) or 'none'}")
    return names


def ask(rule: Callable[..., Any], parameters: msgspec.Struct) -> Any:
    """What a rule says of these parameters."""
    return rule(*(getattr(parameters, name) for name in inspect.signature(rule).parameters))


def _text_of(source: Source, keyword: str) -> str:
    """A lambda in the decorator as it was written; empty where there is none."""
    for call in source.tree().decorator_list:
        for each in call.keywords if isinstance(call, ast.Call) else ():
            if each.arg == keyword and isinstance(each.value, ast.Lambda):
                return ast.unparse(each.value.body)
    return ""
