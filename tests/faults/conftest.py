"""Runs asynchronous tests on virtual time: most of a fault is waiting, and none of it has to be waited for."""

from __future__ import annotations

import inspect

import pytest

from tests.faults.virtual import virtually


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """An `async def` test is run in a loop of its own whose time jumps."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}
    virtually(lambda: pyfuncitem.obj(**arguments))
    return True
