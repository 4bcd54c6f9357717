"""Random kernels: plain Python and machine code say and remember the same, to the last bit, or fail alike."""

from __future__ import annotations

import linecache
import math
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from workbench.compiled.attach import MachineStep
from workbench.compiled.step import step_of
from workbench.core import indicators
from workbench.core.kernel import Kernel, kernel, quotes, ring, target
from workbench.core.kernel_strategy import PlainStep
from workbench.core.kernel_views import LastFill, Market, Own

MARKET = Market(tick=5, lot=1_000, price_scale=100, quantity_scale=10**8)
FAILURES = (ZeroDivisionError, OverflowError, ValueError, IndexError)

WHOLE = ["bar.close_raw", "bar.high_raw", "bar.volume_raw", "position", "market.tick", "n", "state.count", "state.low"]
REAL = ["bar.close", "bar.volume", "x", "state.mean", "state.ema.value", "entry_price"]


def operators(inner: st.SearchStrategy[str], kinds: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(inner, st.sampled_from(kinds), inner).map(lambda each: f"({each[0]} {each[1]} {each[2]})")


def more_whole(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        operators(inner, ["+", "-", "*", "//", "%"]),
        st.tuples(inner, inner).map(lambda each: f"min({each[0]}, {each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"max({each[0]}, {each[1]})"),
        inner.map(lambda each: f"abs({each})"),
        inner.map(lambda each: f"(-{each})"),
        inner.map(lambda each: f"({each} ** 2)"),
        inner.map(lambda each: f"state.ring[{each} % 3]"),
    )


whole = st.recursive(st.sampled_from([*WHOLE, "3", "(-7)", "(2**40)"]), more_whole, max_leaves=5)
mixed = st.one_of(st.sampled_from([*REAL, "0.1", "2.0", "0.0"]), whole)


def more_real(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        operators(inner, ["+", "-", "*", "/", "//", "%"]).map(lambda each: f"float({each})"),
        st.tuples(inner, inner).map(lambda each: f"min(float({each[0]}), float({each[1]}))"),
        st.tuples(inner, inner).map(lambda each: f"max(float({each[0]}), float({each[1]}))"),
        inner.map(lambda each: f"math.sqrt({each})"),
        inner.map(lambda each: f"abs({each})"),
        st.tuples(whole, inner).map(lambda each: f"(float({each[1]}) if {each[0]} > {each[1]} else float({each[0]}))"),
    )


real = st.recursive(mixed, more_real, max_leaves=5)
test = st.tuples(mixed, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), mixed).map(" ".join)
rounding = st.sampled_from(["math.floor", "round", "int"])

BODY = """
def generated(bar, state, position, entry_price, market, n: int = 3, x: float = 0.5):
    mean = state.ema.update(bar.close)
    high, low = state.channel.update(bar.high_raw, bar.low_raw)
    state.low = low
    state.ring[state.count % len(state.ring)] = {first}
    if {test}:
        state.count += {second}
    else:
        for i in range(2):
            state.count = i + {third}
    state.mean = float({real})
    whole = {rounding}({other})
    state.odd = whole % 2 == 1 or {last}
    if state.odd and not state.ema.ready:
        return math.nan
    if whole > high:
        return quotes(whole, 1, high, 2)
    if whole < low:
        return target(min(1.0, max(-1.0, mean / (1.0 + abs(state.mean)))), limit=abs(whole), valid_until=bar.time)
    return float(whole % 5) - 2.0
"""


def declared(source: str) -> Kernel:
    """A kernel from text: as a cell of a notebook would bring it in."""
    file = f"<generated {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"math": math, "target": target, "quotes": quotes, "__name__": __name__}
    exec(compile(source, file, "exec"), names)
    state = {
        "ema": indicators.Ema.sized(3),
        "channel": indicators.Extremes.sized("n"),
        "ring": ring(3),
        "count": 0,
        "low": 0,
        "mean": 0.0,
        "odd": False,
    }
    return kernel(state)(names["generated"])


prices = st.one_of(st.integers(1, 10**7), st.integers(10**12, 10**13), st.sampled_from([1, 2**53 + 1]))
bars = st.lists(
    st.tuples(prices, st.integers(0, 50), st.integers(0, 50), st.integers(0, 10**12)), min_size=3, max_size=12
)


def bits(value: Any) -> Any:
    """A value by which equal floats are the same bits; -0.0 counts as 0.0."""
    if isinstance(value, float):
        return "nan" if value != value else struct.pack("d", value + 0.0)
    if isinstance(value, dict):
        return {name: bits(each) for name, each in value.items()}
    return [bits(each) for each in value] if isinstance(value, (list, tuple)) else value


def told(step: Any, parameters: Any, tape: list[Any]) -> list[Any]:
    """What a step says and remembers, event by event; the kind of the error where it fails."""
    state, found = step.fresh(parameters), []
    for number, (close, up, down, volume) in enumerate(tape):
        raws = (number * 60, 60, close, close + up, max(1, close - down), close, volume)
        own = Own((number % 5 - 2) * 10**8, math.nan if number % 5 == 2 else close / 100, LastFill(number, close, 1, 1))
        try:
            said = step.take(raws, MARKET, own, parameters, state)
        except FAILURES as error:
            return [*found, type(error).__name__]
        found.append((said, bits(step.plain(state))))
    return found


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # each example compiles: shrinking one takes longer than reading it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.tuples(whole, whole, whole), st.tuples(test, test), st.tuples(real, real), rounding, st.lists(bars, min_size=4)
)
def test_random_kernels_do_the_same_in_both_forms(ints, tests, reals, how, tapes):
    text = BODY.format(
        first=ints[0],
        second=ints[1],
        third=ints[2],
        test=tests[0],
        last=tests[1],
        real=reals[0],
        other=reals[1],
        rounding=how,
    )
    found = declared(text)
    plain, machine = PlainStep(found), MachineStep(step_of(found))
    for n, tape in enumerate(tapes, 1):
        parameters = found.parameters(n=n, x=0.25 * n - 0.5)
        assert told(machine, parameters, tape) == told(plain, parameters, tape), text


