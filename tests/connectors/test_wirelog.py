"""The log of what was asked never stands between a venue's answer and whoever waits for it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from workbench.connectors import wirelog
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.connectors.wirelog import WireLog

CALL = Call(endpoint="time", urgency=Urgency.QUERY)
ANSWER = Answer(status=200, headers={}, body=b"{}", sent=1, received=2)
FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_costs_lines_and_one_warning_and_once_there_is_room_lines_are_written_again(
    tmp_path, monkeypatch, caplog
):
    log = WireLog(tmp_path / "wire.log")
    with monkeypatch.context() as disk, caplog.at_level(logging.WARNING):
        disk.setattr(wirelog, "_opened", lambda path: FULL.open("ab"))
        log.record(CALL, ANSWER, 1)
        log.record(CALL, ANSWER, 2)
    assert caplog.text.count("not written down") == 1
    log.record(CALL, ANSWER, 3)
    log.close()
    assert (tmp_path / "wire.log").read_bytes().count(b"\n") == 1


def test_a_folder_that_cannot_be_made_costs_the_log_alone(tmp_path):
    (tmp_path / "taken").write_text("")
    log = WireLog(tmp_path / "taken" / "wire.log")
    log.record(CALL, ANSWER, 1)
    log.close()


def test_what_comes_after_the_log_is_closed_is_not_written(tmp_path):
    log = WireLog(tmp_path / "wire.log")
    log.record(CALL, ANSWER, 1)
    log.close()
    log.close()
    log.record(CALL, ANSWER, 2)
    assert (tmp_path / "wire.log").read_bytes().count(b"\n") == 1
