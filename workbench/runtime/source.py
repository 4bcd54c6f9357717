"""The identity of a strategy's code: a hash of its syntax, and of every module of its own that it imports."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import linecache
import sys
from pathlib import Path

from workbench.core.kernel_strategy import KernelStrategy
from workbench.core.strategy import Strategy


def source_hash(kind: type[Strategy]) -> str:
    """A hash that comments and layout do not change; empty where the source cannot be found.

    For a class of a module it covers the module and, in turn, every module outside `workbench` and
    the installed packages that it imports; for a class written in a notebook cell, the class.
    """
    if kind.__module__ == "__main__":
        written = _cell_class(kind)
        return hashlib.sha256(written).hexdigest() if written else ""
    closure = source_closure(kind.__module__)
    digest = hashlib.sha256()
    for name, path in sorted(closure.items()):
        digest.update(name.encode() + b"\0" + syntax(path.read_text(encoding="utf-8")))
    return digest.hexdigest() if closure else ""


def source_closure(module: str) -> dict[str, Path]:
    """The module and all of the user's own modules it imports, by name."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _own_file(name, root=name == module)
        if name in found or path is None:
            continue
        found[name] = path
        waiting.extend(_imports(ast.parse(path.read_text(encoding="utf-8")), name))
    return found


def _own_file(module: str, *, root: bool) -> Path | None:
    if not root and module.split(".")[0] in {"workbench", *sys.stdlib_module_names}:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    return None if not root and "site-packages" in path.parts else path


def _imports(tree: ast.Module, module: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.rsplit(".", node.level)[0]
                base = f"{package}.{base}" if base else package
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


def syntax(source: str) -> bytes:
    """The syntax of some source as text, equal for equal code on every Python; raises SyntaxError."""
    return _shape(ast.parse(source)).encode()


def _shape(node: object) -> str:
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return f"{type(node).__name__}({','.join(f'{name}={_shape(value)}' for name, value in fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_shape, node))}]"
    return repr(node)


def _cell_class(kind: type[Strategy]) -> bytes:
    """The syntax of a class or kernel as its notebook cell holds it; empty where the cell is not remembered."""
    written = kind.kernel.function if issubclass(kind, KernelStrategy) else kind.on_market_data
    lines = linecache.getlines(written.__code__.co_filename)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:  # a cell with magics; its class has no identity until it is a module
        return b""
    definition = ast.FunctionDef if issubclass(kind, KernelStrategy) else ast.ClassDef
    found = [node for node in tree.body if isinstance(node, definition) and node.name == kind.__name__]
    return _shape(found[-1]).encode() if found else b""
