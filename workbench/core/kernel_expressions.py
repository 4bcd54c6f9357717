"""Reads the expressions of a kernel: each gets its kind, and what has none is refused with what to write instead."""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

from workbench.core.kernel_calls import WORDS, Word, defaults_of
from workbench.core.kernel_kinds import BOOL, FLOAT, INT, NUMBERS, OPINION, Kind, Record, RingOf, kind_of, words
from workbench.core.kernel_names import Scope, field_hint, of_attribute, of_name, of_value, outside, path
from workbench.core.kernel_source import MISSING, Source, source_of

MOST_POWER = 63  # of an int; with more, even 2 leaves 64 bits

_INSTEAD: dict[type[ast.AST], tuple[str, str]] = {
    ast.ListComp: ("a comprehension makes a list", "write a loop over range() that sums up what you need"),
    ast.SetComp: ("a comprehension makes a set", "write a loop over range()"),
    ast.DictComp: ("a comprehension makes a dict", "keep numbers in the state"),
    ast.GeneratorExp: ("a generator is a Python object", "write a loop over range()"),
    ast.List: ("a list is a Python object", 'declare a ring in the state: ring("window", 0.0)'),
    ast.Dict: ("a dict is a Python object", "keep numbers and rings in the state"),
    ast.Set: ("a set is a Python object", "keep numbers and rings in the state"),
    ast.JoinedStr: ("text is a Python object", "return numbers, and explain them outside of the kernel"),
    ast.Lambda: ("a lambda is a Python object", "write a function of its own beside the kernel"),
    ast.NamedExpr: ("`:=` assigns inside an expression", "assign on a line of its own"),
    ast.Await: ("a kernel waits for nothing", "put what it must know into its event or state"),
    ast.Yield: ("a kernel returns once for each event", "keep what lasts in the state"),
    ast.Starred: ("`*` spreads a Python object", "write the arguments one by one"),
    ast.Slice: ("a slice makes a list", "write a loop over range()"),
}


def kind(node: ast.expr, scope: Scope, *, whole: bool = False) -> Kind:
    """The kind of an expression, which it keeps as `node.kind`; `whole`: it is all that its line computes."""
    known: Kind
    if isinstance(node, ast.Call):
        known = _call(node, scope, whole)
    elif type(node) in _READERS:
        known = _READERS[type(node)](node, scope)
    else:
        what, instead = _INSTEAD.get(type(node), (f"`{ast.unparse(node)}` is not in the language of kernels", ""))
        raise scope.refuse(node, what, instead)
    node.kind = known  # type: ignore[attr-defined]
    return known


def number(node: ast.expr, scope: Scope) -> str:
    """The kind of an expression that must be an int or a float."""
    found = kind(node, scope)
    if found == BOOL:
        raise scope.refuse(node, f"`{ast.unparse(node)}` is a bool", f"write int({ast.unparse(node)})")
    if not isinstance(found, str) or found not in NUMBERS:
        raise scope.refuse(node, f"`{ast.unparse(node)}` is {words(found)}, no number", field_hint(found))
    return found


def truth(node: ast.expr, scope: Scope) -> str:
    """The kind of an expression that must be a bool."""
    found = kind(node, scope)
    if found != BOOL:
        text = ast.unparse(node)
        raise scope.refuse(
            node, f"`{text}` is {words(found)}, no bool", f"write `{text} != 0`" if found in NUMBERS else ""
        )
    return BOOL


def is_small(node: ast.expr) -> bool:
    """Whether it is an int that is written down and the same as a float."""
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    return isinstance(inner, ast.Constant) and type(inner.value) is int and abs(inner.value) <= 2**53


def _constant(node: ast.Constant, scope: Scope) -> Kind:
    return of_value(node, node.value, scope)


def _arithmetic(node: ast.BinOp, scope: Scope) -> Kind:
    return operation(
        node, node.op, (node.left, number(node.left, scope)), (node.right, number(node.right, scope)), scope
    )


def operation(
    node: ast.AST, op: ast.operator, left: tuple[ast.expr, str], right: tuple[ast.expr, str], scope: Scope
) -> str:
    """The kind that arithmetic on two numbers gives."""
    if isinstance(op, ast.Pow):
        value = getattr(right[0], "value", None)
        if left[1] != INT or type(value) is not int or not 0 <= value <= MOST_POWER:
            raise scope.refuse(node, "`**` is for ints and a small written power", "write x * x, or math.sqrt(x)")
        return INT
    if isinstance(op, ast.Div):
        return FLOAT
    if isinstance(op, (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)):
        return INT if left[1] == right[1] == INT else FLOAT
    raise scope.refuse(node, "kernels have no bit operations and no matrices", "write +, -, *, /, // or %")


