"""`workbench set`, `pause`, `resume`, `flatten` and `rearm`: commands to a run, left in its mailbox."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from workbench.cli.output import AsJson, StateOption, emit, state_of
from workbench.cli.root import app
from workbench.core.errors import ConfigError, Halted, Refused
from workbench.runtime.mailbox import Letter, Mailbox, Reply
from workbench.runtime.settings import settings_of
from workbench.runtime.state import StateFolder

ANSWER_S = 10.0  # a run that lives takes a command within a tenth of a second; one that does not by then hangs
LOOK_S = 0.02

Strategy = Annotated[str, typer.Argument(metavar="[STRATEGY]", help="Its id in the run. Default: all of them.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is journalled with the command.")]


@app.command("set")
def set_parameters(
    strategy: Annotated[str, typer.Argument(help="Its id in the run.")],
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Hot parameters, as many as needed.")],
    reason: Reason,
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Changes parameters of a strategy while it runs: all of the values, or none."""
    letter = Letter(command="set", strategy_id=strategy, values=settings_of(values), reason=reason)
    _send(letter, state_of(state), as_json=as_json)


@app.command("pause")
def pause(strategy: Strategy = "", reason: Reason = "", as_json: AsJson = False, state: StateOption = None) -> None:
    """A strategy, or all, opens nothing more; it may still reduce."""
    _send(Letter(command="pause", strategy_id=strategy, reason=reason), state_of(state), as_json=as_json)


@app.command("resume")
def resume(strategy: Strategy = "", reason: Reason = "", as_json: AsJson = False, state: StateOption = None) -> None:
    """A paused strategy, or all, goes on; ends with 4 while the halt latch is set."""
    folder = state_of(state)
    halted = folder.halt_reason()
    if halted:
        raise Halted(f"{folder.path}: halted: {halted}; rearm with a reason first")
    _send(Letter(command="resume", strategy_id=strategy, reason=reason), folder, as_json=as_json)


@app.command("flatten")
def flatten(strategy: Strategy = "", reason: Reason = "", as_json: AsJson = False, state: StateOption = None) -> None:
    """Closes the positions of a strategy, or of all, and holds them closed until it says something new."""
    _send(Letter(command="flatten", strategy_id=strategy, reason=reason), state_of(state), as_json=as_json)


@app.command("rearm")
def rearm(
    reason: Annotated[str, typer.Option("--reason", help="Why it is safe again; it is journalled.")],
    strategy: Annotated[str, typer.Option("--strategy", help="One strategy's lock, and not the halt.")] = "",
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Releases the halt latch and all locks; without a living run, the next one does so when it starts."""
    folder = state_of(state)
    if not reason.strip():
        raise ConfigError("rearm: --reason must say why it is safe again")
    letter = Letter(command="rearm", strategy_id=strategy, reason=reason)
    if folder.holder() is None:
        _mailbox(folder).post(letter, time.time_ns())
        document = {"command": "rearm", "taken": False, "said": []}
        emit(document, as_json=as_json, text="no run is alive here; the next one takes it when it starts")
        return
    _send(letter, folder, as_json=as_json)


def _send(letter: Letter, folder: StateFolder, *, as_json: bool) -> None:
    """Leaves a command and says what became of it; one that nobody takes is taken back."""
    if folder.holder() is None:
        raise ConfigError(f"{folder.path}: no run is alive here to {letter.command}")
    mailbox = _mailbox(folder)
    name = mailbox.post(letter, time.time_ns())
    reply = _awaited(mailbox, name)
    if reply is None:
        taken = "" if mailbox.withdraw(name) else "; it was taken just now, see the journal"
        raise Refused(f"{folder.path}: the run did not take the command within {ANSWER_S:g} s{taken}")
    if reply.refused:
        raise ConfigError(f"{letter.command}: {reply.refused}")
    document = {"command": letter.command, "taken": True, "said": list(reply.said)}
    emit(document, as_json=as_json, text="\n".join(["taken", *reply.said]))


def _awaited(mailbox: Mailbox, name: str) -> Reply | None:
    until = time.monotonic() + ANSWER_S
    while (reply := mailbox.reply(name)) is None and time.monotonic() < until:
        time.sleep(LOOK_S)
    return reply


def _mailbox(folder: StateFolder) -> Mailbox:
    return Mailbox(folder.commands)
