"""Starting and watching a paper run from a notebook: the run is a process of its own and needs no kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from workbench.core.errors import ConfigError, LeaseHeld, VenueUnavailable, WorkbenchError
from workbench.research.named import words
from workbench.runtime.state import StateFolder

READY_S = 60.0  # replaying a long journal takes its time; more than this wants a look at the log
LOOK_S = 0.2  # how often the state directory is looked at
TOLD_S = 2.0  # how often progress is told: what is printed stays in the executed notebook
LOG = "paper.log"


class Launched(msgspec.Struct, frozen=True):
    """A paper run that lives, or lived, in the state directory `state`; `new` if this call started it."""

    state: Path
    pid: int
    new: bool

    def __repr__(self) -> str:
        return f"{'started' if self.new else 'attached to'} process {self.pid}, state in {self.state}"


def start_paper(
    *,
    strategy: str = "",
    release: str = "",
    parameters: str = "",
    data: str = "",
    start: str = "",
    end: str = "",
    cash: str = "",
    speed: float = 1.0,
    seconds: float = 0.0,
    config: Sequence[str | Path] = (),
    state: str | Path | None = None,
    ready_s: float = READY_S,
) -> Launched:
    """Starts `workbench run paper` in a session of its own and returns once it is ready, or has run to its end.

    Where a run already lives in the state directory (default: that of the environment) nothing is started. The
    arguments are those of the command, `parameters` as text such as "fast=20 slow=50", empty and 0 where there
    is nothing to say; its output goes to `paper.log` in the state directory. Raises the error that the process
    ended with, VenueUnavailable when it is not ready after `ready_s` seconds: it then still runs.
    """
    folder = StateFolder(Path(state)) if state is not None else StateFolder.default()
    folder.path.mkdir(parents=True, exist_ok=True)
    living = folder.holder()
    if living is not None:
        return Launched(folder.path, living, new=False)
    given = {"release": release, "strategy": strategy, "data": data, "start": start, "end": end, "cash": cash}
    options = [f"--{name}={value}" for name, value in given.items() if value]
    options += [f"--parameter={pair}" for pair in words(parameters)]
    options += [f"--config={each}" for each in config]
    options += [f"--for={seconds}"] if seconds else []
    return _started(folder, [*options, f"--speed={speed}", f"--state={folder.path}"], ready_s)


def follow(state: str | Path, *, seconds: float = 0.0) -> dict[str, Any]:
    """Tells the progress of a run on one line until it ends, or for so many seconds (0: until it ends).

    Returns the last status, as `workbench status --json` shows it. The run does not notice.
    """
    folder = StateFolder(Path(state))
    end = time.monotonic() + seconds if seconds else float("inf")
    told = 0.0
    while folder.holder() is not None and time.monotonic() < end:
        if time.monotonic() - told >= TOLD_S:
            told = time.monotonic()
            _tell(folder.status())
        time.sleep(LOOK_S)
    status = folder.status()
    _tell(status)
    sys.stdout.write("\n")
    return status


def _started(folder: StateFolder, options: Sequence[str], ready_s: float) -> Launched:
    log = folder.path / LOG
    already = log.stat().st_size if log.exists() else 0
    with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        process = subprocess.Popen(  # noqa: S603 - our own program, its options spelt by us
            [sys.executable, "-m", "workbench", "run", "paper", *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a kernel takes its own session with it when it goes
        )
    end = time.monotonic() + ready_s
    while time.monotonic() < end:
        code = process.poll()
        if code == LeaseHeld.exit_code:  # somebody else was a moment faster
            return Launched(folder.path, folder.holder() or 0, new=False)
        if code:
            raise _error(code, log, already)
        if code == 0 or (folder.holder() == process.pid and _is_up(folder)):
            return Launched(folder.path, process.pid, new=True)
        time.sleep(LOOK_S)
    raise VenueUnavailable(f"process {process.pid} is not ready after {ready_s:g} s; see {log}")


def _is_up(folder: StateFolder) -> bool:
    return (folder.path / "READY").exists() or folder.status()["state"] == "halted"


def _error(code: int, log: Path, already: int) -> WorkbenchError:
    """The error that a command told on its last line, by its exit code."""
    said = log.read_bytes()[already:].decode(errors="replace").strip().splitlines()
    kinds = {kind.exit_code: kind for kind in WorkbenchError.__subclasses__()}
    kinds[ConfigError.exit_code] = ConfigError
    message = said[-1].removeprefix("workbench: ") if said else "it said nothing"
    return kinds.get(code, WorkbenchError)(f"the paper run ended with {code}: {message}")


def _tell(status: dict[str, Any]) -> None:
    """One line that writes over itself, so that hours of progress stay one line."""
    held = ", ".join(f"{key} {quantity}" for key, quantity in status["positions"].items() if quantity != "0")
    line = f"{status['state']:<8}  equity {status['equity'] or '-'}  {held or 'flat'}"
    sys.stdout.write(f"\r{line:<100}")
    sys.stdout.flush()
