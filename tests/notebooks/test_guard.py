"""Stored notebooks keep what they show, and the notebook step of `make test` would see it change.

A comparison of outputs passes in silence where there are none. So the outputs are held here.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest

from workbench.research.parameters import in_force, tagged

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PIPELINES = sorted((ROOT / "pipelines").glob("*.ipynb"))
PINNED = "nbval-check-output"
LARGEST = 2_500_000  # bytes; beyond that a notebook opens slowly and a diff is lost
MOST_CELLS = 8
MOST_LINES = 12  # of a cell of a pipeline: more is a program

Notebook = dict[str, Any]


def read(path: Path) -> Notebook:
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def sources(notebook: Notebook) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell: Any) -> str:
    return "".join("".join(each.get("text", "")) for each in cell["outputs"]).strip()


def unkept(notebook: Notebook) -> list[str]:
    """What keeps the comparison of a stored notebook from meaning anything."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    complaints = []
    if [cell["execution_count"] for cell in code] != list(range(1, len(code) + 1)):
        complaints.append("it was not run once, from top to bottom")
    pinned = tagged(notebook["cells"], PINNED)
    if not pinned or not all(printed(cell) for cell in pinned):
        complaints.append(f"a cell tagged {PINNED} has no text, or no cell is tagged so")
    if any(each["output_type"] == "error" for cell in code for each in cell["outputs"]):
        complaints.append("a cell failed")
    if '"FigureWidget' in json.dumps(notebook) or "widgets" in notebook["metadata"]:
        complaints.append("it holds a widget's state")
    return complaints


def logic(notebook: Notebook) -> list[str]:
    """Statements in a pipeline that belong into a module."""
    kinds = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Lambda,
        ast.For,
        ast.While,
        ast.If,
        ast.Try,
        ast.With,
        ast.comprehension,
    )
    return [
        type(node).__name__
        for source in sources(notebook)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, kinds)
    ]


def stripped(notebook: Notebook) -> Notebook:
    bare = deepcopy(notebook)
    for cell in bare["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return bare


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_keeps_its_outputs(path):
    assert unkept(read(path)) == []
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stripped_notebook_is_seen(path):
    assert unkept(stripped(read(path)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_names_no_place_on_anybodys_disk(path):
    assert not re.search(r"/(home|root|tmp|Users)/", path.read_text(encoding="utf-8"))


def test_the_tour_is_of_a_length_that_people_finish():
    assert 12 <= len(read(ROOT / "notebooks" / "00_tour.ipynb")["cells"]) <= 18


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
class TestAPipeline:
    def test_is_short_and_holds_no_logic(self, path):
        notebook = read(path)
        assert len(notebook["cells"]) <= MOST_CELLS
        assert all(len(source.splitlines()) <= MOST_LINES for source in sources(notebook))
        assert logic(notebook) == []

    def test_declares_parameters_that_the_runner_understands(self, path):
        cells = read(path)["cells"]
        assert len(tagged(cells, "parameters")) == 1
        assert in_force(cells, {}, path.name)
        assert all("  # " in line for line in "".join(tagged(cells, "parameters")[0]["source"]).splitlines())

    def test_tells_a_result_and_is_stored_without_one(self, path):
        notebook = read(path)
        assert len(tagged(notebook["cells"], "result")) == 1
        assert notebook == stripped(notebook)


def test_logic_in_a_pipeline_is_seen():
    loop = {"cells": [{"cell_type": "code", "source": ["for each in ():\n", "    pass"]}]}
    assert logic(loop) == ["For"]


# --- the comparison itself ------------------------------------------------------------------------


def compared(folder: Path, cells: Sequence[tuple[str, str]]) -> subprocess.CompletedProcess[str]:
    """The notebook step of `make test`, over one notebook of pinned cells with (source, stored text)."""
    notebook = nbformat.v4.new_notebook()
    for count, (source, stored) in enumerate(cells, 1):
        output = nbformat.v4.new_output("stream", name="stdout", text=stored)
        cell = nbformat.v4.new_code_cell(source, outputs=[output], execution_count=count)
        cell.metadata["tags"] = [PINNED]
        notebook.cells.append(cell)
    nbformat.write(notebook, folder / "small.ipynb")
    step = next(line.split() for line in (ROOT / "Makefile").read_text().splitlines() if "--nbval" in line)
    assert step[-1] == "notebooks"
    options = step[step.index("pytest") + 1 : -1]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", str(folder / "small.ipynb")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_changed_number_fails_the_comparison_and_a_warning_does_not(tmp_path):
    said = compared(
        tmp_path,
        [
            ("import sys\nsys.stderr.write('a warning')\nprint(6 * 7)", "42\n"),
            ("print(6 * 7)", "43\n"),
            ("import os\nprint(os.path.isdir(os.environ['WORKBENCH_STATE']))", "True\n"),
        ],
    )
    assert said.returncode == 1
    assert re.search(r"1 failed, 2 passed", said.stdout), said.stdout
