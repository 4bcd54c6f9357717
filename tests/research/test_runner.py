"""A runner's parameters are checked before anything starts, and what ran is kept, however it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from workbench.core.errors import ConfigError
from workbench.research.parameters import in_force
from workbench.research.runner import RunnerFailed, find_runner, run_pipeline
from workbench.runtime.state import StateFolder

ROOT = Path(__file__).resolve().parents[2]
CANARY = "kEy9" * 16  # as long and as mixed as an exchange's
PARAMETERS = 'name: str = "BTC"  # what\nsize: int = 3  # how many\nshare: float = 0.5\ndry: bool = True\n'
SOON_S = 60


def notebook(path: Path, *cells: tuple[str, str]) -> Path:
    """A notebook of code cells (source, tag)."""
    made = nbformat.v4.new_notebook()
    for source, tag in cells:
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = [tag] if tag else []
        made.cells.append(cell)
    nbformat.write(made, path)
    return path


def cells_of(source: str) -> list[dict[str, Any]]:
    return [{"source": source, "metadata": {"tags": ["parameters"]}}]


def record_in(state: Path) -> dict[str, Any]:
    newest = max((state / "runs").glob("*/run.json"), key=lambda path: path.stat().st_mtime_ns)
    record: dict[str, Any] = json.loads(newest.read_text())
    return record


def eventually(holds: Callable[[], Any]) -> Any:
    end = time.monotonic() + SOON_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError("did not happen in time")


def pipeline(runner: str | Path, state: Path, *parameters: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "workbench", "pipeline", str(runner), "--state", str(state)]
    pairs = [part for each in parameters for part in ("-p", each)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "BINANCE_API_SECRET": CANARY}
    return subprocess.Popen([*command, *pairs], cwd=ROOT, env=environment, text=True, **pipes)


def kernel_of(process: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next((int(each) for each in children if b"ipykernel" in Path(f"/proc/{each}/cmdline").read_bytes()), 0)


# --- parameters -----------------------------------------------------------------------------------

REFUSED = {
    "misspelt": ({"sise": 4}, "unknown parameter 'sise'; it has name, size, share, dry"),
    "text for a number": ({"size": "many"}, "size: Input should be a valid integer"),
    "a float for a whole number": ({"size": 2.5}, "size: Input should be a valid integer"),
    "a number for yes or no": ({"dry": 1}, "dry: Input should be a valid boolean"),
    "a key": ({"name": CANARY}, "name: looks like a secret"),
    "a hexadecimal key": ({"name": "0123456789abcdef" * 4}, "name: looks like a secret"),
    "a named secret in a text": ({"name": "fast=2 api_secret=hush"}, "name: looks like a secret"),
    "a private key": ({"name": "-----BEGIN EC PRIVATE KEY-----"}, "name: looks like a secret"),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_a_parameter_that_does_not_fit_is_refused_and_nothing_is_started(tmp_path, given, message):
    runner = notebook(tmp_path / "small.ipynb", (PARAMETERS, "parameters"), ("raise SystemExit", ""))
    with pytest.raises(ConfigError, match=message) as refused:
        run_pipeline(str(runner), given, StateFolder(tmp_path / "state"))
    assert not (tmp_path / "state").exists()
    assert not any(len(str(value)) > 20 and str(value) in str(refused.value) for value in given.values())


def test_a_refusal_ends_with_2_without_loading_what_runs_notebooks(tmp_path):
    code = (
        "import sys\nfrom workbench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, 'papermill' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, "pipeline", "backtest", "-p", "cahs=1", "--state", str(tmp_path / "state")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SOON_S,
    )
    assert said.stdout.split() == ["2", "False"]
    assert "unknown parameter 'cahs'" in said.stderr
    assert not (tmp_path / "state").exists()


def test_what_is_given_goes_over_the_defaults_and_all_is_known():
    assert in_force(cells_of(PARAMETERS), {"size": 4, "name": 10000}, "x") == {
        "name": "10000",
        "size": 4,
        "share": 0.5,
        "dry": True,
    }


def test_a_reference_to_a_secret_is_no_secret():
    source = "api_key: str = ''\nvenue: dict[str, str] = {}"
    given = {"api_key": "secret://env/BINANCE", "venue": {"api_key": "secret://env/BINANCE"}}
    assert in_force(cells_of(source), given, "x") == given
    with pytest.raises(ConfigError, match="api_key: looks like a secret"):
        in_force(cells_of(source), {"api_key": "hush"}, "x")


def test_ordinary_words_are_no_secrets():
    given = (
        "workbench.strategies.sma_cross:SmaCross sma_cross-3f9a0c1d2e4b binance_spot_BTCUSDT_1h /data/Bars2024/x.csv"
    )
    assert in_force(cells_of(PARAMETERS), {"name": given}, "x")["name"] == given


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("size = 3", "line 1 of its parameters: expected name: type = default"),
        ("size: Decimal = 3", "size: expected one of str, int"),
        ("size: int = limit()", "size: expected a plain value as its default"),
        ("size: int = 'three'", "size: Input should be a valid integer"),
        ("size: int =", "line 1 of its parameters: invalid syntax"),
    ],
)
def test_a_parameters_cell_that_is_wrong_is_told(source, message):
    with pytest.raises(ConfigError, match=message):
        in_force(cells_of(source), {}, "x")


def test_a_notebook_without_parameters_takes_none():
    assert in_force([{"source": "1", "metadata": {}}], {}, "x") == {}
    with pytest.raises(ConfigError, match="unknown parameter 'size'; it has none"):
        in_force([{"source": "1", "metadata": {}}], {"size": 1}, "x")


def test_an_unknown_runner_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"no runner 'moon'; there is backtest, paper"):
        find_runner("moon")
    with pytest.raises(ConfigError, match=r"moon\.ipynb: no such notebook"):
        find_runner("moon.ipynb")


# --- records --------------------------------------------------------------------------------------


def test_a_run_keeps_its_notebook_and_record_and_no_secret(tmp_path):
    runner = notebook(
        tmp_path / "small.ipynb",
        (PARAMETERS, "parameters"),
        ("import os\nprint(name * size, os.environ['WORKBENCH_STATE'])", "result"),
        ("for each in range(20_000):\n    print(each)", ""),
    )
    state = tmp_path / "state"
    process = pipeline(runner, state, "size=2")
    said, complaints = process.communicate(timeout=SOON_S)
    assert (process.returncode, complaints) == (0, "")
    record = record_in(state)
    assert (record["outcome"], record["result"]) == ("completed", f"BTCBTC {state}")
    assert record["parameters"] == {"name": "BTC", "size": 2, "share": 0.5, "dry": True}
    assert said.startswith(f"BTCBTC {state}\n")
    executed = nbformat.read(record["notebook"], as_version=4)
    assert "size = 2" in executed.cells[1].source
    assert len(executed.cells[-1].outputs) == 1, "what a cell prints is one output"
    kept = [path for path in state.rglob("*") if path.is_file()]
    assert len(kept) == 2
    assert not [path for path in kept if CANARY in path.read_text()]


def test_a_cell_that_raises_fails_the_run_with_1_and_the_record_says_so(tmp_path):
    runner = notebook(tmp_path / "small.ipynb", ("print('so far')", "result"), ("1 / 0", ""))
    process = pipeline(runner, tmp_path / "state")
    _, complaints = process.communicate(timeout=SOON_S)
    record = record_in(tmp_path / "state")
    assert process.returncode == 1
    assert "small.ipynb: cell 2: ZeroDivisionError: division by zero; see " in complaints
    assert (record["outcome"], record["result"]) == ("failed", "so far")
    assert "ZeroDivisionError" in record["error"]
    assert "ZeroDivisionError" in Path(record["notebook"]).read_text()


def test_a_kernel_that_dies_fails_the_run(tmp_path):
    runner = notebook(tmp_path / "small.ipynb", ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", ""))
    with pytest.raises(RunnerFailed, match=r"DeadKernelError"):
        run_pipeline(str(runner), {}, StateFolder(tmp_path / "state"))
    assert record_in(tmp_path / "state")["outcome"] == "failed"


def test_a_run_that_is_terminated_says_so_and_leaves_no_kernel(tmp_path):
    runner = notebook(tmp_path / "small.ipynb", ("open('here', 'w')\nimport time\ntime.sleep(600)", ""))
    runner.write_text(runner.read_text().replace("'here'", repr(str(tmp_path / "here"))))
    process = pipeline(runner, tmp_path / "state")
    eventually((tmp_path / "here").exists)
    kernel = kernel_of(process)
    assert record_in(tmp_path / "state")["outcome"] == "running"
    process.terminate()
    process.communicate(timeout=SOON_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert record_in(tmp_path / "state")["outcome"] == "interrupted"
    eventually(lambda: not Path(f"/proc/{kernel}").exists())


# --- a paper run and its notebook -----------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose run, if one was left living, is ended."""
    folder = tmp_path / "state"
    yield folder
    living = StateFolder(folder).holder()
    if living:
        os.kill(living, signal.SIGTERM)
        eventually(lambda: StateFolder(folder).holder() is None)


