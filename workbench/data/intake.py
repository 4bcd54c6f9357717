"""From a source's rows to an exact dataset: which instrument, which interval, and are the rows sound."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from workbench.core.clock import SECOND, interval_ns, interval_text
from workbench.core.errors import ConfigError, DataError
from workbench.core.instrument import Instrument
from workbench.core.money import to_decimal, to_text
from workbench.data import instruments, perpetuals
from workbench.data.checks import faults
from workbench.data.dataset import BARS, FUNDING, PRICED, SHAPES, TRADES, Dataset, Provenance, make_dataset
from workbench.data.layouts import Sheet, read_sheet
from workbench.data.numbers import (
    array_of,
    exact,
    finest_float_places,
    finest_places,
    is_float,
    require_finite,
    scaled_floor,
    scaled_on_tick,
    values_of,
)
from workbench.data.times import LATEST

HORIZON = LATEST * SECOND  # without a clock, the far future begins in 2100

_SIDES = {"buy": 1, "b": 1, "bid": 1, "sell": -1, "s": -1, "ask": -1, "": 0, "none": 0, "unknown": 0}


class Request(msgspec.Struct, frozen=True):
    """What the importing person said about a file; whatever is None follows from its name or its rows."""

    instrument: Instrument | str | None = None
    interval: str | int | None = None
    timeframe: str | None = None


class Reading(msgspec.Struct, frozen=True):
    """Exact integer columns, not yet checked against each other."""

    sheet: Sheet
    instrument: Instrument
    interval_ns: int
    columns: Mapping[str, np.ndarray]
    volume_text: Mapping[int, str]
    origin: str
    notes: tuple[str, ...]


def read_dataset(path: Path, *, id: str = "", request: Request | None = None, horizon: int = HORIZON) -> Dataset:  # noqa: A002
    """A csv, json or parquet file as a dataset in memory.

    Raises DataError naming file, row, column, value and expectation; ConfigError where `request` must say more.
    """
    request = request or Request()
    reading = read_file(path, request)
    return checked(
        reading,
        id=id or default_id(path, reading.sheet.timeframe),
        horizon=horizon,
        source_sha256=file_sha256(path),
        request=request_text(request),
    )


def dataset_of_floats(
    times: np.ndarray,
    columns: Mapping[str, np.ndarray],
    *,
    instrument: Instrument | str,
    interval: str | int = "",
    horizon: int = HORIZON,
) -> Dataset:
    """Bars in memory (opens as int64 UTC ns, five float64 columns) as a dataset named after its content.

    Raises DataError as an import does; the rows it names are the array's.
    """
    if not len(times):
        raise DataError("frame: is empty: it has no rows")
    arrays = {name: array_of(values) for name, values in columns.items()}
    sheet = Sheet("frame", BARS, "frame", times, arrays, np.arange(len(times)), "", ())
    return checked(read_rows(sheet, instrument=instrument, interval=interval), id="", horizon=horizon)


def read_file(path: Path, request: Request) -> Reading:
    """The rows of a file as exact integers, whether or not they are sound."""
    said = instruments.named(stem(path))
    sheet = read_sheet(path, timeframe=request.timeframe, kind=said.kind if said else "")
    key = said.key if said else ""
    interval = request.interval or sheet.timeframe or (said.interval if said else "")
    return read_rows(sheet, instrument=request.instrument or key, interval=interval)


def read_rows(sheet: Sheet, *, instrument: Instrument | str, interval: str | int) -> Reading:
    """A sheet's numbers as exact integers of `instrument` (or of the one its key names)."""
    if not instrument:
        raise ConfigError(
            f"{sheet.file}: which instrument? name the file venue_market_SYMBOL_interval "
            "(such as binance_spot_BTCUSDT_1h) or give instrument='venue:BASE/QUOTE'"
        )
    if sheet.kind not in PRICED:
        return _read_settled(sheet, instrument, interval)
    shape = SHAPES[sheet.kind]
    numbers = {name: sheet.columns[name] for name in (*shape.prices, *shape.quantities)}
    for name, column in numbers.items():
        require_finite(column, name, sheet.fault)
    prices = {name: _priced(numbers[name], name, sheet) for name in shape.prices}
    chosen, origin, notes = _choose(instrument, prices, sheet)
    columns: dict[str, np.ndarray] = {"time": sheet.times}
    for name, column in prices.items():
        columns[name] = scaled_on_tick(
            column, name, tick=chosen.tick, places=chosen.price_places, place=_shown(sheet, name)
        )
    originals: dict[int, str] = {}
    for name in shape.quantities:
        places = chosen.quantity_places
        columns[name], finer = scaled_floor(numbers[name], name, places=places, place=sheet.fault)
        if finer is not None and name in ("volume", "quantity"):
            originals = {row: text for row, text in enumerate(finer.to_pylist()) if text is not None}
            notes = (*notes, f"{name}: {len(originals)} values finer than {places} places floored, their text kept")
    if sheet.kind == TRADES:
        columns |= _trade_columns(sheet)
    return Reading(sheet, chosen, _interval(sheet, interval), columns, originals, origin, (*sheet.notes, *notes))


