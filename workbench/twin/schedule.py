"""Faults as people write them: a YAML list in which `at_s` and `for_s` say when, in seconds from the start."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from workbench.core.clock import SECOND
from workbench.core.errors import ConfigError
from workbench.twin.actions import Action, Where
from workbench.twin.faults import Fault


def read_schedule(text: str, *, now: int, source: str) -> list[Fault]:
    """The faults of a YAML text that starts now (UTC ns); raises ConfigError naming `source` and the entry."""
    try:
        return faults_of(yaml.safe_load(text), now=now, source=source)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{source}: not YAML: {' '.join(str(error).split())}") from None


def faults_of(document: object, *, now: int, source: str) -> list[Fault]:
    """The faults of a list of maps, or of one map; `at_s` and `for_s` count from now (UTC ns)."""
    entries = document if isinstance(document, list) else [document]
    return [_fault(entry, now=now, place=f"{source}: fault {number}") for number, entry in enumerate(entries, 1)]


def _fault(entry: object, *, now: int, place: str) -> Fault:
    if not isinstance(entry, dict):
        raise ConfigError(f"{place}: expected a map with where, match and action, got {entry!r}")
    words = dict(entry)
    _known(words, "where", Where, place)
    _known(words, "action", Action, place)
    if "at_s" in words or "for_s" in words:
        start = now + _nanos(words.pop("at_s", 0), f"{place}: at_s")
        words["start_ns"] = start
        if "for_s" in words:
            words["end_ns"] = start + _nanos(words.pop("for_s"), f"{place}: for_s")
    try:
        return msgspec.convert(words, Fault)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: {error}") from None


def _known(words: dict[Any, Any], name: str, kind: Iterable[str], place: str) -> None:
    known = [str(each) for each in kind]
    if words.get(name) not in known:
        raise ConfigError(f"{place}: {name} is {words.get(name)!r}, expected one of {', '.join(known)}")


def _nanos(seconds: object, what: str) -> int:
    right = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if not right or seconds < 0:  # type: ignore[operator]
        raise ConfigError(f"{what} is {seconds!r}, expected seconds, 0 or more")
    return round(seconds * SECOND)  # type: ignore[operator]
