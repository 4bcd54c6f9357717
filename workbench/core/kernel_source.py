"""The text of a function as a tree, and errors that name the line and say what to write instead."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from workbench.core.errors import ConfigError

MISSING = object()


class Source(msgspec.Struct, frozen=True):
    """One function's text and place; `tree` is made anew for whoever asks, and may be changed."""

    function: Callable[..., Any]
    name: str
    file: str
    line: int
    text: str

    def tree(self) -> ast.FunctionDef:
        """The function's definition, with the line numbers of its file."""
        node = ast.parse(self.text).body[0]
        assert isinstance(node, ast.FunctionDef)
        ast.increment_lineno(node, self.line - 1)
        return node

    def refuse(self, node: ast.AST | None, what: str, instead: str = "") -> ConfigError:
        """The error for a construct that kernels do not have: where, what, and what to write instead."""
        line = getattr(node, "lineno", self.line)
        return ConfigError(f"{self.file}:{line}: {self.name}: {what}" + (f"; {instead}" if instead else ""))

    def lookup(self, name: str) -> Any:
        """What a name outside of the function stands for, now; `MISSING` where it stands for nothing."""
        code = self.function.__code__
        if name in code.co_freevars:
            cell = (self.function.__closure__ or ())[code.co_freevars.index(name)]
            return _content(cell)
        return self.function.__globals__.get(name, getattr(builtins, name, MISSING))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return MISSING


@lru_cache(maxsize=4096)  # functions of one process; a file that is edited meanwhile does not change what runs
def source_of(function: Callable[..., Any]) -> Source:
    """The source of a function; raises ConfigError where it is no plain function or its text cannot be read."""
    name = getattr(function, "__qualname__", repr(function)).rpartition(".")[2]
    if not inspect.isfunction(function):
        raise ConfigError(f"{name}: expected a plain function, got a {type(function).__name__}")
    file, line = function.__code__.co_filename, function.__code__.co_firstlineno
    try:
        lines, line = inspect.getsourcelines(function)
    except (OSError, TypeError):
        raise ConfigError(f"{file}:{line}: {name}: its source cannot be read; define it in a file or a cell") from None
    text = inspect.cleandoc("\n" + "".join(lines)) + "\n"
    found = Source(function, name, file, line, text)
    try:
        node = ast.parse(text).body[0]
    except SyntaxError:
        raise found.refuse(None, "its source cannot be read by itself", "define it by a `def` of its own") from None
    if not isinstance(node, ast.FunctionDef):
        raise found.refuse(None, "is not a plain function", "write it as a `def`, without async and lambda")
    return found
