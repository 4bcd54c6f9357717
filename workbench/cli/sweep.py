"""`workbench sweep`: one strategy with many parameter sets over the same data."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from workbench.cli.backtest import STRATEGY_HELP
from workbench.cli.output import AsJson, ConfigFiles, Settings, StateOption, emit, err, expect_suffix, state_of
from workbench.cli.root import app
from workbench.core.clock import parse_instant
from workbench.core.errors import ConfigError
from workbench.runtime.config import load
from workbench.runtime.paper import limits_of, profile_of, with_terms
from workbench.runtime.settings import settings_of
from workbench.runtime.strategies import strategy_of

INTERRUPTED = 130  # what a shell calls a command that was interrupted


@app.command("sweep")
def sweep(
    strategy: Annotated[str, typer.Argument(help=STRATEGY_HELP)],
    data: Annotated[list[str], typer.Option("--data", help="A catalogue id or a file; several for several symbols.")],
    grid: Annotated[
        list[str], typer.Option("--grid", help="name=start:stop:step (stop excluded) or name=a,b,c; one a parameter.")
    ],
    where: Annotated[str | None, typer.Option("--where", help="What to try, such as 'fast < slow'.")] = None,
    draw: Annotated[int | None, typer.Option("--draw", help="Try so many of the grid, spread evenly.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    parameters: Settings = [],  # noqa: B006 - typer reads it, nobody changes it
    engine: Annotated[str | None, typer.Option("--engine", help="event or compiled. Default: what it can.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Side by side. Default: one a core.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the table to .parquet or .csv; the same command goes on there.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="The figure that ranks the rows.")] = "sharpe",
    start: Annotated[str | None, typer.Option("--start", help="First bar open, ISO, included.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last bar open, ISO, excluded.")] = None,
    cash: Annotated[str, typer.Option("--cash", help="In quote currency, exact.")] = "10000",
    maker_fee: Annotated[str, typer.Option("--maker-fee", help="A fraction, exact.")] = "0.001",
    taker_fee: Annotated[str, typer.Option("--taker-fee", help="A fraction, exact.")] = "0.001",
    slippage_bps: Annotated[str, typer.Option("--slippage-bps", help="Basis points, exact.")] = "0",
    timeframe: Annotated[str | None, typer.Option("--timeframe", help="Which of a file's time frames.")] = None,
    instrument: Annotated[str | None, typer.Option("--instrument", help="venue:BASE/QUOTE of a file.")] = None,
    config: ConfigFiles = [],  # noqa: B006 - as above
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Runs every combination of a grid and prints the best; an interrupt keeps what is done and ends with 130."""
    from workbench.research.spaces import grids_of, latin_hypercube  # research packages load only here
    from workbench.research.sweep import sweep as run_sweep
    from workbench.research.sweep_result import FORMATS, checked_figure

    expect_suffix(out, "--out", FORMATS)
    checked_figure(by)
    if not grid:
        raise ConfigError("sweep: expected --grid name=start:stop:step, one for each parameter to vary")
    lake = state_of(state).lake()
    datasets = [lake.open(each, timeframe=timeframe, instrument=instrument) for each in data]
    limits = profile = None
    if config:
        settings = load(config)
        limits, profile = limits_of(settings), profile_of(settings)
        datasets = [with_terms(each, settings) for each in datasets]
    with Bar() as bar:
        found = run_sweep(
            strategy_of(strategy, settings_of(parameters), releases=Path("config/releases")),
            datasets,
            grid=grids_of(grid),
            where=where,
            draw=None if draw is None else latin_hypercube(draw, seed=seed),
            workers=workers,
            engine=engine,
            out=out,
            progress=bar.told,
            cash=cash,
            maker_fee=maker_fee,
            taker_fee=taker_fee,
            slippage_bps=slippage_bps,
            limits=limits,
            profile=profile,
            start=None if start is None else parse_instant(start, "--start"),
            end=None if end is None else parse_instant(end, "--end"),
        )
    document = {**found.document(by), "out": None if out is None else str(out)}
    emit(document, as_json=as_json, text=found.summary(by))
    if out is not None and not as_json:
        err.print(f"table: {out}", highlight=False)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


class Bar:
    """Rows done and the time left, for people; nothing at all where no terminal is."""

    def __init__(self) -> None:
        columns = (TextColumn("sweep"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._bars.add_task("", total=None)

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def told(self, done: int, total: int) -> None:
        """Moves the bar."""
        self._bars.update(self._task, completed=done, total=total)
