"""What the journal promises when disks lie, fill up or lose power."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.traded import started, timer, write
from workbench.core.errors import CorruptState
from workbench.data.frames import FRAME_HEADER, SEGMENT_HEADER, chained, frame, segment_header
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.data.scan import Scan
from workbench.data.segments import DiskFailed


def first_segment(folder: Path) -> Path:
    return folder / "000001.journal"


def frame_ends(folder: Path) -> list[int]:
    scan, ends = Scan(folder), [SEGMENT_HEADER]
    for _ in scan:
        ends.append(scan.position.offset)
    return ends


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of one segment with several frames; its last frame is one short record."""
    journal = write(Journal.on_disk(tmp_path / "journal"), frame_every=1)
    journal.take(timer(99))
    journal.close()
    return tmp_path / "journal"


def test_a_torn_end_is_cut_at_every_byte_with_a_message_and_nothing_is_lost(folder: Path, tmp_path: Path) -> None:
    whole = first_segment(folder).read_bytes()
    last, end = frame_ends(folder)[-2:]
    lines = list(JournalReader(folder))
    for length in range(last + 1, end):
        torn = tmp_path / f"torn-at-{length}"
        torn.mkdir()
        first_segment(torn).write_bytes(whole[:length])
        journal = Journal.on_disk(torn)
        assert f"last {length - last} bytes, from offset {last}," in journal.torn
        assert (torn / f"torn-000001-{last}").read_bytes() == whole[last:length]
        journal.take(timer(100))
        journal.close()
        after = list(JournalReader(torn))
        assert after[:-1] == lines[:-1]
        assert JournalReader(torn).verify().torn_bytes == 0
        shutil.rmtree(torn)


@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x0A])
def test_a_flip_in_any_byte_of_the_last_frame_is_damage_and_changes_nothing(folder: Path, mask: int) -> None:
    path = first_segment(folder)
    whole = path.read_bytes()
    last, end = frame_ends(folder)[-2:]
    for offset in range(last, end):
        hurt = bytearray(whole)
        hurt[offset] ^= mask
        path.write_bytes(hurt)
        with pytest.raises(CorruptState, match=rf"000001\.journal, offset {last}:") as error:
            Journal.on_disk(folder)
        assert error.value.exit_code == 5
        assert offset < last + FRAME_HEADER or "a frame fails its CRC" in str(error.value)
        assert path.read_bytes() == hurt
        assert [each.name for each in folder.iterdir()] == [path.name]


def test_a_flip_in_the_middle_or_in_the_segment_header_is_damage_for_writer_and_reader(folder: Path) -> None:
    path = first_segment(folder)
    whole = path.read_bytes()
    for offset in [*range(SEGMENT_HEADER), *range(SEGMENT_HEADER, len(whole), 37)]:
        hurt = bytearray(whole)
        hurt[offset] ^= 0x10
        path.write_bytes(hurt)
        with pytest.raises(CorruptState):
            Journal.on_disk(folder)
        with pytest.raises(CorruptState):
            JournalReader(folder).verify()


@pytest.mark.parametrize("what", ["removed", "repeated", "exchanged"])
def test_a_frame_out_of_its_place_is_found_by_the_chain(folder: Path, what: str) -> None:
    path = first_segment(folder)
    whole, ends = path.read_bytes(), frame_ends(folder)
    a, b = whole[ends[0] : ends[1]], whole[ends[1] : ends[2]]
    instead = {"removed": b, "repeated": a + a + b, "exchanged": b + a}[what]
    path.write_bytes(whole[: ends[0]] + instead + whole[ends[2] :])
    with pytest.raises(CorruptState, match="removed, repeated or moved"):
        Journal.on_disk(folder)


def test_zeros_after_the_last_frame_are_a_torn_end(folder: Path) -> None:
    path = first_segment(folder)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(bytes(5_000))
    assert JournalReader(folder).verify().torn_bytes == 5_000
    journal = Journal.on_disk(folder)
    assert "last 5000 bytes" in journal.torn
    assert path.stat().st_size == size


def test_bytes_after_zeros_are_damage(folder: Path) -> None:
    with first_segment(folder).open("ab") as file:
        file.write(bytes(5_000) + b"x")
    with pytest.raises(CorruptState):
        Journal.on_disk(folder)


def test_a_second_torn_end_at_the_same_place_does_not_replace_the_first(folder: Path) -> None:
    for piece in (b"one", b"two"):
        with first_segment(folder).open("ab") as file:
            file.write(piece)
        Journal.on_disk(folder).close()
    assert sorted(path.read_bytes() for path in folder.glob("torn-*")) == [b"one", b"two"]


