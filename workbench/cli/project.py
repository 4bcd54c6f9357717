"""`workbench config`, `doctor`, `promote` and `pipeline`: the project around the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import AsJson, ConfigFiles, Settings, StateOption, emit, out, state_of
from workbench.cli.root import app
from workbench.runtime.config import load, schema
from workbench.runtime.doctor import examine
from workbench.runtime.settings import settings_of

config = typer.Typer(help="Configuration: check it, print its schema.", no_args_is_help=True)
app.add_typer(config, name="config")


@config.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(help="Files in the order in which they overlay each other.")],
    as_json: AsJson = False,
) -> None:
    """Validates configuration files together; ends with 2 and names file, path and expectation if they are wrong."""
    settings = load(files)
    emit(settings.model_dump(mode="json"), as_json=as_json, text="ok")


@config.command("schema")
def print_schema() -> None:
    """Prints the JSON schema of a configuration file."""
    emit(schema(), as_json=True)


@app.command("doctor")
def doctor(config: ConfigFiles = [], as_json: AsJson = False, state: StateOption = None) -> None:  # noqa: B006 - typer reads it
    """Looks at everything a run needs before it needs it; ends with 2 if something is missing."""
    settings = load(config)
    findings = examine(settings, state_of(state, settings.environment))
    if as_json:
        emit(findings, as_json=True)
    else:
        for each in findings:
            out.print(
                f"{'ok  ' if each['ok'] else 'FAIL'}  {each['what']}: {each['found']}", markup=False, highlight=False
            )
    if not all(each["ok"] for each in findings):
        raise typer.Exit(2)


@app.command("promote")
def promote(
    strategy: Annotated[
        str, typer.Argument(metavar="NOTEBOOK_OR_STRATEGY", help="module:name, a release id, or a notebook.")
    ],
    to: Annotated[str, typer.Option("--to", help="paper")],
    data: Annotated[list[str], typer.Option("--data", help="What the gates run it on.")] = ["binance_spot_BTCUSDT_1h"],  # noqa: B006
    parameters: Settings = [],  # noqa: B006 - typer reads it, nobody changes it
    cash: Annotated[str, typer.Option("--cash", help="In quote currency, exact.")] = "10000",
    max_drawdown: Annotated[
        str | None, typer.Option("--max-drawdown", help="The budget's hard limit, a fraction.")
    ] = None,
    quote: Annotated[str | None, typer.Option("--budget", help="The most it may size from, in quote currency.")] = None,
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Runs the gates and, if all hold, writes a content-addressed release to config/releases/."""
    from workbench.research.promote import promote as run_gates  # research packages load only here

    promotion = run_gates(
        strategy,
        settings_of(parameters),
        data=data,
        cash=cash,
        max_drawdown=max_drawdown,
        quote=quote,
        lake=state_of(state).lake(),
        releases=Path("config/releases"),
        stage=to,
    )
    emit(promotion.plain(), as_json=as_json, text=promotion.text())


@app.command("pipeline")
def pipeline(
    runner: Annotated[str, typer.Argument(help="A shipped runner's name (backtest, paper) or a notebook.")],
    parameters: Settings = [],  # noqa: B006 - as above
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Runs a papermill runner, its parameters checked before a kernel starts, and keeps the executed notebook."""
    from workbench.research.runner import run_pipeline  # research packages load only here

    record = run_pipeline(runner, settings_of(parameters), state_of(state))
    emit(record.plain(), as_json=as_json, text=record.text())
