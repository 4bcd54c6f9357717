"""The rows that a sweep has finished, in a file beside its table: what is there is not run again.

One line a row: a checksum, the row's key, and its figures (base64 of little-endian float64). The key is the hash
of all that decides the row: data, code, costs, limits and parameters. What was refused is not kept: it is tried again.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
import zlib
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from workbench.core.codec import text
from workbench.core.errors import ConfigError
from workbench.research.metrics import FIGURES
from workbench.research.sweep_rows import Figures, Parameters, with_parameters
from workbench.runtime.plan import Plan

SUFFIX = ".rows"
FLUSH_S = 1.0  # work that a killed process loses at most, beside the rows under way
_DIGITS = 32  # of a key: enough that no two rows ever share one


def identity(plan: Plan) -> str:
    """The hash of all that decides a sweep's rows but their parameters."""
    blank = with_parameters(plan, {}).run_id()
    return hashlib.sha256(text([blank, _code()]).encode()).hexdigest()[:_DIGITS]


@lru_cache(maxsize=1)
def _code() -> str:
    """The hash of this package's own code: what it would calculate differently is not what it calculated."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Record:
    """Finished rows of one sweep, or of several that differ in their grids only; a context that appends to them."""

    def __init__(self, path: Path, sweep: str) -> None:
        self.path = path
        self._sweep = sweep
        self._file: IO[bytes] | None = None
        self._flushed = 0.0

    def __enter__(self) -> Record:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab")
        if not self._file.tell():
            self._write(self._sweep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()

    def found(self) -> dict[str, Figures]:
        """The rows by key; a torn last line is cut off. Raises ConfigError for the rows of another sweep."""
        if not self.path.exists():
            return {}
        whole = 0
        rows: dict[str, Figures] = {}
        with open(self.path, "rb") as file:
            for number, line in enumerate(file):
                words = _read(line)
                if words is None:
                    break
                if number == 0 and words != self._sweep:
                    raise ConfigError(
                        f"{self.path}: holds rows of other data, code or costs; give another file, or remove it"
                    )
                if number:
                    key, _, said = words.partition(" ")
                    rows[key] = _unpacked(said)
                whole += len(line)
        os.truncate(self.path, whole)
        return rows

    def key(self, parameters: Parameters) -> str:
        """What a row with these parameters is known by."""
        return hashlib.sha256(f"{self._sweep} {text(dict(parameters))}".encode()).hexdigest()[:_DIGITS]

    def add(self, key: str, row: Figures) -> None:
        """Keeps a row; it is on disk within a second."""
        self._write(f"{key} {_packed(row)}")
        if time.monotonic() - self._flushed >= FLUSH_S:
            assert self._file is not None
            self._file.flush()
            self._flushed = time.monotonic()

    def _write(self, words: str) -> None:
        assert self._file is not None
        self._file.write(f"{zlib.crc32(words.encode()):08x} {words}\n".encode())


def _read(line: bytes) -> str | None:
    """What a line says; None for one that was not written to its end."""
    if not line.endswith(b"\n"):
        return None
    checksum, _, words = line[:-1].partition(b" ")
    return words.decode() if checksum == f"{zlib.crc32(words):08x}".encode() else None


def _packed(row: Figures) -> str:
    values = np.array([row[name] for name in FIGURES], dtype="<f8")
    return base64.b64encode(values.tobytes()).decode()


def _unpacked(said: str) -> Figures:
    values = np.frombuffer(base64.b64decode(said), dtype="<f8")
    return dict(zip(FIGURES, values.tolist(), strict=True))
