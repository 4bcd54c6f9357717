"""The inbox: commands on their way into a run, bounded, never dropped."""

from __future__ import annotations

import asyncio

from workbench.core.errors import VenueUnavailable
from workbench.core.events import Command

MAX_COMMANDS = 1_000  # people and supervisors send these; more than that waiting means nobody takes them


class Inbox:
    """Commands wait here until the session takes them between two events."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Command] = asyncio.Queue(MAX_COMMANDS)
        self._stop = asyncio.Event()

    def put(self, command: Command) -> None:
        """Adds a command; raises VenueUnavailable when the inbox is full, so that the sender knows."""
        try:
            self._waiting.put_nowait(command)
        except asyncio.QueueFull:
            raise VenueUnavailable(f"inbox: {MAX_COMMANDS} commands are waiting, this one was not taken") from None

    def stop(self) -> None:
        """Asks the run to end after the event in hand."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    async def next(self, timeout_s: float) -> Command | None:
        """The next command, or None once `timeout_s` is over or the run is to stop."""
        if not self._waiting.empty():
            return self._waiting.get_nowait()
        if timeout_s <= 0 or self.stopping:
            return None
        command = asyncio.ensure_future(self._waiting.get())
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({command, stop}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if command.done():
            return command.result()
        command.cancel()
        return None
