"""The database follows a living run: in a thread of its own, the run feels neither a slow nor a dead one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from workbench.core.events import Event
from workbench.data.reader import JournalReader
from workbench.data.store import Store

log = logging.getLogger(__name__)

PACE_S = 1.0  # between two looks at the journal: the database may be as old as a heartbeat
LONGEST_S = 30.0  # between two tries of a database that is down, doubling
LAST_S = 2.0  # what a stop waits for the last records: it has ten seconds in all, and the next start takes the rest


class Follower:
    """A sink that has the store catch up with a run's journal while it goes on, and once more when it is closed.

    Whatever is wrong with the database is logged and tried again; the journal is the truth and waits for it.
    """

    def __init__(self, store: Store, journal: Path) -> None:
        self._store, self._journal = store, journal
        self._news, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="store", daemon=True)
        self.behind = ""  # why the database is not up to date, if it is not

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Hears that the journal has grown."""
        if not self._news.is_set():
            self._news.set()
            if self._thread.ident is None:
                self._thread.start()

    def close(self) -> None:
        """Takes in what is left, for as long as a stop may wait; what did not fit is taken in by the next start."""
        self._end.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(LAST_S)
            if self._thread.is_alive() or self.behind:
                log.warning("database: not up to date, the next start catches up: %s", self.behind or "it is slow")

    def _follow(self) -> None:
        reader, pause, made = JournalReader(self._journal), PACE_S, False
        while True:
            self._news.wait()
            self._news.clear()
            last = self._end.is_set()  # looked at before the journal: what is written until then is taken in
            try:
                if not made:
                    self._store.create()
                    made = True
                self._store.catch_up(reader)
                self.behind, pause = "", PACE_S
            except Exception as error:  # of any kind: the run does not depend on it
                self._tell(error)
                self._news.set()
                pause = min(LONGEST_S, 2 * pause)
            if last:
                self._store.close()
                return
            self._end.wait(pause)

    def _tell(self, error: Exception) -> None:
        why = str(error).partition("\n")[0]
        if why != self.behind:
            log.warning("database: it is tried again: %s", why)
        self.behind = why
