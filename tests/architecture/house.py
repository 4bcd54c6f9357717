"""Reads the house as text: a rule is a function from sources to complaints, so that each can be shown to fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

Sources = Mapping[str, str]  # path from the root of the repository -> its text

FLOORS = {
    "core": 1,
    "strategies": 2,
    "risk": 2,
    "connectors": 2,
    "data": 2,
    "trading": 3,
    "compiled": 3,
    "twin": 3,
    "runtime": 4,
    "simulation": 5,
    "research": 5,
    "lab": 6,
    "cli": 7,
    "": 8,  # the front door: workbench/__init__.py and workbench/__main__.py
}


def house() -> dict[str, str]:
    """Every module of the package, as it stands on disk."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "workbench").rglob("*.py"))
    }


def room_of(path: str) -> str:
    """Where a module is: `core` for workbench/core/money.py, `cli` for workbench/cli.py, '' for the front door."""
    first = PurePosixPath(path).parts[1].removesuffix(".py")
    return "" if first in ("__init__", "__main__") else first


def module_of(path: str) -> str:
    """The dotted name a path is imported by."""
    return ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a module imports, inside functions and for types only too.

    `from a import b` is named `a.b`, whether b is a module or a name in a.
    """
    package = module_of(path) if path.endswith("__init__.py") else module_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{each.name}") for each in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("import_module"):
            literals = [each.value for each in node.args[:1] if isinstance(each, ast.Constant)]
            yield from ((node.lineno, str(each)) for each in literals)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a name or a chain of attributes; an unnameable part is `?`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def functions_around(tree: ast.AST) -> dict[ast.AST, str]:
    """For every node the qualified name of the function or class it stands in, '' at the top."""
    around: dict[ast.AST, str] = {tree: ""}
    for node in ast.walk(tree):
        inside = around[node]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{inside}.{node.name}".lstrip(".")
        for child in ast.iter_child_nodes(node):
            around[child] = inside
    return around
