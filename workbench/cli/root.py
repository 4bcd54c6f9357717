"""The root of the command line, to which every module of commands adds its own."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="workbench",
    help="From a notebook to a backtest, a release, a paper run: one strategy, the same decisions, exact money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
