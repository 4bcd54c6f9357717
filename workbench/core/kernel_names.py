"""What names in a kernel stand for: what was assigned, fields of the state, and numbers and functions outside."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

from workbench.core.kernel_kinds import Kind, Record
from workbench.core.kernel_says import LARGEST
from workbench.core.kernel_source import MISSING, Source, source_of


class Scope:
    """What is known while one function is read."""

    def __init__(
        self, source: Source, kinds: dict[str, Kind], read: Callable[..., Any], inside: tuple[Any, ...]
    ) -> None:
        self.source = source
        self.kinds = kinds
        self.sure = set(kinds)  # names that have a value here, whatever way was taken
        self.given = frozenset(kinds)
        self.local = frozenset[str]()  # names that are assigned somewhere in the function
        self.written: set[str] = set()  # fields that it changes, by their path
        self.outside: dict[str, Any] = {}  # names of the module that it uses
        self.read = read
        self.inside = inside

    def refuse(self, node: ast.AST, what: str, instead: str = "") -> Exception:
        return self.source.refuse(node, what, instead)


def of_name(node: ast.Name, scope: Scope) -> Kind:
    if node.id in scope.kinds or node.id in scope.local:
        if node.id not in scope.sure:
            raise scope.refuse(node, f"{node.id!r} may have no value here", "assign it before the branches or the loop")
        return scope.kinds[node.id]
    return _of_outside(node, scope)


def outside(node: ast.expr, scope: Scope) -> Any:
    """What a name, or a chain of names from a module, stands for outside of the function; `MISSING` if it does not."""
    if isinstance(node, ast.Name):
        if node.id in scope.kinds or node.id in scope.local:
            return MISSING
        found = scope.source.lookup(node.id)
        if found is not MISSING:
            scope.outside[node.id] = found
        return found
    if isinstance(node, ast.Attribute):
        owner = outside(node.value, scope)
        return getattr(owner, node.attr, MISSING) if isinstance(owner, ModuleType) else MISSING
    return MISSING


def _of_outside(node: ast.expr, scope: Scope) -> Kind:
    found, text = outside(node, scope), ast.unparse(node)
    if found is MISSING:
        raise scope.refuse(node, f"{text!r} stands for nothing here", "define it before the kernel")
    if callable(found):
        raise scope.refuse(node, f"`{text}` is a function and is not called", f"write {text}(...)")
    if type(found) not in (int, float, bool):
        what = f"`{text}` is a {type(found).__name__} outside of the kernel"
        raise scope.refuse(node, what, "a kernel may use numbers and functions by name; keep what changes in the state")
    node.constant = found  # type: ignore[attr-defined]
    return of_value(node, found, scope)


def path(node: ast.expr, scope: Scope) -> tuple[str, Kind] | None:
    """`state.fast.value` as its path and kind, where it begins with something that has fields."""
    if isinstance(node, ast.Name):
        found = scope.kinds.get(node.id)
        return (node.id, found) if isinstance(found, Record) else None
    if not isinstance(node, ast.Attribute):
        return None
    before = path(node.value, scope)
    if before is None or not isinstance(before[1], Record):
        return None
    name, record = before[0], before[1]
    if node.attr in record.fields:
        return f"{name}.{node.attr}", record.fields[node.attr]
    return _property(node, name, record, scope)


def _property(node: ast.Attribute, name: str, record: Record, scope: Scope) -> tuple[str, Kind]:
    found = getattr(record.indicator, node.attr, None) if record.indicator else None
    if not isinstance(found, property):
        offered = ", ".join(record.fields)
        raise scope.refuse(node, f"the {record.name} has no {node.attr!r}", f"it has {offered or 'no fields'}")
    reading = scope.read(source_of(found.fget), {"self": record}, scope.inside)
    node.reading = reading  # type: ignore[attr-defined]
    node.owner = name  # type: ignore[attr-defined]
    return f"{name}.{node.attr}", reading.returns


def of_attribute(node: ast.Attribute, scope: Scope) -> Kind:
    found = path(node, scope)
    if found is not None:
        node.path = found[0]  # type: ignore[attr-defined]
        return found[1]
    if outside(node, scope) is not MISSING:
        return _of_outside(node, scope)
    raise scope.refuse(
        node, f"`{ast.unparse(node)}` is a Python object's attribute", "a kernel has numbers, state and events"
    )


def field_hint(found: Kind) -> str:
    return f"name one of its fields: {', '.join(found.fields)}" if isinstance(found, Record) else ""


def of_value(node: ast.expr, value: Any, scope: Scope) -> Kind:
    if value is None:
        raise scope.refuse(node, "kernels have no None", "write math.nan for no opinion, or a number such as 0 or -1")
    if isinstance(value, str):
        raise scope.refuse(node, "text is a Python object", "use a number")
    if type(value) not in (int, float, bool):
        raise scope.refuse(node, f"a {type(value).__name__} is a Python object", "use numbers, and rings in the state")
    if type(value) is float and math.isinf(value):
        raise scope.refuse(
            node, "kernels have no infinity", "keep a bool in the state that says whether there is a value"
        )
    if type(value) is int and abs(value) > LARGEST:
        raise scope.refuse(node, f"{value} is beyond 64 bits", "write it as a float, or count in larger units")
    return type(value).__name__
