"""Preflight: everything a run needs, looked at before it is needed."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

from workbench.data.lake import open_sample, sample_ids
from workbench.data.reader import JournalReader
from workbench.runtime.config import PAPER, Config
from workbench.runtime.state import StateFolder

FREE_BYTES = 1 << 30  # a journal segment, a database and some datasets fit well into 1 GiB


def examine(config: Config, state: StateFolder) -> list[dict[str, Any]]:
    """One finding per need: `what`, `ok`, and what was `found`; nothing is changed but an empty state folder made."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("state directory", lambda: _writable(state)),
        ("disk", lambda: _disk(state)),
        ("lease", lambda: _lease(state)),
        ("halt latch", lambda: _latch(state)),
        ("journal", lambda: _journal(state)),
        ("database", lambda: _database(config, state)),
        ("sample data", _sample),
        ("datasets", lambda: _datasets(config, state)),
    ]
    return [*(_finding(what, check) for what, check in checks), *_venues(config, state)]


def _venues(config: Config, state: StateFolder) -> list[dict[str, Any]]:
    if all(each.connector == PAPER for each in config.venues.values()):
        return []
    from workbench.runtime.preflight import examine_venues  # what trades live takes a moment to load

    return examine_venues(config, state)


def _finding(what: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"what": what, "ok": True, "found": check()}
    except Exception as error:  # whatever a check meets is what it found; the others still have their say
        return {"what": what, "ok": False, "found": str(error)}


def _python() -> str:
    return f"{platform.python_version()} at {sys.executable}"


def _packages() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("msgspec", "pyarrow", "sqlalchemy", "pydantic"))


def _writable(state: StateFolder) -> str:
    state.path.mkdir(parents=True, exist_ok=True)
    if not os.access(state.path, os.W_OK):
        raise PermissionError(f"{state.path}: cannot be written")
    return str(state.path)


def _disk(state: StateFolder) -> str:
    free = shutil.disk_usage(state.path).free
    if free < FREE_BYTES:
        raise OSError(f"{free >> 20} MiB free, expected at least {FREE_BYTES >> 20}")
    return f"{free >> 30} GiB free"


def _lease(state: StateFolder) -> str:
    process = state.holder()
    return "free" if process is None else f"held by process {process}"


def _latch(state: StateFolder) -> str:
    halted = state.halt_reason()
    return f"set: {halted}; a run starts halted" if halted else "not set"


def _journal(state: StateFolder) -> str:
    if not state.journal.exists():
        return "none yet"
    verified = JournalReader(state.journal).verify()
    return f"{verified.records} records, digest {verified.digest[:12]}"


def _database(config: Config, state: StateFolder) -> str:
    from workbench.data.store import Store  # SQLAlchemy takes a second to load; nothing else here needs it

    store = Store(config.store.url or state.database)
    try:
        store.create()
    finally:
        store.close()
    return "reachable"


def _sample() -> str:
    return ", ".join(f"{name} ({open_sample(name).rows} rows)" for name in sample_ids())


def _datasets(config: Config, state: StateFolder) -> str:
    found = [state.lake().open(each.dataset).id for each in config.data]
    return ", ".join(found) or "none asked for"
