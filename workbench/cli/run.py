"""`workbench run`, `status` and `ledger`: a run and what it holds."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from workbench.cli.output import (
    AsJson,
    ConfigFiles,
    Settings,
    StateOption,
    emit,
    err,
    lines,
    log_to_stderr,
    state_of,
    table,
)
from workbench.cli.root import app
from workbench.core.clock import instant_text
from workbench.core.errors import ConfigError, DataError
from workbench.data.reader import JournalReader
from workbench.data.view import ledger_view
from workbench.runtime.config import Config, load
from workbench.runtime.paper import paper_plan
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.release import find
from workbench.runtime.settings import settings_of

run = typer.Typer(help="Runs strategies in the foreground until told to stop.", no_args_is_help=True)
app.add_typer(run, name="run")


@run.command("paper")
def paper(
    release: Annotated[str | None, typer.Option("--release", help="A release id or folder.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="module:name, in development.")] = None,
    parameters: Settings = [],  # noqa: B006 - typer reads it, nobody changes it
    data: Annotated[list[str], typer.Option("--data", help="A dataset to play back.")] = [],  # noqa: B006 - as above
    speed: Annotated[float | None, typer.Option("--speed", help="Times real time; 0: at once.", min=0)] = None,
    start: Annotated[str | None, typer.Option("--start", help="First bar open, ISO, included.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Last bar open, ISO, excluded.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Put a run that is held here away under runs/ first.")] = False,
    seconds: Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.", min=0)] = None,
    cash: Annotated[str | None, typer.Option("--cash", help="In base currency, exact.")] = None,
    config: ConfigFiles = [],  # noqa: B006 - as above
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Papers over stored data on a simulated venue; goes on where it was if it was stopped or killed."""
    from workbench.data.store import Store  # SQLAlchemy takes a second to load; status and ledger do without

    settings = _settled(load(config), release, strategy, settings_of(parameters), data, start, end, cash)
    if speed is not None:
        settings = settings.model_copy(
            update={"data": [each.model_copy(update={"speed": speed}) for each in settings.data]}
        )
    folder = state_of(state, settings.environment)
    log_to_stderr()
    ready = paper_plan(settings, folder.lake(), releases=Path("config/releases"))
    session = PaperRun(ready.plan, folder, datasets=ready.datasets, make=ready.make, speed=ready.speed)
    store = Store(settings.store.url or folder.database)  # before the run: a wrong URL must not wait for its end
    try:
        asyncio.run(_until_stopped(session, seconds, new=new))
        store.create()
        store.catch_up(JournalReader(folder.journal))
    finally:
        store.close()
    assumed = "\n  ".join(("Assumptions of the simulated venue:", *ready.plan.profile.assumptions()))
    err.print(assumed, highlight=False)
    emit({**session.status(), "journal": str(folder.journal)}, as_json=as_json)


async def _until_stopped(session: PaperRun, seconds: float | None, *, new: bool) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, session.inbox.stop)
    await session.run(seconds=seconds, new=new)


def _settled(
    settings: Config,
    release: str | None,
    strategy: str | None,
    parameters: dict[str, Any],
    data: list[str],
    start: str | None,
    end: str | None,
    cash: str | None,
) -> Config:
    """The configuration with what the command line says on top."""
    changed = settings.model_dump(exclude_unset=True)
    if data:
        changed["data"] = [{"dataset": each} for each in data]
    for each in changed.get("data", []):
        each.update({name: value for name, value in (("start", start), ("end", end)) if value is not None})
    if cash is not None:
        changed["cash"] = cash
    if release is not None and strategy is not None:
        raise ConfigError("run paper: give either --release or --strategy")
    if release is not None:
        folder = find(release, Path("config/releases"))
        changed["strategies"] = [_seat(folder.name, parameters) | {"release": str(folder)}]
    elif strategy is not None:
        changed["strategies"] = [_seat(strategy.rpartition(":")[2], parameters) | {"strategy": strategy}]
    elif parameters:
        raise ConfigError("run paper: -p needs --release or --strategy; a configuration names its own parameters")
    try:
        return Config.model_validate(changed)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from None


def _seat(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    seat_id = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:50] or "strategy"
    return {"id": seat_id, "symbols": ["*"], "parameters": parameters}


SHOWN = 50  # rows of each table; --json has them all


@app.command("status")
def status(as_json: AsJson = False, state: StateOption = None) -> None:
    """Shows health and readiness of the run in a state directory."""
    found = state_of(state).status()
    emit(found, as_json=as_json, text=lines(found))


@app.command("ledger")
def ledger(as_json: AsJson = False, state: StateOption = None) -> None:
    """Shows orders, fills, positions and balances from the journal, whether or not the run is alive."""
    folder = state_of(state)
    try:
        view = ledger_view(JournalReader(folder.journal))
    except DataError:
        if folder.journal.exists():
            raise
        view = {"orders": [], "fills": [], "positions": [], "balances": []}
    if as_json:
        emit(view, as_json=True)
        return
    shown = {
        "orders": ("client_order_id", "symbol", "side", "order_type", "quantity", "filled", "average_price", "status"),
        "fills": ("ts_ns", "symbol", "side", "quantity", "price", "fee", "fee_currency"),
        "positions": ("strategy_id", "symbol", "quantity", "average_entry_price", "realized_pnl", "unrealized_pnl"),
        "balances": ("exchange", "asset", "free", "locked", "total"),
    }
    for name, columns in shown.items():
        rows = view[name][-SHOWN:]
        total = len(view[name])
        title = f"{name} ({total})" if len(rows) == total else f"{name} (last {len(rows)} of {total})"
        table(title, columns, [[_cell(column, row.get(column)) for column in columns] for row in rows])


def _cell(column: str, value: Any) -> Any:
    if column == "client_order_id":
        return str(value)[:12]
    return instant_text(value) if column == "ts_ns" else value
