"""The latch holds whatever it was set with, and one damaged line hides no other."""

from __future__ import annotations

import logging

import pytest

from workbench.runtime.closings import Closings
from workbench.runtime.state import EMPTY_STATUS, UNREADABLE, StateFolder


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path)


def test_a_latch_in_another_encoding_halts(folder):
    (folder.path / "HALT").write_bytes("stopp für heute".encode("latin-1"))
    assert folder.halt_reason() == "stopp f\N{REPLACEMENT CHARACTER}r heute"
    assert folder.status()["state"] == "halted"


def test_a_latch_that_cannot_be_read_halts_and_stays_until_it_is_released(folder):
    (folder.path / "HALT").mkdir()
    assert folder.halt_reason() == UNREADABLE
    assert (folder.status()["state"], folder.status()["halt_reason"]) == ("halted", UNREADABLE)
    folder.write_status({**EMPTY_STATUS, "state": "halted", "halt_reason": "a limit"})
    assert folder.halt_reason() == UNREADABLE
    folder.release_halt()
    assert folder.halt_reason() is None


def test_a_latch_that_leads_in_circles_halts(folder):
    (folder.path / "HALT").symlink_to("HALT")
    assert folder.halt_reason() == UNREADABLE


def test_a_status_that_is_halted_sets_the_latch(folder):
    folder.write_status({**EMPTY_STATUS, "state": "halted", "halt_reason": "a limit"})
    assert folder.halt_reason() == "a limit"


def test_a_damaged_line_among_closing_orders_hides_no_other_and_the_next_begins_anew(folder, caplog):
    closings = Closings(folder.closings)
    closings.write("one")
    with folder.closings.open("ab") as file:
        file.write(b'\xff{"order_id": "tw')  # a disk that was full, or a switch that was killed
    closings.write("three", "33")
    closings._read()
    with caplog.at_level(logging.WARNING):
        again = Closings(folder.closings)
        again._read()
    assert again._names == closings._names == {"one", "three", "33"}
    assert "line 2 is left out" in caplog.text
