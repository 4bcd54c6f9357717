"""Writing a journal's segments: whole frames at the end of the last one, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from workbench.core.errors import CorruptState, WorkbenchError
from workbench.data import frames
from workbench.data.scan import BEGIN, Position, Scan, segment_numbers, segment_path

SEGMENT_BYTES = 64 << 20  # small enough to copy and check in a second, large enough to be few


class DiskFailed(WorkbenchError):
    """The disk refused a write; what was recorded before it stands, and nothing more is taken."""


class Segments:
    """The open end of a journal on disk. `torn` tells what was cut off when it was opened, if anything.

    Opening checks every byte from `since` on and hands each body to `seen`. A torn end is cut off and kept
    beside the journal as `torn-<segment>-<offset>`; damage is CorruptState and changes nothing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_segment: int = SEGMENT_BYTES,
        truncate_torn: bool = True,
        since: Position = BEGIN,
        seen: Callable[[bytes], None] = lambda body: None,
    ) -> None:
        self.folder = folder
        self.torn = ""
        self._limit = max_segment
        self._failed = ""
        self._written = self._durable = 0  # frames since it was opened
        self._syncing = asyncio.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._position = self._opened(since, seen, truncate_torn)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._position.offset == 0:
            self._begin()

    @property
    def records(self) -> int:
        """How many records stand in whole frames."""
        return self._position.records

    @property
    def position(self) -> Position:
        """The end of the last whole frame."""
        return self._position

    def check(self) -> None:
        """Raises DiskFailed once a write has failed."""
        if self._failed:
            raise DiskFailed(f"{self._failed}; the journal takes nothing more until it is opened again")

    def append(self, body: bytes, records: int) -> None:
        """Writes one frame to the operating system; raises DiskFailed, and from then on always, if it cannot."""
        self.check()
        size = frames.FRAME_HEADER + len(body)
        if self._position.offset + size > self._limit and self._position.offset > frames.SEGMENT_HEADER:
            self._rotate()
        at = self._position
        chain = frames.chained(at.chain, body)
        self._write(frames.frame(chain, body, records))
        self._position = Position(at.segment, at.offset + size, at.records + records, chain)
        self._written += 1

    async def sync(self) -> None:
        """Returns when every frame appended so far is durable; callers that wait together share one fdatasync."""
        self.check()
        target = self._written
        async with self._syncing:
            self.check()
            if self._durable >= target:
                return
            target = self._written
            # a file descriptor of its own: a rotation may close ours while the disk is still at work
            await asyncio.to_thread(self._settle, os.dup(self._fd))
            self._durable = max(self._durable, target)

    def close(self) -> None:
        """Makes everything durable and lets go of the file; safe to call twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            if self._failed:
                os.close(fd)
            else:
                self._settle(fd)
                self._failed = f"journal {self.folder}: it is closed"

    def abandon(self, why: str) -> None:
        """Lets go of the file as it is: who may write here now decides what becomes of it."""
        self._failed = why
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    @property
    def _path(self) -> Path:
        return segment_path(self.folder, self._position.segment)

    def _opened(self, since: Position, seen: Callable[[bytes], None], truncate_torn: bool) -> Position:
        if not segment_numbers(self.folder):
            return BEGIN
        scan = Scan(self.folder, since)
        for body in scan:
            seen(body)
        if scan.torn:
            self.torn = _torn(scan)
            if not truncate_torn:
                raise CorruptState(f"{self.torn}; nothing was changed")
            kept = _cut(scan)
            self.torn += f"; they were cut off and kept in {kept}"
        return scan.position

    def _begin(self) -> None:
        at = self._position
        self._write(frames.segment_header(at.segment, at.chain))
        self._position = Position(at.segment, frames.SEGMENT_HEADER, at.records, at.chain)
        sync_folder(self.folder)

    def _rotate(self) -> None:
        """Durable first, so that only the last segment can ever have a torn end."""
        fd, self._fd = self._fd, -1
        self._settle(fd)
        self._durable = self._written
        at = self._position
        self._position = Position(at.segment + 1, 0, at.records, at.chain)
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._fail(error) from error
        self._begin()

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise self._fail(error) from error
        if written != len(data):
            with contextlib.suppress(OSError):  # where even this fails, the next opening finds a torn end
                os.ftruncate(self._fd, self._position.offset)
            raise self._fail(OSError(f"the disk took only {written} of {len(data)} bytes"))

    def _settle(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as error:
            raise self._fail(error) from error
        finally:
            os.close(fd)

    def _fail(self, error: OSError) -> DiskFailed:
        self._failed = f"journal {self._path}, offset {self._position.offset}: cannot write: {error}"
        return DiskFailed(self._failed)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _torn(scan: Scan) -> str:
    path = segment_path(scan.folder, scan.position.segment)
    return f"journal {path}: the last {scan.torn} bytes, from offset {scan.position.offset}, are no whole frame"


def _cut(scan: Scan) -> Path:
    """Moves the torn end into a file of its own; the copy is durable before the original is cut."""
    at, folder = scan.position, scan.folder
    kept = folder / f"torn-{at.segment:06d}-{at.offset}"
    again = 1
    while kept.exists():
        again += 1
        kept = folder / f"torn-{at.segment:06d}-{at.offset}-{again}"
    part = kept.with_name(kept.name + ".part")
    with segment_path(folder, at.segment).open("r+b") as file:
        file.seek(at.offset)
        with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())
        os.replace(part, kept)
        sync_folder(folder)
        file.truncate(at.offset)
        os.fsync(file.fileno())
    return kept