def _sign(node: ast.UnaryOp, scope: Scope) -> Kind:
    if isinstance(node.op, ast.Not):
        return truth(node.operand, scope)
    if isinstance(node.op, ast.Invert):
        raise scope.refuse(node, "kernels have no bit operations", "write `not` for a bool")
    return number(node.operand, scope)


def _both(node: ast.BoolOp, scope: Scope) -> Kind:
    for each in node.values:
        truth(each, scope)
    return BOOL


def _comparison(node: ast.Compare, scope: Scope) -> Kind:
    for op in node.ops:
        if isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)):
            raise scope.refuse(node, f"`{ast.unparse(node)}` asks for objects", "write ==, !=, <, <=, > or >=")
    sides = [node.left, *node.comparators]
    kinds = [kind(each, scope) for each in sides]
    if set(kinds) == {BOOL} and all(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops):
        return BOOL
    for each in sides:
        number(each, scope)
    return BOOL


def _choice(node: ast.IfExp, scope: Scope) -> Kind:
    truth(node.test, scope)
    return together(node, [node.body, node.orelse], [kind(node.body, scope), kind(node.orelse, scope)], scope)


def together(node: ast.AST, parts: list[ast.expr], kinds: list[Kind], scope: Scope) -> Kind:
    """The one kind of several expressions; a small written int among floats counts as a float."""
    wanted = FLOAT if FLOAT in kinds else kinds[0]
    for part, found in zip(parts, kinds, strict=True):
        if found != wanted and not (wanted == FLOAT and found == INT and is_small(part)):
            text = ast.unparse(part)
            instead = f"write float({text})" if {found, wanted} == set(NUMBERS) else ""
            raise scope.refuse(node, f"{words(wanted)} in one case and {words(found)} (`{text}`) in another", instead)
    if isinstance(wanted, (Record, RingOf)):
        raise scope.refuse(node, f"{words(wanted)} is no number", field_hint(wanted))
    return wanted


def _element(node: ast.Subscript, scope: Scope) -> Kind:
    owner = kind(node.value, scope)
    if isinstance(node.slice, ast.Slice):
        raise scope.refuse(node, *_INSTEAD[ast.Slice])
    if isinstance(owner, tuple):
        place = getattr(node.slice, "value", None)
        if type(place) is not int or not 0 <= place < len(owner):
            raise scope.refuse(node, f"a tuple of {len(owner)} is indexed by a written number", "unpack it: a, b = ...")
        return owner[place]
    if not isinstance(owner, RingOf):
        raise scope.refuse(node, f"`{ast.unparse(node.value)}` is {words(owner)}, no ring", "index rings only")
    if kind(node.slice, scope) != INT:
        text = ast.unparse(node.slice)
        raise scope.refuse(node, f"the index `{text}` is {words(node.slice.kind)}", f"write int({text})")  # type: ignore[attr-defined]
    return owner.item


def _call(node: ast.Call, scope: Scope, whole: bool) -> Kind:
    if isinstance(node.func, ast.Attribute):
        owner = path(node.func.value, scope)
        if owner is not None:
            return _update(node, owner[0], owner[1], scope, whole)
    found = outside(node.func, scope)
    if found is not MISSING and _hashable(found) and found in WORDS:
        word: Word = WORDS[found]
        node.word = word.name  # type: ignore[attr-defined]
        return _word(node, word, scope)
    if isinstance(found, FunctionType):
        return _function(node, found, scope)
    text = ast.unparse(node.func)
    known = "abs, min, max, float, int, bool, len, round, math.sqrt, math.floor, math.isnan"
    if text == "math.ceil":
        raise scope.refuse(node, f"`{text}` is not in the language of kernels", "write -math.floor(-x)")
    if found is MISSING:
        raise scope.refuse(
            node, f"`{text}` stands for no function here", f"define it before the kernel, or use {known}"
        )
    raise scope.refuse(node, f"`{text}` cannot be called in a kernel", f"use {known}, or a function of your own")


def _hashable(found: Any) -> bool:
    return type(found).__hash__ is not None


def _word(node: ast.Call, word: Word, scope: Scope) -> Kind:
    strange = any(each.arg not in word.names for each in node.keywords)
    if strange or not word.least <= len(node.args) + len(node.keywords) <= word.most:
        raise scope.refuse(node, f"`{ast.unparse(node)}` has arguments that {word.name} does not take", word.usage)
    given = [*node.args, *(each.value for each in node.keywords)]
    if word.takes == "ring":
        if not isinstance(kind(given[0], scope), RingOf):
            raise scope.refuse(node, f"`{ast.unparse(given[0])}` is no ring", "len() is for rings of the state")
        return INT
    kinds: list[Kind] = [kind(each, scope) if word.takes == "any" else number(each, scope) for each in given]
    for each, found in zip(given, kinds, strict=True):
        if found not in (INT, FLOAT, BOOL):
            raise scope.refuse(each, f"`{ast.unparse(each)}` is {words(found)}, no number", field_hint(found))
    if word.gives == OPINION:
        _check_raws(node, word, kinds, scope)
    if word.name in ("min", "max"):
        return together(node, given, kinds, scope)
    return kinds[0] if word.gives == "same" else word.gives


