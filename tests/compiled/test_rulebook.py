"""The rule book as machine code answers as its Python does, or says that a figure does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from workbench.compiled import rulebook
from workbench.core import rules

LARGEST = 2**62
EXACT = 2**126  # products beyond it may be refused

SIDE = st.sampled_from((1, -1))
FIGURE = st.one_of(st.integers(-LARGEST, LARGEST), st.integers(-(10**6), 10**6), st.integers(0, 10**14))
POSITIVE = st.one_of(st.integers(1, LARGEST), st.integers(1, 10**6))


def callable_from_python(name: str) -> Any:
    rule = rulebook.RULES[name]
    count = getattr(rules, name).__code__.co_argcount
    forms: dict[int, Any] = {
        2: lambda a, b: rule(a, b),
        3: lambda a, b, c: rule(a, b, c),
        4: lambda a, b, c, d: rule(a, b, c, d),
        6: lambda a, b, c, d, e, f: rule(a, b, c, d, e, f),
        7: lambda a, b, c, d, e, f, g: rule(a, b, c, d, e, f, g),
        8: lambda a, b, c, d, e, f, g, h: rule(a, b, c, d, e, f, g, h),
    }
    return njit(error_model="python")(forms[count])


def arguments_of(name: str) -> Any:
    """Any figures at all, but sides that are sides and steps that are steps."""
    code = getattr(rules, name).__code__
    kinds = {"side": SIDE, "step": POSITIVE, "tick": POSITIVE, "lot": POSITIVE, "divisor": POSITIVE}
    kinds |= {"multiplier": POSITIVE, "quantum": POSITIVE, "leverage": POSITIVE}
    return st.tuples(*(kinds.get(each, FIGURE) for each in code.co_varnames[: code.co_argcount]))


@pytest.mark.parametrize("name", sorted(rulebook.RULES))
def test_every_rule_gives_what_its_python_gives_or_refuses(name: str) -> None:
    compiled, plain = callable_from_python(name), getattr(rules, name)

    @settings(max_examples=150, deadline=None)
    @given(arguments_of(name))
    def same(arguments: tuple[int, ...]) -> None:
        try:
            expected = plain(*arguments)
        except ZeroDivisionError:
            with pytest.raises((ZeroDivisionError, OverflowError)):
                compiled(*arguments)
            return
        try:
            assert compiled(*arguments) == expected
        except OverflowError:
            assert abs(expected) > LARGEST or max(abs(each) for each in arguments) ** 2 > 2**62

    same()


def test_a_worth_just_below_the_limit_is_exact_and_one_above_is_refused() -> None:
    notional = callable_from_python("notional")
    assert notional(2**40, 2**40, 1, 2**18) == 2**62
    assert notional(2**62, 2**62, 3, 2**63 - 1) == 2**62 * 2**62 * 3 // (2**63 - 1)
    with pytest.raises(OverflowError):
        notional(2**62, 2**62, 1, 1)
