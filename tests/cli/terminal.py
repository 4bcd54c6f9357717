"""The command line as somebody types it: in this process where speed matters, in its own where processes do."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workbench import cli

ROOT = Path(__file__).parents[2]
SMA = "workbench.strategies.sma_cross:SmaCross"
SAMPLE = "binance_spot_BTCUSDT_1h"
SOON = ("--end", "2017-10-01")  # some weeks of the sample: a few trades, a few milliseconds
PATIENCE_S = 30.0  # a process that has not done by then what takes a second never will


class Answer(NamedTuple):
    """What a command left: its exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout, strictly: NaN is no JSON."""
        return json.loads(self.out, parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def ask(*words: object) -> Answer:
    """Types a command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
    argv, path, modules = sys.argv, list(sys.path), set(sys.modules)
    sys.argv = ["workbench", *map(str, words)]
    code: object = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv, sys.path[:] = argv, path
        _forget(set(sys.modules) - modules)
    assert isinstance(code, int) or code is None
    return Answer(code or 0, out.buffer.getvalue().decode(), err.getvalue())


def _forget(names: set[str]) -> None:
    """The user's own modules were this command's alone."""
    here = str(Path.cwd())
    for name in names:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(here) or name == "strategies":
            del sys.modules[name]


def start(*words: object, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Starts a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Answer:
    """What a process left when it ended by itself."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return Answer(process.returncode, out, err)


def stop(process: subprocess.Popen[str], how: signal.Signals = signal.SIGTERM) -> Answer:
    """Sends a signal and waits for the end."""
    process.send_signal(how)
    return finish(process)


@contextlib.contextmanager
def living(*words: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command in its own process, dead at the end whatever happened."""
    process = start(*words, cwd=cwd)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Waits until a file is there; fails with what the process said if it ends first."""
    until = time.monotonic() + PATIENCE_S
    while not file.exists():
        assert process.poll() is None, finish(process)
        assert time.monotonic() < until, f"{file} did not appear"
        time.sleep(0.02)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its bytes: equal trees mean that nothing was written."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}
