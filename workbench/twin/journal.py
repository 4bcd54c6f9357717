"""The exchange's journal: a line of JSON for the listings, then one per command, written before it takes effect."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from workbench.core.errors import ConfigError, CorruptState
from workbench.twin.commands import AnyCommand
from workbench.twin.words import Listing

LARGEST = 2 * 1024**3  # bytes: some ten million commands, days of a busy synthetic world
_json = msgspec.json.Encoder(order="deterministic")
_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)


class Journal:
    """Appends commands to a file; each line is flushed to the system before `keep` returns."""

    def __init__(self, path: Path, listings: Sequence[Listing]) -> None:
        """Opens a journal for appending, a new one with its first line; raises ConfigError for other listings."""
        self._path = path
        fresh = not path.exists() or path.stat().st_size == 0
        if not fresh:
            _check_first(path, listings)
        self._file: BinaryIO = open(path, "ab")  # noqa: SIM115  (open as long as the exchange)
        self._size = self._file.tell()
        if fresh:
            self._write(_first(listings))

    def keep(self, command: AnyCommand) -> None:
        """Appends one command; raises ConfigError where the file has reached its limit."""
        self._write(_json.encode(command))

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        if self._size + len(line) >= LARGEST:
            raise ConfigError(f"{self._path}: the journal has reached {LARGEST} bytes, begin a new one")
        self._file.write(line + b"\n")
        self._file.flush()
        self._size += len(line) + 1


def commands(path: Path, listings: Sequence[Listing]) -> Iterator[AnyCommand]:
    """The commands of a journal; a last line cut by a crash is taken off the file.

    Raises ConfigError where it was written for other listings, CorruptState naming a line that cannot be read.
    """
    _check_first(path, listings)
    end = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            end += len(line)
            if number > 1:
                yield _command(path, number, line)
    if end < path.stat().st_size:
        os.truncate(path, end)


def _command(path: Path, number: int, line: bytes) -> AnyCommand:
    try:
        return _commands.decode(line)
    except msgspec.DecodeError as error:
        raise CorruptState(f"{path}:{number}: expected a command, {error}") from None


def _first(listings: Sequence[Listing]) -> bytes:
    written = _json.encode(sorted(listings, key=lambda each: each.symbol))
    return _json.encode({"journal": 1, "listings": hashlib.sha256(written).hexdigest()})


def _check_first(path: Path, listings: Sequence[Listing]) -> None:
    try:
        with open(path, "rb") as file:
            first = file.readline().rstrip(b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the journal: {error.strerror}") from None
    if first != _first(listings):
        raise ConfigError(f"{path}: not the journal of an exchange with these listings")
