"""Machine code on disk is found again, never stale, and never trusted when it was damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.compiled import cache
from workbench.core.errors import ConfigError

OWN = '''
from workbench.core.indicator import Indicator
from workbench.core.kernel import kernel


class Total(Indicator):
    """A sum."""

    total: int = 0

    @classmethod
    def of(cls):
        return cls()

    def update(self, value: int) -> int:
        self.total += value * 2  # EDIT
        return self.total

    @property
    def ready(self) -> bool:
        return True


def scaled(value: int) -> float:
    return value / 1000


@kernel(state={"total": Total.sized()})
def own(bar, state):
    total = state.total.update(bar.close_raw)
    return scaled(total)
'''

ASK = """
import json, own
from workbench.compiled.step import step_of
step = step_of(own.own)
scalars, arrays = step.initial(own.own.parameters())
said = step.function(1, 1, 10, 10, 10, 10, 10, 1, 1, 1, 1, 0, 0.0, 0, 0, 0, 0, *scalars, *arrays)
hits = sum(step.function.stats.cache_hits.values())
print(json.dumps({"ppm": said[1], "closure": step.closure, "hits": hits}))
"""


def asked(folder: Path, source: str) -> dict[str, object]:
    """What a fresh process computes with this source."""
    (folder / "own.py").write_text(source)
    environment = {**os.environ, "WORKBENCH_CACHE": str(folder / "cache"), "PYTHONPATH": f"{folder}:{Path.cwd()}"}
    command = [sys.executable, "-B", "-c", ASK]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_machine_code_is_found_again_never_stale_and_never_damaged(tmp_path):
    first = asked(tmp_path, OWN)
    assert (first["ppm"], first["hits"]) == (20_000, 0)
    assert asked(tmp_path, OWN.replace("# EDIT", "# another comment")) == {**first, "hits": 1}

    indicator = asked(tmp_path, OWN.replace("value * 2", "value * 3"))
    assert (indicator["ppm"], indicator["hits"]) == (30_000, 0)
    helper = asked(tmp_path, OWN.replace("/ 1000", "/ 100"))
    assert (helper["ppm"], helper["hits"]) == (200_000, 0)
    assert len({first["closure"], indicator["closure"], helper["closure"]}) == 3

    damaged = list((tmp_path / "cache" / "kernels" / str(first["closure"]) / "__pycache__").glob("*.nb?"))
    assert len(damaged) == 2
    for file in damaged:
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2] + b"\0" * 20 + whole[len(whole) // 2 + 20 :])
    assert asked(tmp_path, OWN) == first
    assert asked(tmp_path, OWN) == {**first, "hits": 1}


@pytest.fixture
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    cache.root.cache_clear()
    yield tmp_path / "kernels"
    cache.root.cache_clear()


def test_the_folder_is_bounded_and_the_least_recently_used_goes(own_root, monkeypatch):
    monkeypatch.setattr(cache, "MOST_KEPT", 3)
    for number in range(5):
        assert number == cache.load("part", f"NUMBER = {number}\n", f"c0ffee{number}").NUMBER
        os.utime(own_root / f"c0ffee{number}", (number, number))
    assert sorted(each.name for each in own_root.iterdir()) == ["c0ffee2", "c0ffee3", "c0ffee4"]


def test_a_text_that_was_changed_on_disk_is_written_anew(own_root):
    folder = own_root / "feed1"
    folder.mkdir(parents=True)
    (folder / "workbench_part_feed1.py").write_text("raise SystemExit\n")
    assert cache.load("part", "NUMBER = 1\n", "feed1").NUMBER == 1


def test_a_name_that_leaves_the_folder_is_refused(own_root):
    with pytest.raises(ConfigError, match="expected a name and hex digits"):
        cache.load("part", "", "../../elsewhere")
