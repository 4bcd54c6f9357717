"""What README and ARCHITECTURE show works as shown: their Python and console blocks are run, their tables compared.

A block marked `console` is run here; one marked `sh` takes too long for that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.core.order import FINAL, STEPS

ROOT = Path(__file__).resolve().parents[1]
LONG_S = 300  # a promotion runs a strategy four times over seven years
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in _BLOCK.findall(text(name)) if kind == language]


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md"])
def test_its_python_runs_as_it_stands(name, tmp_path):
    code = "\n".join(blocks(name, "python"))
    script = tmp_path / "shown.py"
    script.write_text(code, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=LONG_S
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_the_commands_of_the_readme_run_one_after_the_other(tmp_path):
    commands = [line[2:] for block in blocks("README.md", "console") for line in block.splitlines() if line[:2] == "$ "]
    assert len(commands) > 5
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        finished = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=LONG_S,
        )
        assert finished.returncode == 0, f"{command}\n{finished.stderr}"


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"])
def test_every_file_it_points_to_is_there(name):
    missing = [link for link in _LINK.findall(text(name)) if not (ROOT / link).exists()]
    assert missing == []


def test_the_life_cycle_that_is_told_is_the_one_that_holds():
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \|$", text("ARCHITECTURE.md").split("| from | living steps |")[1], re.M)
    told = {start: set(steps.split(", ")) for start, steps in rows}
    assert told == {str(start): {str(each) for each in steps} for start, steps in STEPS.items()}
    final = re.search(r"^Final: (.*)\.$", text("ARCHITECTURE.md"), re.M)
    assert final is not None
    assert set(final[1].split(", ")) == {str(each) for each in FINAL}


def test_every_room_of_the_house_is_described():
    rooms = {path.name for path in (ROOT / "workbench").iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set(re.findall(r"^\| \d \| `(\w+)` \|", text("ARCHITECTURE.md"), re.M))
