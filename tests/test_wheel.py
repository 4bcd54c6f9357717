"""The wheel works away from the clone, with what it needs inside and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_data_that_modules_read_is_inside(names: set[str]) -> None:
    assert {
        "workbench/py.typed",
        "workbench/data/instruments.yaml",
        "workbench/samples/binance_spot_BTCUSDT_1h.parquet",
        "workbench/samples/NOTICE.md",
    } <= names
    ours = {str(each.relative_to(ROOT)) for each in (ROOT / "workbench").rglob("*.py")}
    assert ours <= names


def test_the_runners_are_inside(names: set[str]) -> None:
    runners = {f"workbench/pipelines/{each.name}" for each in (ROOT / "pipelines").glob("*.ipynb")}
    assert runners <= names


def test_nothing_else_is_inside(names: set[str]) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"workbench", "quant_workbench"}
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or name.endswith(".env")]
    licences = {name.rpartition("/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def test_it_runs_from_another_folder_with_nothing_but_itself_on_the_path(wheel: Path, tmp_path: Path) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "else where"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def python(*words: str) -> str:
        ran = subprocess.run(
            [sys.executable, *words], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert Path(python("-c", "import workbench; print(workbench.__file__)").strip()).is_relative_to(installed)
    strategy, data = "workbench.strategies.sma_cross:SmaCross", "binance_spot_BTCUSDT_1h"
    words = ("-m", "workbench", "backtest", strategy, "--data", data, "--end", "2018-01-01", "--json")
    document = json.loads(python(*words))
    assert document["data"]["id"] == data
    assert document["fills"] > 0
    assert Path(elsewhere / document["journal"]).is_dir()
    if (ROOT / "pipelines/backtest.ipynb").is_file():
        record = json.loads(python("-m", "workbench", "pipeline", "backtest", "--json"))
        assert record["outcome"] == "completed"
        assert Path(elsewhere / record["notebook"]).is_file()
