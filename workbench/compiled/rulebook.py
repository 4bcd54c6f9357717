"""The rule book as machine code: the very functions of `core/rules.py`, 64-bit integers in and out.

Inside, they calculate in checked 128-bit integers. Each takes and gives what its namesake does, or
raises OverflowError; none ever wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from numba import types

from workbench.compiled.machine import SMALL, machine, overload, small
from workbench.compiled.wide import WideType, narrow, widen
from workbench.core import rules

Rule = Callable[..., Any]


def _narrowed(value: Any) -> Any:
    return value


@overload(_narrowed, jit_options=SMALL)
def _narrowed_of(value):  # type: ignore[no-untyped-def]
    if isinstance(value, WideType):
        return lambda value: narrow(value)
    return (lambda value: value) if isinstance(value, types.Boolean) else (lambda value: types.int64(value))


def _two(rule: Rule) -> Rule:
    return lambda a, b: _narrowed(rule(widen(a), widen(b)))


def _three(rule: Rule) -> Rule:
    return lambda a, b, c: _narrowed(rule(widen(a), widen(b), widen(c)))


def _four(rule: Rule) -> Rule:
    return lambda a, b, c, d: _narrowed(rule(widen(a), widen(b), widen(c), widen(d)))


def _six(rule: Rule) -> Rule:
    return lambda a, b, c, d, e, f: _narrowed(rule(widen(a), widen(b), widen(c), widen(d), widen(e), widen(f)))


def _seven(rule: Rule) -> Rule:
    return lambda a, b, c, d, e, f, g: _narrowed(
        rule(widen(a), widen(b), widen(c), widen(d), widen(e), widen(f), widen(g))
    )


def _eight(rule: Rule) -> Rule:
    return lambda a, b, c, d, e, f, g, h: _narrowed(
        rule(widen(a), widen(b), widen(c), widen(d), widen(e), widen(f), widen(g), widen(h))
    )


_BY_COUNT: Mapping[int, Callable[[Rule], Rule]] = {2: _two, 3: _three, 4: _four, 6: _six, 7: _seven, 8: _eight}


def _compiled() -> dict[str, Rule]:
    """Every rule by name, over 64-bit integers."""
    names: dict[str, Any] = {"__builtins__": __builtins__}
    names.update({name: value for name, value in vars(rules).items() if isinstance(value, int)})
    found: dict[str, Rule] = {}
    for name, rule in vars(rules).items():
        if isinstance(rule, FunctionType):  # its own code, with the other rules as machine code too
            names[name] = small(FunctionType(rule.__code__, names, name))
            found[name] = machine(_BY_COUNT[rule.__code__.co_argcount](names[name]))
    return found


RULES = _compiled()

floor_to = RULES["floor_to"]
ceil_to = RULES["ceil_to"]
round_half_up = RULES["round_half_up"]
passive_price = RULES["passive_price"]
slipped_price = RULES["slipped_price"]
notional = RULES["notional"]
fee = RULES["fee"]
sized_quantity = RULES["sized_quantity"]
affordable_quantity = RULES["affordable_quantity"]
covered_quantity = RULES["covered_quantity"]
closed_quantity = RULES["closed_quantity"]
released_cost = RULES["released_cost"]
bounded_by_volume = RULES["bounded_by_volume"]
resting_fills = RULES["resting_fills"]
crosses = RULES["crosses"]
stop_triggers = RULES["stop_triggers"]
worse_price = RULES["worse_price"]
limited_price = RULES["limited_price"]
drawdown_exceeds = RULES["drawdown_exceeds"]
drift_exceeds = RULES["drift_exceeds"]
collar_exceeds = RULES["collar_exceeds"]

ENTRY_UNIT = 10**8  # how much finer than prices an average price is


@machine
def entry_scaled(cost: Any, divisor: Any, quantity: Any, multiplier: Any) -> Any:
    """The average price of an open quantity in units of 10^-(price_places + 8), rounded down; a Wide."""
    return widen(cost) * widen(divisor) * widen(ENTRY_UNIT) // (widen(abs(quantity)) * widen(multiplier))
