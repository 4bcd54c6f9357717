"""Why an order or a fill happened: the chain of causes that the journal keeps, from the effect back to its origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from workbench.core.clock import instant_text
from workbench.core.errors import ConfigError
from workbench.core.events import (
    AmendEvent,
    Consequence,
    Event,
    FillEvent,
    OrderEvent,
    OrderReport,
    OrderUpdate,
)
from workbench.data.dataset import Dataset
from workbench.data.journal import Rows
from workbench.data.reader import JournalReader
from workbench.data.wording import said

SHORTEST_PREFIX = 6  # characters: of random hex, one in sixteen million
LINKS = 16  # a market maker's quotes follow from fills of quotes without end; what came before tells no more
_NAMED = 5  # candidates named in an error

_MARKET_KINDS = (b"Bar", b"Trade", b"Quote", b"BookUpdate", b"MarkPrice", b"FundingRate")
_MARKET = tuple(b'"type":"%s"' % name for name in _MARKET_KINDS)
_OF_AN_ORDER = (FillEvent, OrderReport, OrderUpdate, AmendEvent)


def _itself(event: Event) -> tuple[str, ...]:
    """What makes an event itself: a trade that was told twice is one trade."""
    if isinstance(event, FillEvent):
        return event.instrument.key, event.venue_order_id or event.order_id, event.trade_id, event.side
    return (event.id,)


class Link(msgspec.Struct, frozen=True):
    """One fact of a chain: its event id, its kind in lower case, when it happened (UTC ns), and what it says."""

    id: str
    kind: str
    ts_ns: int
    says: str


class Chain(msgspec.Struct, frozen=True):
    """What led to one fact: the fact itself, its cause, and so on to the origin; `complete` unless cut at 16 links."""

    subject: str
    links: tuple[Link, ...]
    complete: bool = True

    def text(self) -> str:
        """One line per fact: when, what kind, and what it says."""
        width = max(len(link.kind) for link in self.links)
        lines = [f"{instant_text(link.ts_ns)}  {link.kind:<{width}}  {link.says}  [{link.id}]" for link in self.links]
        return "\n".join([f"why {self.subject}", *(f"  {line}" for line in lines), *([] if self.complete else ["  …"])])

    def plain(self) -> dict[str, Any]:
        """The chain as plain JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def __repr__(self) -> str:
        return self.text()


def causes(reader: JournalReader, id_prefix: str, *, datasets: Mapping[str, Dataset] | None = None) -> Chain:
    """The chain behind a client order id, venue order id, venue trade id or event id of a journal.

    A unique beginning of an order or trade id is enough from six characters on. Market data that the
    journal holds as rows is told in full where its dataset is handed in, by id. Raises ConfigError
    for an id that the journal does not have, or that means several things.
    """
    index = _Index(reader)
    wanted = id_prefix.strip()
    event = index.find(wanted)
    links: list[Link] = []
    while event is not None and len(links) < LINKS:
        links.append(Link(event.id, _kind(event), event.ts_event, index.told(event)))
        before = index.before(event)
        found = index.facts.get(before)
        if found is None and before:
            links.append(_market_link(index, before, event.ts_init, datasets or {}))
        event = found
    if not links:
        links = [_market_link(index, wanted, 0, datasets or {})]
    return Chain(wanted, tuple(links), complete=event is None)


