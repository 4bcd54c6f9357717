"""Every command runs in an empty folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with a space and a letter that is not ASCII in its name."""
    folder = tmp_path / "a desk für two"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("WORKBENCH_STATE", raising=False)
    return folder
