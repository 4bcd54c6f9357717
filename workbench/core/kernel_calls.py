"""The words of the kernel language that are called: what they take, and what they give."""

from __future__ import annotations

import math
from types import FunctionType
from typing import Any

import msgspec

from workbench.core.kernel_kinds import BOOL, FLOAT, INT, OPINION
from workbench.core.kernel_says import quotes, target


class Word(msgspec.Struct, frozen=True):
    """A function that every kernel knows; `gives` is a kind, or `same` for that of its first argument."""

    name: str
    gives: str
    least: int = 1
    most: int = 1
    takes: str = "numbers"  # or `any`: bools too, or `ring`
    names: tuple[str, ...] = ()  # of arguments that may be given by keyword
    usage: str = ""


MOST_COMPARED = 8  # arguments of min and max; what is more is a ring and a loop

WORDS: dict[Any, Word] = {
    abs: Word("abs", "same"),
    min: Word("min", "same", 2, MOST_COMPARED, usage="write min(a, b)"),
    max: Word("max", "same", 2, MOST_COMPARED, usage="write max(a, b)"),
    float: Word("float", FLOAT, takes="any"),
    int: Word("int", INT, takes="any"),
    bool: Word("bool", BOOL, takes="any"),
    len: Word("len", INT, takes="ring"),
    math.sqrt: Word("sqrt", FLOAT),
    math.floor: Word("floor", INT),
    round: Word("round", INT, usage="write round(x), to the nearest whole number"),
    math.isnan: Word("isnan", BOOL),
    target: Word(
        "target",
        OPINION,
        1,
        4,
        names=("exposure", "limit", "stop", "valid_until"),
        usage="write target(exposure, limit=0, stop=0, valid_until=0)",
    ),
    quotes: Word(
        "quotes",
        OPINION,
        4,
        4,
        names=("bid", "bid_size", "ask", "ask_size"),
        usage="write quotes(bid, bid_size, ask, ask_size)",
    ),
}


def defaults_of(function: FunctionType, missing: int) -> tuple[Any, ...] | None:
    """The defaults of the last `missing` arguments; None where there are not as many."""
    if missing <= 0:
        return ()
    defaults = function.__defaults__ or ()
    return defaults[-missing:] if missing <= len(defaults) else None
