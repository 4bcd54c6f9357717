"""What holds for every command: help, exactly one JSON document, and errors that are one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import SAMPLE, SMA, SOON, ask, finish, start, tree

COMMANDS = [
    "",
    "backtest",
    "config",
    "config check",
    "config schema",
    "data",
    "data check",
    "data export",
    "data import",
    "data ls",
    "doctor",
    "exchange",
    "flatten",
    "journal",
    "journal export",
    "journal replay",
    "journal verify",
    "kill",
    "ledger",
    "pause",
    "pipeline",
    "promote",
    "rearm",
    "reconcile",
    "resume",
    "run",
    "run live",
    "run paper",
    "set",
    "status",
    "why",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    answer = ask(*command.split(), "--help")
    assert answer.code == 0
    assert "Usage: " in answer.out
    assert answer.err == ""


@pytest.mark.parametrize(
    "command",
    ["status", "ledger", "data ls", "config schema", "doctor", f"backtest {SMA} --data {SAMPLE} --end 2017-10-01"],
)
def test_json_is_exactly_one_document_on_stdout(command: str) -> None:
    words = command.split()
    answer = ask(*words) if words[0] == "config" else ask(*words, "--json")
    assert answer.code == 0, answer.err
    assert answer.out.count("\n") == 1
    assert answer.json


def test_logs_and_assumptions_of_a_run_go_to_stderr(here: Path) -> None:
    words = ("run", "paper", "--strategy", SMA, "--data", SAMPLE, *SOON, "--speed", "0", "--json")
    first = finish(start(*words, cwd=here))
    again = finish(start(*words, cwd=here))
    assert (first.code, again.code) == (0, 0), again.err
    assert first.json["state"] == again.json["state"] == "stopped"
    assert "Assumptions of the simulated venue" in first.err
    assert "recovered run" in again.err


BACKTEST = ("backtest", SMA, "--data", SAMPLE, *SOON)
PAPER = ("run", "paper", "--data", SAMPLE, *SOON, "--speed", "0")
LONG = "x" * 5000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*BACKTEST, "-p", "nope=3"), "unknown parameter 'nope'; it has fast, slow"),
        ((*BACKTEST, "-p", "fast=x"), "Expected `int`, got `str` - at `$.fast`"),
        ((*BACKTEST, "-p", "fast=1.5"), "Expected `int`, got `float`"),
        ((*BACKTEST, "-p", "fast=true"), "Expected `int`, got `bool`"),
        ((*BACKTEST, "-p", "fast=0"), ">= 1"),
        ((*BACKTEST, "-p", "fast=9" + "9" * 50), "$.fast"),
        ((*BACKTEST, "-p", "fast"), "expected name=value"),
        ((*BACKTEST, "-p", "=3"), "expected name=value"),
        ((*BACKTEST, "-p", "fast=3", "-p", " fast=4"), "given twice"),
        ((*BACKTEST, "-p", "fast=60"), "fast must be shorter than slow"),
        ((*BACKTEST, "--cash", "abc"), "cash: expected a number"),
        ((*BACKTEST, "--cash", "-5"), "more than 0"),
        ((*BACKTEST, "--cash", ""), "cash: expected a number"),
        ((*BACKTEST, "--cash", "1e999"), "digits"),
        ((*BACKTEST, "--cash", "nan"), "cash: expected a number"),
        ((*BACKTEST, "--cash", "0.00000000001"), "decimal places"),
        ((*BACKTEST, "--taker-fee", "abc"), "taker fee: expected a number"),
        ((*BACKTEST, "--slippage-bps", "-1"), "slippage"),
        ((*BACKTEST, "--engine", "warp"), "engine"),
        ((*BACKTEST, "--start", "yesterday"), "--start: expected an ISO date"),
        ((*BACKTEST, "--start", "2030-01-01"), "no rows in the span"),
        ((*BACKTEST, "--fills", "fills.txt"), "--fills fills.txt: expected a name that ends with .csv or .parquet"),
        ((*BACKTEST, "--report", "sheet.pdf"), "--report sheet.pdf: expected a name that ends with .html"),
        ((*BACKTEST, "--data", SAMPLE), "given twice"),
        ((*BACKTEST, "--config", "nope.yaml"), "nope.yaml: cannot be read: No such file"),
        ((*BACKTEST, "--config", "."), "cannot be read: Is a directory"),
        (("backtest", SMA, "--data", "nope"), f"no dataset or file 'nope'; there is {SAMPLE}"),
        (("backtest", SMA, "--data", ""), f"there is {SAMPLE}"),
        (("backtest", SMA, "--data", "."), f"there is {SAMPLE}"),
        (("backtest", SMA + "x", "--data", SAMPLE), "workbench.strategies.sma_cross offers SmaCross"),
        (("backtest", "workbench.strategies.nope:X", "--data", SAMPLE), "no module 'workbench.strategies.nope'"),
        (("backtest", "os:path", "--data", SAMPLE), "os offers no strategy"),
        (("backtest", "", "--data", SAMPLE), "release '': not found"),
        (("backtest", ":x", "--data", SAMPLE), "expected module:name"),
        (("backtest", "../../etc/passwd:x", "--data", SAMPLE), "expected module:name"),
        (("backtest", "../../etc/passwd", "--data", SAMPLE), "not found in config/releases; there is none"),
        (("backtest", "..", "--data", SAMPLE), "not found"),
        (("backtest", "**", "--data", SAMPLE), "release '**': not found"),
        (("backtest", "nö.ipynb", "--data", SAMPLE), "nö.ipynb: cannot be read"),
        (PAPER, "strategies: a run needs at least one"),
        (("run", "paper", "--strategy", SMA), "a paper run needs stored data"),
        ((*PAPER, "--strategy", SMA, "--release", "x"), "either --release or --strategy"),
        ((*PAPER, "-p", "fast=3"), "-p needs --release or --strategy"),
        ((*PAPER, "--strategy", SMA, "--cash", "abc"), "cash: number: expected a number"),
        ((*PAPER, "--strategy", SMA, "--cash", "-5"), "cash"),
        ((*PAPER, "--strategy", "/etc/passwd"), "expected module:name"),
        ((*PAPER, "--strategy", ""), "expected module:name"),
        ((*PAPER, "--strategy", "somewhere:Ünter"), "no module 'somewhere'"),
        ((*PAPER, "--strategy", SMA, "--data", SAMPLE), "given twice"),
        ((*PAPER, "--strategy", SMA, "--speed", "1e-300"), "data.speed: expected 0"),
        ((*PAPER, "--release", ""), "release '': not found"),
        (("journal", "verify", "nope"), "no journal at nope or .workbench/dev/runs/nope/journal"),
        (("journal", "replay"), "no journal at .workbench/dev/journal"),
        (("why", "x"), "no journal at"),
        (("data", "import", "nope.csv"), "nope.csv: no such file"),
        (("data", "check", "nope"), f"there is {SAMPLE}"),
        (("data", "export", SAMPLE, "x.xyz"), "expected"),
        (("promote", SMA, "--to", "live"), "promote --to live: expected paper"),
        (("promote", SMA, "--to", "paper", "--max-drawdown", "-1"), "max drawdown: expected a fraction"),
        (("promote", SMA, "--to", "paper", "--budget", "0"), "budget: expected more than 0"),
        (("promote", SMA, "--to", "paper", "--cash", "abc"), "cash: expected a number"),
        (("pipeline", "nope"), "no runner 'nope'"),
        (("config", "check", "nope.yaml"), "nope.yaml: cannot be read"),
    ],
    ids=lambda value: " ".join(value)[-60:] if isinstance(value, tuple) else "",
)
def test_a_wrong_word_ends_with_2_says_what_was_expected_and_leaves_nothing(
    words: tuple[str, ...], says: str, here: Path
) -> None:
    answer = ask(*words)
    assert answer.code == 2, answer
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert tree(here) == {}


UNHEARD = [
    ("nope",),
    ("--nope",),
    ("backtest",),
    ("backtest", SMA),
    ("run", "paper", "--speed", "-1"),
    ("run", "paper", "--for", "x"),
    ("backtest", SMA, "--state", "\0", "--data", SAMPLE),
]


@pytest.mark.parametrize("words", UNHEARD)
def test_words_that_no_command_has_end_with_2_and_the_usage(words: tuple[str, ...]) -> None:
    answer = ask(*words)
    assert answer.code == 2
    assert "Usage: " in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("state", ["file", "file/below", "/proc/nowhere"])
def test_a_state_directory_that_cannot_be_one_is_named_in_one_line(state: str) -> None:
    Path("file").write_text("")
    answer = ask(*BACKTEST, "--state", state)
    assert answer.code == 2
    assert answer.err.startswith(f"workbench: {state}")
    assert answer.err.count("\n") == 1


def test_a_folder_where_a_file_is_to_be_written_is_named_in_one_line() -> None:
    Path("fills.csv").mkdir()
    answer = ask(*BACKTEST, "--fills", "fills.csv")
    assert (answer.code, answer.err) == (2, "workbench: fills.csv: Is a directory\n")
    assert list(Path().glob("*.csv*")) == [Path("fills.csv")]


def test_a_name_too_long_for_the_file_system_is_bad_usage() -> None:
    answer = ask("backtest", SMA, "--data", LONG)
    assert answer.code == 2
    assert "File name too long" in answer.err
    assert "Traceback" not in answer.err


OWN = """
from workbench import Strategy

