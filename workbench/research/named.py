"""A backtest named in words, as a command line or the parameters of a runner notebook name it."""

from __future__ import annotations

import shlex
from pathlib import Path

from workbench.core.clock import parse_instant
from workbench.research.backtest import backtest
from workbench.research.result import Result
from workbench.runtime.settings import settings_of
from workbench.runtime.state import StateFolder
from workbench.runtime.strategies import strategy_of


def words(text: str) -> list[str]:
    """The parts of a text such as "fast=20, slow=50", which commas or spaces part; quotes keep them together."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="")
    lexer.whitespace += ","
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def backtest_named(
    strategy: str, *, data: str, parameters: str = "", cash: str = "10000", start: str = "", end: str = ""
) -> Result:
    """Backtests `strategy` (module:name, a release id or a notebook) over one or several named datasets.

    `parameters` reads "fast=20, slow=50"; `start` and `end` are ISO instants on the open of a bar, [start, end),
    empty for all there is. Releases are those of `config/releases/`, datasets those of the default state
    directory, bundled ones and files. Raises ConfigError and DataError naming what was not found.
    """
    lake = StateFolder.default().lake()
    return backtest(
        strategy_of(strategy, settings_of(words(parameters)), releases=Path("config/releases")),
        [lake.open(each) for each in words(data)],
        cash=cash,
        start=parse_instant(start, "start") if start else None,
        end=parse_instant(end, "end") if end else None,
        lake=lake,
    )
