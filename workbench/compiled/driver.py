"""The driver: the one loop of a compiled run, written for its kernel.

What most events end in (a mark moved, the kernel says what it said before) stays in local variables;
whatever is rarer goes through the book and the functions that know the rest. See `driver_of`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from workbench.compiled import cache
from workbench.compiled.engine import engine_closure
from workbench.compiled.step import MOST_STEPS, Step, step_of
from workbench.core.errors import Unsupported
from workbench.core.kernel import Kernel

DONE, FULL, BAD = 0, 1, 2

COLUMNS: Mapping[str, tuple[str, ...]] = {  # of the dataset, in the order in which a driver takes them
    "bar": ("open", "high", "low", "close", "volume"),
    "trade": ("price", "quantity", "side"),
    "quote": ("bid", "ask", "bid_quantity", "ask_quantity"),
    "top": ("bid", "ask", "bid_quantity", "ask_quantity"),
}

_HEAD = """
from math import nan as NAN

from numba import types

from workbench.compiled.engine import AVERAGE, GO_ON, LOOK, QUIET, WORTH, ask, {meeting} as MEET
from workbench.compiled.engine_account import entry_price
from workbench.compiled.engine_driving import (
    LEAST, MOST, UNHEARD, divided, in_one_way, means_something, note_price, note_quote, one_sided, place_of, tolerated,
    until, watched,
)
from workbench.compiled.engine_log import ROOM
from workbench.compiled.engine_state import *
from workbench.compiled.machine import fetch
"""

_TEXT = """
@njit(nogil=True, error_model="python", cache=True, _nrt=False)
def drive({arguments}):
    tick, lot, price_scale, quantity_scale = book[TICK], book[LOT], book[PRICE_UNIT], book[QUANTITY_UNIT]
    inverse, shift = types.uint64(book[INVERSE]), types.uint64(book[INVERSE_SHIFT])
    offset, room = book[FIRST_ROW], len(log) - ROOM
    recorded, split = len(equity) > 0, len(worth) > 0
    least, watching, banded = tolerated(book), watched(book), book[REBALANCE_BAND] != NONE
    standing, value = book[MARK], book[VALUE]
    code, row, met, looked, weighed, waits = 0, first, -1, -1, -1, False
    while row < last:
{reload}
        what = QUIET
        while row < last:
            at = place_of(row)
            now = times[at] + interval
{read}
            if (now >= expires or (alert and ({wakes}))) and row != met:
                what = MEET
                break
            {see}
            if mark != 0:
                standing = mark
                if position != 0:
                    if size >= 0:
                        value = divided(size * mark, inverse, shift)
                        value = value if position > 0 else -value
                    elif row != weighed:
                        what = WORTH
                        break
                    total = cash + value
                    if watching and not closing and total > peak:
                        peak = total
                        book[PEAK] = peak
                    elif (closing or (watching and float(peak - total) > float(peak) * least)) and row != looked:
                        what = LOOK
                        break
            {said} = step({event}, tick, lot, price_scale, quantity_scale, {own}{given})
            if recorded:
                equity[place_of(row - offset)] = cash + value
            if split:
                worth[place_of(row - offset)] = value
            if said != said_before or a != a_before or b != b_before or c != c_before or d != d_before:
                if waits or said != 0:
                    what = GO_ON
                    break
            row += 1
        if what == QUIET:
            break
        book[NOW], book[ROW], book[MARK], book[VALUE] = now, row, standing, value
        if what != MEET:
            book[FRESH_UNTIL] = now + interval
        elif row > offset:  # this event is not seen yet
            book[FRESH_UNTIL] = times[place_of(row - 1)] + 2 * interval
        {note}
        if what == MEET:
            waits, met = ask(engine, book, log, {meet}) != 0, row
            value = book[VALUE]
        elif what == WORTH:
            value, weighed = ask(engine, book, log, WORTH, mark, 0, 0, 0, 0, 0, 0), row
        elif what == LOOK:
            ask(engine, book, log, LOOK, 0, 0, 0, 0, 0, 0, 0)
            waits, looked = True, row
        else:
            a, b, c, d = in_one_way(said, a, b, c, d)
            if not means_something(said, a, b, c, d):
                code, book[SAID] = 2, said
                book[SAID_A], book[SAID_B], book[SAID_C], book[SAID_D] = a, b, c, d
                break
{fetch}
            ask(engine, book, log, GO_ON, said, a, b, c, d, 0, 0)
            waits, row = False, row + 1
            if book[LOGGED] > room and book[LOGGING] != 0:
                code = 1
                break
    book[MARK], book[VALUE] = standing, value
    return {returned}
