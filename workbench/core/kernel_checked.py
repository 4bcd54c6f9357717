"""The kernel's function as Python that counts like machine code: integers of 64 bits, and floats where both meet.

The function stays as it was written, line for line, for debuggers and coverage; every integer that it
computes is checked to fit in 64 bits, and an integer that meets a float in `/` or a comparison becomes one.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from workbench.core.kernel_kinds import FLOAT, INT
from workbench.core.kernel_reading import Reading
from workbench.core.kernel_says import LARGEST

TOO_LARGE = "an integer beyond 64 bits"

_COUNTS = (ast.Add, ast.Sub, ast.Mult, ast.Pow, ast.FloorDiv)


def whole(value: int) -> int:
    """The integer as it is; raises OverflowError beyond 64 bits."""
    if -LARGEST <= value <= LARGEST or value == -LARGEST - 1:
        return value
    raise OverflowError(TOO_LARGE)


def checked(reading: Reading) -> Callable[..., Any]:
    """The function of a reading, made anew; names of its module mean what they meant when it was read."""
    function = reading.source.function
    names = dict(reading.outside)
    tree = reading.tree
    tree.decorator_list = []
    tree = _Checks(names).visit(tree)
    module = compile(ast.fix_missing_locations(ast.Module([tree], [])), reading.source.file, "exec", dont_inherit=True)
    code = next(each for each in module.co_consts if isinstance(each, CodeType) and each.co_name == tree.name)
    names |= {"whole__": whole, "__name__": function.__module__, "__builtins__": __builtins__}
    made = FunctionType(code, names, function.__name__, function.__defaults__)
    made.__doc__, made.__qualname__ = function.__doc__, function.__qualname__
    return made


class _Checks(ast.NodeTransformer):
    """Wraps what could differ; `names` is given the functions that are called."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        sides = node.left.kind, node.right.kind  # type: ignore[attr-defined]
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and sides == (INT, INT):
            node.left, node.right = _called("float", node.left), _called("float", node.right)
        counts = sides == (INT, INT) and isinstance(node.op, _COUNTS)
        return _called("whole__", node) if counts else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        found = node.operand.kind  # type: ignore[attr-defined]
        written = isinstance(node.operand, ast.Constant)
        self.generic_visit(node)
        return _called("whole__", node) if isinstance(node.op, ast.USub) and found == INT and not written else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        sides = [node.left, *node.comparators]
        kinds = [each.kind for each in sides]  # type: ignore[attr-defined]
        self.generic_visit(node)
        if FLOAT in kinds and INT in kinds:
            sides = [node.left, *node.comparators]
            floats = [
                _called("float", each) if found == INT else each for each, found in zip(sides, kinds, strict=True)
            ]
            node.left, node.comparators = floats[0], floats[1:]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        found = node.kind  # type: ignore[attr-defined]
        kinds = node.body.kind, node.orelse.kind  # type: ignore[attr-defined]
        self.generic_visit(node)
        if found == FLOAT and kinds[0] == INT:
            node.body = _called("float", node.body)
        if found == FLOAT and kinds[1] == INT:
            node.orelse = _called("float", node.orelse)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        word, found = getattr(node, "word", ""), getattr(node, "kind", "")  # range(...) has neither
        kinds = [each.kind for each in node.args]  # type: ignore[attr-defined]
        self.generic_visit(node)
        if word in ("min", "max") and found == FLOAT:
            node.args = [_called("float", a) if kind == INT else a for a, kind in zip(node.args, kinds, strict=True)]
        if hasattr(node, "reading") and not hasattr(node, "owner"):
            node.func = self._helper(node)
        counts = found == INT and (word in ("abs", "floor", "int", "round") or hasattr(node, "owner"))
        return _called("whole__", node) if counts else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        held = node.target.kind  # type: ignore[union-attr]
        self.generic_visit(node)
        if held != INT or not isinstance(node.op, _COUNTS):
            return node
        before = copy.deepcopy(node.target)
        before.ctx = ast.Load()
        value = _called("whole__", ast.copy_location(ast.BinOp(before, node.op, node.value), node))
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        return node

    def _helper(self, node: ast.Call) -> ast.expr:
        """The checked form of a function that is called, under a name of its own."""
        name = f"{node.reading.source.name}__{len(self._names)}"  # type: ignore[attr-defined]
        self._names[name] = checked(node.reading)  # type: ignore[attr-defined]
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def _called(name: str, node: ast.expr) -> ast.expr:
    call = ast.Call(ast.Name(name, ast.Load()), [node], [])
    return ast.copy_location(ast.fix_missing_locations(ast.copy_location(call, node)), node)
