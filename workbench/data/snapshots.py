"""Snapshots of a run on disk: whole or not at all, each checked before it is believed.

A snapshot is a few lines of JSON: its format and the hash of all that follows, what it belongs to, and then what was
remembered. Its run's past lies beside it in one file that only grows; a snapshot names the first bytes of it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from workbench.core.errors import CorruptState
from workbench.data.scan import Position
from workbench.data.segments import sync_folder

FORMAT = 1
KEPT = 3  # one that a loss of power spoilt, one that a bug spoilt, and one more

_CHUNK = 1 << 20
_PAST = "past"
_NAME = "{:015d}.snapshot"  # by the records it covers: names sort as runs go on

_log = logging.getLogger(__name__)


class Seal(msgspec.Struct, frozen=True):
    """The first line: what any version of this program can read."""

    format: int
    sha256: str  # of everything after this line


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a snapshot belongs to, and where in the journal it stands."""

    run_id: str
    plan: str  # the sha256 of the journal's first record
    strategies: dict[str, str]  # id -> release, or hash of its source
    segment: int
    offset: int
    records: int
    chain: str
    taken_ns: int  # UTC
    past_bytes: int
    past_sha256: str

    @property
    def position(self) -> Position:
        """Its place in the journal."""
        return Position(self.segment, self.offset, self.records, bytes.fromhex(self.chain))


class Found(msgspec.Struct, frozen=True):
    """A snapshot as it was read: checked, with what was remembered as lines of JSON."""

    path: Path
    seal: Seal
    snapshot: Snapshot
    lines: tuple[bytes, ...]


class SnapshotFolder:
    """The last few snapshots of one run, and its past."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def newest(self) -> Iterator[Found]:
        """The snapshots that can be believed, newest first; one that cannot is told in the log."""
        for path in sorted(self.path.glob("*.snapshot"), reverse=True):
            try:
                yield read(path)
            except (OSError, CorruptState) as error:
                _log.warning("%s: it is not used: %s", path, error)

    def write(self, snapshot: Snapshot, lines: Iterable[bytes]) -> Path:
        """Writes a snapshot, durable when this returns, and lets the oldest go; raises OSError, and nothing changed."""
        content = b"\n".join((msgspec.json.encode(snapshot), *lines))
        seal = Seal(FORMAT, hashlib.sha256(content).hexdigest())
        path = self.path / _NAME.format(snapshot.records)
        part = path.with_suffix(".part")
        with open(part, "wb", opener=_private) as file:
            file.write(msgspec.json.encode(seal) + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(self.path)
        self._prune(path)
        return path

    def _prune(self, newest: Path) -> None:
        """What claims to know more records than there are is not of this journal; of the rest the newest stay."""
        snapshots = sorted(self.path.glob("*.snapshot"), reverse=True)
        at = snapshots.index(newest)
        for old in (*snapshots[:at], *snapshots[at + KEPT :]):
            old.unlink()

    def past(self, found: Found | None = None) -> Past:
        """The past that belongs to a snapshot, or one that begins; raises CorruptState where it is not that one."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        past = Past(self.path / _PAST)
        if found is not None:
            past.check(found.snapshot.past_bytes, found.snapshot.past_sha256)
        return past


class Past:
    """A file of lines that only grows; of what stands behind its `size` nothing is known, and it is written over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of its first `size` bytes."""
        return self._digest.hexdigest()

    def check(self, size: int, sha256: str) -> None:
        """Takes the first `size` bytes for its own; raises CorruptState unless they have that hash."""
        digest, left = hashlib.sha256(), size
        if size:
            with self.path.open("rb") as file:
                while left and (chunk := file.read(min(left, _CHUNK))):
                    digest.update(chunk)
                    left -= len(chunk)
        if left or digest.hexdigest() != sha256:
            raise CorruptState(f"{self.path}: its first {size:,} bytes are not what was written")
        self.size, self._digest = size, digest

    def lines(self) -> Iterator[bytes]:
        """Every line of its own, without the newline."""
        if not self.size:
            return
        with self.path.open("rb") as file:
            left = self.size
            for line in file:
                left -= len(line)
                yield line[:-1]
                if left <= 0:
                    return

    def append(self, lines: Iterable[bytes]) -> None:
        """Adds lines, durable when this returns; raises OSError, and then it is what it was."""
        news = b"".join(line + b"\n" for line in lines)
        digest = self._digest.copy()
        digest.update(news)
        with open(self.path, "ab", opener=_private) as file:
            file.truncate(self.size)
            file.write(news)
            file.flush()
            os.fsync(file.fileno())
        self.size, self._digest = self.size + len(news), digest


def read(path: Path) -> Found:
    """A snapshot, checked; raises CorruptState saying what is wrong with it."""
    sealed, _, content = path.read_bytes().partition(b"\n")
    try:
        seal = msgspec.json.decode(sealed, type=Seal)
    except msgspec.MsgspecError:
        raise CorruptState("it is not a snapshot") from None
    if seal.format != FORMAT:
        raise CorruptState(f"it has format {seal.format}, this program reads format {FORMAT}")
    if hashlib.sha256(content).hexdigest() != seal.sha256:
        raise CorruptState("its content is not what was written")
    first, *lines = content.split(b"\n")
    return Found(path, seal, msgspec.json.decode(first, type=Snapshot), tuple(lines))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