def _read_settled(sheet: Sheet, instrument: Instrument | str, interval: str | int) -> Reading:
    """Funding rates at their settlements, or marks at their instants."""
    chosen, origin = perpetuals.perpetual(instrument, sheet)
    if sheet.kind == FUNDING:
        times, notes = perpetuals.settlement_times(sheet, interval)
        columns = {"time": times, "rate": perpetuals.rates(sheet)}
    else:
        prices, notes = perpetuals.marks(sheet, chosen.price_places)
        columns = {"time": sheet.times, "price": prices}
    return Reading(sheet, chosen, 0, columns, {}, origin, (*sheet.notes, *notes))


def checked(reading: Reading, *, id: str, horizon: int, source_sha256: str = "", request: str = "") -> Dataset:  # noqa: A002
    """The dataset of rows that keep every promise; raises DataError at the first that breaks one."""
    sheet, columns = reading.sheet, reading.columns
    for fault in faults(sheet.kind, columns, interval_ns=reading.interval_ns, horizon=horizon):
        row = int(np.argmax(fault.rows))
        raise sheet.fault(row, fault.column, _Shown(_value_text(reading, fault.column, row)), fault.expected)
    times, interval = columns["time"], reading.interval_ns
    missing = int(times[-1] - times[0]) // interval + 1 - len(times) if sheet.kind == BARS else 0
    provenance = Provenance(
        source=sheet.file,
        source_sha256=source_sha256,
        layout=sheet.layout,
        request=request,
        instrument=reading.origin,
        missing=missing,
        notes=reading.notes,
    )
    return make_dataset(
        id=id,
        kind=sheet.kind,
        instrument=reading.instrument,
        interval_ns=interval,
        columns=columns,
        provenance=provenance,
        volume_text=reading.volume_text,
    )


def stem(path: Path) -> str:
    """The file's name without its suffixes."""
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def default_id(path: Path, timeframe: str) -> str:
    """The file's stem; a picked time frame takes the place of what the name says about time."""
    return f"{stem(path).rpartition('_')[0]}_{timeframe}" if timeframe and "_" in stem(path) else stem(path)


def file_sha256(path: Path) -> str:
    """The hash of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def request_text(request: Request) -> str:
    """The request as canonical text: equal requests on equal files give equal datasets."""
    return msgspec.json.encode(request, order="deterministic").decode()


class _Shown(str):
    """A number that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _priced(column: pa.Array, name: str, sheet: Sheet) -> pa.Array:
    """Prices as float64 where the source has floats, else exact decimals."""
    return column.cast(pa.float64()) if is_float(column) else exact(column, name, sheet.fault)


