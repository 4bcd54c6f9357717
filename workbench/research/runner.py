"""Runs a runner notebook with papermill and keeps what was executed as the receipt."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from workbench.core import errors
from workbench.core.clock import SECOND, instant_text
from workbench.core.errors import ConfigError, WorkbenchError
from workbench.research.parameters import in_force, tagged
from workbench.runtime.service import WallClock
from workbench.runtime.state import StateFolder, replace_text

START_S = 120  # a kernel that has not started by then will not
DRAIN_S = 60  # how long output of a finished cell may still arrive; papermill's own 4 s fail cells that print much
RESULT = "result"  # the tag of the cells whose text is the run's result


class RunnerFailed(WorkbenchError):
    """A cell of a runner notebook raised, or its kernel died; the executed notebook shows where."""


class Record(msgspec.Struct, frozen=True):
    """The receipt of one run of a notebook."""

    run_id: str
    runner: str
    notebook: str  # the executed one
    source_sha256: str
    parameters: dict[str, Any]  # all in force
    started: str
    ended: str = ""
    outcome: str = "running"  # then completed, failed or interrupted; still running: its process was killed
    error: str = ""
    result: str = ""

    def plain(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return msgspec.structs.asdict(self)

    def text(self) -> str:
        """The result, and where the executed notebook is."""
        return f"{self.result}\n\n{self.outcome}: {self.notebook}".lstrip()


def run_pipeline(runner: str, parameters: Mapping[str, Any], state: StateFolder) -> Record:
    """Executes a runner in a fresh kernel; the executed notebook and `run.json` stay in the state's `runs/`.

    Raises ConfigError before a kernel starts, RunnerFailed if a cell raises or the kernel dies. The
    record is written before the start and again at the end, so that a crash leaves evidence. The
    kernel's own default state directory is `state`.
    """
    source = find_runner(runner)
    content = source.read_bytes()
    settings = in_force(_cells(source), parameters, source.name)
    clock = WallClock()
    now = clock.now()
    run_id = f"{source.stem}-{instant_text(now // SECOND * SECOND).replace(':', '')}-{secrets.token_hex(3)}"
    folder = state.runs.resolve() / run_id
    folder.mkdir(parents=True)
    record = Record(
        run_id=run_id,
        runner=source.name,
        notebook=str(folder / source.name),
        source_sha256=hashlib.sha256(content).hexdigest(),
        parameters=settings,
        started=instant_text(now),
    )
    _keep(record, folder)
    outcome, error = "interrupted", ""
    try:
        with _default_state(state), _ended_by_signal():
            _execute(source, record)
        outcome = "completed"
    except RunnerFailed as failure:
        outcome, error = "failed", str(failure)
        raise
    finally:
        result = "\n".join(_results(Path(record.notebook)))
        ended = instant_text(clock.now())
        record = msgspec.structs.replace(record, ended=ended, outcome=outcome, error=error, result=result)
        _keep(record, folder)
    return record


def find_runner(name: str) -> Path:
    """A notebook's path, or a shipped runner's by name; `./pipelines` goes before the shipped ones."""
    if name.endswith(".ipynb"):
        if not Path(name).is_file():
            raise ConfigError(f"{name}: no such notebook")
        return Path(name)
    package = Path(str(files("workbench")))
    homes = [Path("pipelines"), package / "pipelines", package.parent / "pipelines"]
    for home in homes:
        if (home / f"{name}.ipynb").is_file():
            return home / f"{name}.ipynb"
    known = sorted({each.stem for home in homes for each in home.glob("*.ipynb")})
    raise ConfigError(f"no runner {name!r}; there is {', '.join(known) or 'none'}")


def _execute(source: Path, record: Record) -> None:
    import papermill  # takes a second to load: a parameter that is refused should not wait for it

    try:
        papermill.execute_notebook(
            str(source.resolve()),
            record.notebook,
            parameters=record.parameters,
            kernel_name="python3",
            language="python",
            progress_bar=sys.stderr.isatty(),
            start_timeout=START_S,
            cwd=str(Path.cwd()),
            iopub_timeout=DRAIN_S,
            coalesce_streams=True,  # one output for all that a cell prints
            store_widget_state=False,  # megabytes of code, of no use on paper
            extra_arguments=["--log-level=CRITICAL"],  # it warns of TCP (ours is loopback, signed) and of its own end
        )
    except papermill.exceptions.PapermillExecutionError as error:
        what = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
        failure = RunnerFailed(f"{source.name}: {what}; see {record.notebook}")
        blamed = getattr(errors, error.ename, None)  # our own errors say whose fault it was, also from inside a kernel
        failure.exit_code = blamed.exit_code if blamed is not None else RunnerFailed.exit_code
        raise failure from None
    except Exception as error:  # the kernel died or never came up
        raise RunnerFailed(f"{source.name}: {type(error).__name__}: {error}; see {record.notebook}") from error


@contextmanager
def _default_state(state: StateFolder) -> Iterator[None]:
    """Makes `state` the default state directory of the processes that are started meanwhile."""
    before = os.environ.get("WORKBENCH_STATE")
    os.environ["WORKBENCH_STATE"] = str(state.path.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ["WORKBENCH_STATE"]
        else:
            os.environ["WORKBENCH_STATE"] = before


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM ends the run in order, as an interrupt does: the kernel is shut down and the record written."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _keep(record: Record, folder: Path) -> None:
    replace_text(folder / "run.json", json.dumps(record.plain(), sort_keys=True, indent=1))


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{notebook}: is not a notebook: {error}") from None
    return cells


def _results(executed: Path) -> Iterator[str]:
    """The text that the cells tagged `result` left in the executed notebook, as far as it was written."""
    try:
        cells = _cells(executed)
    except (ConfigError, OSError):
        return
    for cell in tagged(cells, RESULT):
        for output in cell.get("outputs", []):
            text = "".join(output.get("text") or output.get("data", {}).get("text/plain", ""))
            if text:
                yield text.rstrip()
