"""One writer for one state directory: an advisory lock that dies with its process, and an epoch that outlives it.

The lock keeps processes of one machine apart. Where two machines share a folder and its lock does not reach across,
the epoch does: every holder writes the next one, and whose epoch is not the newest any more writes nothing.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from workbench.core.errors import CorruptState, LeaseHeld

LOOKS, LOOK_S = 5, 0.01  # looking at a lease takes microseconds; a run that holds it is named within 50 ms


class Lease:
    """Held while the context is open; raises LeaseHeld, naming the holder, if another process has it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "LEASE"
        self._epoch_file = folder / "EPOCH"
        self._descriptor: int | None = None
        self._mine = ""  # the epoch as it is written: two who took the same number differ in it
        self.epoch = 0  # grows with every holder there ever was

    def __enter__(self) -> Lease:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "unknown"
            os.close(descriptor)
            raise LeaseHeld(f"{self._file.parent}: process {holder} is running here; use another --state") from None
        try:
            self._begin_epoch()
        except BaseException:
            os.close(descriptor)
            raise
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

    def check(self) -> None:
        """Raises LeaseHeld once the lease is gone or somebody began a newer epoch: then nothing may be written here."""
        folder = self._file.parent
        try:
            now = self._epoch_file.read_text(encoding="ascii")
            still_there = self._descriptor is not None and os.path.samestat(
                os.fstat(self._descriptor), self._file.stat()
            )
        except (FileNotFoundError, UnicodeDecodeError):
            now, still_there = "", False
        if now and now != self._mine:
            raise LeaseHeld(
                f"{folder}: this process began epoch {self.epoch}, another one has begun epoch {now.split()[0]} since; "
                f"nothing more is written from here"
            )
        if not still_there:
            raise LeaseHeld(f"{folder}: the lease of epoch {self.epoch} is gone; nothing more is written from here")

    def _begin_epoch(self) -> None:
        self.epoch = _epoch_of(self._epoch_file) + 1
        self._mine = f"{self.epoch} {secrets.token_hex(8)}\n"
        part = self._epoch_file.with_name(f".{self._epoch_file.name}.{os.getpid()}")
        with part.open("w", encoding="ascii") as file:
            file.write(self._mine)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._epoch_file)
        folder = os.open(self._epoch_file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _epoch_of(file: Path) -> int:
    """The newest epoch that was begun; 0 where none was. Raises CorruptState for what is none."""
    try:
        return int(file.read_text(encoding="ascii").split()[0])
    except FileNotFoundError:
        return 0
    except (ValueError, IndexError):
        raise CorruptState(f"{file}: expected an epoch and its mark; remove it if no other process runs here") from None


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
