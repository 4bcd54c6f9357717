"""Backtests in an interpreter of its own: an order and then jobs on stdin, a row for each on stdout, as JSON lines."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import IO

from workbench.core.codec import decode
from workbench.core.events import RunStarted
from workbench.data.shelf import read_stored
from workbench.research.sweep_rows import InTurn, Refusal
from workbench.runtime.plan import Plan
from workbench.runtime.strategies import maker_of


def main() -> None:
    """Answers until stdin ends: what it is made from, and then a `[row, parameters]` a line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep that started it ends it
    answers = _own_stdout()
    order = json.loads(sys.stdin.readline())
    sys.path[:] = order["path"]
    datasets = {name: read_stored(Path(path)) for name, path in order["datasets"].items()}
    started = decode(order["started"].encode(), {each.instrument.key: each.instrument for each in datasets.values()})
    assert isinstance(started, RunStarted)
    plan = Plan.of(started)
    ((name, seat),) = plan.seats.items()
    strategy = maker_of(Path(order["releases"]))(name, seat)
    strategy.id, strategy.release = name, seat.release
    runs = InTurn(plan, strategy, datasets)
    for line in sys.stdin:
        number, parameters = json.loads(line)
        _, found = next(runs.rows([(number, parameters)]))
        said = found.reason if isinstance(found, Refusal) else dict(found)
        answers.write(json.dumps([number, said]) + "\n")
        answers.flush()


def _own_stdout() -> IO[str]:
    """The answers' way out; whatever a strategy prints goes to stderr."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main()
