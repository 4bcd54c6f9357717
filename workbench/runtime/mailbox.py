"""The mailbox: commands to a run as small files, written whole, taken in the order of their names, and answered.

`<state>/commands/` holds what waits, such as {"command": "pause", "reason": "news", "strategy_id": "trend"}. A letter
goes once the run has journalled what it said; what became of it is in `answers/`, what is no letter in `refused/`.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from workbench.core.errors import DataError, Refused
from workbench.core.events import (
    Command,
    Event,
    Flatten,
    ParametersChanged,
    Pause,
    Rearm,
    Resume,
    RiskAction,
    RiskEvent,
    SetParameters,
)
from workbench.data.wording import said

log = logging.getLogger(__name__)

MOST = 100  # letters that wait, answers kept, and letters put aside: people write them, one at a time
MAX_LETTER = 100_000  # bytes; the longest parameter that a strategy takes fits
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_COMMANDS: Mapping[str, Callable[..., Command]] = {
    "rearm": Rearm,
    "pause": Pause,
    "resume": Resume,
    "flatten": Flatten,
    "set": SetParameters,
}


class Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One command as it is written; an empty strategy means all of them."""

    command: Literal["rearm", "pause", "resume", "flatten", "set"]
    reason: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    strategy_id: Annotated[str, msgspec.Meta(max_length=50)] = ""
    values: dict[str, bool | int | float | str] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter: what the run said to it, and why it refused it if it did."""

    command: str
    at_ns: int
    refused: str = ""
    said: tuple[str, ...] = ()


class Mailbox:
    """Both ends of it: who has a command posts, and the run takes what waits and, being a sink, answers."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._answers, self._refused = folder, folder / "answers", folder / "refused"
        self._taken: dict[str, tuple[str, Letter]] = {}  # event id -> file and letter, until it is journalled
        self._last = 0

    # --- who has a command ------------------------------------------------------------------------

    def post(self, letter: Letter, now: int) -> str:
        """Leaves a letter, durable; returns its name. Raises Refused where too many wait already."""
        if len(self._waiting()) >= MOST:
            raise Refused(f"{self._folder}: {MOST} commands wait already and nobody takes them")
        name = f"{now:020d}-{secrets.token_hex(4)}.json"
        _write(self._folder / name, msgspec.json.encode(letter))
        return name

    def reply(self, name: str) -> Reply | None:
        """What the run answered to a letter; None while it did not."""
        try:
            return msgspec.json.decode((self._answers / name).read_bytes(), type=Reply)
        except FileNotFoundError:
            return None

    def withdraw(self, name: str) -> bool:
        """Takes a letter back; False if it is not there any more."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def withdraw_all(self, command: str) -> int:
        """Takes back every letter of one kind; returns how many."""
        found = [each.name for each in self._waiting() if _is(each, command)]
        return sum(self.withdraw(name) for name in found)

    # --- the run ----------------------------------------------------------------------------------

    def deliver(self, now: int, put: Callable[[Command], None]) -> None:
        """Hands what waits to `put` as commands, oldest first; whatever is no letter is put aside and told."""
        held = {name for name, _ in self._taken.values()}
        for path in self._waiting()[:MOST]:
            if path.name in held:
                continue
            try:
                letter = _read(path)
            except FileNotFoundError:
                continue  # it was withdrawn
            except DataError as error:
                self._put_aside(path, str(error), now)
                continue
            self._last = max(self._last + 1, now)
            command = _command(letter, self._last, now)
            put(command)
            self._taken[command.id] = path.name, letter

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears what the run did with a letter: it is answered and goes."""
        taken = self._taken.pop(event.id, None)
        if taken is None:
            return
        name, letter = taken
        told = [each for each in consequences if isinstance(each, (RiskEvent, ParametersChanged))]
        refused = next(filter(None, map(_refusal, told)), "")
        self._answer(name, Reply(command=letter.command, at_ns=event.ts_init, refused=refused, said=_words(told)))

    def _answer(self, name: str, reply: Reply) -> None:
        try:
            _write(self._answers / name, msgspec.json.encode(reply))
            _keep_newest(self._answers)
            self.withdraw(name)
        except OSError as error:  # what was journalled stands, whether or not anybody reads of it
            log.warning("command %s: its answer could not be written: %s", name, error)

    def _put_aside(self, path: Path, why: str, now: int) -> None:
        log.warning("command put aside: %s", why)
        self._refused.mkdir(mode=0o700, exist_ok=True)
        os.replace(path, self._refused / path.name)
        _keep_newest(self._refused)
        _write(self._answers / path.name, msgspec.json.encode(Reply(command="", at_ns=now, refused=why)))

    def _waiting(self) -> list[Path]:
        try:
            names = [each.name for each in os.scandir(self._folder) if each.name.endswith(".json")]
        except FileNotFoundError:
            return []
        return [self._folder / name for name in sorted(names) if not name.startswith(".")]


def _read(path: Path) -> Letter:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_mode & _OTHERS_WRITE or found.st_uid != os.geteuid():
        raise DataError(f"{path.name}: expected a file of this user that nobody else may write")
    if found.st_size > MAX_LETTER:
        raise DataError(f"{path.name}: expected at most {MAX_LETTER} bytes, got {found.st_size}")
    try:
        letter = msgspec.json.decode(path.read_bytes(), type=Letter)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name}: {error}") from None
    if letter.command == "set" and not (letter.strategy_id and letter.values):
        raise DataError(f"{path.name}: set needs a strategy and values")
    return letter


def _is(path: Path, command: str) -> bool:
    try:
        return _read(path).command == command
    except (DataError, OSError):
        return False


def _command(letter: Letter, sequence: int, now: int) -> Command:
    more: dict[str, Any] = {"values": letter.values} if letter.command == "set" else {}
    make = _COMMANDS[letter.command]
    return make("operator", sequence, now, now, strategy_id=letter.strategy_id, reason=letter.reason, **more)


def _refusal(fact: RiskEvent | ParametersChanged) -> str:
    if isinstance(fact, ParametersChanged):
        return fact.refused
    return fact.reason if fact.action is RiskAction.DENIED and fact.rule == "unknown_strategy" else ""


def _words(facts: Sequence[Event]) -> tuple[str, ...]:
    return tuple(said(each) for each in facts[:MOST])


def _write(path: Path, content: bytes) -> None:
    """Writes a private file whole and durably; its folder is made if it is not there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def _keep_newest(folder: Path) -> None:
    """Names begin with their time: the first ones are the oldest."""
    for path in sorted(folder.glob("*.json"))[:-MOST]:
        path.unlink(missing_ok=True)