class _Index:
    """All facts of a journal but its market data, by the ids that people know them by."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self.facts: dict[str, Event] = {}
        self.rows: list[Rows] = []
        self._orders: dict[str, OrderEvent] = {}
        self._fate: dict[str, OrderUpdate] = {}
        self._known: dict[str, dict[str, Event]] = {}  # any id -> what it may mean, by event id
        for record in _but_market_data(reader):
            if isinstance(record, Rows):
                self.rows.append(record)
            else:
                self._take(record)

    def find(self, wanted: str) -> Event | None:
        """The fact that an id or a unique beginning of one means; None for market data."""
        found = self._known.get(wanted)
        if found is None and (self.covers(wanted) or self.market(wanted)):
            return None
        if found is None and len(wanted) >= SHORTEST_PREFIX:
            found = {}
            for name, meant in self._known.items():
                if name.startswith(wanted) and "/" not in name:
                    found |= meant
        if not found:
            raise ConfigError(
                f"id {wanted!r}: this run has {len(self._orders)} orders and no order, venue order, trade or event "
                f"of that id, nor one that begins so (with at least {SHORTEST_PREFIX} characters)"
            )
        if len({_itself(each) for each in found.values()}) > 1:
            some = ", ".join(f"{each.id} ({_kind(each)})" for each in list(found.values())[:_NAMED])
            raise ConfigError(f"id {wanted!r}: means {len(found)} things: {some}; give more of it, or an event id")
        return next(iter(found.values()))

    def before(self, event: Event) -> str:
        """The id of what led to an event; what the venue says of an order leads back to that order."""
        if isinstance(event, _OF_AN_ORDER) and event.order_id in self._orders:
            return self._orders[event.order_id].id
        return event.cause if isinstance(event, Consequence) else ""

    def told(self, event: Event) -> str:
        """What an event says, an order with what became of it."""
        text = said(event)
        if isinstance(event, OrderEvent) and event.order_id in self._fate:
            fate = self._fate[event.order_id]
            text += f"; {fate.new}" + (f": {fate.reason}" if fate.reason else "")
        return text

    def covers(self, event_id: str) -> Rows | None:
        """The range of stored rows that a market event's id lies in."""
        source, _, number = event_id.rpartition("/")
        if not number.isdecimal():
            return None
        return next(
            (each for each in self.rows if each.dataset == source and each.first <= int(number) <= each.last), None
        )

    def market(self, event_id: str) -> Event | None:
        """A market event that the journal itself holds."""
        number = event_id.rpartition("/")[2]
        if not number.isdecimal():
            return None
        mark = f'"sequence":{int(number)},'.encode()
        for line in self._reader.lines():
            if mark in line and any(kind in line for kind in _MARKET):
                event = self._reader.read(line)
                if not isinstance(event, Rows) and event.id == event_id:
                    return event
        return None

    def _take(self, event: Event) -> None:
        self.facts[event.id] = event
        self._name(event.id, event)
        match event:
            case OrderEvent():
                self._orders[event.order_id] = event
                self._name(event.order_id, event)
            case OrderReport() if event.order_id in self._orders and event.venue_order_id:
                self._name(event.venue_order_id, self._orders[event.order_id])
            case FillEvent():
                self._name(event.trade_id, event)
            case OrderUpdate():
                self._fate[event.order_id] = event

    def _name(self, name: str, event: Event) -> None:
        if name:
            self._known.setdefault(name, {})[event.id] = event


def _but_market_data(reader: JournalReader) -> Iterator[Event | Rows]:
    for line in reader.lines():
        if not any(mark in line for mark in _MARKET):
            yield reader.read(line)


def _market_link(
    index: _Index,
    event_id: str,
    learned: int,
    datasets: Mapping[str, Dataset],
) -> Link:
    """Market data by its id: a row of a stored dataset, or a record of the journal."""
    rows = index.covers(event_id)
    if rows is None:
        event = index.market(event_id)
        if event is None:
            return Link(event_id, "market", learned, "market data that this journal does not hold")
        return Link(event_id, _kind(event), event.ts_event, said(event))
    source, _, number = event_id.rpartition("/")
    place = f"row {number} of {source}"
    data = datasets.get(rows.dataset)
    if data is None or data.sha256 != rows.sha256:
        return Link(event_id, "row", learned, place)
    event = next(data.events(int(number), int(number) + 1))
    return Link(event_id, _kind(event), event.ts_event, f"{said(event)}, {place}")


def _kind(event: Event) -> str:
    name = type(event).__name__
    return (name.removesuffix("Event") or name).lower()
