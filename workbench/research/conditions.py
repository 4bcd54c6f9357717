"""A condition that people type, such as `fast < slow and slow <= 4 * fast`: read as arithmetic, never run as code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.core.errors import ConfigError

LONGEST = 500  # characters: a condition, not a program; nothing so short nests too deep to read

Values = Mapping[str, Any]
Condition = Callable[[Values], bool]
_Term = Callable[[Values], Any]

_ARITHMETIC: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: Mapping[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_SIGNS: Mapping[type[ast.AST], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_EXPECTED = "expected comparisons of parameters and numbers, such as 'fast < slow and slow <= 200'"


def condition(text: str, names: Sequence[str]) -> Condition:
    """What a text says of parameters: `+ - * / // %`, comparisons (also chained), `and`, `or`, `not`, parentheses.

    Raises ConfigError naming what it cannot read or what is no parameter; so does the condition itself
    where values divide by zero.
    """
    if len(text) > LONGEST:
        raise ConfigError(f"where: expected at most {LONGEST:,} characters, got {len(text):,}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        raise ConfigError(f"where {text!r}: {_EXPECTED}") from None
    holds = _Reading(text, frozenset(names)).truth(tree.body)

    def checked(values: Values) -> bool:
        try:
            return bool(holds(values))
        except (ArithmeticError, TypeError) as error:
            at = ", ".join(f"{name}={value}" for name, value in values.items())
            raise ConfigError(f"where {text!r}: {error} at {at}") from None

    return checked


class _Reading:
    """Turns a syntax tree into functions of the parameters' values, node by node; what it does not know it refuses."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self._text = text.strip()
        self._names = names

    def truth(self, node: ast.AST) -> _Term:
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(each) for each in node.values]
            needs = all if isinstance(node.op, ast.And) else any
            return lambda values: needs(part(values) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand)
            return lambda values: not inner(values)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Name):
            return self._number(node)  # a parameter that is true or false
        raise self._unread(node)

    def _comparison(self, node: ast.Compare) -> _Term:
        terms = [self._number(each) for each in (node.left, *node.comparators)]
        tests = []
        for each in node.ops:
            if type(each) not in _COMPARISONS:
                raise self._unread(node)
            tests.append(_COMPARISONS[type(each)])
        links = list(zip(tests, terms[:-1], terms[1:], strict=True))
        return lambda values: all(test(left(values), right(values)) for test, left, right in links)

    def _number(self, node: ast.AST) -> _Term:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            constant = node.value
            return lambda values: constant
        if isinstance(node, ast.Name):
            return self._parameter(node.id)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
            sign, operand = _SIGNS[type(node.op)], self._number(node.operand)
            return lambda values: sign(operand(values))
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            apply = _ARITHMETIC[type(node.op)]
            left, right = self._number(node.left), self._number(node.right)
            return lambda values: apply(left(values), right(values))
        raise self._unread(node)

    def _parameter(self, name: str) -> _Term:
        if name not in self._names:
            known = ", ".join(sorted(self._names))
            raise ConfigError(f"where {self._text!r}: {name!r} is no parameter; there is {known}")
        return lambda values: values[name]

    def _unread(self, node: ast.AST) -> ConfigError:
        return ConfigError(
            f"where {self._text!r}: cannot read {ast.get_source_segment(self._text, node)!r}; {_EXPECTED}"
        )
