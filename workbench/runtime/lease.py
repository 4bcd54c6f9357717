"""One writer for one state directory: an advisory lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from workbench.core.errors import LeaseHeld

LOOKS, LOOK_S = 5, 0.01  # looking at a lease takes microseconds; a run that holds it is named within 50 ms


class Lease:
    """Held while the context is open; raises LeaseHeld, naming the holder, if another process has it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "LEASE"
        self._descriptor: int | None = None

    def __enter__(self) -> Lease:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "unknown"
            os.close(descriptor)
            raise LeaseHeld(f"{self._file.parent}: process {holder} is running here; use another --state") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)  # closing releases the lock
            self._descriptor = None


def _lock(descriptor: int) -> None:
    """Takes the lock, past those who only look who holds it; raises BlockingIOError if it is held."""
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOOK_S)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(folder: Path) -> int | None:
    """The process that holds the lease on a state directory; None if nobody does."""
    file = folder / "LEASE"
    if not file.exists():
        return None
    with file.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(handle.read(20) or b"0")
    return None
