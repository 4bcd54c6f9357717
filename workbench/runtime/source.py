"""The identity of a strategy's code: a hash of its syntax, and of every module of its own that it imports."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path

from workbench.core.strategy import Strategy


def source_hash(kind: type[Strategy]) -> str:
    """A hash that comments and layout do not change; empty where the source cannot be found.

    For a class of a module it covers the module and, in turn, every module outside `workbench` and
    the installed packages that it imports; for a class written in a notebook cell, the class.
    """
    digest = hashlib.sha256()
    if kind.__module__ == "__main__":
        try:
            digest.update(_syntax(inspect.getsource(kind)))
        except (OSError, TypeError, SyntaxError):
            return ""
        return digest.hexdigest()
    closure = source_closure(kind.__module__)
    for name, path in sorted(closure.items()):
        digest.update(name.encode() + b"\0" + _syntax(path.read_text(encoding="utf-8")))
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


def _syntax(source: str) -> bytes:
    return ast.dump(ast.parse(inspect.cleandoc(source) if source[:1].isspace() else source)).encode()
