"""A plugin for the notebook step of `make test`: what of a pinned cell is compared, and where its state goes.

Printed text is compared. Warnings on stderr, HTML and figures are not: they hold what differs between machines.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

NOT_COMPARED = ("stderr", "text/html", "application/vnd.plotly.v1+json")
STATE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Kernels inherit a state directory of their own, so that nothing stays beside the notebooks."""
    config.stash[STATE] = os.environ["WORKBENCH_STATE"] = tempfile.mkdtemp(prefix="workbench-")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[STATE], ignore_errors=True)


def pytest_collectstart(collector: pytest.Collector) -> None:
    if collector.path.suffix == ".ipynb":
        collector.skip_compare += NOT_COMPARED
