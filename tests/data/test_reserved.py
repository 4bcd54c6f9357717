"""A dataset's id may not be the name of something else that speaks in a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.traded import SHA
from workbench.core.errors import ConfigError
from workbench.data.journal import Journal


@pytest.mark.parametrize("name", ["run", "venue", "engine", "operator", "clock"])
def test_a_dataset_that_would_speak_as_somebody_else_is_refused_before_a_record_is_written(
    name: str, tmp_path: Path
) -> None:
    journal = Journal.on_disk(tmp_path)
    with pytest.raises(ConfigError, match=f"a dataset cannot be called '{name}'; import it with another id"):
        journal.declare(name, name, SHA)
    assert journal.records == 0
    journal.declare(f"{name}s", f"{name}s", SHA)
    journal.close()
