"""Which tests show what becomes of each fault: the table is made of the tests' own names, so that it cannot rot.

Run with `-s` to see it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
NOT_HERE = frozenset({54, 57})  # a strategy that blocks, a kernel that dies: shown with real processes elsewhere

ROWS: Mapping[int, str] = {
    1: "acknowledgement lost, order accepted",
    2: "server error, but accepted",
    3: "accepted late, after a query said not found",
    4: "client id can be used again after a fill",
    5: "the stream's word comes before a lost answer",
    6: "queries lag behind",
    7: "a network error taken for not found",
    8: "several orders, some accepted",
    9: "the same refusal for ever",
    10: "tick, lot or notional changed",
    11: "fill before acknowledgement, or instead of it",
    12: "refusal faster than we note the order",
    13: "cancel and fill race",
    14: "fill after the cancel",
    15: "cancel lost, or sent before its order is known",
    16: "amendment meets a partial fill",
    17: "cancelling everything fails in part",
    18: "a stop replaced: old one gone, new one refused",
    19: "fills lost in a gap of the stream",
    20: "the stream drops frames and looks alive",
    21: "duplicates and replays",
    22: "a trade id that is not unique",
    23: "an empty trade id",
    24: "fill of an order not known yet",
    25: "old status after the last fill",
    26: "fill inferred, then told",
    27: "more filled than ordered",
    28: "fee in base or a third asset, dust",
    29: "digits lost in storage",
    30: "position drift",
    31: "trade taken back",
    32: "gap in a book's numbers",
    33: "snapshot merged into a stale book",
    34: "snapshot older than the first difference",
    35: "crossed, zero, negative, not-a-number, future",
    36: "silent, though connected",
    37: "subscribed, no data",
    38: "burst, slow strategy",
    39: "subscribed twice after a reconnect",
    40: "open bars, holes after an outage",
    41: "account stream ends",
    42: "signing in again fails",
    43: "reconnect storm",
    44: "one channel up, the other down",
    45: "200 with a web page, cut JSON, wrong type",
    46: "429 and 418",
    47: "budget eaten by polling",
    48: "killed at any await",
    49: "power loss, torn tail",
    50: "journal locked, full, broken or slow",
    51: "restart with open, partial and foreign orders",
    52: "own state that forbids a restart",
    53: "started twice",
    54: "a strategy blocks the loop",
    55: "a background task dies",
    56: "told to end in mid-submit",
    57: "notebook kernel killed",
    58: "leaks over days",
    59: "upgrade between crash and restart",
    60: "clock ahead, behind, drifting",
    61: "clock steps, machine sleeps",
    67: "fat finger, old prices, empty book",
    68: "liquidation, manual trade, deposit",
    69: "halt, delisting, maintenance",
    70: "credentials of one world in the other",
    71: "balances or positions cannot be asked for",
}


def by_row() -> dict[int, list[str]]:
    """The names of all tests that carry a row's number, by row."""
    found: dict[int, list[str]] = {row: [] for row in ROWS}
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in _tests(ast.parse(path.read_text(encoding="utf-8"))):
            for row in _rows(name):
                found.setdefault(row, []).append(f"{path.relative_to(TESTS).as_posix()}::{name}")
    return found


def _tests(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def _rows(name: str) -> list[int]:
    """`test_f03_f14_…` shows the rows 3 and 14."""
    numbers = re.match(r"test((?:_f\d{2})+)_", name)
    return [int(each) for each in re.findall(r"f(\d{2})", numbers[1])] if numbers else []


def test_every_row_has_a_test_of_its_own():
    found = by_row()
    for row, what in ROWS.items():
        print(f"F{row:02}  {what}", *found[row] or ["-"], sep="\n       ")
    assert [f"F{row:02} {ROWS[row]}" for row in ROWS if not found[row] and row not in NOT_HERE] == []


def test_no_test_names_a_row_that_there_is_not():
    beyond = {row: names for row, names in by_row().items() if row not in ROWS and not 62 <= row <= 66}
    assert beyond == {}


def test_names_are_read_as_they_are_meant():
    assert _rows("test_f01_an_order") == [1]
    assert _rows("test_f03_f14_both") == [3, 14]
    assert _rows("test_fills_are_booked") == []
