"""`workbench data`: the catalogue of stored market data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import AsJson, StateOption, emit, state_of, table
from workbench.cli.root import app
from workbench.core.clock import instant_text, interval_text
from workbench.data import quality
from workbench.data.dataset import Dataset
from workbench.data.intake import Request

data = typer.Typer(help="The catalogue of stored market data.", no_args_is_help=True)
app.add_typer(data, name="data")

InstrumentOption = Annotated[str | None, typer.Option("--instrument", help="venue:BASE/QUOTE, if the name lacks it.")]
IntervalOption = Annotated[str | None, typer.Option("--interval", help="The bar interval, such as 1h.")]
TimeframeOption = Annotated[str | None, typer.Option("--timeframe", help="Which of a file's time frames to take.")]


@data.command("ls")
def ls(as_json: AsJson = False, state: StateOption = None) -> None:
    """Lists what is in the catalogue and the bundled samples."""
    labels = state_of(state).lake().ls()
    rows = [
        {
            "id": each.id,
            "kind": each.kind,
            "instrument": each.instrument.key,
            "interval": interval_text(each.interval_ns) if each.interval_ns else None,
            "rows": each.rows,
            "start": instant_text(each.start),
            "end": instant_text(each.end),
            "sha256": each.sha256,
        }
        for each in labels
    ]
    if as_json:
        emit(rows, as_json=True)
    else:
        columns = ("id", "instrument", "interval", "rows", "start", "end")
        table("Datasets", columns, [[row[name] for name in columns] for row in rows])


@data.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A csv, json or parquet file.")],
    dataset_id: Annotated[str | None, typer.Option("--id", help="The catalogue id. Default: the file's name.")] = None,
    instrument: InstrumentOption = None,
    interval: IntervalOption = None,
    timeframe: TimeframeOption = None,
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Imports a file, checked row by row; nothing is kept of one that is wrong."""
    lake = state_of(state).lake()
    before = {each.id: each.sha256 for each in lake.ls()}
    dataset = lake.import_file(file, id=dataset_id, instrument=instrument, interval=interval, timeframe=timeframe)
    replaced = before.get(dataset.id, dataset.sha256)
    notes = list(dataset.provenance.notes)
    if replaced != dataset.sha256:
        notes.append(f"{dataset.id} stood for other content, {replaced[:12]}, until now")
    emit({**summary(dataset), "notes": notes}, as_json=as_json)


@data.command("check")
def check(
    dataset: Annotated[str, typer.Argument(help="A catalogue id or a file.")],
    instrument: InstrumentOption = None,
    interval: IntervalOption = None,
    timeframe: TimeframeOption = None,
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Reports gaps, duplicates, zero volumes, crossed and disordered rows. Ends with 2 if the data cannot be used."""
    if Path(dataset).is_file():
        found = quality.check(Path(dataset), request=Request(instrument, interval, timeframe))
    else:
        found = quality.report(state_of(state).lake().open(dataset))
    emit(found.plain(), as_json=as_json, text=found.text())
    if not found.sound:
        raise typer.Exit(2)


@data.command("export")
def export(
    dataset: Annotated[str, typer.Argument(help="A catalogue id.")],
    to: Annotated[Path, typer.Argument(help="Where to: .csv, .parquet or .jsonl.")],
    as_json: AsJson = False,
    state: StateOption = None,
) -> None:
    """Writes a dataset's exact numbers to a file."""
    path = state_of(state).lake().export(dataset, to)
    emit({"written": str(path)}, as_json=as_json)


def summary(dataset: Dataset) -> dict[str, object]:
    """What an import made."""
    provenance = dataset.provenance
    return {
        "id": dataset.id,
        "instrument": dataset.instrument.key,
        "tick": str(dataset.instrument.tick),
        "lot": str(dataset.instrument.lot),
        "terms": provenance.instrument,
        "interval": interval_text(dataset.interval_ns) if dataset.interval_ns else None,
        "rows": dataset.rows,
        "missing": provenance.missing,
        "start": instant_text(dataset.start),
        "end": instant_text(dataset.end),
        "sha256": dataset.sha256,
    }
