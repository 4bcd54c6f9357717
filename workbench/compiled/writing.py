"""Writes a kernel's step as text: state becomes arguments and results, indicators become functions of numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.core.kernel_kinds import BOOL, FLOAT, INT, OPINION, Record, RingOf
from workbench.core.kernel_reading import Reading

HEAD = '''"""Written from kernel {name}; edit the kernel, not this."""

from math import isnan, nan

from numba import njit

from workbench.compiled.arithmetic import (
    INNER, absolute__, floored__, lower__, minus__, opinion__, place__, plus__, power__, quotient__, rest__, root__,
    rounded__, times__, truncated__, upper__,
)
'''

_WHOLE = {ast.Add: "plus__", ast.Sub: "minus__", ast.Mult: "times__", ast.FloorDiv: "quotient__", ast.Mod: "rest__"}
_WORDS = {
    "sqrt": "root__",
    "floor": "floored__",
    "round": "rounded__",
    "int": "truncated__",
    "min": "lower__",
    "max": "upper__",
}


def fields_of(record: Record, prefix: str) -> Iterator[tuple[str, str, bool]]:
    """(path, kind of number, whether it is a ring) of every number that a record holds, in order."""
    for name, held in record.fields.items():
        path = f"{prefix}.{name}"
        if isinstance(held, Record):
            yield from fields_of(held, path)
        elif isinstance(held, RingOf):
            yield path, held.item, True
        else:
            yield path, held, False


def flat(path: str) -> str:
    """A path as one name."""
    return path.replace(".", "__")


class Text:
    """The functions of one step, each written once, callees first."""

    def __init__(self, scales: Mapping[str, tuple[str, str]]) -> None:
        self.functions: list[str] = []
        self.scales = scales  # path of a float of the event -> the names of its raw and of the scale
        self._names: dict[Any, str] = {}

    def name_of(self, reading: Reading) -> str:
        """The name of the function that a reading became; writes it if it is new."""
        kinds = tuple(str(each) for each in reading.arguments.values())
        key = (reading.source.function, kinds)
        if key not in self._names:
            record = reading.arguments.get("self")
            owner = f"{record.name}__" if isinstance(record, Record) else ""
            name = f"{owner}{reading.source.name}__{len(self._names)}"
            self.functions.append(_Writer(self, reading).inner(name))
            self._names[key] = name
        return self._names[key]


def written(reading: Reading, arguments: list[str], scales: Mapping[str, tuple[str, str]]) -> str:
    """The text of a module with the function `step` of these arguments."""
    text = Text(scales)
    step = _Writer(text, reading).step(arguments)
    return "\n\n".join([HEAD.format(name=reading.source.name), *text.functions, step])


class _Writer(ast.NodeTransformer):
    """Turns one function that was read into its text."""

    def __init__(self, text: Text, reading: Reading) -> None:
        self._text, self._reading = text, reading
        self._written = [path for path, _, ring in self.record_fields() if not ring and path in reading.written]
        self._kept = 0

    # --- whole functions --------------------------------------------------------------------------

    def record_fields(self) -> list[tuple[str, str, bool]]:
        """The numbers of what the function changes, scalars first, then rings."""
        name = "self" if "self" in self._reading.arguments else "state"
        record = self._reading.arguments.get(name)
        found = list(fields_of(record, name)) if isinstance(record, Record) else []
        return sorted(found, key=lambda field: field[2])

    def inner(self, name: str) -> str:
        """A method of an indicator, or a function beside the kernel."""
        plain = [each for each, held in self._reading.arguments.items() if not isinstance(held, Record)]
        arguments = [*plain, *(flat(path) for path, _, _ in self.record_fields())]
        return f"@njit(**INNER)\ndef {name}({', '.join(arguments)}):\n{self._body()}"

    def step(self, arguments: list[str]) -> str:
        """The kernel itself; it returns what it says and all scalars of its state."""
        self._written = [path for path, _, ring in self.record_fields() if not ring]
        return f"@njit(cache=True, **INNER)\ndef step({', '.join(arguments)}):\n{self._body()}"

    def _body(self) -> str:
        lines: list[ast.stmt] = []
        for statement in self._reading.tree.body:
            lines += self._lines(statement)
        text = ast.unparse(ast.fix_missing_locations(ast.Module(lines, [])))
        return "".join(f"    {line}\n" for line in text.splitlines())

    # --- lines ------------------------------------------------------------------------------------

    def _lines(self, statement: ast.stmt) -> list[ast.stmt]:
        """A line as the lines that it becomes."""
        if isinstance(statement, ast.Expr):
            return [] if isinstance(statement.value, ast.Constant) else self._updates(statement.value)[0]
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            assert statement.value is not None
            lines, value = self._updates(statement.value)
            return [*lines, _assign(self.visit(target), value)]
        if isinstance(statement, ast.AugAssign):
            return [_assign(self.visit(statement.target), self._changed(statement))]
        if isinstance(statement, ast.Return):
            assert statement.value is not None
            lines, value = self._updates(statement.value)
            return [*lines, ast.Return(self._returned(statement.value, value))]
        if isinstance(statement, (ast.If, ast.While)):
            statement.test = self.visit(statement.test)
        elif isinstance(statement, ast.For):
            assert isinstance(statement.iter, ast.Call)
            statement.iter.args = [self.visit(each) for each in statement.iter.args]
        for block in ("body", "orelse"):
            if hasattr(statement, block):
                setattr(statement, block, [each for line in getattr(statement, block) for each in self._lines(line)])
        return [statement]

    def _updates(self, value: ast.expr) -> tuple[list[ast.stmt], ast.expr]:
        """The lines that make a line's updates, and its value after them."""
        if not isinstance(value, ast.Tuple):
            return self._update(value) if _is_update(value) else ([], self.visit(value))
        if not any(_is_update(each) for each in value.elts):
            return [], ast.Tuple([self.visit(each) for each in value.elts], ast.Load())
        lines: list[ast.stmt] = []
        names: list[ast.expr] = []
        for each in value.elts:  # in their order: a later one may see what an earlier one changed
            before, found = self._update(each) if _is_update(each) else ([], self.visit(each))
            kept = self._fresh()
            lines += [*before, _assign(ast.Name(kept, ast.Store()), found)]
            names.append(ast.Name(kept, ast.Load()))
        return lines, ast.Tuple(names, ast.Load())

    def _update(self, node: Any) -> tuple[list[ast.stmt], ast.expr]:
        """An indicator's update: its numbers go in, the changed ones come back beside the value."""
        call, changed = self._method(node, [self.visit(each) for each in node.args])
        if not changed:
            return [], call
        kept = self._fresh()
        targets = ast.Tuple([ast.Name(each, ast.Store()) for each in (kept, *changed)], ast.Store())
        return [_assign(targets, call)], ast.Name(kept, ast.Load())

    def _method(self, node: Any, arguments: list[ast.expr]) -> tuple[ast.expr, list[str]]:
        reading: Reading = node.reading
        record = reading.arguments["self"]
        found = sorted(fields_of(record, node.owner), key=lambda field: field[2])
        owned = [ast.Name(flat(path), ast.Load()) for path, _, _ in found]
        written = {f"{node.owner}.{each.partition('.')[2]}" for each in reading.written}
        changed = [flat(path) for path, _, ring in found if not ring and path in written]
        return _called(self._text.name_of(reading), *arguments, *owned), changed

    def _fresh(self) -> str:
        self._kept += 1
        return f"kept__{self._kept}"

    def _returned(self, node: ast.expr, value: ast.expr) -> ast.expr:
        names: list[ast.expr] = [ast.Name(flat(path), ast.Load()) for path in self._written]
        if self._reading.says:
            zero = ast.Constant(0)
            said = value if _kind(node) == OPINION else _called("opinion__", _float(value), zero, zero, zero)
            return ast.BinOp(said, ast.Add(), ast.Tuple(names, ast.Load())) if names else said
        return ast.Tuple([value, *names], ast.Load()) if names else value

    def _changed(self, statement: ast.AugAssign) -> ast.expr:
        kinds = _kind(statement.target), _kind(statement.value)
        before = self.visit(statement.target)
        return _operation(statement.op, (before, self.visit(statement.value)), kinds)

    # --- expressions ------------------------------------------------------------------------------

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _written(node.constant) if hasattr(node, "constant") else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if hasattr(node, "constant"):
            return _written(node.constant)
        if hasattr(node, "reading"):
            return self._method(node, [])[0]
        path: str = node.path  # type: ignore[attr-defined]
        if path in self._text.scales:
            raw, scale = (_float(ast.Name(each, ast.Load())) for each in self._text.scales[path])
            return ast.BinOp(raw, ast.Div(), scale)
        return ast.Name(flat(path), node.ctx)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        kinds = _kind(node.left), _kind(node.right)
        return _operation(node.op, (self.visit(node.left), self.visit(node.right)), kinds)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        inner = self.visit(node.operand)
        if isinstance(node.op, ast.USub) and _kind(node.operand) == INT and not isinstance(inner, ast.Constant):
            return _called("minus__", ast.Constant(0), inner)
        return inner if isinstance(node.op, ast.UAdd) else ast.UnaryOp(node.op, inner)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        sides = [node.left, *node.comparators]
        kinds = [_kind(each) for each in sides]
        made = [self.visit(each) for each in sides]
        if FLOAT in kinds:
            made = [_float(each) if found == INT else each for each, found in zip(made, kinds, strict=True)]
        return ast.Compare(made[0], node.ops, made[1:])

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        ways = [_as_kind(self.visit(each), _kind(each), _kind(node)) for each in (node.body, node.orelse)]
        return ast.IfExp(self.visit(node.test), *ways)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        owner = self.visit(node.value)
        if isinstance(_kind(node.value), tuple):
            return ast.Subscript(owner, node.slice, ast.Load())
        return ast.Subscript(owner, _called("place__", self.visit(node.slice), _called("len", owner)), node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        given = [self.visit(each) for each in node.args]
        kinds = [_kind(each) for each in node.args]
        if not hasattr(node, "word"):
            return _called(self._text.name_of(node.reading), *given)  # type: ignore[attr-defined]
        word: str = node.word
        if word in ("min", "max"):
            return self._least(word, [_as_kind(a, k, _kind(node)) for a, k in zip(given, kinds, strict=True)])
        if word in ("target", "quotes"):
            names = {each.arg: self.visit(each.value) for each in node.keywords}
            return _opinion(word, given, names)
        return _word(word, given[0], kinds[0])

    def _least(self, word: str, given: list[ast.expr]) -> ast.expr:
        found = given[0]
        for each in given[1:]:
            found = _called(_WORDS[word], found, each)
        return found


def _word(word: str, given: ast.expr, found: Any) -> ast.expr:
    if word == "abs":
        return _called("absolute__" if found == INT else "abs", given)
    if word == "float":
        return _float(given)
    if word == "bool":
        return given if found == BOOL else ast.Compare(given, [ast.NotEq()], [ast.Constant(0)])
    if word in ("int", "floor", "round") and found != FLOAT:
        return _called("int", given) if found == BOOL else given
    if word in ("sqrt", "isnan"):
        given = _float(given)
    return _called(_WORDS.get(word, word), given)


def _opinion(word: str, given: list[ast.expr], names: dict[Any, ast.expr]) -> ast.expr:
    order = ("exposure", "limit", "stop", "valid_until") if word == "target" else ("bid", "bid_size", "ask", "ask_size")
    values = [*given, *(names.get(name, ast.Constant(0)) for name in order[len(given) :])]
    if word == "target":
        return _called("opinion__", _float(values[0]), *values[1:])
    return ast.Tuple([ast.Constant(2), *values], ast.Load())


def _operation(op: ast.operator, sides: tuple[ast.expr, ast.expr], kinds: tuple[Any, Any]) -> ast.expr:
    if kinds == (INT, INT) and isinstance(op, ast.Pow):
        return _called("power__", *sides)
    if kinds == (INT, INT) and type(op) in _WHOLE:
        return _called(_WHOLE[type(op)], *sides)
    floats = [_float(each) if found == INT else each for each, found in zip(sides, kinds, strict=True)]
    return ast.BinOp(floats[0], op, floats[1])


def _as_kind(node: ast.expr, found: Any, wanted: Any) -> ast.expr:
    return _float(node) if wanted == FLOAT and found == INT else node


def _float(node: ast.expr) -> ast.expr:
    return _called("float", node)


def _called(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([target], value)


def _written(value: Any) -> ast.expr:
    return ast.Name("nan", ast.Load()) if value != value else ast.Constant(value)


def _kind(node: Any) -> Any:
    return node.kind


def _is_update(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and hasattr(node, "owner")
