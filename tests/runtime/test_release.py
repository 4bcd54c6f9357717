"""A release is its code, parameters and budget under their own hash; it runs what was released and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from workbench.core.errors import ConfigError, CorruptState, Refused
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget
from workbench.runtime.release import Evidence, Release, describe, find, load, narrowed, verify, write
from workbench.runtime.strategies import class_of

COMMON = "LEVEL = 0.5\n"
ENTRY = '''\
"""Holds a level."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strategies import common
from workbench.core import strategy
from workbench.core.strategy import Strategy


class HoldLevel(Strategy):
    class Parameters(strategy.Parameters, frozen=True):
        every: Annotated[int, Meta(ge=1, le=9)] = 3

    class State(strategy.State):
        seen: Annotated[int, Meta(ge=0)] = 0

    def on_market_data(self, event):
        return self.target(event, common.LEVEL)
'''
EVIDENCE = Evidence(stage="paper", gates=(), data=(), metrics={}, ledger_digest="", workbench="0")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a strategy of two modules."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "common.py").write_text(COMMON)
    (tmp_path / "strategies" / "hold.py").write_text(ENTRY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    forget()


def forget() -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "strategies"]:
        del sys.modules[name]


def described(budget: Budget = Budget(), **parameters: int) -> Release:  # noqa: B008 - frozen
    """The release of the project's files as they are now."""
    forget()
    chosen = {"every": 3} | parameters
    return describe(class_of("strategies.hold:HoldLevel"), parameters=chosen, instruments=("b:A/B",), budget=budget)


def released() -> Path:
    return write(described(), EVIDENCE, Path("releases"))


def level(kind: type[Strategy]) -> float:
    """The level that a class's own `common` has."""
    found: float = kind.on_market_data.__globals__["common"].LEVEL
    return found


def test_all_modules_of_the_strategy_are_in_it_and_nothing_of_the_package() -> None:
    folder = released()
    assert folder.name == described().id
    assert folder.name.startswith("hold_level-")
    assert sorted(verify(folder).sources) == ["strategies.common", "strategies.hold"]
    files = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
    assert files == ["evidence/paper.json", "release.json", "source/strategies/common.py", "source/strategies/hold.py"]


def test_a_comment_keeps_the_id_and_code_parameters_or_budget_change_it() -> None:
    first = described().id
    Path("strategies/hold.py").write_text(ENTRY.replace("class Hold", "# a word on it\n\nclass Hold"))
    assert described().id == first
    assert described(every=4).id != first
    assert described(Budget(max_drawdown=Decimal("0.2"))).id != first
    Path("strategies/common.py").write_text("LEVEL = 0.6\n")
    assert described().id != first


def test_the_released_copy_runs_although_the_working_copy_was_edited() -> None:
    folder = released()
    Path("strategies/common.py").write_text("LEVEL = 0.9\n")
    forget()
    working = class_of("strategies.hold:HoldLevel")
    _, kind = load(folder)
    assert (level(kind), level(working)) == (0.5, 0.9)
    forget()
    assert level(class_of("strategies.hold:HoldLevel")) == 0.9


def test_two_releases_of_one_strategy_keep_their_own_modules() -> None:
    first = released()
    Path("strategies/common.py").write_text("LEVEL = 0.9\n")
    second = released()
    assert [level(load(each)[1]) for each in (first, second, first)] == [0.5, 0.9, 0.5]


def test_it_loads_where_its_modules_are_nowhere_else(tmp_path: Path) -> None:
    folder = released()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = (
        "import sys; from pathlib import Path; from workbench.runtime.release import load, narrowed\n"
        "release, kind = load(Path(sys.argv[1]))\n"
        "strategy = kind(**narrowed(release, {'every': 4}, kind))\n"
        "strategy.set_parameters({'every': 5}); strategy.set_state(strategy.get_state())\n"
        "assert 'strategies.common' not in sys.modules\n"
        "print(strategy.params.every, kind.on_market_data.__globals__['common'].LEVEL)\n"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code, str(folder.resolve())],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout, found.stderr) == ("5 0.5\n", "")


@pytest.mark.parametrize("content", ["LEVEL = 0.6\n", "LEVEL =", "\0", None])
def test_a_changed_source_is_corrupt_state(content: str | None) -> None:
    folder = released()
    path = folder / "source/strategies/common.py"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(CorruptState, match=r"common\.py: is not the source that was released"):
        load(folder)


def test_a_changed_parameter_or_name_is_corrupt_state() -> None:
    folder = released()
    moved = folder.rename(folder.with_name("hold_level-000000000000"))
    with pytest.raises(CorruptState, match="its content is that of hold_level-"):
        verify(moved)
    folder = released()
    document = json.loads((folder / "release.json").read_text())
    (folder / "release.json").write_text(json.dumps({**document, "parameters": {"every": 9}}))
    with pytest.raises(CorruptState, match="its content is that of"):
        verify(folder)
    (folder / "release.json").write_text("{")
    with pytest.raises(CorruptState, match=r"release\.json cannot be read"):
        verify(folder)


def test_parameters_may_narrow_and_never_leave_the_bounds() -> None:
    release, kind = load(released())
    assert narrowed(release, {}, kind) == {"every": 3}
    assert narrowed(release, {"every": 9}, kind) == {"every": 9}
    for wrong in ({"every": 10}, {"every": "x"}, {"other": 1}):
        with pytest.raises(Refused, match=f"release {release.id}: strategy HoldLevel"):
            narrowed(release, wrong, kind)


def test_it_is_found_by_id_by_its_beginning_and_by_path() -> None:
    folder = released()
    releases = Path("releases")
    for name in (folder.name, folder.name[:12], str(folder), str(folder / "release.json")):
        assert find(name, releases).resolve() == folder.resolve()
    described_again = write(described(every=5), EVIDENCE, releases)
    assert find(described_again.name, releases) == described_again
    for name in ("", "hold", "nope", "*", "**", "../releases", "/", "\0"):
        with pytest.raises(ConfigError, match=f"there is .*{folder.name}"):
            find(name, releases)


def test_a_stage_it_was_not_promoted_to_refuses_it() -> None:
    folder = released()
    assert verify(folder, stage="paper")
    with pytest.raises(Refused, match="was not promoted to live"):
        verify(folder, stage="live")


def test_writing_it_again_changes_nothing_and_a_torn_write_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = released()
    before = {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    released()
    assert {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()} == before
    shutil.rmtree(folder)
    monkeypatch.setattr(shutil, "copyfile", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        released()
    assert list(Path("releases").iterdir()) == []


def test_a_class_whose_name_makes_no_id_is_refused_before_anything_is_written() -> None:
    Path("strategies/hold.py").write_text(ENTRY.replace("HoldLevel", "Größe"))
    forget()
    with pytest.raises(ConfigError, match="a release is named after it"):
        describe(class_of("strategies.hold:Größe"), parameters={}, instruments=(), budget=Budget())
