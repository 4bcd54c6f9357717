"""Pieces of the compiled engine that a short run does not need: a log that fills up, and what it is compiled of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from numba import njit, uint64

import workbench.compiled
from tests.compiled.dice import dice
from workbench.compiled import engine, measurement, program
from workbench.compiled.engine_driving import ROOM_BITS, divided, inverse_of
from workbench.compiled.program import Program
from workbench.connectors.profile import Profile
from workbench.core.instrument import Instrument
from workbench.data.dataset import Dataset, Provenance, make_dataset
from workbench.research.backtest import backtest

ROOM = Path(workbench.compiled.__file__).parent
MINUTE = 60_000_000_000


def walk(bars: int) -> Dataset:
    draw = np.random.default_rng(5)
    closes = 1_000_000 + np.cumsum(draw.integers(-500, 501, bars))
    opens = np.concatenate([closes[:1], closes[:-1]])
    return make_dataset(
        id="walk",
        kind="bars",
        instrument=Instrument(venue="v", symbol="A/B", tick=Decimal("0.01"), lot=Decimal("0.001")),
        interval_ns=MINUTE,
        columns={
            "time": np.arange(bars, dtype=np.int64) * MINUTE,
            "open": opens,
            "high": np.maximum(opens, closes) + 100,
            "low": np.minimum(opens, closes) - 100,
            "close": closes,
            "volume": np.full(bars, 10**12, dtype=np.int64),
        },
        provenance=Provenance(),
    )


def test_a_log_longer_than_its_memory_tells_the_same_as_the_event_engine() -> None:
    data, rolls = walk(12_000), {"start": 7, "every": 1, "limits": 60, "stops": 90, "lapses": 20, "far": 20}
    program_of_dice = Program(dice, data, cash=Decimal(1_000_000), profile=Profile())
    trace = program_of_dice.run(dice.parameters(**rolls))
    assert len(trace.log) > program._CHUNK + 1
    event = backtest(dice(**rolls), data, cash=1_000_000, profile=Profile(), engine="event")
    assert trace.digest(dice.name) == event.ledger_digest


@njit
def divided_by(product: Any, inverse: Any, shift: Any) -> Any:
    return divided(product, inverse, shift)


@given(some.integers(1, 10**18), some.integers(0, 2**ROOM_BITS - 1))
def test_a_product_times_the_inverse_of_a_divisor_is_the_product_over_it(divisor: int, product: int) -> None:
    inverse, shift = inverse_of(divisor)
    for each in (product, product // divisor * divisor, max(0, product // divisor * divisor - 1)):
        assert divided_by(each, uint64(inverse), uint64(shift)) == each // divisor


def imported(name: str) -> Iterator[str]:
    """Modules of the room that a module imports."""
    for node in ast.walk(ast.parse((ROOM / f"{name}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "workbench.compiled":
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workbench.compiled."):
            yield str(node.module).rpartition(".")[2]


@pytest.mark.parametrize("made_of", [engine.MADE_OF, measurement.MADE_OF])
def test_machine_code_is_made_anew_when_any_module_that_it_is_compiled_of_changes(made_of: tuple[str, ...]) -> None:
    only_keeps = {"cache"}  # it finds machine code and is in none
    for name in made_of:
        assert set(imported(name)) <= {*made_of, *only_keeps}
    assert (ROOM / f"{made_of[0]}.py").is_file()
