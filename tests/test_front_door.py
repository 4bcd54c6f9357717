"""`import workbench as wb` is cheap, complete and brings nothing that a trading process does not need."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import workbench

HEAVY = ("pandas", "vectorbt", "plotly", "ccxt", "numpy", "pyarrow", "sqlalchemy", "papermill", "msgspec")
BUDGET_US = 300_000  # a shell completes a command faster than one notices


def python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )


def test_importing_it_takes_less_than_a_blink():
    lines = [line.split("|") for line in python("import workbench", "-X", "importtime").stderr.splitlines()]
    taken = {name.strip(): int(total) for _, total, name in lines[1:]}
    assert taken["workbench"] < BUDGET_US


def test_importing_it_loads_no_library():
    loaded = python("import workbench, sys; print(*sys.modules)").stdout.split()
    assert set(HEAVY) & set(loaded) == set()


def test_the_words_of_trading_load_nothing_that_research_needs():
    code = "import workbench as wb, sys; wb.Strategy, wb.Bar, wb.ExchangeConnector; print(*sys.modules)"
    loaded = python(code).stdout.split()
    assert (set(HEAVY) - {"msgspec"}) & set(loaded) == set()


@pytest.mark.parametrize("name", sorted(workbench._HOME))
def test_every_name_is_the_one_that_its_home_defines(name):
    home = import_module(f"workbench.{workbench._HOME[name]}")
    assert getattr(workbench, name) is getattr(home, name)


def test_what_is_promised_to_readers_to_types_and_to_importers_is_the_same():
    tree = ast.parse(Path(workbench.__file__).read_text())
    typed = {
        each.asname or each.name
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    assert set(workbench.__all__) == typed | {"__version__"} == workbench._HOME.keys() | {"__version__"}
    assert set(workbench.__all__) <= set(dir(workbench))


def test_a_name_it_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'moon'"):
        _ = workbench.moon


def test_python_m_workbench_is_the_command():
    shown = subprocess.run(
        [sys.executable, "-m", "workbench", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "backtest" in shown.stdout
