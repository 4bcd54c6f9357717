"""Golden journals: what these runs wrote once they write again, byte for byte.

A change that is meant to change them is made visible by remaking them, and reading the difference:
    python -m tests.golden.test_golden
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.runs import PROFILES, backtest, datasets, plan
from tests.trading.styles import Guarded, Maker
from workbench.core.strategy import Strategy
from workbench.data.journal import Journal
from workbench.data.reader import JournalReader
from workbench.runtime.build import replay
from workbench.strategies.sma_cross import SmaCross

FOLDER = Path(__file__).parent
RUNS: dict[str, tuple[dict[str, Strategy], int, str]] = {
    "sma_cross": ({"trend": SmaCross(fast=5, slow=12)}, 300, "plain"),
    "stops_and_quotes": ({"guarded": Guarded(), "maker": Maker()}, 60, "slippage"),
}


def written(name: str) -> Journal:
    strategies, rows, profile = RUNS[name]
    return backtest(plan(strategies, rows=rows, profile=PROFILES[profile])).journal


def lines(journal: Journal) -> bytes:
    return b"".join(line + b"\n" for line in JournalReader(journal).lines())


@pytest.mark.parametrize("name", RUNS)
def test_a_golden_run_writes_the_very_bytes_it_wrote_before(name: str) -> None:
    golden = (FOLDER / f"{name}.jsonl").read_bytes()
    found = lines(written(name))
    for number, (was, now) in enumerate(zip(golden.splitlines(), found.splitlines(), strict=False)):
        assert now == was, f"record {number} of {name}"
    assert found == golden


@pytest.mark.parametrize("name", RUNS)
def test_a_golden_journal_is_read_back_and_replays_to_its_own_digest(name: str) -> None:
    journal = Journal.memory()
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
        journal._append(line)
    engine, copy = replay(JournalReader(journal), datasets=datasets())
    assert copy.digest() == journal.digest()
    assert len(engine.ledger.fills) > 20


if __name__ == "__main__":
    for each in RUNS:
        (FOLDER / f"{each}.jsonl").write_bytes(lines(written(each)))
