"""`workbench run`: paper and live, in the foreground until told to stop."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from workbench.cli.live import live
from workbench.cli.output import AsJson, ConfigFiles, Settings, StateOption, emit, err, log_to_stderr, state_of
from workbench.cli.paper_live import paper_on_venues
from workbench.cli.root import app
from workbench.core.errors import ConfigError
from workbench.data.reader import JournalReader
from workbench.runtime.config import Config, load
from workbench.runtime.paper import paper_plan
from workbench.runtime.paper_run import PaperRun
from workbench.runtime.release import find
from workbench.runtime.settings import settings_of
from workbench.runtime.venues import hears_venues

run = typer.Typer(help="Runs strategies in the foreground until told to stop.", no_args_is_help=True)
app.add_typer(run, name="run")


run.command("live")(live)


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
    """Papers on a simulated venue; goes on where it was if it was stopped or killed.

    Over stored data where some is named, else on the living data of the configuration's venues.
    """
    from workbench.data.store import Store  # SQLAlchemy takes a second to load; status and ledger do without

    settings = _settled(load(config), release, strategy, settings_of(parameters), data, start, end, cash)
    folder = state_of(state, settings.environment)
    log_to_stderr()
    if not settings.data and hears_venues(settings):
        if any(each is not None for each in (speed, start, end)):
            raise ConfigError("run paper: --speed, --start and --end are for stored data; name some with --data")
        status = paper_on_venues(settings, folder, seconds=seconds, new=new)
        emit({**status, "journal": str(folder.journal)}, as_json=as_json)
        return
    if speed is not None:
        settings = settings.model_copy(
            update={"data": [each.model_copy(update={"speed": speed}) for each in settings.data]}
        )
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
