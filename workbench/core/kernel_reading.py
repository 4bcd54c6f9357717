"""Reads a function of the kernel language: every line is one it has, every name has one kind, every way returns."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import msgspec

from workbench.core.kernel_expressions import kind, number, operation, truth
from workbench.core.kernel_kinds import BOOL, FLOAT, INT, OPINION, Kind, Record, RingOf, words
from workbench.core.kernel_names import Scope, path
from workbench.core.kernel_source import Source

_INSTEAD: dict[type[ast.AST], tuple[str, str]] = {
    ast.Try: ("kernels catch nothing", "test for the case with `if`"),
    ast.With: ("`with` needs a Python object", "leave it out"),
    ast.Raise: ("kernels raise nothing", "return math.nan for no opinion"),
    ast.Assert: ("kernels assert nothing", "check parameters with requires=..., data with `if`"),
    ast.Import: ("kernels import nothing", "import above the kernel"),
    ast.ImportFrom: ("kernels import nothing", "import above the kernel"),
    ast.FunctionDef: ("a function inside of a kernel", "write it beside the kernel, and call it by name"),
    ast.ClassDef: ("a class inside of a kernel", "keep numbers in the state"),
    ast.Delete: ("kernels delete nothing", "set it to 0"),
    ast.Global: ("kernels change nothing outside", "keep it in the state"),
    ast.Nonlocal: ("kernels change nothing outside", "keep it in the state"),
    ast.Match: ("kernels have no match", "write if and elif"),
}


class Reading(msgspec.Struct):
    """A function that was read: `tree` has a kind on every expression, `written` the fields that it changes."""

    source: Source
    tree: ast.FunctionDef
    arguments: dict[str, Any]
    locals: dict[str, Any]
    returns: Any
    written: frozenset[str]
    outside: dict[str, Any]  # names of the module, with what they stood for
    says: bool  # whether it is the kernel itself, which returns opinions


def read(source: Source, arguments: dict[str, Kind], inside: tuple[Any, ...] = (), *, says: bool = False) -> Reading:
    """Reads a function for arguments of these kinds; `says`: it is the kernel itself, which returns opinions.

    Raises ConfigError naming the line, the construct, and what to write instead.
    """
    tree = source.tree()
    scope = Scope(source, dict(arguments), read, (*inside, source.function))
    body = _Body(scope, says)
    scope.local = frozenset(body.assigned(tree)) - frozenset(arguments)
    if body.block(tree.body):
        instead = "end with return math.nan for no opinion" if says else "end with a return"
        raise scope.refuse(tree.body[-1], "it may end without a return", instead)
    returns = OPINION if says else body.returns
    return Reading(source, tree, arguments, scope.kinds, returns, frozenset(scope.written), scope.outside, says)


class _Body:
    """Reads the statements of one function."""

    def __init__(self, scope: Scope, says: bool) -> None:
        self.scope, self.says = scope, says
        self.returns: Kind | None = None
        self._loops = 0
        self._readers: dict[type[ast.stmt], Callable[[Any], bool]] = {
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._change,
            ast.If: self._if,
            ast.While: self._while,
            ast.For: self._for,
            ast.Return: self._return,
            ast.Expr: self._expression,
            ast.Pass: lambda _: True,
            ast.Break: lambda _: False,
            ast.Continue: lambda _: False,
        }

    @staticmethod
    def assigned(tree: ast.AST) -> set[str]:
        """The names that are assigned anywhere in a function."""
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def block(self, statements: list[ast.stmt]) -> bool:
        """Reads lines in order; whether what follows them is reached."""
        reached = True
        for statement in statements:
            if not reached:
                raise self.scope.refuse(statement, "this line is never reached", "take it out")
            reader = self._readers.get(type(statement))
            if reader is None:
                what, instead = _INSTEAD.get(type(statement), (f"no {type(statement).__name__} in kernels", ""))
                raise self.scope.refuse(statement, what, instead)
            reached = reader(statement)
        return reached

    # --- lines that compute -----------------------------------------------------------------------

    def _expression(self, statement: ast.Expr) -> bool:
        value = statement.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return True  # a docstring
        kind(value, self.scope, whole=True)
        if not hasattr(value, "owner"):
            raise self.scope.refuse(statement, f"`{ast.unparse(value)}` leads to nothing", "assign or return it")
        return True

    def _annotated(self, statement: ast.AnnAssign) -> bool:
        if statement.value is None:
            raise self.scope.refuse(statement, "a name without a value", "assign one")
        self._store(statement.target, statement.value, self._whole(statement.value))
        return True

    def _assign(self, statement: ast.Assign) -> bool:
        if len(statement.targets) != 1:
            raise self.scope.refuse(statement, "two targets in one line", "write a line for each")
        self._store(statement.targets[0], statement.value, self._whole(statement.value))
        return True

    def _whole(self, value: ast.expr) -> Kind:
        """The kind of all that a line computes: here a tuple and updates may stand."""
        if not isinstance(value, ast.Tuple):
            return kind(value, self.scope, whole=True)
        parts = [kind(each, self.scope, whole=True) for each in value.elts]
        for each, found in zip(value.elts, parts, strict=True):
            if not isinstance(found, str):
                raise self.scope.refuse(each, f"`{ast.unparse(each)}` is {words(found)}, no number")
        value.kind = tuple(parts)  # type: ignore[attr-defined]
        return tuple(str(each) for each in parts)

    def _store(self, target: ast.expr, value: ast.expr | None, found: Kind) -> None:
        if isinstance(target, ast.Tuple):
            if not isinstance(found, tuple) or len(found) != len(target.elts):
                raise self.scope.refuse(target, f"{len(target.elts)} names for {words(found)}", "match their number")
            parts = value.elts if isinstance(value, ast.Tuple) else [None] * len(found)
            for each, part, item in zip(target.elts, parts, found, strict=True):
                self._store(each, part, item)
        elif isinstance(target, ast.Name):
            self._name(target, found)
        elif isinstance(target, (ast.Attribute, ast.Subscript)):
            self._fits(target, self._place(target), found, value)
        else:
            raise self.scope.refuse(
                target, f"cannot assign to `{ast.unparse(target)}`", "assign to a name or the state"
            )

    def _name(self, target: ast.Name, found: Kind) -> None:
        name, scope = target.id, self.scope
        if "__" in name:
            raise scope.refuse(target, f"{name!r} has two underscores", "choose another name")
        if isinstance(found, (Record, RingOf)):
            raise scope.refuse(target, f"{words(found)} cannot have another name", "use it by its own")
        before = scope.kinds.setdefault(name, found)
        if isinstance(before, Record):
            raise scope.refuse(target, f"{name!r} is the {before.name}", "choose another name")
        self._fits(target, before, found, None)
        scope.sure.add(name)

    def _place(self, target: ast.Attribute | ast.Subscript) -> Kind:
        """The kind of the place in the state that is assigned to; notes that it changes."""
        field = target.value if isinstance(target, ast.Subscript) else target
        held = kind(target, self.scope)
        found = path(field, self.scope)
        text = ast.unparse(target)
        if found is None or not isinstance(field, ast.Attribute) or hasattr(field, "reading"):
            raise self.scope.refuse(
                target, f"`{text}` cannot be assigned to", "assign to a name or a field of the state"
            )
        owner = path(field.value, self.scope)
        assert owner is not None
        if not isinstance(owner[1], Record) or not owner[1].writable or "." in owner[0]:
            what = f"`{text}` is read-only"
            hint = "only its update changes an indicator" if "." in owner[0] else "keep what changes in the state"
            raise self.scope.refuse(target, what, hint)
        if isinstance(held, (Record, RingOf)):
            raise self.scope.refuse(target, f"{words(held)} cannot be replaced", "assign to its elements or fields")
        if not isinstance(target, ast.Subscript):
            self.scope.written.add(found[0])
        return held

    def _fits(self, target: ast.expr, wanted: Kind, found: Kind, value: ast.expr | None) -> None:
        if wanted == found:
            return
        text = ast.unparse(target)
        instead = "give it a name of its own"
        if (wanted, found) == (FLOAT, INT):
            instead = f"write float({ast.unparse(value)})" if value is not None else "write 0.0 for 0, or float(...)"
        elif (wanted, found) == (INT, FLOAT):
            instead = "write math.floor(...), or declare it as a float from the start"
        raise self.scope.refuse(target, f"`{text}` is {words(wanted)} and cannot become {words(found)}", instead)

    def _change(self, statement: ast.AugAssign) -> bool:
        target = statement.target
        held: Kind
        if isinstance(target, ast.Name):
            held = number(ast.copy_location(ast.Name(target.id, ast.Load()), target), self.scope)
        else:
            held = self._place(target)
        if held == BOOL or not isinstance(held, str):
            raise self.scope.refuse(statement, f"`{ast.unparse(target)}` is {words(held)}, no number")
        given = number(statement.value, self.scope)
        result = operation(statement, statement.op, (target, held), (statement.value, given), self.scope)
        self._fits(target, held, result, None)
        target.kind = held  # type: ignore[union-attr]
        return True

    def _return(self, statement: ast.Return) -> bool:
        if statement.value is None:
            raise self.scope.refuse(statement, "it returns nothing", "write return math.nan for no opinion")
        found = self._whole(statement.value)
        if self.says:
            self._check_opinion(statement, found)
        elif isinstance(found, (Record, RingOf)):
            raise self.scope.refuse(statement, f"it returns {words(found)}", "return numbers")
        elif self.returns is None:
            self.returns = found
        elif found != self.returns:
            what = f"it returns {words(found)} here and {words(self.returns)} before"
            raise self.scope.refuse(statement, what, "return one kind, such as 0.0 for 0")
        return False

    def _check_opinion(self, statement: ast.Return, found: Kind) -> None:
        text = ast.unparse(statement.value) if statement.value else ""
        if found == BOOL:
            raise self.scope.refuse(statement, "it returns a bool", f"write 1.0 if {text} else 0.0")
        if found not in (INT, FLOAT, OPINION):
            instead = "return an exposure, target(...) or quotes(...)"
            raise self.scope.refuse(statement, f"it returns {words(found)}", instead)

    # --- lines that choose ------------------------------------------------------------------------

    def _if(self, statement: ast.If) -> bool:
        truth(statement.test, self.scope)
        before = set(self.scope.sure)
        first = self.block(statement.body)
        one, self.scope.sure = self.scope.sure, set(before)
        second = self.block(statement.orelse)
        if first and second:
            self.scope.sure &= one
        elif first:
            self.scope.sure = one
        return first or second

    def _while(self, statement: ast.While) -> bool:
        truth(statement.test, self.scope)
        return self._loop(statement)

    def _for(self, statement: ast.For) -> bool:
        call, target = statement.iter, statement.target
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"):
            raise self.scope.refuse(statement, "it loops over a Python object", "write for i in range(len(state.ring))")
        if not isinstance(target, ast.Name) or call.keywords or not 1 <= len(call.args) <= 3:
            raise self.scope.refuse(
                statement, f"`for {ast.unparse(target)}` is no simple loop", "write for i in range(n)"
            )
        for each in call.args:
            if number(each, self.scope) != INT:
                text = ast.unparse(each)
                raise self.scope.refuse(each, f"`{text}` is a float", f"write int({text})")
        if len(call.args) == 3 and not _is_step(call.args[2]):
            raise self.scope.refuse(call, "the step of range is not written down", "write a number, such as -1")
        before = set(self.scope.sure)
        self._name(target, INT)
        self._loop(statement)
        self.scope.sure = before
        return True

    def _loop(self, statement: ast.For | ast.While) -> bool:
        if statement.orelse:
            raise self.scope.refuse(statement.orelse[0], "a loop with else", "keep a bool, and test it after the loop")
        before = set(self.scope.sure)
        self.block(statement.body)
        self.scope.sure = before
        return True


def _is_step(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    return isinstance(inner, ast.Constant) and type(inner.value) is int and inner.value != 0
