"""What readers of market data share: exact text of a number, instants, and errors that name the venue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from workbench.connectors.heard import Level
from workbench.core.errors import DataError

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_SHOWN = 200  # characters of a message that an error quotes: enough to recognise it, little enough for a log
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)  # what a message of another shape ends in


class Reading:
    """Turns whatever goes wrong while a message is read into a DataError that names the venue and quotes it."""

    def __init__(self, venue: str, message: Any) -> None:
        self._venue, self._message = venue, message

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DataError) and not str(error).startswith(self._venue):
            raise DataError(f"{self._venue}: {error}") from error
        if isinstance(error, _UNREADABLE):
            reason = f"{type(error).__name__} {error}"
            raise DataError(f"{self._venue}: cannot read {str(self._message)[:_SHOWN]} ({reason})") from error


def readable(venue: str, rows: Sequence[Any], read: Callable[[Any], _T | None]) -> list[_T]:
    """What `read` makes of many rows, without None and without the rows that it raises DataError for.

    Those are told of together; where nothing else remains the first DataError is raised.
    """
    found, problems = list[_T](), list[DataError]()
    for row in rows:
        try:
            one = read(row)
        except DataError as problem:
            problems.append(problem)
        else:
            found += [] if one is None else [one]
    if problems and not found:
        raise problems[0]
    if problems:
        log.warning("%s: %d of %d rows are left out, the first: %s", venue, len(problems), len(rows), problems[0])
    return found


def unknown(message: Any) -> DataError:
    """The error for a message that no table of its venue names."""
    return DataError(f"a message of no known kind: {str(message)[:_SHOWN]}")


def exact(number: Any) -> str:
    """The number as the venue wrote it; DataError for a float, whose digits are no longer the venue's."""
    if type(number) is str:
        return number
    if type(number) is int:
        return str(number)
    raise DataError(f"expected a number as text or int, got {type(number).__name__} {number!r}")


def whole(number: Any) -> int:
    """An integer given as such or as text: an id, a count, a sequence."""
    return int(exact(number))


def text(name: Any) -> str:
    """A name that the venue gives; DataError for anything but text."""
    if type(name) is str:
        return name
    raise DataError(f"expected a name as text, got {type(name).__name__} {str(name)[:_SHOWN]}")


def levels(rows: Iterable[Any]) -> tuple[Level, ...]:
    """Price and quantity of each row; what a venue adds to a row, such as a count of orders, is left out."""
    return tuple([(exact(row[0]), exact(row[1])) for row in rows])


def millis(stamp: Any) -> int:
    """UTC nanoseconds of whole milliseconds."""
    return whole(stamp) * 1_000_000


def micros(stamp: Any) -> int:
    """UTC nanoseconds of whole microseconds."""
    return whole(stamp) * 1_000
