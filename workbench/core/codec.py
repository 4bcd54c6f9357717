"""Canonical text of events: one event, one line of JSON, the same bytes everywhere.

Scaled integers become exact decimal text (no exponent, no trailing zero, no -0), an instrument
becomes its key, and a field at its default is left out, so that a field added later changes
nothing that was written before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, get_type_hints

import msgspec

from workbench.core import events
from workbench.core.errors import DataError
from workbench.core.events import Event
from workbench.core.instrument import Instrument
from workbench.core.money import canonical, to_scaled, to_text

_EVENTS: dict[str, type[Event]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind.__module__ == events.__name__
}
_QUANTITIES = frozenset({"volume", "quantity", "filled", "bid_quantity", "ask_quantity"})

_json = msgspec.json.Encoder(order="deterministic")


def _places(name: str, instrument: Instrument) -> int:
    """In what units the field `name` (without its `_raw`) counts."""
    if name in _QUANTITIES:
        return instrument.quantity_places
    return instrument.fee_places if name == "fee" else instrument.price_places


class _Field(msgspec.Struct, frozen=True):
    name: str
    written: str
    kind: str  # raw, levels, instrument, instruments, says, plain
    default: Any
    hint: Any


def _fields_of(kind: type[Event]) -> tuple[_Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for field in msgspec.structs.fields(kind):
        written = field.name.removesuffix("_raw")
        if field.name in ("bids_raw", "asks_raw"):
            what = "levels"
        elif written != field.name:
            what = "raw"
        elif field.name in ("instrument", "instruments", "says"):
            what = field.name
        else:
            what = "plain"
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        found.append(_Field(field.name, written, what, default, hints[field.name]))
    return tuple(found)


_FIELDS = {kind: _fields_of(kind) for kind in _EVENTS.values()}


def to_plain(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, exact numbers as canonical text."""
    kind = type(event)
    out: dict[str, Any] = {"type": kind.__name__}
    instrument: Any = getattr(event, "instrument", None)
    for field in _FIELDS[kind]:
        value = getattr(event, field.name)
        if value is field.default or value == field.default:
            continue
        if field.kind == "raw":
            out[field.written] = to_text(value, _places(field.written, instrument))
        elif field.kind == "plain":
            out[field.written] = value
        else:
            out[field.written] = _WRITE[field.kind](value, instrument)
    return out


def _write_instrument(instrument: Instrument) -> dict[str, Any]:
    fields = {each.name: each.default for each in msgspec.structs.fields(Instrument)}
    written = {name: (getattr(instrument, name), default) for name, default in fields.items()}
    return {name: plain(value) for name, (value, default) in written.items() if value != default}


def _write_levels(levels: tuple[tuple[int, int], ...], instrument: Instrument) -> list[list[str]]:
    return [
        [to_text(price, instrument.price_places), to_text(quantity, instrument.quantity_places)]
        for price, quantity in levels
    ]


def _write_opinion(says: events.Opinion, _: Instrument) -> dict[str, Any]:
    written = {name: value for name, value in msgspec.structs.asdict(says).items() if value not in (None, ())}
    return {"kind": type(says).__name__, **{name: plain(value) for name, value in written.items()}}


def plain(value: Any) -> Any:
    """Any value of structs, maps and sequences as JSON values, Decimals as canonical text."""
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, msgspec.Struct):
        return plain(msgspec.structs.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def text(value: Any) -> str:
    """Canonical JSON text of any such value: equal values have equal text."""
    return _json.encode(plain(value)).decode()


_WRITE: Mapping[str, Callable[[Any, Any], Any]] = {
    "instrument": lambda value, _: value.key,
    "instruments": lambda value, _: [_write_instrument(each) for each in value],
    "says": _write_opinion,
    "levels": _write_levels,
}


def encode(event: Event) -> bytes:
    """One line of canonical JSON, without the newline."""
    return _json.encode(to_plain(event))


def from_plain(written: Mapping[str, Any], instruments: Mapping[str, Instrument]) -> Event:
    """The event that `to_plain` wrote; raises DataError naming the field that does not fit."""
    kind = _EVENTS.get(str(written.get("type")))
    if kind is None:
        raise DataError(f"event: unknown type {written.get('type')!r}")
    unknown = written.keys() - {field.written for field in _FIELDS[kind]} - {"type"}
    if unknown:
        raise DataError(f"{kind.__name__}: unknown field {sorted(unknown)[0]!r}")
    instrument = _read_instrument(written["instrument"], instruments) if "instrument" in written else None
    values: dict[str, Any] = {}
    for field in _FIELDS[kind]:
        if field.written not in written:
            continue
        value = written[field.written]
        where = f"{kind.__name__}.{field.written}"
        if field.kind == "instrument":
            values[field.name] = instrument
        elif field.kind == "instruments":
            values[field.name] = tuple(msgspec.convert(each, Instrument, strict=False) for each in value)
        elif field.kind == "says":
            values[field.name] = _read_opinion(value)
        elif instrument is not None and field.kind == "raw":
            values[field.name] = to_scaled(value, _places(field.written, instrument), where)
        elif instrument is not None and field.kind == "levels":
            values[field.name] = tuple(
                (to_scaled(p, instrument.price_places, where), to_scaled(q, instrument.quantity_places, where))
                for p, q in value
            )
        else:
            values[field.name] = _convert(value, field.hint, where)
    try:
        return kind(**values)
    except TypeError as error:
        raise DataError(f"{kind.__name__}: {error}") from None


def decode(line: bytes, instruments: Mapping[str, Instrument]) -> Event:
    """The event of one line that `encode` wrote."""
    try:
        return from_plain(msgspec.json.decode(line), instruments)
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"event: cannot read {line[:80]!r}: {error}") from None


def _convert(value: Any, hint: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {error}") from None


def _read_instrument(key: str, instruments: Mapping[str, Instrument]) -> Instrument:
    if key not in instruments:
        raise DataError(f"instrument {key!r} is not one of this run's: {', '.join(sorted(instruments)) or 'none'}")
    return instruments[key]


def _read_opinion(written: Mapping[str, Any]) -> events.Opinion:
    kind: type[events.Opinion] = events.Target if written["kind"] == "Target" else events.Quotes
    says: events.Opinion = _convert(
        {name: value for name, value in written.items() if name != "kind"}, kind, "SignalEvent.says"
    )
    return says
