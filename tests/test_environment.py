"""One truth about what is installed: pyproject.toml, the locks and environment.yml agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HASHED = ("all", "live", "research", "uv")

# Distributions whose module has another name.
MODULES = {"pyyaml": "yaml", "ipython": "IPython"}

# Dependencies that no module imports, and why they are here all the same.
NOT_IMPORTED = {
    "ccxt": "imported by name when a venue is opened: it takes seconds, and a type checker reads it for minutes",
    "psycopg": "SQLAlchemy loads it for postgresql+psycopg:// addresses",
    "tzdata": "Windows has no time zones of its own",
    "ipykernel": "the kernel that notebooks run in",
    "jupyterlab": "where notebooks are written: `make lab`",
    "jupyter-server": "what JupyterLab is served by",
    "nbclient": "what papermill runs notebooks with",
    "coverage": "the coverage floor, read by pytest-cov",
    "hatchling": "builds the project without network",
    "hypothesis": "the laws in tests/",
    "mypy": "`make check`",
    "nbformat": "tests make small notebooks with it",
    "nbval": "runs the notebooks as tests",
    "pandas-stubs": "types for mypy",
    "pytest": "`make test`",
    "pytest-cov": "`make test`",
    "pytest-xdist": "`make test`",
    "ruff": "`make check`",
    "types-pyyaml": "types for mypy",
}


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@cache
def environment() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


@cache
def lock_text(name: str) -> str:
    return (ROOT / "locks" / f"{name}.txt").read_text()


def pins(name: str) -> dict[str, str]:
    """Canonical name -> version of a lock."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;]+)", lock_text(name), re.MULTILINE)
    return {canonicalize_name(each): version for each, version in found}


def requirements() -> list[Requirement]:
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    return [Requirement(each) for group in groups for each in group]


def conda_names() -> dict[str, str]:
    plain = [each for each in environment()["dependencies"] if isinstance(each, str)]
    return {each.split()[0]: each.partition(" ")[2] for each in plain}


def pip_lines() -> list[str]:
    return next(each["pip"] for each in environment()["dependencies"] if isinstance(each, dict))


def third_party(folder: Path) -> set[str]:
    """Top-level modules, neither ours nor Python's, that the sources of a folder import anywhere."""
    nodes = [node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"workbench"}


def declared() -> dict[str, str]:
    """Module -> distribution for everything pyproject asks for."""
    names = {canonicalize_name(each.name) for each in requirements()}
    return {MODULES.get(name, name.replace("-", "_")): name for name in names}


def test_conda_provides_the_interpreter_that_pyproject_asks_for_and_nothing_that_pip_resolves():
    assert environment()["channels"] == ["conda-forge"]
    assert set(conda_names()) <= {"python", "pip", "nodejs", "postgresql"}
    assert SpecifierSet(conda_names()["python"]) == SpecifierSet(project()["requires-python"])


def test_conda_installs_this_project_with_extras_that_exist_in_the_locked_versions():
    constraint, install = pip_lines()
    assert constraint == "-c locks/versions.txt"
    extras = Requirement(install.removeprefix("-e ").replace(".", project()["name"], 1)).extras
    assert extras == set(project()["optional-dependencies"])


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_is_satisfied_by_the_lock(requirement):
    version = pins("all").get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not locked: make lock"
    assert requirement.specifier.contains(version)


def test_the_lock_without_hashes_is_the_lock_with_hashes():
    bare = [line.removesuffix(" \\") for line in lock_text("all").splitlines() if "--hash" not in line]
    assert lock_text("versions").splitlines() == bare


@pytest.mark.parametrize("name", HASHED)
def test_every_locked_package_carries_hashes(name):
    entries = re.split(r"\n(?! )", lock_text(name).strip())
    assert entries
    assert [each.split()[0] for each in entries if "--hash=sha256:" not in each] == []


@pytest.mark.parametrize("name", [*HASHED, "versions"])
def test_no_lock_records_where_its_packages_came_from(name):
    assert re.findall(r"https?:|file:|git\+|--index|--extra-index|--find-links|(?<=\s)/\S+|@ ", lock_text(name)) == []


@pytest.mark.parametrize("name", ["live", "research"])
def test_a_smaller_lock_pins_what_the_whole_lock_pins(name):
    assert pins(name).items() <= pins("all").items()


def test_a_machine_that_trades_needs_nothing_of_research():
    heavy = {"pandas", "vectorbt", "plotly", "papermill", "jupyterlab", "ipykernel", "matplotlib"}
    assert heavy & pins("live").keys() == set()
    assert {"msgspec", "sqlalchemy", "psycopg"} <= pins("live").keys()


def test_timescale_means_the_database_and_never_the_astronomy_package_of_that_name():
    names = {canonicalize_name(each.name) for each in requirements()}
    for each in (*HASHED, "versions"):
        names |= pins(each).keys()
    assert "timescale" not in names | conda_names().keys()


def test_everything_the_package_imports_is_declared():
    assert third_party(ROOT / "workbench") - declared().keys() == set()


def test_everything_declared_is_imported_or_has_a_reason():
    imported = third_party(ROOT / "workbench")
    idle = {name for module, name in declared().items() if module not in imported}
    assert idle - NOT_IMPORTED.keys() == set()
    assert NOT_IMPORTED.keys() - set(declared().values()) == set()


def test_the_wheel_carries_every_file_of_the_package():
    builder = WheelBuilder(str(ROOT))
    carried = {Path(each.path).relative_to(ROOT).as_posix() for each in builder.recurse_included_files()}
    kept = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "workbench").rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
    }
    assert kept - carried == set()
    assert "workbench/py.typed" in carried


def test_the_command_is_named_after_the_package():
    assert project()["scripts"] == {"workbench": "workbench.cli:main"}
