"""`workbench why`: the chain of causes behind an order or a fill."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.journal import reader_of
from workbench.cli.output import AsJson, StateOption, emit, state_of
from workbench.cli.root import app
from workbench.data.causes import causes
from workbench.runtime.build import find_data
from workbench.runtime.plan import Plan


@app.command("why")
def why(
    which: Annotated[str, typer.Argument(metavar="ID", help="An order, trade or event id, or its beginning.")],
    run: Annotated[str | None, typer.Option("--run", help="A journal folder or run id. Default: the run here.")] = None,
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Tells what led to an order or a fill, back to the market event that started it."""
    folder = state_of(state)
    reader = reader_of(run, folder)
    chain = causes(reader, which, datasets=find_data(Plan.of(reader.started()).data, folder.lake()))
    emit(chain.plain(), as_json=as_json, text=chain.text())
