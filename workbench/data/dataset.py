"""A dataset: exact columns of one instrument's market data, and the identity of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from workbench.core.errors import DataError
from workbench.core.events import Bar, FundingRate, MarketDataEvent, MarkPrice, Quote, Trade
from workbench.core.instrument import Instrument
from workbench.core.order import Side

BLOCK = 4096  # rows turned into Python objects at a time: large enough to be fast, small enough to stay in cache

BARS, TRADES, QUOTES = "bars", "trades", "quotes"
MARKS, FUNDING = "marks", "funding"  # of perpetuals: what they are valued at, and the rates they are settled at
PRICED = frozenset({BARS, TRADES, QUOTES})  # what can be traded on


class Shape(msgspec.Struct, frozen=True):
    """Which columns a kind of market data has, in their canonical order, after `time`."""

    prices: tuple[str, ...]
    quantities: tuple[str, ...]
    others: tuple[str, ...] = ()
    rates: tuple[str, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        return (*self.prices, *self.quantities, *self.rates)

    @property
    def columns(self) -> tuple[str, ...]:
        return ("time", *self.numbers, *self.others)


SHAPES: Mapping[str, Shape] = {
    BARS: Shape(("open", "high", "low", "close"), ("volume",)),
    TRADES: Shape(("price",), ("quantity",), ("side", "trade_id")),
    QUOTES: Shape(("bid", "ask"), ("bid_quantity", "ask_quantity")),
    MARKS: Shape(("price",), ()),
    FUNDING: Shape((), (), rates=("rate",)),
}
_AGGRESSORS = {1: Side.BUY, -1: Side.SELL, 0: None}


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dataset came from and what was decided on the way in.

    `instrument` is `given`, `table` (of well-known instruments) or `inferred` (from the data);
    `notes` say in words whatever was assumed. `missing` counts bars that the source does not have.
    """

    source: str = ""
    source_sha256: str = ""
    layout: str = ""
    request: str = ""
    instrument: str = "given"
    missing: int = 0
    notes: tuple[str, ...] = ()


