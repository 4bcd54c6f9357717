"""Reading a journal's segments: every whole frame checked, in order, one in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from workbench.core.errors import CorruptState
from workbench.data import frames
from workbench.data.frames import FRAME_HEADER, NO_CHAIN, SEGMENT_HEADER, Damaged

_CHUNK = 1 << 20  # how much of a tail of zeros is looked at in one read


class Position(msgspec.Struct, frozen=True):
    """A place between two frames: where it is, and what stands before it."""

    segment: int = 1
    offset: int = 0
    records: int = 0
    chain: bytes = NO_CHAIN


BEGIN = Position()


def segment_path(folder: Path, number: int) -> Path:
    """Where segment `number` of a journal lives."""
    return folder / f"{number:06d}.journal"


def segment_numbers(folder: Path) -> list[int]:
    """The segments there are, lowest first; files of other names are not the journal's."""
    return sorted(int(path.stem) for path in folder.glob("*.journal") if path.stem.isdecimal())


def passes(folder: Path, position: Position) -> bool:
    """Whether the journal has two frames that meet at `position`; reads the one segment it lies in."""
    path = segment_path(folder, position.segment)
    try:
        with path.open("rb") as file:
            chain = frames.follows_on(file.read(SEGMENT_HEADER), position.segment)
        scan = Scan(folder, Position(position.segment, 0, 0, chain))
        for _ in scan:
            at = scan.position
            if (at.segment, at.offset) >= (position.segment, position.offset):
                return (at.segment, at.offset, at.chain) == (position.segment, position.offset, position.chain)
    except (OSError, Damaged, CorruptState):
        return False
    return False


class Scan:
    """The bodies of all whole frames from `position` on, each checked before it is handed out.

    Iterate it, then read `position`, the end of the last whole frame, and `torn`, the bytes after
    it that are no whole frame: a write that was cut off, or one that is going on right now. Raises
    CorruptState naming segment and offset for anything else; it never changes a file.
    """

    def __init__(self, folder: Path, position: Position = BEGIN) -> None:
        self.folder = folder
        self.position = position
        self.torn = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield from self._segment()
            if not self._followed():
                return
            yield from self._segment()  # it is finished now: what was still being written must be whole
            if self.torn or self.position.offset == 0:
                raise self._corrupt("the segment breaks off here although another one follows")
            at = self.position
            self.position = Position(at.segment + 1, 0, at.records, at.chain)

    def _segment(self) -> Iterator[bytes]:
        path = segment_path(self.folder, self.position.segment)
        if not path.exists():
            raise CorruptState(f"journal {path}: the segment is missing")
        with path.open("rb") as file:
            if self.position.offset == 0 and not self._begin(file):
                return
            while (body := self._frame(file)) is not None:
                yield body

    def _followed(self) -> bool:
        later = [number for number in segment_numbers(self.folder) if number > self.position.segment]
        if later and later[0] != self.position.segment + 1:
            missing = segment_path(self.folder, self.position.segment + 1)
            raise CorruptState(f"journal {missing}: the segment is missing, though {later[0]:06d} is there")
        return bool(later)

    def _begin(self, file: BinaryIO) -> bool:
        header = file.read(SEGMENT_HEADER)
        if len(header) < SEGMENT_HEADER or self._only_zeros(header, file):
            return self._stop(file)
        try:
            frames.check_segment_header(header, self.position.segment, self.position.chain)
        except Damaged as damage:
            raise self._corrupt(str(damage)) from None
        self.position = msgspec.structs.replace(self.position, offset=SEGMENT_HEADER)
        return True

    def _frame(self, file: BinaryIO) -> bytes | None:
        at = self.position
        file.seek(at.offset)
        head = file.read(FRAME_HEADER)
        if len(head) < FRAME_HEADER or self._only_zeros(head, file):
            self._stop(file)
            return None
        try:
            header = frames.frame_header(head)
            file.seek(at.offset + FRAME_HEADER)
            body = file.read(header.length)
            if len(body) < header.length:
                self._stop(file)
                return None
            frames.check_body(body, header, at.chain)
        except Damaged as damage:
            raise self._corrupt(str(damage)) from None
        offset = at.offset + FRAME_HEADER + header.length
        self.position = Position(at.segment, offset, at.records + header.records, header.chain)
        self.torn = 0
        return body

    def _stop(self, file: BinaryIO) -> bool:
        self.torn = file.seek(0, 2) - self.position.offset
        return False

    def _only_zeros(self, head: bytes, file: BinaryIO) -> bool:
        """Whether nothing but zeros follows, as a loss of power may leave a file that had been lengthened."""
        piece = head
        while piece:
            if piece.strip(b"\0"):
                return False
            piece = file.read(_CHUNK)
        return True

    def _corrupt(self, what: str) -> CorruptState:
        path = segment_path(self.folder, self.position.segment)
        return CorruptState(f"journal {path}, offset {self.position.offset}: {what}; nothing was changed")
