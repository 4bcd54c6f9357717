"""The mailbox: whole letters in order, each answered once; what is no letter is put aside, and nothing piles up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.core.errors import Refused, VenueUnavailable
from workbench.core.events import Flatten, ParametersChanged, Pause, Rearm, RiskAction, RiskEvent, SetParameters
from workbench.runtime.mailbox import MOST, Letter, Mailbox
from workbench.runtime.state import StateFolder

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "commands"


def taken(mailbox: Mailbox) -> list[object]:
    commands: list[object] = []
    mailbox.deliver(NOW, commands.append)
    return commands


def test_letters_are_taken_in_the_order_they_were_posted_with_all_they_say(folder: Path) -> None:
    sender, run = Mailbox(folder), Mailbox(folder)
    sender.post(Letter(command="pause", strategy_id="trend", reason="news"), NOW)
    sender.post(Letter(command="set", strategy_id="trend", values={"fast": 5}, reason="slower"), NOW + 1)
    sender.post(Letter(command="flatten", reason="home"), NOW + 2)
    pause, change, flatten = taken(run)
    assert isinstance(pause, Pause)
    assert (pause.strategy_id, pause.reason, pause.source) == ("trend", "news", "operator")
    assert isinstance(change, SetParameters)
    assert (change.values, change.reason) == ({"fast": 5}, "slower")
    assert isinstance(flatten, Flatten)
    assert flatten.strategy_id == ""
    assert len({pause.id, change.id, flatten.id}) == 3
    assert taken(run) == []  # they are in hand


def test_a_letter_stays_until_it_is_journalled_and_is_answered_then(folder: Path) -> None:
    sender, run = Mailbox(folder), Mailbox(folder)
    name = sender.post(Letter(command="rearm", reason="well again"), NOW)
    (command,) = taken(run)
    assert (folder / name).exists()
    assert sender.reply(name) is None
    assert len(taken(Mailbox(folder))) == 1  # the process died: the next one takes it
    fact = RiskEvent("engine", 1, NOW, NOW, rule="rearm", action=RiskAction.REARMED, reason="well again")
    run.record(command, [fact])
    assert not (folder / name).exists()
    reply = sender.reply(name)
    assert reply is not None
    assert (reply.command, reply.refused, reply.said) == ("rearm", "", ("rearmed by rearm: well again",))


@pytest.mark.parametrize(
    "fact",
    [
        ParametersChanged("engine", 1, NOW, NOW, strategy_id="x", parameters={}, refused="unknown parameter"),
        RiskEvent("engine", 1, NOW, NOW, rule="unknown_strategy", action=RiskAction.DENIED, reason="unknown parameter"),
    ],
)
def test_a_refusal_is_the_answer(folder: Path, fact: RiskEvent | ParametersChanged) -> None:
    sender, run = Mailbox(folder), Mailbox(folder)
    name = sender.post(Letter(command="set", strategy_id="x", values={"a": 1}), NOW)
    (command,) = taken(run)
    run.record(command, [fact])
    reply = sender.reply(name)
    assert reply is not None
    assert reply.refused == "unknown parameter"


def test_other_events_are_nobodys_answer(folder: Path) -> None:
    run = Mailbox(folder)
    run.record(Rearm("operator", 1, NOW, NOW, reason="by another door"), [])
    assert not folder.exists()


BAD = {
    "1.json": b"{",
    "2.json": b'{"command": "sell"}',
    "3.json": b'{"command": "pause", "until": "noon"}',
    "4.json": b'{"command": "set", "strategy_id": "x"}',
    "5.json": b'{"command": "pause", "reason": "' + b"x" * 1_001 + b'"}',
    "6.json": b" " * 100_001,
    "7.json": b"\xff",
}


def test_what_is_no_letter_is_put_aside_and_told_and_the_others_are_taken(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    for name, content in BAD.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    (folder / "8.json").write_text('{"command": "pause"}')
    (folder / "8.json").chmod(0o666)
    (folder / "9.json").symlink_to(folder / "8.json")
    (folder / "notes.txt").write_text("not a letter at all")
    Mailbox(folder).post(Letter(command="pause"), NOW)
    assert [type(each) for each in taken(Mailbox(folder))] == [Pause]
    assert sorted(each.name for each in (folder / "refused").iterdir()) == [*sorted(BAD), "8.json", "9.json"]
    assert len([each for each in caplog.records if "put aside" in each.message]) == len(BAD) + 2
    reply = Mailbox(folder).reply("2.json")
    assert reply is not None
    assert "sell" in reply.refused


def test_letters_are_private_whole_and_few(folder: Path) -> None:
    sender = Mailbox(folder)
    name = sender.post(Letter(command="pause"), NOW)
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    for number in range(1, MOST):
        sender.post(Letter(command="pause"), NOW + number)
    with pytest.raises(Refused, match=f"{MOST} commands wait already"):
        sender.post(Letter(command="pause"), NOW + MOST)
    assert not [each for each in os.listdir(folder) if each.endswith(".part")]
    assert sender.withdraw(name)
    assert not sender.withdraw(name)


def test_answers_do_not_pile_up(folder: Path) -> None:
    sender, run = Mailbox(folder), Mailbox(folder)
    for number in range(MOST + 20):
        sender.post(Letter(command="pause"), NOW + number)
        (command,) = taken(run)
        run.record(command, [])
    assert len(list((folder / "answers").iterdir())) == MOST


def test_a_letter_that_nobody_can_take_now_waits(folder: Path) -> None:
    run = Mailbox(folder)
    run.post(Letter(command="pause"), NOW)

    def full(_: object) -> None:
        raise VenueUnavailable("inbox: full")

    with pytest.raises(VenueUnavailable):
        run.deliver(NOW, full)
    assert len(taken(run)) == 1


def test_a_kill_voids_the_rearming_that_waits_and_nothing_else(folder: Path) -> None:
    sender = Mailbox(folder)
    sender.post(Letter(command="rearm", reason="too early"), NOW)
    sender.post(Letter(command="pause"), NOW + 1)
    assert sender.withdraw_all("rearm") == 1
    assert [type(each) for each in taken(Mailbox(folder))] == [Pause]


def test_a_halt_is_seen_by_whoever_looks_and_goes_only_with_its_release(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    assert state.halt_reason() is None
    state.halt("kill", closing=True)
    assert (state.halt_reason(), state.closing.exists()) == ("kill", True)
    assert (state.status()["state"], state.status()["halt_reason"]) == ("halted", "kill")
    state.release_halt()
    assert (state.halt_reason(), state.closing.exists()) == (None, False)
