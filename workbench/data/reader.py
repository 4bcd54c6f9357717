"""Reading a journal, finished or still growing: its lines, its events, its digest. Nothing here changes a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from workbench.core.codec import decode
from workbench.core.errors import DataError
from workbench.core.events import Event, RunStarted
from workbench.core.instrument import Instrument
from workbench.core.ledger import instrument_table
from workbench.data.journal import Journal, Memory, Rows
from workbench.data.scan import BEGIN, Position, Scan, segment_numbers, segment_path

_rows = msgspec.json.Decoder(Rows)
_ROWS = b',"type":"Rows"}'  # keys are written in order and "type" is its last, so only Rows can end like this
_STARTED = b'"type":"RunStarted"'


class Verified(msgspec.Struct, frozen=True):
    """A journal whose every byte was checked; `torn_bytes` of its end are no whole frame (yet)."""

    records: int
    digest: str
    segments: int
    bytes: int
    torn_bytes: int


class JournalReader:
    """Reads a journal folder, or a `Journal`, whose pending frame it closes first.

    Everything is checked on the way, one frame in memory at a time; damage raises CorruptState. What
    a living writer has not finished is not there yet: ask again, with `start`, and only what is new
    is read. With `since`, a place between two frames, asking for what comes after it reads no more.
    """

    def __init__(self, journal: Path | str | Journal, *, since: Position = BEGIN) -> None:
        self._journal = journal if isinstance(journal, Journal) else None
        self._folder = None if isinstance(journal, Journal) else Path(journal)
        self._reached = since
        self._started: RunStarted | None = None
        self._instruments: dict[str, Instrument] = {}

    def __iter__(self) -> Iterator[bytes]:
        return self.lines()

    def lines(self, start: int = 0) -> Iterator[bytes]:
        """The records from number `start` on as they were written, without the newline."""
        scan = self._scan(self._reached if start >= self._reached.records else BEGIN)
        at = scan.position.records
        for body in scan:
            lines = body.split(b"\n")[:-1]
            yield from lines[max(0, start - at) :]
            at += len(lines)
            if at > self._reached.records:
                self._reached = scan.position

    def records(self, start: int = 0) -> Iterator[Event | Rows]:
        """The records from number `start` on as events, and `Rows` where stored rows were taken in."""
        for line in self.lines(start):
            yield self.read(line)

    def read(self, line: bytes) -> Event | Rows:
        """The record of one line of this journal."""
        if line.endswith(_ROWS):
            return _rows.decode(line)
        self.started()
        return decode(line, self._instruments)

    def started(self) -> RunStarted:
        """The first record; raises DataError where the journal is empty or begins otherwise."""
        if self._started is None:
            first = next(self._first_lines(), b"")
            started = decode(first, {}) if _STARTED in first else None
            if not isinstance(started, RunStarted):
                raise DataError(f"journal {self._name}: expected RunStarted as its first record, got {first[:80]!r}")
            self._instruments = instrument_table(started)
            self._started = started
        return self._started

    def verify(self) -> Verified:
        """Checks every byte; raises CorruptState naming segment and offset."""
        digest, scan, size = hashlib.sha256(), self._scan(BEGIN), 0
        for body in scan:
            digest.update(body)
            size += len(body)
        segments = 0
        if isinstance(scan, Scan):
            numbers = range(1, scan.position.segment + 1)
            segments = len(numbers)
            size = sum(segment_path(scan.folder, each).stat().st_size for each in numbers[:-1]) + scan.position.offset
        return Verified(scan.position.records, digest.hexdigest(), segments, size, scan.torn)

    def export(self, stream: BinaryIO) -> int:
        """Writes all records as JSON lines, the bytes the digest is taken of; returns how many."""
        count = 0
        for line in self.lines():
            stream.write(line + b"\n")
            count += 1
        return count

    @property
    def folder(self) -> Path | None:
        """Where the journal lies; None for one in memory."""
        return self._folder

    @property
    def _name(self) -> str:
        return str(self._folder or "in memory")

    def _first_lines(self) -> Iterator[bytes]:
        for body in self._scan(BEGIN):
            yield body.split(b"\n", 1)[0]

    def _scan(self, position: Position) -> Scan | MemoryScan:
        folder = self._folder
        if self._journal is not None:
            self._journal.close_frame()
            if isinstance(self._journal.frames, Memory):
                return MemoryScan(self._journal.frames, position)
            folder = self._journal.frames.folder
        assert folder is not None
        if not segment_numbers(folder):
            raise DataError(f"journal {folder}: no journal is here; expected segments such as 000001.journal")
        return Scan(folder, position)


class MemoryScan:
    """The bodies of a journal in memory from `position` on, where a position counts frames."""

    torn = 0

    def __init__(self, memory: Memory, position: Position) -> None:
        self.position = position
        self._memory = memory

    def __iter__(self) -> Iterator[bytes]:
        for body in self._memory.bodies[self.position.offset :]:
            at = self.position
            self.position = Position(1, at.offset + 1, at.records + body.count(b"\n"))
            yield body
