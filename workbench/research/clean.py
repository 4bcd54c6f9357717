"""One backtest in an interpreter of its own: reads what to run from stdin, prints the journal's digest."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from workbench.data.lake import Lake
from workbench.research.backtest import backtest
from workbench.risk.budgets import Budget
from workbench.runtime.plan import strategy_class


def main() -> None:
    """Runs the order on stdin."""
    order = json.load(sys.stdin)
    sys.path.insert(0, str(Path.cwd()))
    lake = Lake(Path(order["lake"]))
    strategy = strategy_class(order["entry"])(**order["parameters"])
    budget = msgspec.convert(order["budget"], Budget, strict=False)
    datasets = [lake.find(name, sha256) for name, sha256 in order["data"]]
    result = backtest(strategy, datasets, cash=order["cash"], budget=budget)
    sys.stdout.write(result.journal_digest + "\n")


if __name__ == "__main__":
    main()
