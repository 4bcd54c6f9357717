"""Canonical text of events: one event, one line of JSON, the same bytes everywhere.

Scaled integers become exact decimal text (no exponent, no trailing zero, no -0), an instrument
becomes its key, and a field at its default is left out, so that a field added later changes
nothing that was written before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from operator import itemgetter
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
    if name in events.__all__ and isinstance(kind, type) and issubclass(kind, Event)
}
_PLACES = {"fee": "fee_places", "amount": "fee_places", "rate": "rate_places"}
_QUANTITIES = frozenset({"volume", "quantity", "filled", "bid_quantity", "ask_quantity"})

_json = msgspec.json.Encoder(order="deterministic")


class _Field(msgspec.Struct, frozen=True):
    """How one field of one kind of event is written and read; made once, at import."""

    name: str
    written: str
    default: Any  # NODEFAULT: always written
    places: str | None  # for a scaled integer: the instrument's attribute that says in what units
    write: Callable[[Any, Any], Any] | None  # None: it is plain JSON as it is
    read: Callable[[Any, Any, str], Any]


class _Form(msgspec.Struct, frozen=True):
    """How one kind of event is written: a struct of its written values, fields in order of their names."""

    name: str
    fields: tuple[_Field, ...]
    line: type[msgspec.Struct]
    ordered: Callable[[list[Any]], tuple[Any, ...]]  # (*values, type) in the order of the line's fields
    scaled: tuple[tuple[int, str, Any], ...]  # index, attribute that says the units, default
    special: tuple[tuple[int, Callable[[Any, Any], Any], Any], ...]  # index, how it is written, default


def _line_of(event: Event) -> msgspec.Struct:
    form = _FORMS[type(event)]
    values: list[Any] = [*msgspec.structs.astuple(event), form.name]
    instrument: Any = getattr(event, "instrument", None)
    for index, places, default in form.scaled:
        value = values[index]
        if value != default:
            values[index] = to_text(value, getattr(instrument, places))
    for index, write, default in form.special:
        value = values[index]
        if value is not default:
            values[index] = write(value, instrument)
    return form.line(*form.ordered(values))


def encode(event: Event) -> bytes:
    """One line of canonical JSON, without the newline."""
    return _json.encode(_line_of(event))


def encode_lines(records: Iterable[Event | msgspec.Struct]) -> bytes:
    """The lines of several records, each with its newline: events, or structs whose fields are in order already."""
    return _json.encode_lines([_line_of(each) if isinstance(each, Event) else each for each in records])


def to_plain(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, exact numbers as canonical text."""
    written: dict[str, Any] = msgspec.to_builtins(_line_of(event))
    return written


def from_plain(written: Mapping[str, Any], instruments: Mapping[str, Instrument]) -> Event:
    """The event that `to_plain` wrote; raises DataError naming the field that does not fit."""
    kind = _EVENTS.get(str(written.get("type")))
    if kind is None:
        raise DataError(f"event: unknown type {written.get('type')!r}")
    instrument = _read_instrument(written["instrument"], instruments) if "instrument" in written else None
    values: dict[str, Any] = {}
    for field in _FORMS[kind].fields:
        if field.written in written:
            values[field.name] = field.read(written[field.written], instrument, f"{kind.__name__}.{field.written}")
    if len(values) != len(written) - 1:
        known = {field.written for field in _FORMS[kind].fields}
        unknown = sorted(written.keys() - known - {"type"})
        raise DataError(f"{kind.__name__}: unknown field {unknown[0]!r}")
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


