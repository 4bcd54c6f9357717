"""One event, one line of JSON: the same bytes everywhere, and the same event back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.market import bar, fill, order, perpetual, spot, started
from workbench.core import codec, events
from workbench.core.errors import DataError
from workbench.core.events import Consequence, Event, MarketDataEvent, Quotes, SetParameters, SignalEvent, Target
from workbench.core.instrument import FeeCurrency, Instrument
from workbench.core.money import to_decimal
from workbench.core.order import Side

INSTRUMENTS = (spot(), perpetual(), spot(symbol="ETH/USDT", account="hedge", fee_currency=FeeCurrency.RECEIVED))
TABLE = {each.key: each for each in INSTRUMENTS}
KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind not in (Event, MarketDataEvent, Consequence)
]

numbers = st.integers(-(2**62), 2**62)
texts = st.text(max_size=8)
plain_values = st.one_of(st.booleans(), numbers, st.floats(allow_nan=False, allow_infinity=False), texts)
decimals = st.builds(to_decimal, st.integers(0, 10**20), st.integers(0, 12))
levels = st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), max_size=3).map(tuple)
rungs = st.lists(st.tuples(decimals, decimals), max_size=3).map(tuple)
targets = st.builds(
    Target,
    texts,
    ppm=st.none() | st.integers(-(10**6), 10**6),
    quantity=st.none() | decimals,
    limit=st.none() | decimals,
    stop=st.none() | decimals,
    valid_until=st.none() | numbers,
)
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "instrument": st.sampled_from(INSTRUMENTS),
    "instruments": st.lists(st.sampled_from(INSTRUMENTS), max_size=3).map(tuple),
    "says": targets | st.builds(Quotes, texts, rungs, rungs),
    "bids_raw": levels,
    "asks_raw": levels,
    "values": st.dictionaries(texts, plain_values, max_size=4),
    "parameters": st.dictionaries(texts, plain_values, max_size=4),
}


def of(name: str, hint: Any) -> st.SearchStrategy[Any]:
    if name in SPECIAL:
        return SPECIAL[name]
    if type(None) in get_args(hint):
        return st.none() | of(name, next(each for each in get_args(hint) if each is not type(None)))
    simple = {int: numbers, str: texts, bool: st.booleans(), float: plain_values}
    return simple[hint] if hint in simple else st.from_type(hint)


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of a kind; fields that have a default are sometimes left at it."""
    hints = get_type_hints(kind)
    owed = {name: of(name, hint) for name, hint in hints.items() if name in _required(kind)}
    free = {name: of(name, hint) for name, hint in hints.items() if name not in owed}
    return st.fixed_dictionaries(owed, optional=free).map(lambda values: kind(**values))


def _required(kind: type[Event]) -> set[str]:
    return {each.name for each in msgspec.structs.fields(kind) if each.required}


def test_every_kind_of_event_is_written():
    assert {each.__name__ for each in KINDS} == codec._EVENTS.keys() - {"Event", "MarketDataEvent", "Consequence"}
    assert len(KINDS) >= 23


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(st.data())
def test_every_event_survives_its_line_and_the_line_is_canonical(kind, data):
    event = data.draw(events_of(kind))
    line = codec.encode(event)
    assert codec.decode(line, TABLE) == event
    assert codec.encode(codec.decode(line, TABLE)) == line
    assert b"\n" not in line


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5)
@given(st.data())
def test_a_field_at_its_default_leaves_no_trace(kind, data):
    event = data.draw(events_of(kind))
    written = json.loads(codec.encode(event))
    defaults = {
        each.name.removesuffix("_raw"): each.default
        for each in msgspec.structs.fields(type(event))
        if each.default is not msgspec.NODEFAULT
    }
    assert [name for name, default in defaults.items() if name in written and written[name] == default] == []


def test_the_bytes_are_these():
    assert codec.encode(bar(close=4_200_050)) == (
        b'{"close":"42000.5","high":"42000.5","instrument":"x:BTC/USDT","interval_ns":60,"low":"42000.5",'
        b'"open":"42000.5","sequence":1,"source":"data","ts_event":60,"ts_init":60,"type":"Bar","volume":"0"}'
    )
    wanted = order("o1", perpetual(), Side.SELL, 150_000_000)
    assert codec.encode(fill(wanted, 10_000, fee_raw=-5)) == (
        b'{"fee":"-0.00000005","fee_currency":"USDT","instrument":"x:BTC/USDT:USDT","order_id":"o1","price":"100",'
        b'"quantity":"1.5","sequence":2,"side":"sell","source":"venue","trade_id":"1","ts_event":2,"ts_init":2,'
        b'"type":"FillEvent"}'
    )