FAILING = {
    "bar.close_raw // n": (ZeroDivisionError, {"n": 0}),
    "bar.close_raw % n": (ZeroDivisionError, {"n": 0}),
    "math.floor(bar.close / x)": (ZeroDivisionError, {"x": 0.0}),
    "math.floor(bar.close // x)": (ZeroDivisionError, {"x": 0.0}),
    "math.floor(bar.close % x)": (ZeroDivisionError, {"x": 0.0}),
    "bar.close_raw + n": (OverflowError, {"n": 2**63 - 1}),
    "-bar.close_raw - n - 1": (OverflowError, {"n": 2**63 - 1}),
    "bar.close_raw * n": (OverflowError, {"n": 2**62}),
    "n ** 3": (OverflowError, {"n": 2**22}),
    "abs(-n - 1)": (OverflowError, {"n": 2**63 - 1}),
    "(-n - 1) // -1": (OverflowError, {"n": 2**63 - 1}),
    "math.floor(x)": (OverflowError, {"x": 1e19}),
    "round(x * x)": (OverflowError, {"x": 1e200}),
    "int(entry_price)": (ValueError, {}),
    "math.floor(math.sqrt(x))": (ValueError, {"x": -1.0}),
    "state.ring[n]": (IndexError, {"n": 3}),
    "state.ring[-n]": (IndexError, {"n": 4}),
}


@pytest.mark.parametrize(("expression", "failure"), FAILING.items(), ids=list(FAILING))
def test_what_cannot_be_computed_raises_the_same_error_in_both_forms(expression, failure):
    source = "def generated(bar, state, entry_price, n: int = 3, x: float = 0.5):\n"
    found = declared(f"{source}    state.count = {expression}\n    return 0.0\n")
    error, parameters = failure
    for step in (PlainStep(found), MachineStep(step_of(found))):
        state = step.fresh(found.parameters())
        with pytest.raises(error):
            step.take((0, 60, 5, 5, 5, 5, 5), MARKET, Own(), found.parameters(**parameters), state)


@pytest.mark.parametrize("index", [-3, -1, 0, 2])
def test_a_ring_is_indexed_from_both_ends_in_both_forms(index):
    source = "def generated(bar, state, n: int = 3, x: float = 0.5):\n    state.ring[n] = 7\n    return 0.0\n"
    found = declared(source)
    left = []
    for step in (PlainStep(found), MachineStep(step_of(found))):
        state = step.fresh(found.parameters())
        step.take((0, 60, 5, 5, 5, 5, 5), MARKET, Own(), found.parameters(n=index), state)
        left.append(step.plain(state)["ring"])
    assert left[0] == left[1]
    assert left[0][index] == 7