class Dataset(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """Exact market data of one instrument, in time order, held as integer columns (8 bytes a value).

    `start` is the open of the first bar and `end` the open of the last plus the interval, in UTC ns.
    `sha256` is of the content (instrument, precision, interval and every integer), not of a file.
    """

    id: str
    kind: str
    instrument: Instrument
    interval_ns: int
    rows: int
    start: int
    end: int
    sha256: str
    provenance: Provenance
    columns: Mapping[str, np.ndarray]
    volume_text: Mapping[int, str] = {}  # row -> the source's own text, where it was finer than we keep

    @property
    def times(self) -> np.ndarray:
        """Opens of the bars (times of trades or quotes), int64 UTC ns."""
        return self.columns["time"]

    def ints(self, name: str) -> np.ndarray:
        """A column as read-only int64, scaled by the instrument's places.

        Raises DataError for a column this kind does not have, or whose values need more than 64 bits.
        """
        if name not in self.columns:
            raise DataError(f"{self.id}: no column {name!r}; {self.kind} have {', '.join(self.columns)}")
        column = self.columns[name]
        if column.dtype != np.int64:
            raise DataError(f"{self.id}: column {name} does not fit 64-bit integers of 10^-{self.places(name)}")
        return column

    def places(self, name: str) -> int:
        """How many decimal places the integers of a column stand for."""
        shape = SHAPES[self.kind]
        if name in shape.prices:
            return self.instrument.price_places
        if name in shape.rates:
            return self.instrument.rate_places
        return self.instrument.quantity_places if name in shape.quantities else 0

    def rows_in(self, start: int | None = None, end: int | None = None) -> tuple[int, int]:
        """The row range [first, last) whose time (of a bar: its open) lies in [start, end), UTC ns."""
        first = 0 if start is None else int(np.searchsorted(self.times, start))
        last = self.rows if end is None else int(np.searchsorted(self.times, end))
        return first, max(first, last)

    def bars(self, start: int | None = None, end: int | None = None) -> Iterator[Bar]:
        """Streams the bars whose open lies in [start, end), UTC ns; raises DataError where this holds no bars."""
        if self.kind != BARS:
            raise DataError(f"{self.id}: expected bars, this dataset holds {self.kind}")
        return self.events(*self.rows_in(start, end))

    def bar(self, row: int) -> Bar:
        """The bar in one row; raises DataError outside [0, rows)."""
        if self.kind != BARS:
            raise DataError(f"{self.id}: expected bars, this dataset holds {self.kind}")
        found: Bar = next(self.events(row, row + 1))
        return found

    def events(self, first: int = 0, last: int | None = None) -> Iterator[Any]:
        """Streams rows [first, last) as events of their kind; `sequence` is the row in the whole dataset."""
        last = self.rows if last is None else last
        if not 0 <= first <= last <= self.rows:
            raise DataError(f"{self.id}: rows {first} to {last} asked, it has {self.rows}")
        make = _MAKERS[self.kind]
        return chain.from_iterable(make(self, low, min(low + BLOCK, last)) for low in range(first, last, BLOCK))


def _bars(data: Dataset, low: int, high: int) -> Iterator[Bar]:
    interval = data.interval_ns
    closes = (data.times[low:high] + interval).tolist()
    values = [data.columns[name][low:high].tolist() for name in ("open", "high", "low", "close", "volume")]
    same = repeat(data.id), range(low, high), closes, closes, repeat(data.instrument), repeat(interval)
    return map(Bar, *same, *values)


def _trades(data: Dataset, low: int, high: int) -> Iterator[Trade]:
    times = data.times[low:high].tolist()
    prices, quantities, sides, ids = (
        data.columns[name][low:high].tolist() for name in ("price", "quantity", "side", "trade_id")
    )
    same = repeat(data.id), range(low, high), times, times, repeat(data.instrument)
    return map(Trade, *same, prices, quantities, map(_AGGRESSORS.__getitem__, sides), ids)


def _quotes(data: Dataset, low: int, high: int) -> Iterator[Quote]:
    times = data.times[low:high].tolist()
    values = [data.columns[name][low:high].tolist() for name in ("bid", "ask", "bid_quantity", "ask_quantity")]
    return map(Quote, repeat(data.id), range(low, high), times, times, repeat(data.instrument), *values)


def _marks(data: Dataset, low: int, high: int) -> Iterator[MarkPrice]:
    times = data.times[low:high].tolist()
    same = repeat(data.id), range(low, high), times, times, repeat(data.instrument)
    return map(MarkPrice, *same, data.columns["price"][low:high].tolist())


def _rates(data: Dataset, low: int, high: int) -> Iterator[FundingRate]:
    times = data.times[low:high].tolist()
    same = repeat(data.id), range(low, high), times, times, repeat(data.instrument)
    return map(FundingRate, *same, data.columns["rate"][low:high].tolist())


_MAKERS: Mapping[str, Callable[[Dataset, int, int], Iterator[MarketDataEvent]]] = {
    BARS: _bars,
    TRADES: _trades,
    QUOTES: _quotes,
    MARKS: _marks,
    FUNDING: _rates,
}


def make_dataset(
    *,
    id: str,  # noqa: A002 - the field it fills is called so
    kind: str,
    instrument: Instrument,
    interval_ns: int,
    columns: Mapping[str, np.ndarray],
    provenance: Provenance,
    volume_text: Mapping[int, str] | None = None,
) -> Dataset:
    """A dataset of checked, sorted columns (at least one row); counts, span and hash follow from them.

    An empty `id` becomes `frame-` and the first 12 digits of the content hash.
    """
    for column in columns.values():
        column.flags.writeable = False
    times = columns["time"]
    digest = content_sha256(kind, instrument, interval_ns, columns)
    return Dataset(
        id=id or f"frame-{digest[:12]}",
        kind=kind,
        instrument=instrument,
        interval_ns=interval_ns,
        rows=len(times),
        start=int(times[0]),
        end=int(times[-1]) + (interval_ns or 1),
        sha256=digest,
        provenance=provenance,
        columns=MappingProxyType({name: columns[name] for name in SHAPES[kind].columns}),
        volume_text=volume_text or {},
    )


def content_sha256(kind: str, instrument: Instrument, interval_ns: int, columns: Mapping[str, np.ndarray]) -> str:
    """The hash of what the data says: who, in what units, how often, and every value; hex."""
    header = {
        "kind": kind,
        "instrument": instrument.key,
        "price_places": instrument.price_places,
        "quantity_places": instrument.quantity_places,
        "interval_ns": interval_ns,
        "rows": len(columns["time"]),
    }
    digest = hashlib.sha256(msgspec.json.encode(header, order="deterministic"))
    for name in SHAPES[kind].columns:
        digest.update(f"\n{name}:".encode())
        digest.update(_bytes_of(columns[name]))
    return digest.hexdigest()


def _bytes_of(column: np.ndarray) -> memoryview | bytes:
    """64-bit little-endian integers; wider integers and texts as decimal text, one a line."""
    if column.dtype == np.int64:
        return np.ascontiguousarray(column, dtype="<i8").data
    return "\n".join(map(str, column.tolist())).encode()
