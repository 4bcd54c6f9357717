"""Benchmarks that are coroutines run in a loop of their own; figures about what is not installed are left out."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

ASKED_FOR = (
    "test_compiled.py",
    "test_live.py",
    "test_return.py",
    "test_starts.py",
    "test_stops.py",
    "test_sweeps.py",
    "test_ticks.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_API_KEY", "twin-key")
    monkeypatch.setenv("TWIN_API_SECRET", "twin-secret")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Storms and races are run when benchmarks are asked for (`make bench`), not beside a thousand tests."""
    asked = any("benchmarks" in each for each in config.args)
    return True if collection_path.name in ASKED_FOR and not asked else None
