"""Other engines, asked in environments of their own: see peers.txt and peers_next.txt."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.race import Lap
from workbench.data.dataset import Dataset

PEERS, PEERS_NEXT = "WORKBENCH_PEERS", "WORKBENCH_PEERS_NEXT"  # name a Python that has what is listed there
BACKTESTING, HFTBACKTEST = "backtesting.py", "hftbacktest"
NAUTILUS, NAUTILUS_NEXT = "Nautilus 1.221", "Nautilus 2.0rc7"
HERE = Path(__file__).parent
LONGEST_S = 1_800  # of one lap: the slowest takes a minute, and a machine may be busy


class Files:
    """The rows of a dataset and the terms they are traded on, as files that every Python can read."""

    def __init__(self, folder: Path, data: Dataset, terms: Mapping[str, Any]) -> None:
        self.rows, self.terms = folder / f"{data.id}.npz", folder / f"{data.id}.json"
        np.savez(self.rows, **data.columns)
        self.terms.write_text(json.dumps(terms))

    def ask(self, script: str, environment: str = PEERS) -> Callable[[], Lap]:
        """A lap of a script; None where its environment is not named or lacks the engine."""

        def lap() -> Lap:
            python = os.environ.get(environment)
            if not python:
                return None
            done = subprocess.run(
                [python, str(HERE / f"{script}.py"), str(self.rows), str(self.terms)],
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
            )
            if "ModuleNotFoundError" in done.stderr:
                return None
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout.splitlines()[-1])
            return found["seconds"], found["answer"]

        return lap
