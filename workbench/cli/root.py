"""The root of the command line: it imports a command's module when that command is asked for, not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

HOMES = {  # command -> the module that adds it; in the order in which help lists them
    "data": "data",
    "backtest": "backtest",
    "sweep": "sweep",
    "promote": "project",
    "run": "run",
    "exchange": "exchange",
    "status": "show",
    "ledger": "show",
    "reconcile": "reconcile",
    "set": "commands",
    "pause": "commands",
    "resume": "commands",
    "flatten": "commands",
    "rearm": "commands",
    "kill": "kill",
    "why": "inspect",
    "journal": "journal",
    "pipeline": "project",
    "config": "project",
    "doctor": "project",
}


class OnDemand(TyperGroup):
    """Knows every command by name and loads none that is not used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(HOMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in HOMES:
            return None
        import_module(f"workbench.cli.{HOMES[cmd_name]}")
        return typer.main.get_group(app).commands[cmd_name]


app = typer.Typer(
    name="workbench",
    cls=OnDemand,
    help="From a notebook to a backtest, a release, a paper run: one strategy, the same decisions, exact money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """From a notebook to a backtest, a release, a paper run: one strategy, the same decisions, exact money."""
