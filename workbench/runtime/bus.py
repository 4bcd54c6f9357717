"""The in-process bus: everyone who wants to hear what happened, told in order, after it is journalled."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from workbench.core.events import Event
from workbench.core.ports import Sink

log = logging.getLogger(__name__)


class MemoryBus:
    """Tells each sink; a sink that raises is dropped and named in the log, so that it cannot stop trading."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self.sinks = list(sinks)

    def add(self, sink: Sink) -> None:
        """From now on this sink hears everything too."""
        self.sinks.append(sink)

    def publish(self, event: Event, consequences: Sequence[Event]) -> None:
        """Tells every sink of one input and what it led to."""
        for sink in list(self.sinks):
            try:
                sink.record(event, consequences)
            except Exception:  # a listener's fault must not become the run's
                log.exception("sink %s failed and is dropped", type(sink).__name__)
                self.sinks.remove(sink)
