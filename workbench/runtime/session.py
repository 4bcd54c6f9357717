"""The session: one loop that backtest, paper and live share, letter for letter.

An event is processed, journalled and told to the bus; only then, and only once the journal is as
durable as its disk makes it, do the requests that it led to go out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, Protocol

from workbench.core.errors import InvariantError
from workbench.core.events import ApprovedOrder, Event, RunStarted
from workbench.core.ports import Disk, Executor
from workbench.data.journal import Journal
from workbench.runtime.bus import MemoryBus
from workbench.trading.engine import Engine


class Source(Protocol):
    """Where a session's events come from: a connector, or several read as one."""

    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    def stream(self) -> AsyncIterator[Event]: ...


class Session:
    """Runs an engine on a connector's stream until the stream ends."""

    def __init__(
        self,
        engine: Engine,
        *,
        connector: Source,
        executor: Executor,
        journal: Journal,
        bus: MemoryBus,
        disk: Disk | None = None,
    ) -> None:
        self.engine = engine
        self.journal = journal
        self._connector = connector
        self._executor = executor
        self._bus = bus
        self._disk = disk

    def begin(self, started: RunStarted) -> None:
        """Writes the first record of a new run."""
        self.journal.take(started)

    async def run(self) -> None:
        """Takes every event of the stream, in order."""
        process, take, row = self.engine.process, self.journal.take, self.journal.row
        sinks, publish = self._bus.sinks, self._bus.publish
        await self._connector.connect()
        try:
            async for event in self._connector.stream():
                facts, requests = process(event)
                if facts:
                    take(event, facts)
                else:
                    row(event)
                if sinks:
                    publish(event, facts)
                if requests:
                    if self._disk is not None:
                        await self._disk.sync()
                    for request in requests:
                        if isinstance(request, ApprovedOrder):
                            await self._executor.submit_order(request)
                        else:
                            await self._executor.cancel_order(request)
        finally:
            await self._connector.close()


def drive(run: Coroutine[Any, Any, None]) -> None:
    """Runs a session that never waits, without an event loop: a backtest inside any notebook or thread."""
    try:
        run.send(None)
    except StopIteration:
        return
    run.close()
    raise InvariantError("a backtest waited for something outside of it")