"""

_RELOAD = """\
position, cash, peak, size = book[QUANTITY], book[CASH], book[PEAK], book[SIZE]
wake_low, wake_high, expires, closing = book[WAKE_LOW], book[WAKE_HIGH], until(book), book[FLATTEN_WISH] != 0
alert = wake_low > LEAST or wake_high < MOST
said_before = UNHEARD if waits or banded or book[HEARD] == 0 else book[SAID]
a_before, b_before, c_before, d_before = book[SAID_A], book[SAID_B], book[SAID_C], book[SAID_D]
"""
_RELOAD_ENTRY = """\
ask(engine, book, log, AVERAGE, 0, 0, 0, 0, 0, 0, 0)
entry = entry_price(book)
"""
_RELOAD_FILL = """\
fill_number, fill_price = book[FILL_NUMBER], book[FILL_PRICE]
fill_quantity, fill_time = book[FILL_QUANTITY], book[FILL_TIME]
"""

_BAR = {
    "read": "mark = close_[at]",
    "wakes": "low_[at] < wake_low or high_[at] > wake_high",
    "note": "note_price(book, mark)",
    "meeting": "MEET_BAR",
    "meet": "MEET, times[at], now, open_[at], high_[at], low_[at], mark, volume_[at]",
    "see": "",
    "event": "now, interval, open_[at], high_[at], low_[at], mark, volume_[at]",
    "soon": ("open_", "high_", "low_", "volume_"),
}
_TRADE = {
    "read": "mark = price_[at]",
    "wakes": "mark < wake_low or mark > wake_high",
    "note": "note_price(book, mark)",
    "meeting": "MEET_TRADE",
    "meet": "MEET, now, mark, quantity_[at], 0, 0, 0, 0",
    "see": "",
    "event": "now, mark, quantity_[at], side_[at]",
    "soon": ("quantity_",),
}
_QUOTE = {
    "read": "bid, offer = bid_[at], ask_[at]\nmark = (bid + offer) // 2 if bid != 0 and offer != 0 else standing",
    "wakes": "(offer if offer != 0 else MOST - 1) < wake_low or bid > wake_high",
    "note": "note_quote(book, bid, offer)",
    "meeting": "MEET_QUOTE",
    "meet": "MEET, now, bid, bid_quantity_[at], offer, ask_quantity_[at], 0, 0",
    "see": "book[ONE_SIDED] = one_sided(bid, offer)",
    "event": "now, bid, bid_quantity_[at], offer, ask_quantity_[at]",
    "soon": ("bid_quantity_", "ask_quantity_"),
}
_EVENTS = {"bar": _BAR, "trade": _TRADE, "quote": _QUOTE, "top": _QUOTE}


class Driver:
    """A kernel's driver, as `run`, with the step that it drives.

    run(times, *columns, engine, interval, first, last, book, log, equity, worth, *parameters, *scalars, *arrays)
        -> (code, row, *scalars)

    `engine` is `engine_address()`; `times` and the columns (`COLUMNS` of the kernel's event) are int64 arrays of
    the dataset; rows [first, last) are run. `equity[row - book[FIRST_ROW]]` and `worth`, the position's share of it,
    are written after each event where these int64 arrays are not empty. `log` is int64 of `engine_log.WIDTH` columns.
    A `code` of DONE is the end, FULL asks for the log to be emptied (book[LOGGED] = 0) before it is called again from
    `row` with the scalars returned, BAD is an opinion that means nothing: its figures stand in the book. It holds no
    lock on Python, and calls with different books may run at the same time. Raises OverflowError where a figure
    would not fit.
    """

    def __init__(self, kernel: Kernel, step: Step, run: Any) -> None:
        self.kernel, self.step, self.run = kernel, step, run


@lru_cache(maxsize=MOST_STEPS)
def driver_of(kernel: Kernel) -> Driver:
    """The driver of a kernel, compiled when it first runs, or taken from the disk where it was compiled before."""
    if kernel.event not in _EVENTS:
        raise Unsupported(
            f"kernel {kernel.name}: {kernel.event} is not driven by the compiled engine; use --engine event"
        )
    step = step_of(kernel)
    text = step.source + driver_text(step)
    closure = hashlib.sha256("\0".join([text, step.closure, engine_closure()]).encode()).hexdigest()
    module = cache.load(f"drive_{kernel.name}", text, closure[:32])
    return Driver(kernel, step, module.drive)


def driver_text(step: Step) -> str:
    """The text of the function `drive` for a kernel's step."""
    kernel = step.kernel
    parts = _EVENTS[kernel.event]
    parameters = [f"p{index}" for index in range(len(kernel.types))]
    scalars = [f"s{index}" for index in range(len(step.scalars))]
    arrays = [f"a{index}" for index in range(len(step.arrays))]
    columns = [f"{name}_" for name in COLUMNS[kernel.event]]
    fixed = ["engine", "interval", "first", "last", "book", "log", "equity", "worth"]
    reload = _RELOAD
    reload += _RELOAD_ENTRY if "entry_price" in kernel.reads else ""
    reload += _RELOAD_FILL if "last_fill" in kernel.reads else ""
    own = ["position" if "position" in kernel.reads else "0", "entry" if "entry_price" in kernel.reads else "NAN"]
    own += ["fill_number", "fill_price", "fill_quantity", "fill_time"] if "last_fill" in kernel.reads else ["0"] * 4
    return (_HEAD + _TEXT).format(
        arguments=", ".join(["times", *columns, *fixed, *parameters, *scalars, *arrays]),
        reload=_indented(reload, 8),
        read=_indented(parts["read"], 12),
        fetch=_indented("\n".join(f"fetch({name}, row + 1)" for name in parts["soon"]), 12),
        said=", ".join(["said", "a", "b", "c", "d", *scalars]),
        own=", ".join(own),
        given="".join(f", {name}" for name in [*parameters, *scalars, *arrays]),
        returned=", ".join(["code", "row", *scalars]),
        **{name: parts[name] for name in ("note", "meeting", "meet", "wakes", "see", "event")},
    )


def _indented(text: Any, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
