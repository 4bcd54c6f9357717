"""The live set of packages has no pandas: what it is for works, and what it is not for says what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
for name in ("pandas", "plotly", "papermill", "vectorbt"):
    sys.modules[name] = None
sys.argv = ["workbench", *sys.argv[1:]]
from workbench.cli import main
main()
"""
SAMPLE = ("--data", "binance_spot_BTCUSDT_1h", "--end", "2017-09-01")
SMA = "workbench.strategies.sma_cross:SmaCross"


def ask_without_research(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *words], cwd=cwd, capture_output=True, text=True, check=False)


def test_a_paper_run_and_its_replay_need_no_research_package(tmp_path: Path) -> None:
    run = ask_without_research("run", "paper", "--strategy", SMA, *SAMPLE, "--speed", "0", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert ask_without_research("journal", "replay", cwd=tmp_path).returncode == 0


def test_a_backtest_says_which_extra_it_needs(tmp_path: Path) -> None:
    answer = ask_without_research("backtest", SMA, *SAMPLE, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr == "workbench: this command needs pandas; install quant-workbench[research]\n"
