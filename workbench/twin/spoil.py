"""Market messages that lie: crossed, zero, negative, not a number, from the future, far off.

It knows fields by name, Binance's and OKX's alike, and touches those that are text (or lists of levels): numbers of
the same name are ids.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from workbench.twin.actions import Action
from workbench.twin.faults import Fault

FIELDS = {
    "price": frozenset({"p", "b", "a", "c", "o", "h", "l", "w", "x", "px", "bidPx", "askPx", "last"}),
    "quantity": frozenset({"q", "Q", "B", "A", "v", "sz", "bidSz", "askSz"}),
}
LEVEL_COLUMN = {"price": 0, "quantity": 1}
LEVELS = frozenset({"b", "a", "bids", "asks"})
SIDES = (("b", "a"), ("B", "A"), ("bids", "asks"), ("bidPx", "askPx"), ("bidSz", "askSz"))
TIMES = frozenset({"E", "T", "ts"})  # milliseconds


def spoil(payload: str, fault: Fault) -> str:
    """The message after one of the lying actions; same shape, other content."""
    message = json.loads(payload)
    if fault.action is Action.CROSSED:
        _each_map(message, _swap_sides)
    elif fault.action is Action.FUTURE:
        _each_map(message, lambda found: _later(found, fault.number("ms")))
    else:
        field, change = _change(fault)
        _each_map(message, lambda found: _rewrite(found, field, change))
    return json.dumps(message, separators=(",", ":"))


def _change(fault: Fault) -> tuple[str, Callable[[str], str]]:
    """The field that the fault is about, and what becomes of its text."""
    if fault.action is Action.OUT_OF_RANGE:
        return "price", lambda text: _times(text, fault.number("times"))
    changes: dict[Action, Callable[[str], str]] = {
        Action.ZERO: lambda text: "".join("0" if each.isdigit() else each for each in text),
        Action.NEGATIVE: lambda text: f"-{text}",
        Action.NAN: lambda _: "NaN",
    }
    return fault.words("field"), changes[fault.action]


def _times(text: str, factor: int) -> str:
    """Decimal text times a whole number, with as many decimals as before."""
    whole, _, decimals = text.partition(".")
    product = str(int(whole + decimals) * factor).zfill(len(decimals) + 1)
    return f"{product[: -len(decimals)]}.{product[-len(decimals) :]}" if decimals else product


def _each_map(node: Any, work: Callable[[dict[str, Any]], None]) -> None:
    if isinstance(node, dict):
        work(node)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _each_map(child, work)


def _swap_sides(found: dict[str, Any]) -> None:
    for bid, ask in SIDES:
        if isinstance(found.get(bid), str | list) and isinstance(found.get(ask), str | list):
            found[bid], found[ask] = found[ask], found[bid]


def _later(found: dict[str, Any], ms: int) -> None:
    for name in TIMES & found.keys():
        if str(found[name]).isdigit():  # text on OKX, which it stays
            found[name] = type(found[name])(int(found[name]) + ms)


def _rewrite(found: dict[str, Any], field: str, change: Callable[[str], str]) -> None:
    for name, value in found.items():
        if isinstance(value, str) and name in FIELDS[field] and _is_number(value):
            found[name] = change(value)
        elif isinstance(value, list) and name in LEVELS:
            for level in value:
                level[LEVEL_COLUMN[field]] = change(level[LEVEL_COLUMN[field]])


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()
