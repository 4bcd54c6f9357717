"""Files that feed a strategy's parameter: when one changes, its content enters the run as a command."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.events import SetParameters
from workbench.trading.engine import Engine

log = logging.getLogger(__name__)

MAX_WATCHED = 100_000  # bytes; a person or a program writes a few lines


class Watched(msgspec.Struct):
    """One file, the strategy and parameter it feeds, and the content last seen."""

    path: Path
    strategy_id: str
    parameter: str
    seen: str
    trouble: str = ""  # what was wrong with it last time, told once


class FileWatch:
    """Looks at every file that a strategy of the engine names; a bad file is told once and changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._watched: list[Watched] = []
        for name, trader in engine.portfolio.traders.items():
            strategy = trader.strategy
            for path_name, parameter in strategy.watches.items():
                parameters = strategy.get_parameters()
                if parameters[path_name]:
                    seen = str(parameters[parameter])
                    self._watched.append(Watched(Path(parameters[path_name]), name, parameter, seen))

    def changes(self, now: int) -> list[SetParameters]:
        """The commands for every file whose content is not what its strategy has."""
        commands: list[SetParameters] = []
        for watched in self._watched:
            try:
                content = _read(watched.path)
            except ConfigError as error:
                if watched.trouble != str(error):
                    log.warning("strategy %s: %s", watched.strategy_id, error)
                watched.trouble = str(error)
                continue
            watched.trouble = ""
            if content != watched.seen:
                watched.seen = content
                commands.append(
                    SetParameters(
                        "operator",
                        now + len(commands),
                        now,
                        now,
                        strategy_id=watched.strategy_id,
                        values={watched.parameter: content},
                        reason=f"{watched.path.name} changed",
                    )
                )
        return commands


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_WATCHED:
            raise ConfigError(f"{path}: larger than {MAX_WATCHED} bytes")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
