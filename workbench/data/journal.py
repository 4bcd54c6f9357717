"""The journal: everything a run took in and everything that followed, in one order, appended and never changed.

A record is one line of canonical JSON. Rows of a stored dataset are not copied: a run of
consecutive ones is a single `Rows` record. The digest is the sha256 of all lines, each with its
newline, so it knows nothing of frames, segments or disks.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from workbench.core.codec import encode_lines
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import Event
from workbench.data.scan import BEGIN, Position, Scan
from workbench.data.segments import SEGMENT_BYTES, Segments

FRAME_RECORDS = 4_096  # what a torn end can cost at most, and what a reader holds at once
BATCH_RECORDS = 256  # made lines of together, which costs a third of one by one
FRAME_BYTES = 4 << 20  # the same bound for order books, whose lines are long
RECORD_BYTES = 16 << 20  # no event is this long; a longer one is a mistake, and readers rely on it
MEMORY_BYTES = 1 << 30  # a journal in memory that outgrows this belongs on disk

RESERVED = frozenset(
    {"run", "venue", "engine", "operator", "clock", "executor"}
)  # sources of events that are no stored rows

_log = logging.getLogger(__name__)
_json = msgspec.json.Encoder(order="deterministic")


class Rows(msgspec.Struct, frozen=True):
    """Rows `first` to `last`, both counted in, of a stored dataset, taken in as they stand there."""

    dataset: str
    first: int
    last: int
    sha256: str
    type: str = "Rows"

    def encode(self) -> bytes:
        """Its line in the journal, without the newline."""
        return _json.encode(self)


class Memory:
    """Frames kept in memory, for a run whose journal is wanted at its end or not at all."""

    torn = ""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.records = 0
        self._bytes = 0

    def check(self) -> None:
        """Memory does not fail by itself."""

    def abandon(self, why: str) -> None:
        """Nobody else writes here."""

    def append(self, body: bytes, records: int) -> None:
        """Keeps one frame; raises ConfigError where it would hold too much."""
        self._bytes += len(body)
        if self._bytes > MEMORY_BYTES:
            raise ConfigError(f"the journal in memory is over {MEMORY_BYTES:,} bytes; keep it on disk: name a folder")
        self.bodies.append(body)
        self.records += records

    async def sync(self) -> None:
        """Nothing here outlives a loss of power, and nothing is promised to."""

    def close(self) -> None:
        """The frames stay readable."""


class Journal:
    """The writing end. Make one with `Journal.memory()` or `Journal.on_disk(folder)`.

    It is also the `Disk` an order waits for: `sync` returns when all that was taken is durable.
    """

    __slots__ = (
        "_datasets",
        "_digest",
        "_next",
        "_open_first",
        "_open_source",
        "_pending",
        "_pending_bytes",
        "_pending_records",
        "_taken",
        "frames",
        "guard",
    )

    def __init__(self, frames: Memory | Segments, digest: hashlib._Hash | None) -> None:
        self.frames = frames
        self.guard: Callable[[], None] = lambda: None  # raises where this process may not write here any more
        self._digest = digest  # of the closed frames; None where it was opened further on
        self._taken: list[Event | Rows] = []  # not lines yet; none of them ever changes
        self._pending: list[bytes] = []  # lines, each with its newline, or several of them in one piece
        self._pending_bytes = self._pending_records = 0
        self._datasets: dict[str, tuple[str, str]] = {}
        self._open_source: str | None = None
        self._open_first = self._next = 0

    @classmethod
    def memory(cls) -> Journal:
        """A new journal in memory, for at most 1 GiB of records."""
        return cls(Memory(), hashlib.sha256())

    @classmethod
    def on_disk(
        cls,
        folder: Path | str,
        *,
        max_segment: int = SEGMENT_BYTES,
        truncate_torn: bool = True,
        since: Position = BEGIN,
    ) -> Journal:
        """The journal in `folder`, made or continued, after every byte of it from `since` on was checked.

        A torn end is cut off, kept aside and told in `torn` and the log, or with `truncate_torn` off
        refused; damage raises CorruptState naming segment and offset.
        """
        digest = hashlib.sha256()
        segments = Segments(
            Path(folder), max_segment=max_segment, truncate_torn=truncate_torn, since=since, seen=digest.update
        )
        if segments.torn:
            _log.warning("%s", segments.torn)
        return cls(segments, digest if since == BEGIN else None)

    @property
    def torn(self) -> str:
        """What was cut off when the journal was opened, and where it is kept; empty if nothing was."""
        return self.frames.torn

    @property
    def records(self) -> int:
        """How many records were appended, a range of rows that is still open not counted."""
        return self.frames.records + self._pending_records + len(self._taken)

    @property
    def position(self) -> Position:
        """The end of the last closed frame on disk."""
        assert isinstance(self.frames, Segments)
        return self.frames.position

    def declare(self, source: str, dataset_id: str, sha256: str) -> None:
        """From now on the events of `source` are rows of this dataset, their sequence the row's number."""
        if source in RESERVED:
            raise ConfigError(f"journal: a dataset cannot be called {source!r}; import it with another id")
        known = self._datasets.setdefault(source, (dataset_id, sha256))
        if known != (dataset_id, sha256):
            raise ConfigError(f"journal: source {source!r} is dataset {known[0]} already, not {dataset_id}")

    def row(self, event: Event) -> None:
        """Takes an input without consequences; for the next row of an open range that is one addition.

        A record that is too long raises DataError, here or where its line is made: with the next that are taken,
        or before anything is synced.
        """
        if event.source == self._open_source and event.sequence == self._next:
            self._next += 1
        else:
            self._input(event)

    def take(self, event: Event, consequences: Sequence[Event] = ()) -> None:
        """Appends an input and then, in order, what followed from it."""
        self.row(event)
        if consequences:
            self._close_rows()
            self._keep(consequences)

    def close_frame(self) -> None:
        """Hands everything taken so far to the operating system; raises DiskFailed if it will not have it."""
        self._close_rows()
        self._write_lines()
        self._write_pending()

    async def sync(self) -> None:
        """Returns when everything taken so far survives a loss of power; raises DiskFailed if it will not.

        Raises what `guard` raises, before anything is written.
        """
        self.guard()
        self.close_frame()
        await self.frames.sync()

    def close(self) -> None:
        """Writes what is pending, makes it durable and lets go of the file; safe to call twice."""
        if self._taken or self._pending or self._open_source is not None:
            self.close_frame()
        self.frames.close()

    def abandon(self, why: str) -> None:
        """Lets go of the file and writes nothing more, what is pending included; from now on it takes nothing."""
        self._taken, self._pending, self._open_source = [], [], None
        self._pending_bytes = self._pending_records = 0
        self.frames.abandon(why)

    def digest(self) -> str:
        """The sha256 of every line taken so far, each with its newline, as hex; closes the open row range.

        Of a journal that was opened further on, all of it is read for that.
        """
        self._close_rows()
        self._write_lines()
        if self._digest is None:
            self._digest = self._from_disk()
        digest = self._digest.copy()
        digest.update(b"".join(self._pending))
        return digest.hexdigest()

    def _from_disk(self) -> hashlib._Hash:
        assert isinstance(self.frames, Segments)
        digest = hashlib.sha256()
        for body in Scan(self.frames.folder):
            digest.update(body)
        return digest

    def _input(self, event: Event) -> None:
        self._close_rows()
        if event.source in self._datasets:
            self.frames.check()  # rows alone write nothing, and a failed journal takes nothing
            self._open_source, self._open_first, self._next = event.source, event.sequence, event.sequence + 1
        else:
            self._keep((event,))

    def _close_rows(self) -> None:
        source = self._open_source
        if source is not None:
            self._open_source = None
            dataset, sha256 = self._datasets[source]
            self._keep((Rows(dataset, self._open_first, self._next - 1, sha256),))

    def _keep(self, records: Sequence[Event | Rows]) -> None:
        self.frames.check()
        self._taken += records
        if len(self._taken) >= BATCH_RECORDS or len(self._taken) + self._pending_records >= FRAME_RECORDS:
            self._write_lines()

    def _write_lines(self) -> None:
        taken, self._taken = self._taken, []
        if not taken:
            return
        text = encode_lines(taken)
        if self._pending_records + len(taken) < FRAME_RECORDS and self._pending_bytes + len(text) < FRAME_BYTES:
            self._pending.append(text)
            self._pending_bytes += len(text) - len(taken)
            self._pending_records += len(taken)
            return
        for line in text.split(b"\n")[:-1]:  # somewhere among them a frame ends
            self._append(line)

    def _append(self, line: bytes) -> None:
        if len(line) > RECORD_BYTES:
            raise DataError(f"journal: a record of {len(line):,} bytes, expected at most {RECORD_BYTES:,}")
        self._pending.append(line + b"\n")
        self._pending_bytes += len(line)
        self._pending_records += 1
        if self._pending_records >= FRAME_RECORDS or self._pending_bytes >= FRAME_BYTES:
            self._write_pending()

    def _write_pending(self) -> None:
        self.frames.check()
        if self._pending:
            self.guard()
            body = b"".join(self._pending)
            self.frames.append(body, self._pending_records)
            if self._digest is not None:
                self._digest.update(body)
            self._pending, self._pending_bytes, self._pending_records = [], 0, 0
