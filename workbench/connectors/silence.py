"""Until when a venue wants to hear nothing, told to whoever comes after: a ban outlives the process that earned it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from workbench.core.clock import DAY

LONGEST_NS = 3 * DAY  # the longest ban that a venue announces; a file that says more was written by a wrong clock

log = logging.getLogger(__name__)


class Silence:
    """An instant in a file; without a path it is told to nobody."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def until(self, now: int) -> int:
        """Until when nothing may be asked (UTC ns), as far as `now` is known; 0 where nothing was kept."""
        if self._path is None:
            return 0
        try:
            kept = int(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            log.warning("%s: cannot be read, no silence is known of: %s", self._path, error)
            return 0
        return min(kept, now + LONGEST_NS)

    def keep(self, until: int) -> None:
        """Remembers an instant (UTC ns); where the disk refuses it is only told: cancels must go on."""
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_text(str(until), encoding="ascii")
            os.replace(fresh, self._path)
        except OSError as error:
            log.warning("%s: the venue's silence cannot be kept: %s", self._path, error)
