"""A run whose tasks are known, so that all of them can be killed like a process."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context
from typing import Any
from weakref import WeakSet


class Process:
    """The tasks that a live run made, so that all of them can be killed like a process."""

    current: ContextVar[Process | None] = ContextVar("process", default=None)

    def __init__(self) -> None:
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()

    def start(self, work: Any) -> asyncio.Task[Any]:
        """Runs the process; every task that it makes is its own."""
        context = copy_context()
        context.run(Process.current.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self.tasks.add(task)
        return task

    async def kill(self) -> None:
        """Ends every task at the await it is at."""
        while living := [each for each in self.tasks if not each.done()]:
            for each in living:
                each.cancel()
            await asyncio.wait(living, timeout=5)

    @staticmethod
    def born(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        """A task factory that gives every task to the process that made it."""
        task = asyncio.Task(work, loop=loop, **more)
        process = Process.current.get()
        if process is not None:
            process.tasks.add(task)
        return task
