"""A strategy cell becomes a module that stands alone, or nothing at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.core.errors import ConfigError
from workbench.runtime.cells import strategy_in_notebook, tagged_source

FLAT = """\
from workbench import Strategy

class Flat(Strategy):
    def on_market_data(self, event):
        return self.target(event, 0.0)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is no clone, and an interpreter that forgets what was imported in it."""
    monkeypatch.chdir(tmp_path)
    before, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "strategies":
            del sys.modules[name]


def notebook(name: str, *tagged: str, untagged: str = "fast = 5") -> Path:
    """A notebook whose cells are an untagged one and then the tagged ones."""
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "source": untagged, "metadata": {}, "outputs": [], "execution_count": None}
    ]
    for source in tagged:
        lines = source.splitlines(keepends=True)
        cells.append({**cells[0], "source": lines, "metadata": {"tags": ["strategy"]}})
    path = Path(name)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def test_the_tagged_cells_and_nothing_else_become_a_module_of_the_project() -> None:
    kind = strategy_in_notebook(notebook("My research 1.ipynb", FLAT))
    assert (kind.__module__, kind.__name__) == ("strategies.my_research_1", "Flat")
    text = Path("strategies/my_research_1.py").read_text()
    assert text.endswith(FLAT)
    assert "fast = 5" not in text


def test_several_tagged_cells_are_one_module_in_their_order() -> None:
    book = notebook("two.ipynb", "from workbench import Strategy\nLEVEL = 0.5\n", FLAT)
    assert tagged_source(book).index("LEVEL") < tagged_source(book).index("class Flat")
    assert strategy_in_notebook(book).__name__ == "Flat"


def test_an_edited_cell_is_the_strategy_at_once() -> None:
    assert strategy_in_notebook(notebook("draft.ipynb", FLAT)).__name__ == "Flat"
    assert strategy_in_notebook(notebook("draft.ipynb", FLAT.replace("Flat", "Level"))).__name__ == "Level"


def test_in_a_clone_the_module_joins_the_shipped_strategies() -> None:
    clone = Path("workbench/strategies")
    clone.mkdir(parents=True)
    (clone / "__init__.py").write_text("")
    with pytest.raises(ConfigError):  # this interpreter's workbench is another
        strategy_in_notebook(notebook("draft.ipynb", FLAT))
    assert list(clone.iterdir()) == [clone / "__init__.py"]


def test_a_cell_that_reads_another_cell_is_refused_and_leaves_no_module() -> None:
    book = notebook("draft.ipynb", FLAT + "    level = fast\n")
    with pytest.raises(ConfigError, match="name 'fast' is not defined; a strategy cell must import what it uses"):
        strategy_in_notebook(book)
    assert list(Path("strategies").iterdir()) == []


def test_a_cell_that_went_wrong_leaves_the_module_that_worked() -> None:
    strategy_in_notebook(notebook("draft.ipynb", FLAT))
    before = Path("strategies/draft.py").read_text()
    with pytest.raises(ConfigError, match="importing it raises ZeroDivisionError"):
        strategy_in_notebook(notebook("draft.ipynb", FLAT + "\n1 / 0\n"))
    assert Path("strategies/draft.py").read_text() == before


def test_a_module_that_a_person_wrote_is_never_overwritten() -> None:
    Path("strategies").mkdir()
    Path("strategies/common.py").write_text("MINE = 1\n")
    with pytest.raises(ConfigError, match=r"common\.py: was not written from strategy cells"):
        strategy_in_notebook(notebook("common.ipynb", FLAT))
    assert Path("strategies/common.py").read_text() == "MINE = 1\n"


@pytest.mark.parametrize(
    ("tagged", "says"),
    [
        ((), "no code cell is tagged 'strategy'"),
        (("x = 1",), "expected exactly one strategy class or kernel, found none"),
        ((FLAT, FLAT.replace("Flat", "Level")), "expected exactly one strategy class or kernel, found Flat, Level"),
        (("def f(:",), "strategy cell, line 1"),
        (("import nothere",), "importing it raises ModuleNotFoundError"),
    ],
)
def test_cells_that_are_not_one_strategy_are_refused(tagged: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        strategy_in_notebook(notebook("draft.ipynb", *tagged))
    assert not Path("strategies").exists() or list(Path("strategies").glob("*.py")) == []
