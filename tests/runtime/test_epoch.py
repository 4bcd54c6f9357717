"""Two processes, one state directory, and a lock between them that does not reach: the older one stops at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.core.events import Resumed
from workbench.data.reader import JournalReader

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0  # of a machine that has other things to do
RUN = """
import asyncio, fcntl, sys
from pathlib import Path
from tests.runtime.runs import plan, datasets
from workbench.core.errors import WorkbenchError
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.plan import from_entry
from workbench.runtime.state import StateFolder

if sys.argv[2] == "elsewhere":
    fcntl.flock = lambda *_: None  # as on another machine, whose lock is its own
run = PaperRun(plan(rows=150), StateFolder(Path(sys.argv[1])), datasets=datasets(), make=from_entry, speed=3600.0)
try:
    asyncio.run(run.run())
except WorkbenchError as error:
    print(f"{type(error).__name__}: {error}", flush=True)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for each in processes:
        each.kill()
        each.wait()


def run(folder: Path, where: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(folder), where]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def until(met: object, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not met():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.05)


def epochs(folder: Path) -> list[int]:
    return [each.epoch for each in JournalReader(folder / "journal").records() if isinstance(each, Resumed)]


def test_the_older_of_two_executors_of_one_run_ends_with_6_and_the_younger_goes_on(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    first = run(tmp_path, "here")
    started.append(first)
    until((tmp_path / "READY").exists, "the first one is ready")
    until(lambda: JournalReader(tmp_path / "journal").verify().records > 3, "it has written something")
    second = run(tmp_path, "elsewhere")
    started.append(second)
    said, _ = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 6
    assert "this process began epoch 1, another one has begun epoch 2 since; nothing more is written" in said
    until(lambda: epochs(tmp_path) == [2], "the second one has taken the run up")
    before = JournalReader(tmp_path / "journal").verify().records
    until(lambda: JournalReader(tmp_path / "journal").verify().records > before, "the second one goes on")
    assert second.poll() is None


def test_each_process_that_takes_a_run_up_writes_its_epoch_into_the_journal(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    for number in range(3):
        process = run(tmp_path, "here")
        started.append(process)
        until(lambda ready=process: (tmp_path / "READY").exists() or ready.poll() is not None, "ready")
        assert process.poll() is None
        process.kill()
        process.wait()
        (tmp_path / "READY").unlink()
        assert epochs(tmp_path) == list(range(2, number + 2))
