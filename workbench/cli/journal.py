"""`workbench journal`: check it, replay it, export it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from workbench.cli.output import AsJson, StateOption, emit, state_of
from workbench.cli.root import app
from workbench.core.errors import ConfigError, CorruptState
from workbench.data.reader import JournalReader
from workbench.runtime.build import find_data, replay
from workbench.runtime.plan import Plan
from workbench.runtime.state import StateFolder
from workbench.runtime.strategies import maker_of

journal = typer.Typer(help="The journal of a run: verify, replay, export.", no_args_is_help=True)
app.add_typer(journal, name="journal")

Which = Annotated[
    str | None, typer.Argument(help="A journal folder or a run id. Default: the run of the state directory.")
]


@journal.command("verify")
def verify(which: Which = None, as_json: AsJson = False, state: StateOption = None) -> None:
    """Checks every byte: frames, chain, order."""
    reader = reader_of(which, state_of(state))
    emit(msgspec.to_builtins(reader.verify()), as_json=as_json)


@journal.command("replay")
def replay_journal(which: Which = None, as_json: AsJson = False, state: StateOption = None) -> None:
    """Runs the inputs through a fresh engine; every consequence must come out as it was written."""
    folder = state_of(state)
    reader = reader_of(which, folder)
    written = reader.verify()
    plan = Plan.of(reader.started())
    engine, copy = replay(reader, datasets=find_data(plan.data, folder.lake()), make=maker_of(Path("config/releases")))
    digest = copy.digest()
    if digest != written.digest:
        raise CorruptState(f"the journal's digest is {written.digest}, its replay's is {digest}")
    document = {"digest": digest, "records": written.records, "ledger_digest": engine.ledger.digest()}
    emit(document, as_json=as_json)


@journal.command("export")
def export(
    which: Which = None,
    to: Annotated[Path | None, typer.Option("--to", help="A file. Default: stdout.")] = None,
    state: StateOption = None,
) -> None:
    """Writes the records as JSON lines, the bytes that the digest is taken of."""
    reader = reader_of(which, state_of(state))
    if to is None:
        reader.export(sys.stdout.buffer)
        return
    part = to.with_name(f".{to.name}.part")
    try:
        with part.open("wb") as stream:
            reader.export(stream)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def reader_of(which: str | None, state: StateFolder) -> JournalReader:
    """The journal meant: the run's own, a folder, or that of a recorded backtest."""
    candidates = [state.journal] if which is None else [Path(which), state.runs / which / "journal"]
    for folder in candidates:
        if folder.is_dir():
            return JournalReader(folder)
    raise ConfigError(f"no journal at {' or '.join(map(str, candidates))}")