def test_a_paper_run_outlives_the_kernel_that_started_it_and_is_attached_to_again(state):
    folder = StateFolder(state)
    first = pipeline(
        "paper",
        state,
        "strategy=workbench.strategies.sma_cross:SmaCross",
        "speed=36000",
        "watch_s=500",
        "start=2024-01-01",
    )
    eventually((state / "READY").exists)
    executor, kernel = folder.holder(), kernel_of(first)
    assert executor
    assert os.getsid(executor) == executor != os.getsid(kernel)
    os.kill(kernel, signal.SIGKILL)
    _, complaints = first.communicate(timeout=SOON_S)
    assert first.returncode == 1, complaints
    assert record_in(state)["outcome"] == "failed"
    heard = folder.status()["heartbeat_ns"]
    eventually(lambda: folder.status()["heartbeat_ns"] > heard)

    second = pipeline("paper", state, "watch_s=0.5")
    said, complaints = second.communicate(timeout=SOON_S)
    assert second.returncode == 0, complaints
    assert said.startswith(f"attached to process {executor}, state in {state}\n")
    assert folder.status()["run_id"] in said
    assert folder.holder() == executor
    assert not [path for path in state.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def test_a_paper_run_that_cannot_start_tells_why(state):
    process = pipeline("paper", state, "strategy=nowhere:Nothing")
    _, complaints = process.communicate(timeout=SOON_S)
    assert process.returncode == 2
    assert "ConfigError: the paper run ended with 2: strategy 'nowhere:Nothing': no module 'nowhere'" in complaints
