"""A command is told by name which data it was given twice."""

from __future__ import annotations

from pathlib import Path

from tests.cli.terminal import SAMPLE, SMA, SOON, ask

CONFIG = f"""
environment: dev
cash: "30000"
data: [{{dataset: {SAMPLE}, end: "2017-09-01", speed: 0}}, {{dataset: {SAMPLE}, speed: 0}}]
strategies: [{{id: a, strategy: "{SMA}", symbols: ["*"]}}]
"""


def test_a_backtest_on_the_same_data_twice_is_a_mistake_in_the_words(here: Path) -> None:
    answer = ask("backtest", SMA, "--data", SAMPLE, "--data", SAMPLE, *SOON)
    assert answer.code == 2
    assert f"{SAMPLE} is given twice" in " ".join(answer.err.split())


def test_a_paper_run_on_the_same_data_twice_is_a_mistake_in_the_file(here: Path) -> None:
    (here / "twice.yaml").write_text(CONFIG, encoding="utf-8")
    answer = ask("run", "paper", "--config", "twice.yaml")
    assert answer.code == 2
    assert f"{SAMPLE} is given twice" in " ".join(answer.err.split())
