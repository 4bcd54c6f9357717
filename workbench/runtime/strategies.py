"""A strategy by the name a person gives: `module:name`, a release, or a notebook with a strategy cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.core.strategy import Strategy
from workbench.runtime import release as releases_of
from workbench.runtime.cells import strategy_in_notebook
from workbench.runtime.plan import Maker, Seat, from_entry, strategy_class


def strategy_of(name: str, parameters: Mapping[str, Any], *, releases: Path) -> Strategy:
    """The strategy, made with its parameters; raises ConfigError naming what was not found."""
    if name.endswith(".ipynb"):
        return strategy_in_notebook(Path(name))(**parameters)
    if ":" in name:
        return strategy_class(name)(**parameters)
    release, kind = releases_of.load(releases_of.find(name, releases))
    return kind(**releases_of.narrowed(release, parameters, kind))


def maker_of(releases: Path) -> Maker:
    """Makes the strategies of a recorded run: from its release where it names one, else from its module."""

    def make(name: str, seat: Seat) -> Strategy:
        if not seat.release:
            return from_entry(name, seat)
        _, kind = releases_of.load(releases_of.find(seat.release, releases))
        return kind(**seat.parameters)

    return make
