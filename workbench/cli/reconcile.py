"""`workbench reconcile`: ours against the venues', now."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from workbench.cli.output import AsJson, ConfigFiles, StateOption, emit, log_to_stderr, state_of, table
from workbench.cli.root import app
from workbench.core.instrument import Instrument
from workbench.data.reader import JournalReader
from workbench.runtime.closings import Closings
from workbench.runtime.comparison import Comparison
from workbench.runtime.config import Config, load
from workbench.runtime.service import SteadyClock
from workbench.runtime.state import StateFolder
from workbench.runtime.venues import counter, named_venues


@app.command("reconcile")
def reconcile(config: ConfigFiles = [], as_json: AsJson = False, state: StateOption = None) -> None:  # noqa: B006 - typer reads it
    """Compares orders, trades, positions and balances of the journal with what the venues say, and changes nothing.

    What differs in two looks a second apart is told. Without --config the venues are those of the last live run here.
    """
    log_to_stderr()
    settings = load(config)
    folder = state_of(state, settings.environment)
    settings = settings if config else load([folder.venues])
    found = asyncio.run(_compared(settings, folder))
    if as_json:
        emit(found, as_json=True)
        return
    columns = ("account", "kind", "what", "ours", "theirs")
    rows = [[each[column] for column in columns] for each in found["discrepancies"]]
    table(f"Discrepancies ({len(rows)})", columns, rows)
    for account, orders in found["other_orders"].items():
        emit({}, as_json=False, text=f"{account}: {len(orders)} open orders that this run did not send")


async def _compared(settings: Config, folder: StateFolder) -> dict[str, Any]:
    instruments = JournalReader(folder.journal).started().instruments
    traded = {each.account_key for each in instruments}
    names = [each for each in named_venues(settings) if each in traded]
    found = dict(
        zip(names, await asyncio.gather(*(_of(each, settings, folder, instruments) for each in names)), strict=True)
    )
    return {
        "discrepancies": [
            {"account": name, **msgspec.to_builtins(each)}
            for name, here in found.items()
            for each in here.discrepancies
        ],
        "other_orders": {name: here.others for name, here in found.items() if here.others},
        "compared": names,
    }


async def _of(name: str, settings: Config, folder: StateFolder, instruments: tuple[Instrument, ...]) -> Any:
    clock = SteadyClock()
    reach = counter(settings, name, clock=clock, folder=folder.path / "reconcile", instruments=instruments)
    try:
        await reach.connector.connect()
        reader = JournalReader(folder.journal)
        return await Comparison(reach, reader, closings=Closings(folder.closings), clock=clock).found()
    finally:
        await reach.connector.close()
