"""A log of requests and answers for whoever has to find out what a venue really said: bounded, and without secrets."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from workbench.connectors.wire import Answer, Call
from workbench.core.clock import instant_text
from workbench.core.secret import HIDDEN, Secret

FILE_BYTES = 16 * 1024 * 1024  # a day of a busy account
FILES = 4  # this one and three older ones: what happened last week is in the journal
BODY = 4_096  # characters of a body: an order's answer whole, the beginning of a listing

_NAMES = (
    r"(?:x-mbx-)?api[-_]?key|api[-_]?secret|secret|signature|sign|api[-_]?sign|passphrase|listen[-_]?key|"
    r"(?:access[-_]?)?token|authorization|ok-access-\w+|password"
)
log = logging.getLogger(__name__)

_TELLING = ("key", "secret", "sign", "token", "pass", "auth", "ok-access")  # one of these is in each of the names
# "name": "value", 'name': 'value', name=value, name: value; a quote may be escaped where JSON is quoted in JSON
_NAMED = re.compile(rf"""(?<![a-z0-9])((?:{_NAMES})\\?["']?\s*[:=]\s*\\?["']?)([^"'&\s,}}\\]+)""", re.IGNORECASE)


def redacted(text: str, secrets: Sequence[Secret] = ()) -> str:
    """The text with the value of everything named like a secret, and every given secret, replaced by stars."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), HIDDEN)
    folded = text.casefold()
    if not any(each in folded for each in _TELLING):
        return text  # nearly every line: looking for the names themselves takes fifty times as long
    return _NAMED.sub(rf"\1{HIDDEN}", text)


class WireLog:
    """One JSON line per request; a full file becomes `<name>.1`, and so on, and the oldest goes.

    What a disk does not take is dropped, and told of once: no answer of a venue is lost for the log of it.
    """

    def __init__(
        self, path: Path, *, secrets: Sequence[Secret] = (), file_bytes: int = FILE_BYTES, files: int = FILES
    ) -> None:
        self._path, self._secrets = path, tuple(secrets)
        self._file_bytes, self._files = file_bytes, files
        self._file: Any = None  # opened by the first line, and anew by the one after a failure
        self._closed = self._told = False

    def record(self, call: Call, came: Answer | Exception, at: int) -> None:
        """Writes what was asked and what came of it, at `at` (UTC ns), if the disk takes it; nothing once closed."""
        if self._closed:
            return
        line = msgspec.json.encode({"at": instant_text(at), **_asked(call), **_came(came)}, order="deterministic")
        data = redacted(line.decode(), self._secrets).encode() + b"\n"
        try:
            self._write(data)
        except OSError as error:
            self._let_go()
            if not self._told:
                log.warning("%s: what is asked and answered is not written down: %s", self._path, error)
            self._told = True

    def close(self) -> None:
        """Releases the file; safe to call twice."""
        self._closed = True
        self._let_go()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = _opened(self._path)
        if self._file.tell() and self._file.tell() + len(data) > self._file_bytes:
            self._rotate()
        self._file.write(data)
        self._file.flush()

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # closing writes what is left
                file.close()

    def _rotate(self) -> None:
        self._let_go()
        for number in range(self._files - 1, 0, -1):
            older = self._path if number == 1 else _numbered(self._path, number - 1)
            if older.exists():
                os.replace(older, _numbered(self._path, number))
        self._path.unlink(missing_ok=True)  # where one file is all there may be
        self._file = _opened(self._path)


def _opened(path: Path) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab")
    os.chmod(path, 0o600)  # it tells what an account does
    return file


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _asked(call: Call) -> dict[str, Any]:
    params = {name: str(value) for each in (call.params, *call.rows) for name, value in each.items()}
    return {"endpoint": call.endpoint, "params": params, "urgency": call.urgency.value}


def _came(came: Answer | Exception) -> dict[str, Any]:
    if isinstance(came, Exception):
        return {"broken": f"{type(came).__name__}: {came}"[:BODY]}
    return {
        "status": came.status,
        "headers": dict(came.headers),
        "body": came.body[:BODY].decode(errors="replace"),
        "took_us": (came.received - came.sent) // 1_000,
    }