def _check_raws(node: ast.Call, word: Word, kinds: list[Kind], scope: Scope) -> None:
    """All but an exposure are raw integers."""
    given = [*node.args, *(each.value for each in node.keywords)]
    names = [*word.names[: len(node.args)], *(each.arg or "" for each in node.keywords)]
    for name, each, found in zip(names, given, kinds, strict=True):
        if name != "exposure" and found != INT:
            text = ast.unparse(each)
            raise scope.refuse(each, f"{name} `{text}` is {words(found)}, no raw int", f"write math.floor({text})")


def _function(node: ast.Call, function: FunctionType, scope: Scope) -> Kind:
    name = function.__name__
    if node.keywords:
        raise scope.refuse(node, f"{name}(...) is called by keyword", "give arguments by position")
    source = source_of(function)
    names = source.function.__code__.co_varnames[: source.function.__code__.co_argcount]
    rest = defaults_of(function, len(names) - len(node.args))
    if len(node.args) > len(names) or rest is None or source.function.__code__.co_kwonlyargcount:
        raise scope.refuse(
            node, f"{name}(...) does not take {len(node.args)} arguments", f"it takes {', '.join(names)}"
        )
    node.args += [ast.copy_location(ast.Constant(each), node) for each in rest]
    kinds = [kind(each, scope) for each in node.args]
    for each, found in zip(node.args, kinds, strict=True):
        if isinstance(found, (Record, RingOf)):
            raise scope.refuse(each, f"`{ast.unparse(each)}` is {words(found)}", f"hand {name} numbers")
    if function in scope.inside:
        raise scope.refuse(node, f"{name} calls itself", "write a loop")
    node.reading = scope.read(source, dict(zip(names, kinds, strict=True)), scope.inside)  # type: ignore[attr-defined]
    returns: Kind = node.reading.returns  # type: ignore[attr-defined]
    return returns


def _update(node: ast.Call, owner: str, record: Kind, scope: Scope, whole: bool) -> Kind:
    assert isinstance(node.func, ast.Attribute)
    name = node.func.attr
    if isinstance(record, RingOf):
        raise scope.refuse(node, f"a ring keeps its length: it has no {name}", "write ring[place] = value")
    if not isinstance(record, Record) or record.indicator is None or name != "update":
        raise scope.refuse(node, f"`{ast.unparse(node.func)}` cannot be called", "an indicator has update(...)")
    if not whole:
        raise scope.refuse(
            node, "an update inside of an expression", f"give it a line of its own: value = {ast.unparse(node)}"
        )
    method: Any = getattr(record.indicator, "update", None)
    source = source_of(method)
    taken = _annotated(source)
    if node.keywords or len(node.args) != len(taken):
        raise scope.refuse(node, f"{owner}.update takes {', '.join(taken)}", "give them by position")
    for each, (argument, wanted) in zip(node.args, taken.items(), strict=True):
        found = kind(each, scope)
        if found != wanted:
            instead = f"write float({ast.unparse(each)})" if (found, wanted) == (INT, FLOAT) else ""
            raise scope.refuse(each, f"{owner}.update: {argument} is {words(wanted)}, got {words(found)}", instead)
    reading = scope.read(source, {"self": record, **taken}, scope.inside)
    scope.written |= {f"{owner}.{each.partition('.')[2]}" for each in reading.written}
    node.reading, node.owner = reading, owner  # type: ignore[attr-defined]
    returns: Kind = reading.returns
    return returns


def _annotated(source: Source) -> dict[str, Kind]:
    import typing

    hints = typing.get_type_hints(source.function)
    names = source.function.__code__.co_varnames[1 : source.function.__code__.co_argcount]
    return {name: kind_of(hints.get(name), f"{source.name}: {name}") for name in names}


def no_tuple(node: ast.Tuple, scope: Scope) -> Kind:
    raise scope.refuse(node, "a tuple in the middle of an expression", "assign or return it as it is: a, b = b, a")


_READERS: dict[type[ast.expr], Callable[[Any, Scope], Kind]] = {
    ast.Constant: _constant,
    ast.Name: of_name,
    ast.Attribute: of_attribute,
    ast.BinOp: _arithmetic,
    ast.UnaryOp: _sign,
    ast.BoolOp: _both,
    ast.Compare: _comparison,
    ast.IfExp: _choice,
    ast.Subscript: _element,
    ast.Tuple: no_tuple,
}
