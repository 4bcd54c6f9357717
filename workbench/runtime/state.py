"""The state directory of one run environment: where everything durable of it lies, and its mirror files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from workbench.core.errors import CorruptState
from workbench.data.frames import SEGMENT_HEADER
from workbench.data.lake import Lake
from workbench.data.reader import JournalReader
from workbench.runtime.lease import Lease, holder

UNREADABLE = "halted: HALT cannot be read"


class StateFolder:
    """Names and writes the files of a state directory; every write is whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def default(cls, environment: str = "dev") -> StateFolder:
        """`.workbench/<environment>` under the working directory, or what WORKBENCH_STATE names."""
        return cls(Path(os.environ.get("WORKBENCH_STATE") or Path(".workbench") / environment))

    @property
    def journal(self) -> Path:
        """The journal of the paper or live run of this environment."""
        return self.path / "journal"

    @property
    def snapshots(self) -> Path:
        """Where its engine stood now and then: a shorter way into the journal, never the truth."""
        return self.path / "snapshots"

    @property
    def runs(self) -> Path:
        """Run records: one folder per backtest or notebook run."""
        return self.path / "runs"

    @property
    def commands(self) -> Path:
        """Where commands to a run wait for it."""
        return self.path / "commands"

    @property
    def database(self) -> str:
        """The URL of the default database."""
        return f"sqlite:///{self.path / 'workbench.db'}"

    @property
    def venues(self) -> Path:
        """How the live run held here reaches its venues, for commands that are told no configuration."""
        return self.path / "venues.json"

    @property
    def closing(self) -> Path:
        """Is there while the latch is set by somebody who closes the positions as well: the run then sends nothing."""
        return self.path / "CLOSING"

    @property
    def closings(self) -> Path:
        """The orders by which the kill switch closed positions of the run held here."""
        return self.path / "closings.jsonl"

    def discard_unbegun(self) -> None:
        """Removes a journal without a single record: its run never began, and nothing of it is worth keeping."""
        segments = list(self.journal.glob("*.journal")) if self.journal.is_dir() else []
        if len(segments) == 1 and segments[0].stat().st_size <= SEGMENT_HEADER:
            segments[0].unlink()

    def put_away(self) -> None:
        """Moves the journal of the run held here under `runs/`, by its run id; the next run begins anew."""
        if any(self.journal.glob("*.journal")):
            reader = JournalReader(self.journal)
            home = self.runs / reader.started().run_id
            home.mkdir(parents=True, exist_ok=True)
            os.replace(self.journal, home / "journal")
            if self.snapshots.is_dir():
                os.replace(self.snapshots, home / "snapshots")

    def lake(self) -> Lake:
        """The catalogue of stored market data."""
        return Lake(self.path / "lake")

    def lease(self) -> Lease:
        """The right to be the one writer here."""
        return Lease(self.path)

    def holder(self) -> int | None:
        """The process that runs here, if one does."""
        return holder(self.path)

    def write_status(self, status: dict[str, Any]) -> None:
        """Replaces the status, and READY and HALT with it."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self.path / "status.json", json.dumps(status, sort_keys=True))
        self._mirror("READY", status["run_id"] if status["state"] == "ready" else None)
        if status["halt_reason"] and self.halt_reason() not in (status["halt_reason"], UNREADABLE):
            replace_text(self.path / "HALT", status["halt_reason"])

    def remember_venues(self, text: str) -> None:
        """Keeps how the run reaches its venues; the text names where keys are and holds none."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self.venues, text)

    def halt(self, reason: str, *, closing: bool = False) -> None:
        """Latches the halt, durably: a living run takes it within moments, one that starts later starts halted."""
        self.path.mkdir(parents=True, exist_ok=True)
        if closing:
            replace_text(self.closing, reason, durable=True)
        replace_text(self.path / "HALT", reason, durable=True)

    def halt_reason(self) -> str | None:
        """Why the latch is set; None while it is not."""
        try:
            return (self.path / "HALT").read_text(encoding="utf-8", errors="replace") or "halted"
        except FileNotFoundError:
            return None
        except OSError:  # somebody set it, whatever it is
            return UNREADABLE

    def release_halt(self) -> None:
        """Takes the latch off; what was re-armed is in the journal."""
        self._mirror("HALT", None)
        self._mirror(self.closing.name, None)

    def _mirror(self, name: str, content: str | None) -> None:
        file = self.path / name
        if content is None and file.is_dir():
            file.rmdir()
        elif content is None:
            file.unlink(missing_ok=True)
        elif not file.exists() or file.read_text(encoding="utf-8") != content:
            replace_text(file, content)

    def status(self) -> dict[str, Any]:
        """The last status written; `stopped` if no process holds the lease."""
        file = self.path / "status.json"
        if not file.exists():
            return self._without_a_run({**EMPTY_STATUS})
        try:
            status: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CorruptState(f"{file}: expected JSON: {error}") from None
        if not isinstance(status, dict) or status.keys() != EMPTY_STATUS.keys():
            raise CorruptState(f"{file}: expected a status with {', '.join(EMPTY_STATUS)}")
        return self._without_a_run(status) if self.holder() is None else status

    def _without_a_run(self, status: dict[str, Any]) -> dict[str, Any]:
        """What a status left behind means while nobody runs here; the latch can be set all the same."""
        halted = status["halt_reason"] or self.halt_reason()
        return {
            **status,
            "state": "halted" if halted else "stopped",
            "halt_reason": halted,
            "pid": None,
            "venue": {name: {**each, "connected": False} for name, each in status["venue"].items()},
        }


EMPTY_STATUS: dict[str, Any] = {
    "state": "stopped",
    "mode": None,
    "run_id": None,
    "pid": None,
    "release": None,
    "since_ns": None,
    "heartbeat_ns": None,
    "market_data_age_s": {},
    "open_orders": 0,
    "unknown_orders": 0,
    "positions": {},
    "equity": None,
    "halt_reason": None,
    "locked": {},
    "venue": {},
}


def replace_text(file: Path, content: str, *, durable: bool = False) -> None:
    """Writes a small file whole: readers see the old or the new, never a part; `durable` outlives a loss of power."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    os.replace(part, file)
    if durable:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