def test_an_instrument_is_written_with_its_fixed_precision_and_without_its_defaults():
    written = codec.to_plain(started(spot(min_notional=Decimal("10.0"))))["instruments"]
    assert written == [
        {
            "venue": "x",
            "symbol": "BTC/USDT",
            "tick": "0.01",
            "lot": "0.001",
            "min_notional": "10",
            "price_places": 2,
            "quantity_places": 8,
        }
    ]


def test_equal_opinions_have_equal_bytes_however_their_numbers_are_spelt():
    one, other = (
        SignalEvent(
            "engine", 1, 1, 1, strategy_id="t", instrument=spot(), says=Target("BTC/USDT", quantity=Decimal(text))
        )
        for text in ("1.50", "15e-1")
    )
    assert codec.encode(one) == codec.encode(other)


def test_any_structure_of_exact_values_has_one_canonical_text():
    value = {"b": (Decimal("1.0"), [spot()]), "a": {1: True}}
    text = codec.text(value)
    assert text.startswith('{"a":{"1":true},"b":["1",[{"account":"main"')
    assert codec.text({"a": {1: True}, "b": [Decimal("1.00"), (spot(),)]}) == text


def test_bytes_do_not_depend_on_the_hash_seed():
    code = (
        "from tests.core.market import *\n"
        "from workbench.core import codec\n"
        "from workbench.core.events import SetParameters\n"
        "names = {f'p{n}' for n in range(20)}\n"
        "e = SetParameters('s', 1, 1, 1, strategy_id='t', values={name: 1 for name in names})\n"
        "print(codec.encode(e), codec.encode(started(spot(), perpetual(), cash={name: '1' for name in names})))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


LINE = json.loads(codec.encode(bar()))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"type": "Moon"}, "unknown type 'Moon'"),
        ({"type": None}, "unknown type None"),
        ({"colour": "red"}, "Bar: unknown field 'colour'"),
        ({"close": 0.1}, r"Bar\.close: expected an exact number"),
        ({"close": "0.001"}, r"Bar\.close: 0\.001 has more than 2 decimal places"),
        ({"close": "NaN"}, r"Bar\.close: expected a number"),
        ({"sequence": "1"}, r"Bar\.sequence: Expected `int`"),
        ({"instrument": "y:BTC/USDT"}, "instrument 'y:BTC/USDT' is not one of this run's: x/hedge:ETH/USDT, x:BTC"),
        ({"instrument": ["x:BTC/USDT"]}, "cannot read"),
        ({"volume": None}, r"Bar\.volume: expected an exact number"),
    ],
)
def test_a_line_that_does_not_fit_is_a_data_error_that_names_the_field(change, names):
    with pytest.raises(DataError, match=names):
        codec.decode(json.dumps({**LINE, **change}).encode(), TABLE)


@pytest.mark.parametrize("missing", ["ts_event", "close", "instrument"])
def test_a_line_that_lacks_a_field_is_a_data_error(missing):
    with pytest.raises(DataError, match="Bar"):
        codec.decode(json.dumps({name: value for name, value in LINE.items() if name != missing}).encode(), TABLE)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"type":"SignalEvent","says":{}}',
        b'{"type":"BookUpdate","instrument":"x:BTC/USDT","bids":["abc"]}',
        b'{"type":"RunStarted","instruments":[{"venue":"x"}]}',
        b'{"type":"RunStarted","instruments":7}',
    ],
)
def test_what_is_no_event_is_a_data_error_that_shows_the_line(line):
    with pytest.raises(DataError, match="event: cannot read"):
        codec.decode(line, TABLE)


def test_an_unknown_instrument_in_an_empty_run_is_named():
    with pytest.raises(DataError, match="not one of this run's: none"):
        codec.decode(codec.encode(bar()), {})


def test_parameters_keep_their_types():
    values = {"fast": 20, "share": 1.0, "on": True, "name": "x"}
    event = SetParameters("s", 1, 1, 1, strategy_id="t", values=values)
    read = codec.decode(codec.encode(event), {})
    assert {name: type(value) for name, value in read.values.items()} == {
        name: type(value) for name, value in values.items()
    }


def test_an_instrument_that_was_written_is_the_instrument_that_is_read():
    read = codec.decode(codec.encode(started(*INSTRUMENTS)), {})
    assert read.instruments == INSTRUMENTS
    assert all(isinstance(each, Instrument) for each in read.instruments)
