"""The composition root: the one place that knows what a backtest, a paper run and a replay are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from workbench.connectors.matching import SimulatedVenue
from workbench.connectors.replay import ReplayConnector
from workbench.core.clock import instant_text
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import MarketDataEvent, RunStarted
from workbench.core.instrument import Instrument
from workbench.core.money import MAX_PLACES, dec, to_decimal, to_scaled
from workbench.data.dataset import MARKS, PRICED, Dataset
from workbench.data.journal import Journal
from workbench.data.lake import Lake
from workbench.data.reader import JournalReader
from workbench.runtime.bus import MemoryBus
from workbench.runtime.executor import ConnectorExecutor
from workbench.runtime.feed import merged
from workbench.runtime.plan import DataRange, Maker, Plan, engine_of, from_entry
from workbench.runtime.recovery import Replay
from workbench.runtime.session import Session
from workbench.trading.engine import Engine

SIMULATED = "venue"  # the source that the simulated venue's reports name


def data_range(dataset: Dataset, start: int | None = None, end: int | None = None) -> DataRange:
    """The rows of a dataset whose time lies in [start, end), UTC ns; raises ConfigError for none."""
    first, last = dataset.rows_in(start, end)
    if first == last:
        raise ConfigError(
            f"{dataset.id}: no rows in the span asked for; "
            f"it goes from {instant_text(dataset.start)} to {instant_text(dataset.end)}"
        )
    return DataRange(dataset=dataset.id, sha256=dataset.sha256, first=first, last=last - 1)


def span_of(dataset: Dataset, datasets: Sequence[Dataset]) -> tuple[int, int]:
    """What of a dataset a run takes unless told: all of it, but funding and marks only while there are prices."""
    traded = [each for each in datasets if each.kind in PRICED and each.instrument.key == dataset.instrument.key]
    if dataset.kind in PRICED or not traded:
        return dataset.start, dataset.end
    return min(each.start for each in traded), max(each.end for each in traded)


def one_series_each(datasets: Sequence[Dataset]) -> None:
    """Raises ConfigError for a dataset given twice, or an instrument's bars in two: they would trade twice."""
    seen: dict[str, str] = {}
    for each in datasets:
        of = f"{each.kind} of {each.instrument.key}"
        if seen.get(of) == each.id:
            raise ConfigError(f"data: {each.id} is given twice")
        if of in seen:
            raise ConfigError(f"data: {seen[of]} and {each.id} both hold {of}; give one of them")
        seen[of] = each.id


def instruments_of(datasets: Sequence[Dataset]) -> tuple[Instrument, ...]:
    """The instruments that these datasets trade, each once, in order.

    Raises ConfigError for funding or marks of one that has no prices here, or marks in units that are not its own.
    """
    traded = {each.instrument.key: each.instrument for each in datasets if each.kind in PRICED}
    for each in datasets:
        key = each.instrument.key
        if key not in traded:
            raise ConfigError(f"data: {each.id} holds {each.kind} of {key}, and nothing here holds its prices")
        if each.kind == MARKS and each.instrument.price_places != traded[key].price_places:
            raise ConfigError(
                f"data: {each.id} counts prices in {each.instrument.price_places} decimal places, those of {key} in "
                f"{traded[key].price_places}; import it with the same instrument="
            )
    return tuple(traded.values())


def rows_of(data: Sequence[DataRange], datasets: Mapping[str, Dataset]) -> Iterator[MarketDataEvent]:
    """The market events of a plan, merged; raises DataError where a dataset is not the one the plan names."""
    for each in data:
        if datasets[each.dataset].sha256 != each.sha256:
            raise DataError(
                f"dataset {each.dataset}: its content is {datasets[each.dataset].sha256[:12]}, "
                f"the run was started on {each.sha256[:12]}"
            )
    return merged([datasets[each.dataset].events(each.first, each.last + 1) for each in data])


def find_data(data: Sequence[DataRange], lake: Lake) -> dict[str, Dataset]:
    """The datasets that a plan names, by id; raises DataError where one is missing or has changed."""
    return {each.dataset: lake.find(each.dataset, each.sha256) for each in data}


def simulated_venue(plan: Plan) -> SimulatedVenue:
    """The simulated venue of a plan, holding its strategies' cash, each its own."""
    total = sum(to_scaled(seat.cash, MAX_PLACES, f"cash of {name}") for name, seat in plan.seats.items())
    return SimulatedVenue(
        plan.instruments,
        cash={plan.base_currency: to_decimal(total, MAX_PLACES)},
        shares={name: dec(seat.cash) for name, seat in plan.seats.items()},
        profile=plan.profile,
        source=SIMULATED,
    )


def backtest_session(
    started: RunStarted, *, make: Maker, datasets: Mapping[str, Dataset], journal: Journal
) -> tuple[Session, MemoryBus]:
    """A session over stored data that never waits; the bus is open for listeners."""
    plan = Plan.of(started)
    connector = ReplayConnector(SIMULATED, rows_of(plan.data, datasets), simulated_venue(plan), plan.instruments)
    for each in plan.data:
        journal.declare(each.dataset, each.dataset, each.sha256)
    bus = MemoryBus()
    session = Session(
        engine_of(started, make),
        connector=connector,
        executor=ConnectorExecutor(dict.fromkeys(venues(plan.instruments), connector)),
        journal=journal,
        bus=bus,
    )
    return session, bus


def venues(instruments: Sequence[Instrument]) -> list[str]:
    """The venues of some instruments, each once, in order."""
    return list(dict.fromkeys(each.venue for each in instruments))


def replay(
    reader: JournalReader, *, datasets: Mapping[str, Dataset], make: Maker = from_entry
) -> tuple[Engine, Journal]:
    """Runs a journal's inputs through a fresh engine; returns it and the journal it made, for comparison."""
    started = reader.started()
    plan = Plan.of(started)
    engine, copy = engine_of(started, make), Journal.memory()
    for each in plan.data:
        copy.declare(each.dataset, each.dataset, each.sha256)
    Replay(engine, rows_of(plan.data, datasets), copy=copy).walk(reader.records())
    return engine, copy
