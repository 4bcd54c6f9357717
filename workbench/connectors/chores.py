"""Work that a connector starts and does not wait for: each kind once at a time, all of it ended with the connector."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from workbench.core.errors import WorkbenchError

log = logging.getLogger(__name__)


class Chores:
    """Named tasks; their number is bounded by the names in use: one per book, channel and kind of upkeep."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Starts `work`, unless what has this name still runs; an error the venue caused is logged, no more."""
        if name not in self._running:
            self._running[name] = asyncio.get_running_loop().create_task(self._run(name, work))

    async def close(self) -> None:
        """Ends everything; returns when it has ended."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except WorkbenchError as problem:
            log.warning("%s: %s", name, problem)
        except Exception:
            log.exception("%s failed", name)
        finally:
            del self._running[name]
