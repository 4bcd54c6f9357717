"""What a venue said and nobody believed: counted by market and reason, the last few kept for a look."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from workbench.connectors.heard import Heard
from workbench.core.errors import DataError

KEPT = 100  # enough to see a pattern, little enough to hold for ever

log = logging.getLogger(__name__)


class Doubt(StrEnum):
    """Why something is not believed."""

    PRICE = "price"  # zero or negative
    SIZE = "size"  # negative, or a trade of nothing
    UNREADABLE = "unreadable"  # NaN, infinite, a float, or no number at all
    TOO_FINE = "too fine"  # more decimal places than the instrument has
    FUTURE = "future"  # stamped later than any clock error explains
    CROSSED = "crossed"  # a bid at or above the ask
    CHECKSUM = "checksum"  # a book is not what the venue says of it
    SHAPE = "shape"  # a bar whose high or low is not
    REPEATED = "repeated"  # its sequence does not grow: seen before, or overtaken
    UNLISTED = "unlisted"  # a market nobody knows


class Doubtful(DataError):
    """Something heard is not to be passed on."""

    def __init__(self, doubt: Doubt, message: str) -> None:
        super().__init__(message)
        self.doubt = doubt


class Quarantined(msgspec.Struct, frozen=True):
    """One thing that was not passed on; `received` is UTC ns of our clock."""

    doubt: Doubt
    message: str
    heard: Heard
    received: int


class Quarantine:
    """Where doubtful words end. Markets that are not listed are counted together, under ''."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Doubt]] = Counter()
        self._recent: deque[Quarantined] = deque(maxlen=KEPT)

    def put(self, doubtful: Doubtful, heard: Heard, received: int) -> None:
        """Keeps it, and logs the 1st, 10th, 100th, ... of its market and reason."""
        market_id = getattr(heard, "market_id", "")
        key = ("" if doubtful.doubt is Doubt.UNLISTED else market_id, doubtful.doubt)
        self._counts[key] += 1
        self._recent.append(Quarantined(doubtful.doubt, str(doubtful), heard, received))
        if _is_power_of_ten(self._counts[key]):
            log.warning("%s: quarantined, %d so far for %s: %s", market_id, self._counts[key], doubtful.doubt, doubtful)

    @property
    def counts(self) -> Mapping[tuple[str, Doubt], int]:
        """How many of each (market_id, doubt) so far."""
        return dict(self._counts)

    @property
    def recent(self) -> Sequence[Quarantined]:
        """The last of them, oldest first."""
        return tuple(self._recent)

    @property
    def total(self) -> int:
        return self._counts.total()


def _is_power_of_ten(number: int) -> bool:
    return str(number).strip("0") == "1"
