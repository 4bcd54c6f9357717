"""A paper session in a kernel trades as the backtest does, and its journal proves it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

import workbench as wb
from workbench.core.errors import ConfigError
from workbench.research.named import backtest_named, words
from workbench.strategies.sma_cross import SmaCross


class Broken(wb.Strategy):
    def on_market_data(self, event: wb.MarketDataEvent) -> Any:
        raise RuntimeError("out of ideas")


@pytest.fixture(scope="module")
def bars():
    return wb.load("binance_spot_BTCUSDT_1h", start="2024-03-01", end="2024-04-01")


def test_it_keeps_the_ledger_of_the_backtest_and_replays_to_its_own_bytes(bars, tmp_path):
    strategy = SmaCross(fast=5, slow=20)
    backtest = wb.backtest(strategy, bars, slippage_bps="2")
    session = asyncio.run(wb.paper(strategy, bars, slippage_bps="2", folder=tmp_path / "run"))
    assert len(session.fills) > 10
    assert session.ledger_digest == backtest.ledger_digest
    assert session.equity.equals(backtest.equity)
    assert session.run_id != backtest.run_id
    assert wb.replay(session) == session.journal_digest
    assert wb.replay(backtest) == backtest.journal_digest
    assert wb.attach(tmp_path / "run").run_id == session.run_id


def test_without_a_folder_it_lies_with_the_runs_of_the_default_state(bars, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_STATE", str(tmp_path))
    session = asyncio.run(wb.paper(SmaCross(), bars))
    assert session.folder is not None
    assert session.folder.parent.parent == tmp_path / "runs"


def test_a_folder_that_holds_something_is_left_alone(bars, tmp_path):
    (tmp_path / "precious").touch()
    with pytest.raises(FileExistsError):
        asyncio.run(wb.paper(SmaCross(), bars, folder=tmp_path))
    assert os.listdir(tmp_path) == ["precious"]


def test_what_the_strategy_raises_is_raised(bars, tmp_path):
    with pytest.raises(RuntimeError, match="out of ideas"):
        asyncio.run(wb.paper(Broken(), bars, folder=tmp_path / "run"))


def test_a_backtest_named_in_words_is_the_same_backtest(bars):
    named = backtest_named(
        "workbench.strategies.sma_cross:SmaCross",
        data="binance_spot_BTCUSDT_1h",
        parameters="fast=5, slow=20",
        start="2024-03-01",
        end="2024-04-01",
    )
    assert named.journal_digest == wb.backtest(SmaCross(fast=5, slow=20), bars).journal_digest
    with pytest.raises(ConfigError, match=r"offers SmaCross"):
        backtest_named("workbench.strategies.sma_cross:Nothing", data="binance_spot_BTCUSDT_1h")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("fast=20, slow=50", ["fast=20", "slow=50"]),
        ("fast=20 slow=50", ["fast=20", "slow=50"]),
        ("name='a, b' x=1", ["name=a, b", "x=1"]),
        ("note=#1", ["note=#1"]),
    ],
)
def test_words_are_parted_by_commas_and_spaces(text, parts):
    assert words(text) == parts
