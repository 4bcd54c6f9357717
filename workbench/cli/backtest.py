"""`workbench backtest`: one strategy over one dataset."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import AsJson, ConfigFiles, Settings, StateOption, emit, err, expect_suffix, state_of
from workbench.cli.progress import Progress
from workbench.cli.root import app
from workbench.core.clock import parse_instant
from workbench.runtime.config import load
from workbench.runtime.paper import limits_of, profile_of, with_terms
from workbench.runtime.settings import settings_of
from workbench.runtime.strategies import strategy_of

STRATEGY_HELP = "module:name, a release id, or a notebook."


@app.command("backtest")
def backtest(
    strategy: Annotated[str, typer.Argument(help=STRATEGY_HELP)],
    data: Annotated[list[str], typer.Option("--data", help="A catalogue id or a file; several for several symbols.")],
    parameters: Settings = [],  # noqa: B006 - typer reads it, nobody changes it
    start: Annotated[str | None, typer.Option("--start", help="First bar open, ISO, included.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last bar open, ISO, excluded.")] = None,
    cash: Annotated[str, typer.Option("--cash", help="In quote currency, exact.")] = "10000",
    maker_fee: Annotated[str, typer.Option("--maker-fee", help="A fraction, exact.")] = "0.001",
    taker_fee: Annotated[str, typer.Option("--taker-fee", help="A fraction, exact.")] = "0.001",
    slippage_bps: Annotated[str, typer.Option("--slippage-bps", help="Basis points, exact.")] = "0",
    engine: Annotated[str, typer.Option("--engine", help="event, or compiled (kernels; no journal).")] = "event",
    timeframe: Annotated[str | None, typer.Option("--timeframe", help="Which of a file's time frames.")] = None,
    instrument: Annotated[str | None, typer.Option("--instrument", help="venue:BASE/QUOTE of a file.")] = None,
    fills: Annotated[Path | None, typer.Option("--fills", help="Write one row per fill to .csv or .parquet.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write the tear sheet as an HTML file.")] = None,
    config: ConfigFiles = [],  # noqa: B006 - as above
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Runs one backtest and prints its result; the journal is kept under runs/ in the state directory."""
    from workbench.research.backtest import backtest as run_backtest  # research packages load only here

    expect_suffix(fills, "--fills", (".csv", ".parquet"))
    expect_suffix(report, "--report", (".html",))
    folder = state_of(state)
    lake = folder.lake()
    chosen = strategy_of(strategy, settings_of(parameters), releases=Path("config/releases"))
    datasets = [lake.open(each, timeframe=timeframe, instrument=instrument) for each in data]
    limits = profile = None
    if config:
        settings = load(config)
        limits, profile = limits_of(settings), profile_of(settings)
        datasets = [with_terms(each, settings) for each in datasets]
    recorded = engine != "compiled"  # a compiled run keeps no journal
    folder.runs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".backtest-", dir=folder.runs))
    try:
        with Progress(datasets) as progress:
            result = run_backtest(
                chosen,
                datasets,
                cash=cash,
                maker_fee=maker_fee,
                taker_fee=taker_fee,
                slippage_bps=slippage_bps,
                engine=engine,
                limits=limits,
                profile=profile,
                start=None if start is None else parse_instant(start, "--start"),
                end=None if end is None else parse_instant(end, "--end"),
                journal=work / "journal" if recorded else None,
                sinks=[progress] if recorded else [],
            )
        home = folder.runs / result.run_id
        if recorded:
            shutil.rmtree(home, ignore_errors=True)  # equal inputs give equal bytes: the older record is the same
            work.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    document = {**result.document(), "journal": str(home / "journal") if recorded else None}
    if fills is not None:
        result.write_fills(fills)
    if report is not None:
        result.plot().write_html(report, include_plotlyjs=True)
    emit(document, as_json=as_json, text=repr(result))
    if recorded and not as_json:
        err.print(f"journal: {home / 'journal'}", highlight=False)
