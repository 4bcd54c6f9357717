"""Time as UTC nanoseconds: read from text, written as text, never fetched here."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NewType, Protocol

from workbench.core.errors import DataError

Nanos = NewType("Nanos", int)  # an instant, in nanoseconds since 1970-01-01T00:00:00Z

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_FRACTION = re.compile(r"(?<=:\d\d:\d\d)[.,](\d{1,9})(?!\d)", re.ASCII)
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


class Clock(Protocol):
    """Where now comes from; handed in, never fetched."""

    def now(self) -> Nanos:
        """The present instant in UTC nanoseconds."""


def interval_ns(text: str) -> int:
    """The length in nanoseconds of a bar interval such as '1m', '4h' or '1d'."""
    found = re.fullmatch(r"([1-9]\d{0,5})([smhdw])", text, re.ASCII)
    if not found:
        raise DataError(f"interval: expected a count and one of s, m, h, d, w (such as '1h'), got {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def interval_text(ns: int) -> str:
    """The shortest name of an interval: 3_600_000_000_000 is '1h'."""
    for unit in ("w", "d", "h", "m", "s"):
        if ns > 0 and ns % _UNITS[unit] == 0:
            return f"{ns // _UNITS[unit]}{unit}"
    raise DataError(f"interval: {ns} ns is not a whole number of seconds")


def parse_instant(text: str, what: str = "time") -> Nanos:
    """UTC nanoseconds of an ISO date or date-time; a missing zone means UTC."""
    whole, nanos = text.strip(), 0
    fraction = _FRACTION.search(whole)
    if fraction:  # by hand, since datetime drops what is finer than a microsecond
        whole = whole[: fraction.start()] + whole[fraction.end() :]
        nanos = int(fraction[1].ljust(9, "0"))
    try:
        moment = datetime.fromisoformat(whole)
    except ValueError:
        moment = None
    if moment is None or "." in whole or "," in whole:
        raise DataError(f"{what}: expected an ISO date or time such as '2024-01-31T12:00', got {text!r}")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return Nanos(int(moment.timestamp()) * SECOND + nanos)


def instant_text(ts: int) -> str:
    """ISO text of an instant, to the second where that is exact, else to the nanosecond."""
    seconds, rest = divmod(ts, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"
