"""A strategy by the name a person gives: `module:name`, a release, or a notebook with a strategy cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.core.errors import ConfigError, WorkbenchError
from workbench.core.strategy import Strategy
from workbench.runtime import release as releases_of
from workbench.runtime.cells import strategy_in_notebook
from workbench.runtime.plan import Maker, Seat, from_entry, strategy_class

_ENTRY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def strategy_of(name: str, parameters: Mapping[str, Any], *, releases: Path) -> Strategy:
    """The strategy, made with its parameters; raises ConfigError naming what was not found."""
    if name.endswith(".ipynb"):
        return made(strategy_in_notebook(Path(name)), parameters)
    if ":" in name:
        return made(class_of(name), parameters)
    release, kind = releases_of.load(releases_of.find(name, releases))
    strategy = kind(**releases_of.narrowed(release, parameters, kind))
    strategy.release = release.id
    return strategy


def class_of(entry: str) -> type[Strategy]:
    """The class that `module:name` names; raises ConfigError naming what is missing or why importing it fails."""
    if not _ENTRY.fullmatch(entry):
        raise ConfigError(f"strategy {entry!r}: expected module:name, such as workbench.strategies.sma_cross:SmaCross")
    try:
        return strategy_class(entry)
    except WorkbenchError:
        raise
    except (Exception, SystemExit) as error:  # the module is the user's: whatever it raises is about it
        raise ConfigError(f"strategy {entry!r}: its module raises {type(error).__name__}: {error}") from error


def made(kind: type[Strategy], parameters: Mapping[str, Any]) -> Strategy:
    """The strategy with these parameters; raises ConfigError whatever its constructor raises."""
    try:
        return kind(**parameters)
    except WorkbenchError:
        raise
    except Exception as error:
        raise ConfigError(f"strategy {kind.__name__}: making it raises {type(error).__name__}: {error}") from error


def maker_of(releases: Path) -> Maker:
    """Makes the strategies of a recorded run: from its release where it names one, else from its module."""

    def make(name: str, seat: Seat) -> Strategy:
        if not seat.release:
            return from_entry(name, seat)
        _, kind = releases_of.load(releases_of.find(seat.release, releases))
        return kind(**seat.parameters)

    return make
