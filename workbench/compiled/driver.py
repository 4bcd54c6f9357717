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
from workbench.compiled.engine import AVERAGE, GO_ON, HEAR_OPINION, LOOK, MEET_BAR, MEET_QUOTE, MEET_TRADE, WORTH, ask
from workbench.compiled.engine_account import entry_price
from workbench.compiled.engine_driving import (
    MOST, in_one_way, means_something, note_price, note_quote, one_sided, tolerated, until, watched,
)
from workbench.compiled.engine_log import ROOM
from workbench.compiled.engine_state import *
"""

_TEXT = """
@njit(nogil=True, error_model="python", cache=True)
def drive({arguments}):
    tick, lot, price_scale, quantity_scale = book[TICK], book[LOT], book[PRICE_UNIT], book[QUANTITY_UNIT]
    divisor, offset, room = book[DIVISOR], book[FIRST_ROW], len(log) - ROOM
    recorded, split = len(equity) > 0, len(worth) > 0
    least, watching, banded = tolerated(book), watched(book), book[REBALANCE_BAND] != NONE
    standing, value, fresh = book[MARK], book[VALUE], book[FRESH_UNTIL]
    code, row = 0, first
{load}
    while row < last:
{read}
        touched = False
        if low < wake_low or high > wake_high or now >= expires:
            book[NOW], book[ROW], book[MARK], book[VALUE], book[FRESH_UNTIL] = now, row, standing, value, fresh
            {note}
            ask(engine, book, log, {meet})
            touched, value = True, book[VALUE]
{reload}
        {see}
        fresh = {fresh}
        if mark != 0:
            standing = mark
            if position != 0:
                if size >= 0:
                    value = size * mark // divisor
                    value = value if position > 0 else -value
                else:
                    value = ask(engine, book, log, WORTH, mark, 0, 0, 0, 0, 0, 0)
                total = cash + value
                if watching and not closing and total > peak:
                    peak = total
                    book[PEAK] = peak
                elif closing or (watching and float(peak - total) > float(peak) * least):
                    book[NOW], book[ROW], book[MARK], book[VALUE], book[FRESH_UNTIL] = now, row, standing, value, fresh
                    {note}
                    ask(engine, book, log, LOOK, 0, 0, 0, 0, 0, 0, 0)
                    touched, heard = True, book[HEARD] != 0
        {said} = step({event}, tick, lot, price_scale, quantity_scale, {own}{given})
        same = said == said_before and a == a_before and b == b_before and c == c_before and d == d_before
        if said != 0 and not (same and heard and not banded):
            book[NOW], book[ROW], book[MARK], book[VALUE], book[FRESH_UNTIL] = now, row, standing, value, fresh
            {note}
            a, b, c, d = in_one_way(said, a, b, c, d)
            if said < 0 or not means_something(said, a, b, c, d):
                code, book[SAID] = 2, said
                book[SAID_A], book[SAID_B], book[SAID_C], book[SAID_D] = a, b, c, d
                break
            ask(engine, book, log, HEAR_OPINION, said, a, b, c, d, 0, 0)
            touched = True
        if recorded:
            equity[row - offset] = cash + value
        if split:
            worth[row - offset] = value
        row += 1
        if touched:
            ask(engine, book, log, GO_ON, 0, 0, 0, 0, 0, 0, 0)
{reload}
            if book[LOGGED] > room and book[LOGGING] != 0:
                code = 1
                break
    book[MARK], book[VALUE], book[FRESH_UNTIL] = standing, value, fresh
    return {returned}
"""

_RELOAD = """\
position, cash, peak, size = book[QUANTITY], book[CASH], book[PEAK], book[SIZE]
wake_low, wake_high, expires, closing = book[WAKE_LOW], book[WAKE_HIGH], until(book), book[FLATTEN_WISH] != 0
said_before, heard = book[SAID], book[HEARD] != 0
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
    "read": "now, mark, high, low = times[row] + interval, close_[row], high_[row], low_[row]",
    "note": "note_price(book, mark)",
    "meet": "MEET_BAR, times[row], now, open_[row], high, low, mark, volume_[row]",
    "see": "",
    "fresh": "now + interval",
    "event": "now, interval, open_[row], high, low, mark, volume_[row]",
}
_TRADE = {
    "read": "now, mark = times[row], price_[row]\nhigh = low = mark",
    "note": "note_price(book, mark)",
    "meet": "MEET_TRADE, now, mark, quantity_[row], 0, 0, 0, 0",
    "see": "",
    "fresh": "now",
    "event": "now, mark, quantity_[row], side_[row]",
}
_QUOTE = {
    "read": "now, bid, offer = times[row], bid_[row], ask_[row]\n"
    "low, high = (offer if offer != 0 else MOST - 1), bid\n"
    "mark = (bid + offer) // 2 if bid != 0 and offer != 0 else standing",
    "note": "note_quote(book, bid, offer)",
    "meet": "MEET_QUOTE, now, bid, bid_quantity_[row], offer, ask_quantity_[row], 0, 0",
    "see": "book[ONE_SIDED] = one_sided(bid, offer)",
    "fresh": "now",
    "event": "now, bid, bid_quantity_[row], offer, ask_quantity_[row]",
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
    text = step.source + _HEAD + driver_text(step)
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
    return _TEXT.format(
        arguments=", ".join(["times", *columns, *fixed, *parameters, *scalars, *arrays]),
        load=_indented(reload, 4),
        reload=_indented(reload, 12),
        read=_indented(parts["read"], 8),
        said=", ".join(["said", "a", "b", "c", "d", *scalars]),
        own=", ".join(own),
        given="".join(f", {name}" for name in [*parameters, *scalars, *arrays]),
        returned=", ".join(["code", "row", *scalars]),
        **{name: parts[name] for name in ("note", "meet", "see", "fresh", "event")},
    )


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