class Stubborn(Strategy):
    def __init__(self, x): super().__init__()
    def on_market_data(self, event): return None

class Shapeless(Strategy):
    Parameters = int
    def on_market_data(self, event): return None
"""


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("1/0", "own:X", "its module raises ZeroDivisionError"),
        ("x =", "own:X", "its module raises SyntaxError"),
        ("import nothere", "own:X", "no module 'nothere'"),
        ("raise SystemExit(0)", "own:X", "its module raises SystemExit"),
        (OWN, "own:Stubborn", "making it raises TypeError"),
        (OWN, "own:Shapeless", "making it raises TypeError"),
        (OWN, "own:Strategy2", "own offers Shapeless, Stubborn"),
    ],
)
def test_a_module_of_ones_own_that_fails_is_named(source: str, name: str, says: str) -> None:
    Path("own.py").write_text(source)
    answer = ask("backtest", name, "--data", SAMPLE)
    assert answer.code == 2
    assert says in answer.err
    assert "Traceback" not in answer.err


UNFINISHED = '{"cells": [{"cell_type": "code", "source": ["x ="], "metadata": {"tags": ["strategy"]}}]}'
NO_NOTEBOOKS = ["[]", '{"cells": 3}', '{"cells": [3]}', "", "\0", '{"cells": []}', UNFINISHED]


@pytest.mark.parametrize("content", NO_NOTEBOOKS)
def test_a_file_that_is_no_notebook_with_a_strategy_cell_is_refused(content: str, here: Path) -> None:
    Path("draft.ipynb").write_text(content)
    answer = ask("backtest", "draft.ipynb", "--data", SAMPLE)
    assert answer.code == 2
    assert answer.err.startswith("workbench: draft.ipynb: ")
    assert set(tree(here)) == {"draft.ipynb"}


def test_a_preflight_reports_what_is_wrong_instead_of_falling_over() -> None:
    Path("state").mkdir()
    Path("state/workbench.db").write_text("this is not a database, and long enough to tell")
    Path("state/journal").write_text("this is not a folder")
    answer = ask("doctor", "--state", "state", "--json")
    assert answer.code == 2
    assert {each["what"] for each in answer.json if not each["ok"]} == {"database", "journal"}
