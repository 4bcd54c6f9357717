"""One writer for a state directory: by a lock on one machine, by an epoch where the lock does not reach."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.data.traded import bar, started, timer
from workbench.core.errors import CorruptState, LeaseHeld
from workbench.data.journal import FRAME_RECORDS, Journal
from workbench.data.reader import JournalReader
from workbench.data.segments import DiskFailed
from workbench.runtime.lease import Lease


def test_every_holder_begins_the_next_epoch_and_may_write_in_it(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        with Lease(tmp_path) as lease:
            lease.check()
            assert lease.epoch == expected
    assert (tmp_path / "EPOCH").read_text().split()[0] == "3"


def test_whoever_is_refused_begins_no_epoch(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        with pytest.raises(LeaseHeld), Lease(tmp_path):
            pass
        lease.check()


def test_a_holder_learns_that_somebody_beyond_its_lock_has_taken_over(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        (tmp_path / "EPOCH").write_text("2 another\n")
        with pytest.raises(LeaseHeld, match="this process began epoch 1, another one has begun epoch 2 since") as error:
            lease.check()
        assert error.value.exit_code == 6


def test_two_who_begin_the_same_epoch_at_once_are_told_apart(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        (tmp_path / "EPOCH").write_text("1 another\n")
        with pytest.raises(LeaseHeld, match="another one has begun epoch 1 since"):
            lease.check()


@pytest.mark.parametrize("gone", ["LEASE", "EPOCH"])
def test_a_holder_learns_that_its_lease_is_gone(tmp_path: Path, gone: str) -> None:
    with Lease(tmp_path) as lease:
        (tmp_path / gone).unlink()
        with pytest.raises(LeaseHeld, match="the lease of epoch 1 is gone; nothing more is written from here"):
            lease.check()


def test_a_lease_file_that_was_put_in_the_place_of_ours_is_not_ours(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        (tmp_path / "LEASE").rename(tmp_path / "aside")
        (tmp_path / "LEASE").touch()
        with pytest.raises(LeaseHeld):
            lease.check()


def test_an_epoch_that_is_none_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "EPOCH").write_text("nonsense")
    with (
        pytest.raises(CorruptState, match="EPOCH: expected an epoch and its mark; remove it if no other"),
        Lease(tmp_path),
    ):
        pass
    (tmp_path / "EPOCH").unlink()
    with Lease(tmp_path) as lease:
        assert lease.epoch == 1


def test_a_journal_takes_no_byte_from_who_lost_the_lease_by_whatever_way(tmp_path: Path) -> None:
    with Lease(tmp_path) as lease:
        journal = Journal.on_disk(tmp_path / "journal")
        journal.guard = lease.check
        journal.take(started())
        asyncio.run(journal.sync())
        before = JournalReader(tmp_path / "journal").verify()
        journal.take(bar(1))
        (tmp_path / "EPOCH").write_text("2 another\n")
        whole_frame = [timer(number) for number in range(FRAME_RECORDS)]
        ways = [
            lambda: asyncio.run(journal.sync()),
            journal.close_frame,
            journal.close,
            lambda: journal.take(bar(2), whole_frame),
        ]
        for write in ways:
            with pytest.raises(LeaseHeld):
                write()
        journal.abandon("the lease is lost")
        journal.close()
        with pytest.raises(DiskFailed, match="the lease is lost"):
            journal.take(bar(2))
    assert JournalReader(tmp_path / "journal").verify() == before