def _shown(sheet: Sheet, name: str):  # type: ignore[no-untyped-def]
    """Errors show the price as the source wrote it, not as the decimal we widened it to."""

    def place(row: int, column: str, _: object, expected: str) -> DataError:
        return sheet.fault(row, column, sheet.columns[name][row].as_py(), expected)

    return place


def _choose(
    instrument: Instrument | str, prices: Mapping[str, pa.Array], sheet: Sheet
) -> tuple[Instrument, str, tuple[str, ...]]:
    """The instrument, where it comes from (given, table, inferred) and what is to be said about that."""
    if isinstance(instrument, Instrument):
        return instrument, "given", ()
    known = instruments.known(instrument)
    if known and all(_fits(column, name, known) for name, column in prices.items()):
        return known, "table", ()
    places = [finest_float_places(values_of(c)) if is_float(c) else finest_places(c) for c in prices.values()]
    if min(places) < 0:
        name = list(prices)[places.index(-1)]
        why = "no tick of up to 18 decimal places fits these prices"
        raise DataError(f"{sheet.file}: {name}: {why}; round them, or give an Instrument with its tick")
    chosen = instruments.inferred(instrument, max(places))
    why = f"finer than its usual tick {known.tick}" if known else "no well-known instrument"
    return chosen, "inferred", (f"{instrument}: {why}; tick {to_text(1, max(places))} inferred from the prices",)


def _fits(column: pa.Array, name: str, instrument: Instrument) -> bool:
    def place(row: int, column: str, value: object, expected: str) -> DataError:
        return DataError(f"row {row}, {column}: expected {expected}, got {value}")

    try:
        scaled_on_tick(column, name, tick=instrument.tick, places=instrument.price_places, place=place)
    except DataError:
        return False
    return True


def _interval(sheet: Sheet, interval: str | int) -> int:
    """The bars' length: as said, else the smallest step between two of them."""
    if sheet.kind != BARS:
        return 0
    if isinstance(interval, str) and interval.endswith("M"):
        raise DataError(f"{sheet.file}: interval {interval!r}: months have no fixed length; expected s, m, h, d or w")
    if interval:
        return interval_ns(interval) if isinstance(interval, str) else interval_ns(interval_text(interval))
    steps = np.diff(np.sort(sheet.times))
    steps = steps[steps > 0]
    if not steps.size:
        raise ConfigError(f"{sheet.file}: too few bars to tell their interval; give interval= such as '1h'")
    smallest = int(steps.min())
    if smallest % SECOND:
        row = int(np.argmax(sheet.times % SECOND != 0))
        raise sheet.fault(row, "time", sheet.at(row), "bars that open on whole seconds")
    return smallest


def _trade_columns(sheet: Sheet) -> dict[str, np.ndarray]:
    """Sides as +1, -1 and 0 (not said), and ids as text."""
    rows = len(sheet.times)
    texts = [str(each or "").lower() for each in _texts(sheet, "side")]
    for row, text in enumerate(texts):
        if text not in _SIDES:
            raise sheet.fault(row, "side", text, "buy or sell")
    ids = np.empty(rows, dtype=object)
    ids[:] = [each or "" for each in _texts(sheet, "trade_id")]
    return {"side": np.array([_SIDES[text] for text in texts], dtype=np.int64), "trade_id": ids}


def _texts(sheet: Sheet, name: str) -> list[str | None]:
    column = sheet.columns.get(name)
    texts: list[str | None] = [None] * len(sheet.times) if column is None else column.cast(pa.string()).to_pylist()
    return texts


def _value_text(reading: Reading, column: str, row: int) -> str:
    if column == "time":
        return reading.sheet.at(row)
    shape, instrument = SHAPES[reading.sheet.kind], reading.instrument
    places = instrument.price_places if column in shape.prices else instrument.quantity_places
    places = instrument.rate_places if column in shape.rates else places
    value: Decimal = to_decimal(int(reading.columns[column][row]), places)
    return format(value, "f")