def test_truncation_can_be_refused(folder: Path) -> None:
    with first_segment(folder).open("ab") as file:
        file.write(b"torn")
    before = first_segment(folder).read_bytes()
    with pytest.raises(CorruptState, match="last 4 bytes"):
        Journal.on_disk(folder, truncate_torn=False)
    assert first_segment(folder).read_bytes() == before


@pytest.mark.parametrize("cut", [0, 1, SEGMENT_HEADER - 1])
def test_a_segment_that_was_only_just_begun_is_begun_again(tmp_path: Path, cut: int) -> None:
    journal = write(Journal.on_disk(tmp_path, max_segment=600), frame_every=1)
    journal.close()
    last = sorted(tmp_path.glob("*.journal"))[-1]
    number = int(last.stem) + 1
    next_one = tmp_path / f"{number:06d}.journal"
    next_one.write_bytes(segment_header(number, bytes(32))[:cut])
    again = Journal.on_disk(tmp_path, max_segment=600)
    again.take(timer(1))
    again.close()
    assert JournalReader(tmp_path).verify().records == journal.records + 1
    assert next_one.stat().st_size > SEGMENT_HEADER


@pytest.mark.parametrize("missing", ["000001", "000002"])
def test_a_missing_segment_is_named(tmp_path: Path, missing: str) -> None:
    write(Journal.on_disk(tmp_path, max_segment=600), frame_every=1).close()
    (tmp_path / f"{missing}.journal").unlink()
    for opened in (Journal.on_disk, lambda folder: JournalReader(folder).verify()):
        with pytest.raises(CorruptState, match=missing):
            opened(tmp_path)


def test_a_torn_end_anywhere_but_in_the_last_segment_is_damage(tmp_path: Path) -> None:
    write(Journal.on_disk(tmp_path, max_segment=600), frame_every=1).close()
    path = tmp_path / "000002.journal"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptState, match="another one follows"):
        Journal.on_disk(tmp_path)


@pytest.mark.parametrize(("offset", "byte", "says"), [(0, 0x58, "not a journal"), (11, 9, "format version 9")])
def test_a_strange_file_and_a_strange_version_are_named(folder: Path, offset: int, byte: int, says: str) -> None:
    hurt = bytearray(first_segment(folder).read_bytes())
    hurt[offset] = byte
    first_segment(folder).write_bytes(hurt)
    with pytest.raises(CorruptState, match=says):
        Journal.on_disk(folder)


def test_a_frame_that_miscounts_its_records_is_damage(tmp_path: Path) -> None:
    body = b'{"type":"Timer"}\n'
    path = first_segment(tmp_path)
    path.write_bytes(segment_header(1, bytes(32)) + frame(chained(bytes(32), body), body, 2))
    with pytest.raises(CorruptState, match="2 records"):
        Journal.on_disk(tmp_path)


_FILLS_THE_DISK = """
import resource, sys
from tests.data.traded import started, timer
from workbench.data.journal import Journal
from workbench.data.segments import DiskFailed
journal = Journal.on_disk(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
journal.take(started())
journal.close_frame()
written = 1
try:
    for number in range(100):
        journal.take(timer(number))
        journal.close_frame()
        written += 1
except DiskFailed as error:
    message = str(error)
for refused in (journal.close_frame, lambda: journal.take(timer(0))):
    try:
        refused()
        raise SystemExit("a failed journal took more")
    except DiskFailed:
        pass
print(written, message)
"""


def test_a_full_disk_is_named_and_what_was_written_before_stands(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FILLS_THE_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    written, _, message = done.stdout.partition(" ")
    assert "cannot write" in message
    assert "000001.journal, offset" in message
    verified = JournalReader(tmp_path).verify()
    assert verified.records == int(written) > 1
    assert verified.torn_bytes == 0, "what the disk took of the failed write was taken back"
    journal = Journal.on_disk(tmp_path)
    journal.take(timer(5))
    journal.close()
    assert JournalReader(tmp_path).verify().records == int(written) + 1


def test_after_a_failed_sync_nothing_more_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.on_disk(tmp_path)
    journal.take(started())

    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("os.fdatasync", refuse)
        with pytest.raises(DiskFailed, match="Input/output error"):
            asyncio.run(journal.sync())
    with pytest.raises(DiskFailed):
        asyncio.run(journal.sync())
    assert first_segment(tmp_path).stat().st_size > FRAME_HEADER
