"""Promotion: every gate refuses what it is there for, and what passes runs from its release."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.cli.terminal import SMA, Answer, ask, tree

DATA = "binance_spot_BTCUSDT_1h.csv"
RELEASES = Path("config/releases")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder of strategies and three weeks of waves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_STATE", raising=False)
    (tmp_path / "strategies").mkdir()
    rows = ["date,open,high,low,close,volume"]
    for hour in range(24 * 21):
        price = 1000 + round(100 * math.sin(hour / 9))
        time = f"2024-01-{hour // 24 + 1:02}T{hour % 24:02}:00:00Z"
        rows.append(f"{time},{price},{price + 2},{price - 2},{price + 1},1000")
    (tmp_path / DATA).write_text("\n".join(rows) + "\n")
    return tmp_path


def promoted(name: str, *words: str) -> Answer:
    return ask("promote", name, "--to", "paper", "--data", DATA, *words, "--json")


def own(body: str, *, above: str = "") -> str:
    """A strategy of one's own in strategies/own.py; its full name."""
    Path("strategies/own.py").write_text(
        f"from workbench.core import strategy\nfrom workbench.core.strategy import Strategy\n{above}\n\n"
        f"class Own(Strategy):\n    def on_market_data(self, event):\n        {body}\n"
    )
    return "strategies.own:Own"


def test_a_shipped_strategy_passes_every_gate_and_runs_from_its_release() -> None:
    answer = promoted(SMA, "-p", "fast=5", "-p", "slow=12")
    assert answer.code == 0, answer.err
    assert answer.json["stage"] == "paper"
    assert [gate["gate"] for gate in answer.json["gates"]] == ["trades", "clean run", "state", "parity"]
    assert all(gate["ok"] for gate in answer.json["gates"])
    release = answer.json["release"]
    evidence = json.loads((RELEASES / release / "evidence/paper.json").read_text())
    assert len(evidence["ledger_digest"]) == 64
    assert {each["topic"] for each in evidence["data"]} == {"bars:1h"}

    backtest = ask("backtest", SMA, "--data", DATA, "-p", "fast=5", "-p", "slow=12", "--json").json
    Path("prod.yaml").write_text("environment: prod")
    paper = ("run", "paper", "--config", "prod.yaml", "--release", release, "--data", DATA, "--speed", "0", "--json")
    ran = ask(*paper)
    assert ran.code == 0, ran.err
    assert list(ran.json["release"].values()) == [release]
    assert ran.json["equity"] == backtest["final_equity"]
    assert evidence["ledger_digest"] == backtest["ledger_digest"]
    assert ask("journal", "replay", "--state", ".workbench/prod").code == 0

    assert ask(*paper, "--state", "narrow", "-p", "fast=6").code == 0
    for wrong in ("fast=0", "fast=6000", "fast=x", "other=1"):
        refused = ask(*paper, "--state", "beyond", "-p", wrong)
        assert refused.code == 3, wrong
        assert f"release {release}" in refused.err
    assert not Path("beyond").exists()

    source = RELEASES / release / "source/workbench/strategies/sma_cross.py"
    source.write_text(source.read_text() + "\nEDITED = True\n")
    corrupt = ask(*paper, "--state", "corrupt")
    assert corrupt.code == 5
    assert "sma_cross.py: is not the source that was released" in corrupt.err
    assert not Path("corrupt").exists()


WAVES = """\
from typing import Annotated

from msgspec import Meta

from strategies.levels import LOW, HIGH
from workbench.core import strategy
from workbench.core.strategy import Strategy

class Waves(Strategy):
    class Parameters(strategy.Parameters, frozen=True):
        low: Annotated[int, Meta(ge=900, le=1100)] = LOW

    def on_market_data(self, event):
        if event.close < self.params.low:
            return self.target(event, 1.0)
        return self.target(event, 0.0) if event.close > HIGH else None
"""


def test_a_notebook_is_promoted_with_its_modules_and_runs_as_it_was_released() -> None:
    cell = {"cell_type": "code", "source": WAVES, "metadata": {"tags": ["strategy"]}}
    Path("waves.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    Path("strategies/levels.py").write_text("LOW, HIGH = 950, 1050\n")
    answer = promoted("waves.ipynb")
    assert answer.code == 0, answer.err
    release = answer.json["release"]
    files = {each.name for each in (RELEASES / release / "source/strategies").iterdir()}
    assert files == {"waves.py", "levels.py"}
    before = ask("backtest", "waves.ipynb", "--data", DATA, "--json").json

    Path("strategies/levels.py").write_text("LOW, HIGH = 901, 902\n")
    after = ask("backtest", "waves.ipynb", "--data", DATA, "--json").json
    ran = ask("run", "paper", "--release", release, "--data", DATA, "--speed", "0", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["equity"] == before["final_equity"] != after["final_equity"]
    assert ask("journal", "replay").code == 0
    assert ask("backtest", release, "--data", DATA, "--json").json["ledger_digest"] == before["ledger_digest"]


@pytest.mark.parametrize(
    ("body", "above", "gate"),
    [
        ("return None", "", "trades: the backtest has no fill"),
        ("return self.target(event, CHANCE)", "import random\nCHANCE = random.random()\n", "clean run"),
        ("return self.target(event, random.choice([0.0, 0.5]))", "import random\n", "clean run"),
        (
            "return self.target(event, hash('a') % 1000 / 1000)",
            "",
            "clean run",
        ),
        (
            "self.n = getattr(self, 'n', 0) + 1; return self.target(event, 1.0 if self.n % 20 < 10 else 0.0)",
            "",
            "state",
        ),
    ],
    ids=["never trades", "chance at import", "chance", "hash seed", "state outside of State"],
)
def test_a_gate_refuses_what_it_is_there_for_and_nothing_is_released(body: str, above: str, gate: str) -> None:
    answer = promoted(own(body, above=above))
    assert answer.code == 3, answer
    assert f"promotion gate {gate}" in answer.err
    assert "Traceback" not in answer.err
    assert not RELEASES.exists()


def test_a_strategy_that_cannot_run_is_not_released() -> None:
    assert promoted(own("1 / 0")).code != 0
    assert promoted("strategies.nope:Own").code == 2
    assert promoted(SMA, "-p", "fast=x").code == 2
    assert not RELEASES.exists()


def test_promoting_again_is_the_same_release_and_a_budget_makes_another() -> None:
    name = own("return self.target(event, 1.0 if event.sequence % 40 < 20 else 0.0)")
    first = promoted(name).json["release"]
    before = tree(RELEASES)
    assert promoted(name).json["release"] == first
    assert tree(RELEASES) == before
    assert promoted(name, "--budget", "500", "--max-drawdown", "0.5").json["release"] != first
