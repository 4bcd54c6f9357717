"""A queue on disk, for events that must not be lost and do not fit into memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

from workbench.core import codec
from workbench.core.errors import InvariantError
from workbench.core.events import Event
from workbench.core.instrument import Instrument

FILE_BYTES = 1024**3  # about four million order events; who is that far behind must stop rather than forget


class Spill:
    """First in, first out; the file is emptied whenever it was read to its end.

    It is made when first needed, at `path` or as a nameless temporary file, and what an earlier process left in it is
    gone: after a crash the venue is asked, not this file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._read_at = self._end = 0
        self._instruments: dict[Instrument, int] = {}  # the very terms an event was made with, numbered
        self._by_number: list[Instrument] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, arrival: int, event: Event) -> None:
        """Writes an event behind the others; raises InvariantError when the file is full."""
        line = b"%d %d %s\n" % (arrival, self._number(event), codec.encode(event))
        if self._end + len(line) > FILE_BYTES:
            raise InvariantError(f"order events: {self._count} are waiting on disk and nobody takes them")
        file = self._open()
        file.seek(self._end)
        file.write(line)
        self._end += len(line)
        self._count += 1

    def take(self, most: int) -> list[tuple[int, Event]]:
        """The oldest events with their arrival, `most` at most."""
        if not self._count:
            return []
        file = self._open()
        file.seek(self._read_at)
        lines = [file.readline() for _ in range(min(most, self._count))]
        self._read_at += sum(map(len, lines))
        self._count -= len(lines)
        if not self._count:
            file.seek(0)
            file.truncate()
            self._read_at = self._end = 0
        return [self._read(line) for line in lines]

    def close(self) -> None:
        """Releases the file and removes it; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file, self._count = None, 0
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _open(self) -> IO[bytes]:
        if self._file is None and self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w+b")
        elif self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the queue
        return self._file

    def _number(self, event: Event) -> int:
        instrument: Instrument | None = getattr(event, "instrument", None)
        if instrument is None:
            return -1
        number = self._instruments.setdefault(instrument, len(self._by_number))
        if number == len(self._by_number):
            self._by_number.append(instrument)
        return number

    def _read(self, line: bytes) -> tuple[int, Event]:
        arrival, number, written = line.split(b" ", 2)
        instruments = {each.key: each for each in (self._by_number[int(number)],)} if int(number) >= 0 else {}
        return int(arrival), codec.decode(written, instruments)
