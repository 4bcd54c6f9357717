"""How every command speaks: one JSON document or text for people on stdout, everything else on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from workbench.core.errors import ConfigError
from workbench.runtime.state import StateFolder

AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document; exact numbers are text.")]
ConfigFiles = Annotated[
    list[Path], typer.Option("--config", help="A configuration file; later files overlay earlier ones.")
]
StateOption = Annotated[
    Path | None, typer.Option("--state", help="The state directory. Default: .workbench/<environment>.")
]
Settings = Annotated[list[str], typer.Option("-p", "--parameter", help="name=value, as often as needed.")]

err = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
out = Console(width=None if sys.stdout.isatty() else 160)


def emit(document: Any, *, as_json: bool, text: str | None = None) -> None:
    """Prints the document as JSON, or the text (by default the document, readable)."""
    if as_json:
        sys.stdout.write(json.dumps(document, sort_keys=True, default=str) + "\n")
    else:
        out.print(text if text is not None else lines(document), markup=False, highlight=False, soft_wrap=True)


def lines(document: Any, indent: str = "") -> str:
    """A map as aligned `name  value` lines, maps inside it indented."""
    if not isinstance(document, dict):
        return f"{indent}{document}"
    width = max((len(str(name)) for name in document), default=0)
    shown = []
    for name, value in document.items():
        if isinstance(value, dict) and value:
            shown += [f"{indent}{name}", lines(value, indent + "  ")]
        else:
            shown.append(f"{indent}{name!s:<{width}}  {value}")
    return "\n".join(shown)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a table for people."""
    drawn = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(drawn, markup=False)


def state_of(path: Path | None, environment: str = "dev") -> StateFolder:
    """The state directory asked for, or the default of the environment."""
    return StateFolder(path) if path is not None else StateFolder.default(environment)


def expect_suffix(path: Path | None, option: str, suffixes: Sequence[str]) -> None:
    """Refuses a file that is to be written under a name of another kind, before any work is done for it."""
    if path is not None and path.suffix not in suffixes:
        raise ConfigError(f"{option} {path}: expected a name that ends with {' or '.join(suffixes)}")


def log_to_stderr(*, verbose: bool = False) -> None:
    """Logs of the package go to stderr, one line each."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
