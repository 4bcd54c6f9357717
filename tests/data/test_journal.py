"""What the journal promises about records, ranges and digests."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.traded import BTC, DATASET, SHA, bar, started, steps, timer, write
from workbench.core.codec import encode
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import Event, Halt
from workbench.data import journal as journal_module
from workbench.data.journal import Journal, Rows
from workbench.data.reader import JournalReader
from workbench.data.scan import Scan


def test_what_was_taken_is_read_back_with_rows_as_ranges(tmp_path: Path) -> None:
    write(Journal.on_disk(tmp_path)).close()
    expected: list[Event | Rows] = []
    for event, consequences in steps():
        expected += [event] if event.source != "data" else []
        expected += [Rows(DATASET, 0, 18, SHA)] if event.id == "data/18" else []
        expected += consequences
    assert list(JournalReader(tmp_path).records()) == expected


def test_a_row_range_ends_where_anything_else_comes_and_where_a_row_is_skipped() -> None:
    journal = Journal.memory()
    journal.declare("data", DATASET, SHA)
    journal.declare("other", "eth", "cd" * 32)
    journal.take(started())
    for event in (bar(0), bar(1), bar(3), bar(4), bar(0, source="other"), bar(5)):
        journal.row(event)
    journal.take(bar(6), [timer(9)])
    journal.row(bar(7))
    read = list(JournalReader(journal).records())[1:]
    assert [(each.first, each.last, each.dataset) if isinstance(each, Rows) else each.id for each in read] == [
        (0, 1, DATASET),
        (3, 4, DATASET),
        (0, 0, "eth"),
        (5, 6, DATASET),
        "clock/9",
        (7, 7, DATASET),
    ]


def test_a_row_record_has_exactly_this_line() -> None:
    assert Rows("d", 0, 17, "ff").encode() == b'{"dataset":"d","first":0,"last":17,"sha256":"ff","type":"Rows"}'


def test_a_value_that_looks_like_a_row_record_is_not_taken_for_one() -> None:
    journal = Journal.memory()
    journal.take(started())
    lie = Halt("operator", 1, 2, 3, reason=',"type":"Rows"}')
    journal.take(lie)
    assert list(JournalReader(journal).records())[1] == lie


def test_the_digest_knows_nothing_of_frames_segments_or_disks(tmp_path: Path) -> None:
    plain = write(Journal.memory()).digest()
    small = write(Journal.on_disk(tmp_path / "small", max_segment=600), frame_every=1)
    assert len(list((tmp_path / "small").glob("*.journal"))) > 3
    large = write(Journal.on_disk(tmp_path / "large"))
    stream = io.BytesIO()
    JournalReader(small).export(stream)
    assert {small.digest(), large.digest(), JournalReader(small).verify().digest} == {plain}
    assert hashlib.sha256(stream.getvalue()).hexdigest() == plain


def test_the_digest_is_the_same_under_every_hash_seed() -> None:
    program = (
        "from tests.data.traded import write; from workbench.data.journal import Journal; "
        "print(write(Journal.memory()).digest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert digests == {write(Journal.memory()).digest() + "\n"}


def test_a_frame_closes_itself_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FRAME_RECORDS", 10)
    journal = Journal.on_disk(tmp_path)
    journal.take(started())
    for number in range(25):
        journal.take(timer(number))
    assert JournalReader(tmp_path).verify().records == 20
    assert journal.records == 26


def test_a_record_that_no_event_could_be_is_refused() -> None:
    journal = Journal.memory()
    journal.take(Halt("operator", 1, 2, 3, reason="x" * (journal_module.RECORD_BYTES + 1)))
    with pytest.raises(DataError, match="record of"):
        journal.close_frame()


def test_a_journal_in_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MEMORY_BYTES", 100)
    journal = Journal.memory()
    journal.take(started())
    with pytest.raises(ConfigError, match="keep it on disk"):
        journal.close_frame()


def test_a_source_is_one_dataset_for_good() -> None:
    journal = Journal.memory()
    journal.declare("data", "a", SHA)
    journal.declare("data", "a", SHA)
    with pytest.raises(ConfigError, match="'data' is dataset a already"):
        journal.declare("data", "b", SHA)


def test_a_journal_continues_where_it_ended(tmp_path: Path) -> None:
    write(Journal.on_disk(tmp_path)).close()
    before = list(JournalReader(tmp_path))
    again = Journal.on_disk(tmp_path)
    assert again.torn == ""
    again.take(timer(77))
    again.close()
    after = list(JournalReader(tmp_path))
    assert after == [*before, encode(timer(77))]
    assert JournalReader(tmp_path).verify().digest == again.digest()


def test_a_reader_follows_a_growing_journal_across_segments(tmp_path: Path) -> None:
    journal, reader, seen = Journal.on_disk(tmp_path, max_segment=800), JournalReader(tmp_path), 0
    journal.take(started())
    for number in range(40):
        journal.take(timer(number))
        assert len(list(reader.records(start=seen))) == 0, "a frame that is not closed is not there"
        journal.close_frame()
        new = list(reader.records(start=seen))
        assert new[-1] == timer(number)
        seen += len(new)
    assert seen == journal.records == 41


def test_a_reader_stops_quietly_before_a_frame_that_is_still_being_written(tmp_path: Path) -> None:
    journal = write(Journal.on_disk(tmp_path))
    journal.take(timer(50))
    journal.close()
    path = tmp_path / "000001.journal"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    reader = JournalReader(tmp_path)
    count = len(list(reader))
    assert count == journal.records - 1
    assert reader.verify().torn_bytes > 0
    assert path.read_bytes() == whole[:-7], "reading changes nothing"
    path.write_bytes(whole)
    assert list(reader.records(start=count)) == [timer(50)]


def test_a_reader_misses_nothing_when_the_writer_goes_on_to_a_new_segment_right_now(tmp_path: Path) -> None:
    journal = Journal.on_disk(tmp_path, max_segment=1_500)
    journal.take(started())
    journal.close_frame()

    class Slow(Scan):
        def _followed(self) -> bool:
            while not (tmp_path / "000002.journal").exists():
                journal.take(timer(journal.records))
                journal.close_frame()
            return super()._followed()

    assert sum(body.count(b"\n") for body in Slow(tmp_path)) == journal.records > 2


def test_start_can_be_any_record(tmp_path: Path) -> None:
    write(Journal.on_disk(tmp_path), frame_every=1).close()
    reader = JournalReader(tmp_path)
    lines = list(reader)
    for start in (0, 1, 5, len(lines) - 1, len(lines), len(lines) + 3):
        assert list(reader.lines(start)) == lines[start:]


def test_sync_covers_all_that_was_taken_and_a_second_one_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (calls.append(fd), real(fd))[1])
    journal = Journal.on_disk(tmp_path)
    journal.take(started())

    async def together() -> None:
        await asyncio.gather(*(journal.sync() for _ in range(5)))
        await journal.sync()

    asyncio.run(together())
    assert len(calls) == 1
    assert JournalReader(tmp_path).verify().records == 1


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    write(Journal.on_disk(tmp_path / "journal")).close()
    assert (tmp_path / "journal" / "000001.journal").stat().st_mode & 0o777 == 0o600


def test_an_empty_or_missing_journal_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no journal is here"):
        JournalReader(tmp_path).started()
    Journal.on_disk(tmp_path).close()
    with pytest.raises(DataError, match="RunStarted"):
        JournalReader(tmp_path).started()


_events = st.one_of(
    st.builds(lambda n: timer(n), st.integers(0, 10**6)),
    st.builds(lambda n, c: bar(n, c, "live"), st.integers(0, 10**6), st.integers(1, 10**12)),
    st.builds(lambda n, r: Halt("operator", n, n, n, reason=r), st.integers(0, 99), st.text(max_size=40)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_events, st.booleans()), max_size=30), st.integers(500, 2_000))
def test_any_records_come_back_whatever_the_frames(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[Event, bool]], max_segment: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal.on_disk(folder, max_segment=max_segment)
    journal.take(started())
    for event, close in taken:
        journal.take(event)
        if close:
            journal.close_frame()
    journal.close()
    reader = JournalReader(folder)
    assert list(reader.records()) == [started(), *(event for event, _ in taken)]
    assert reader.verify().digest == journal.digest()


@given(st.lists(st.integers(0, 5), max_size=40))
def test_row_ranges_name_exactly_the_rows_that_were_taken(steps_between: list[int]) -> None:
    journal = Journal.memory()
    journal.declare("data", DATASET, SHA)
    journal.take(started())
    rows, at = [], 0
    for step in steps_between:
        at += step + 1 if step > 3 else 1
        rows.append(at)
        journal.row(bar(at))
    named = [each for each in list(JournalReader(journal).records())[1:] if isinstance(each, Rows)]
    assert [row for each in named for row in range(each.first, each.last + 1)] == rows
    assert all(one.last + 1 < other.first for one, other in pairwise(named)), "neighbours merge"


def test_the_line_of_an_event_is_the_codecs() -> None:
    journal = Journal.memory()
    journal.take(started())
    assert list(JournalReader(journal)) == [encode(started())]
    assert msgspec.json.decode(encode(started()))["instruments"][0]["symbol"] == BTC.symbol