def plain(value: Any) -> Any:
    """Any value of structs, maps and sequences as JSON values, Decimals as canonical text."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, msgspec.Struct):
        later = getattr(value, "LATER", ())  # fields added after the first journals: left out while they say nothing
        fields = msgspec.structs.asdict(value).items()
        return {name: plain(each) for name, each in fields if each is not None or name not in later}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def opinion_to_plain(says: events.Opinion) -> dict[str, Any]:
    """What a strategy said, as plain JSON values."""
    return _write_opinion(says, None)


def opinion_from_plain(written: Mapping[str, Any]) -> events.Opinion:
    """The opinion that `opinion_to_plain` wrote; raises DataError where it does not fit."""
    return _read_opinion(written, None, "opinion")


def text(value: Any) -> str:
    """Canonical JSON text of any such value: equal values have equal text."""
    return _json.encode(plain(value)).decode()


# --- how each kind of field is written and read ---------------------------------------------------


def _write_instrument(instrument: Instrument) -> dict[str, Any]:
    fields = {each.name: each.default for each in msgspec.structs.fields(Instrument)}
    written = {name: (getattr(instrument, name), default) for name, default in fields.items()}
    return {name: plain(value) for name, (value, default) in written.items() if value != default}


def _write_levels(levels: tuple[tuple[int, int], ...], instrument: Instrument) -> list[list[str]]:
    return [
        [to_text(price, instrument.price_places), to_text(quantity, instrument.quantity_places)]
        for price, quantity in levels
    ]


def _write_opinion(says: events.Opinion, _: Any) -> dict[str, Any]:
    written = {name: value for name, value in msgspec.structs.asdict(says).items() if value not in (None, ())}
    return {"kind": type(says).__name__, **{name: plain(value) for name, value in written.items()}}


def _convert(value: Any, hint: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {error}") from None


def _read_instrument(key: str, instruments: Mapping[str, Instrument]) -> Instrument:
    if key not in instruments:
        raise DataError(f"instrument {key!r} is not one of this run's: {', '.join(sorted(instruments)) or 'none'}")
    return instruments[key]


def _read_instruments(written: Any, _: Any, where: str) -> tuple[Instrument, ...]:
    return tuple(msgspec.convert(each, Instrument, strict=False) for each in written)


def _read_levels(written: Any, instrument: Instrument, where: str) -> tuple[tuple[int, int], ...]:
    return tuple(
        (to_scaled(price, instrument.price_places, where), to_scaled(quantity, instrument.quantity_places, where))
        for price, quantity in written
    )


def _read_opinion(written: Mapping[str, Any], _: Any, where: str) -> events.Opinion:
    kind: type[events.Opinion] = events.Target if written["kind"] == "Target" else events.Quotes
    opinion: events.Opinion = _convert({name: each for name, each in written.items() if name != "kind"}, kind, where)
    return opinion


def _read_scaled(places: str) -> Callable[[Any, Any, str], int]:
    def read(value: Any, instrument: Any, where: str) -> int:
        if instrument is None:
            raise DataError(f"{where}: an exact number without an instrument")
        return to_scaled(value, getattr(instrument, places), where)

    return read


def _read_plain(hint: Any) -> Callable[[Any, Any, str], Any]:
    def read(value: Any, _: Any, where: str) -> Any:
        return value if type(value) is hint else _convert(value, hint, where)

    return read


_SPECIAL: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any, str], Any]]] = {
    "instrument": (lambda value, _: value.key, lambda _, instrument, __: instrument),
    "instruments": (lambda value, _: [_write_instrument(each) for each in value], _read_instruments),
    "says": (_write_opinion, _read_opinion),
    "bids_raw": (_write_levels, _read_levels),
    "asks_raw": (_write_levels, _read_levels),
}


def _field_of(field: msgspec.structs.FieldInfo, hint: Any) -> _Field:
    written = field.name.removesuffix("_raw")
    factory = field.default_factory
    default = field.default if factory is msgspec.NODEFAULT else factory()
    places = None
    if field.name in _SPECIAL:
        write, read = _SPECIAL[field.name]
    elif written != field.name:
        places = "quantity_places" if written in _QUANTITIES else _PLACES.get(written, "price_places")
        write, read = None, _read_scaled(places)
    else:
        write, read = None, _read_plain(hint)
    return _Field(field.name, written, default, places, write, read)


def _form_of(kind: type[Event]) -> _Form:
    hints = get_type_hints(kind)
    fields = tuple(_field_of(field, hints[field.name]) for field in msgspec.structs.fields(kind))
    names = [*(field.written for field in fields), "type"]
    order = tuple(sorted(range(len(names)), key=names.__getitem__))
    return _Form(
        name=kind.__name__,
        fields=fields,
        line=msgspec.defstruct(
            f"{kind.__name__}Line",
            [(names[index], Any, _default_of(fields, index)) for index in order],
            omit_defaults=True,
            gc=False,
        ),
        ordered=itemgetter(*order),
        scaled=tuple((n, field.places, field.default) for n, field in enumerate(fields) if field.places is not None),
        special=tuple((n, field.write, field.default) for n, field in enumerate(fields) if field.write is not None),
    )


def _default_of(fields: tuple[_Field, ...], index: int) -> Any:
    """At what a line leaves a field out; a field that is always written is never None."""
    default = fields[index].default if index < len(fields) else msgspec.NODEFAULT
    if default == {}:
        return msgspec.field(default_factory=dict)
    return None if default is msgspec.NODEFAULT else default


_FORMS = {kind: _form_of(kind) for kind in _EVENTS.values()}
