"""`workbench sweep`: one JSON document, a table that is whole, and a grid that is read before anything runs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.terminal import PATIENCE_S, SAMPLE, SMA, SOON, ask, living, stop, wait_for

GRID = ("--grid", "fast=5:20:5", "--grid", "slow=10,40", "--where", "fast < slow")
WORDS = ("sweep", SMA, "--data", SAMPLE, *SOON, *GRID, "--workers", "1")


def test_the_document_counts_every_combination_and_ranks_the_best() -> None:
    document = ask(*WORDS, "--by", "total_return", "--json").json
    assert [document[name] for name in ("combinations", "done", "refused", "resumed", "interrupted")] == [
        4,
        4,
        0,
        0,
        False,
    ]
    assert document["skipped"] == {"where": 2, "not_allowed": {}}
    assert (document["strategy"], document["by"], document["profile"]) == (SMA, "total_return", "plain")
    returns = [each["total_return"] for each in document["best"]]
    assert returns == sorted(returns, reverse=True)
    best = document["best"][0]
    values = ("-p", f"fast={best['fast']}", "-p", f"slow={best['slow']}")
    single = ask("backtest", SMA, "--data", SAMPLE, *SOON, *values, "--json").json
    assert {name: best[name] for name in single["metrics"]} == single["metrics"]


def test_it_prints_the_best_rows_as_text_and_writes_the_table() -> None:
    answer = ask(*WORDS, "--out", "table.csv")
    assert answer.code == 0
    assert "4 of 4 rows" in answer.out
    assert "Best by sharpe" in answer.out
    assert len(pd.read_csv("table.csv")) == 4
    assert ask(*WORDS, "--out", "table.csv", "--json").json["resumed"] == 4


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--grid", "fast=5:2"), "fast=5:2"),
        (("--grid", "speed=1,2"), "no parameter 'speed'"),
        (("--grid", "fast=5", "--where", "slow < fast"), "nothing to run"),
        (("--grid", "fast=5", "--where", "import os"), "where"),
        (("--grid", "fast=5", "--by", "beauty"), "no figure 'beauty'"),
        (("--grid", "fast=5", "--out", "table.txt"), "--out table.txt"),
        (("--grid", "fast=5", "--workers", "0"), "workers"),
        (("--grid", "fast=5", "--start", "2030-01-01"), "no rows"),
    ],
)
def test_what_cannot_be_run_ends_with_2_and_names_it(words: tuple[str, ...], wrong: str) -> None:
    answer = ask("sweep", SMA, "--data", SAMPLE, *words)
    assert (answer.code, answer.out) == (2, "")
    assert wrong in answer.err
    assert not any(Path().glob("table*"))


def test_an_interrupt_keeps_the_rows_that_are_done_and_ends_with_130(here: Path) -> None:
    words = ("sweep", SMA, "--data", SAMPLE, "--grid", "fast=5:50", "--grid", "slow=60:100", "--out", "table.parquet")
    with living(*words, "--workers", "2", "--json", cwd=here) as process:
        rows = here / "table.parquet.rows"
        wait_for(rows, process)
        _wait_for_growth(rows)
        answer = stop(process, signal.SIGINT)
    assert answer.code == 130, answer.err
    assert answer.json["interrupted"] is True
    assert 0 < answer.json["done"] == len(pd.read_parquet(here / "table.parquet")) < answer.json["combinations"]


def _wait_for_growth(file: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while file.stat().st_size < 300:
        assert time.monotonic() < until
        time.sleep(0.02)
