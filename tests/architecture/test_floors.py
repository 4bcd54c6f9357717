"""The house: imports go down only, one library lives in one room, and nothing goes in a circle."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.architecture.house import FLOORS, Sources, dotted, functions_around, house, imports, module_of, room_of

# A library and the only files that may import it. A path that ends in / is a room.
JUPYTER = ("workbench/lab/", "workbench/research/runner.py")
HOMES: dict[str, tuple[str, ...]] = {
    "ccxt": ("workbench/connectors/ccxt_exchange.py",),
    "sqlalchemy": ("workbench/data/",),
    "pyarrow": ("workbench/data/",),
    "duckdb": ("workbench/data/",),
    "psycopg": ("workbench/data/",),
    "numba": ("workbench/compiled/",),
    "vectorbt": ("workbench/research/screen.py",),
    "papermill": ("workbench/research/runner.py",),
    "pandas": ("workbench/research/",),
    "plotly": ("workbench/research/",),
    "typer": ("workbench/cli.py", "workbench/cli/"),
    "rich": ("workbench/cli.py", "workbench/cli/"),
    **dict.fromkeys(
        ("IPython", "ipykernel", "ipywidgets", "anywidget", "traitlets", "nbformat", "nbclient", "nbconvert"), JUPYTER
    ),
    **dict.fromkeys(("jupyter_client", "jupyter_core", "jupyter_server", "jupyterlab", "jupyter_scheduler"), JUPYTER),
}

# All that core may think with: no file, no socket, no clock, no chance, no other package than msgspec.
CORE_MAY_IMPORT = frozenset(
    [
        "__future__",
        "abc",
        "ast",  # this one and inspect, copy, builtins and types: the language of kernels reads functions
        "bisect",
        "builtins",
        "collections",
        "copy",
        "datetime",
        "decimal",
        "enum",
        "functools",
        "hashlib",
        "inspect",
        "itertools",
        "math",
        "msgspec",
        "operator",
        "re",
        "types",
        "typing",
        "workbench",
    ]
)


def upward_imports(sources: Sources) -> list[str]:
    """Imports of a higher floor, or of another room on the same floor."""
    complaints = []
    for path, source in sources.items():
        room = room_of(path)
        if room not in FLOORS:
            complaints.append(f"{path}: room {room!r} has no floor")
            continue
        for line, name in imports(path, source):
            if name.split(".")[0] != "workbench" or name == "workbench.__version__":
                continue
            parts = name.split(".")
            target = parts[1] if len(parts) > 1 and parts[1] in FLOORS else ""
            if target != room and FLOORS[target] >= FLOORS[room]:
                complaints.append(f"{path}:{line}: floor {FLOORS[room]} may not see {name}")
    return complaints


def strays(sources: Sources) -> list[str]:
    """Libraries imported outside their room."""
    complaints = []
    for path, source in sources.items():
        for line, name in imports(path, source):
            homes = HOMES.get(name.split(".")[0])
            if homes is None or any(path == home or (home.endswith("/") and path.startswith(home)) for home in homes):
                continue
            if not (name.split(".")[0] == "vectorbt" and _only_to_vectorbt(path, source)):
                complaints.append(f"{path}:{line}: {name} belongs in {' or '.join(homes)}")
    return complaints


def _only_to_vectorbt(path: str, source: str) -> bool:
    """Whether a research module imports vectorbt in its `to_vectorbt` and nowhere else."""
    tree = ast.parse(source)
    around = functions_around(tree)
    places = [
        around[node].rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "vectorbt" in [getattr(node, "module", None), *(each.name for each in node.names)]
    ]
    return room_of(path) == "research" and bool(places) and set(places) == {"to_vectorbt"}


def core_reaches_out(sources: Sources) -> list[str]:
    """Imports, clocks and coroutines that core must not have."""
    complaints = []
    for path, source in sources.items():
        if room_of(path) != "core":
            continue
        for line, name in imports(path, source):
            if name.split(".")[0] not in CORE_MAY_IMPORT:
                complaints.append(f"{path}:{line}: core may not import {name}")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
                complaints.append(f"{path}:{node.lineno}: core awaits nothing")
            elif isinstance(node, ast.AsyncFunctionDef) and not (path.endswith("/ports.py") and _signature_only(node)):
                complaints.append(f"{path}:{node.lineno}: async def {node.name} is more than a signature of a port")
            elif isinstance(node, ast.Call) and dotted(node.func) in ("open", "print", "input"):
                complaints.append(f"{path}:{node.lineno}: core does no {dotted(node.func)}")
    return complaints


def _signature_only(function: ast.AsyncFunctionDef) -> bool:
    """A docstring, and at most a refusal after it."""
    return ast.get_docstring(function) is not None and all(isinstance(each, ast.Raise) for each in function.body[1:])


def circles(sources: Sources) -> list[str]:
    """Import circles between modules; imports inside functions and for types only count."""
    modules = {module_of(path) for path in sources}
    edges = {
        module_of(path): {target for _, name in imports(path, source) if (target := _owner(name, modules))}
        for path, source in sources.items()
    }
    found: list[str] = []
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            found.append(" -> ".join((*trail[trail.index(module) :], module)))
        elif module not in done:
            for target in sorted(edges[module]):
                visit(target, (*trail, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())
    return found


def _owner(name: str, modules: set[str]) -> str | None:
    """The module that `name` is, or is in."""
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else None


RULES = [upward_imports, strays, core_reaches_out, circles]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule):
    assert rule(house()) == []


BAD = [
    (upward_imports, {"workbench/core/money.py": "from workbench.risk.gate import Gate"}),
    (upward_imports, {"workbench/core/money.py": "def later():\n    import workbench.trading.engine"}),
    (upward_imports, {"workbench/core/money.py": "from ..risk import gate"}),
    (upward_imports, {"workbench/risk/gate.py": "from workbench import data"}),
    (upward_imports, {"workbench/strategies/own.py": "from workbench.risk import gate"}),
    (upward_imports, {"workbench/runtime/run.py": "from workbench import backtest"}),
    (upward_imports, {"workbench/runtime/run.py": "import importlib\nimportlib.import_module('workbench.research')"}),
    (
        upward_imports,
        {"workbench/data/a.py": "if TYPE_CHECKING:\n    import workbench.cli"},
    ),
    (upward_imports, {"workbench/attic/new.py": ""}),
    (strays, {"workbench/connectors/venue.py": "import ccxt.pro"}),
    (strays, {"workbench/trading/engine.py": "def late():\n    from pandas import DataFrame"}),
    (strays, {"workbench/research/sweep.py": "import vectorbt as vbt"}),
    (
        strays,
        {"workbench/research/result.py": "def to_vectorbt():\n    import vectorbt\ndef other():\n    import vectorbt"},
    ),
    (strays, {"workbench/runtime/build.py": "from rich import print"}),
    (core_reaches_out, {"workbench/core/money.py": "import os"}),
    (core_reaches_out, {"workbench/core/clock.py": "from time import time_ns"}),
    (core_reaches_out, {"workbench/core/rules.py": "import numpy as np"}),
    (core_reaches_out, {"workbench/core/order.py": "async def move() -> None:\n    '''Moves.'''"}),
    (core_reaches_out, {"workbench/core/ports.py": "async def move() -> None:\n    '''Moves.'''\n    await other()"}),
    (core_reaches_out, {"workbench/core/ledger.py": "open('ledger.txt')"}),
    (
        circles,
        {"workbench/core/a.py": "from workbench.core import b", "workbench/core/b.py": "import workbench.core.a"},
    ),
    (
        circles,
        {
            "workbench/core/a.py": "from workbench.core.b import B",
            "workbench/core/b.py": "def late():\n    from workbench.core.c import C",
            "workbench/core/c.py": "if TYPE_CHECKING:\n    from workbench.core.a import A",
        },
    ),
]


@pytest.mark.parametrize(("rule", "sources"), BAD, ids=lambda each: getattr(each, "__name__", None))
def test_each_rule_sees_the_fault_it_is_there_for(rule, sources):
    assert rule(sources)


def test_what_the_rules_allow_is_let_through():
    fine = {
        "workbench/trading/engine.py": "from workbench.core.rules import fee\nfrom workbench.risk.gate import Gate",
        "workbench/core/ports.py": "async def go() -> None:\n    '''Goes.'''\n    raise Unsupported('no')",
        "workbench/research/result.py": "def to_vectorbt():\n    import vectorbt as vbt",
        "workbench/research/frames.py": "import pandas as pd",
        "workbench/cli.py": "import typer\nfrom workbench import __version__",
    }
    assert [complaint for rule in RULES for complaint in rule(fine)] == []


def test_core_may_import_only_the_standard_library_and_msgspec():
    assert sys.stdlib_module_names | {"msgspec", "workbench"} >= CORE_MAY_IMPORT
