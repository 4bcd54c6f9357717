"""How long the chaos lasts: a short form by default, a long one by flag; days pass in two processes at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.pool import AsyncResult

import pytest

from tests.chaos.day import Verdict, lived
from tests.chaos.schedules import SCALED, TRUE, Schedule, schedule

SHORT = "0:6"
PROCESSES = 2  # a day keeps one core busy, and two is what everybody has
DAYS_OF_A_PROCESS = 10  # then a new one: what one day leaves in memory must not sum up


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--seeds", metavar="FROM:TO", help=f"Days with troubles, the end not counted in. Default: {SHORT}.")
    group.addoption("--true-times", metavar="FROM:TO", help="Days on which the venue is as slow as it may be.")
    group.addoption("--kills", type=int, help="How often the trader is killed. Default: 5.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "planned" in metafunc.fixturenames:
        days = _days(metafunc.config)
        metafunc.parametrize("planned", days, ids=[each.name for each in days])


def _days(config: pytest.Config) -> list[Schedule]:
    """The days that were asked for; without a word, the short form."""
    scaled, true = (config.getoption(name, default=None) for name in ("seeds", "true_times"))
    if scaled is None and true is None:
        scaled = SHORT
    return [schedule(seed, times=SCALED) for seed in _seeds(scaled)] + [
        schedule(seed, times=TRUE) for seed in _seeds(true)
    ]


def _seeds(span: str | None) -> range:
    if not span:
        return range(0)
    first, _, end = span.partition(":")
    return range(int(first), int(end))


@pytest.fixture(scope="session")
def days(request: pytest.FixtureRequest) -> Iterator[dict[str, AsyncResult[Verdict]]]:
    """The days that were asked for, by name, some of them still to come."""
    with multiprocessing.get_context("spawn").Pool(PROCESSES, maxtasksperchild=DAYS_OF_A_PROCESS) as pool:
        yield {each.name: pool.apply_async(lived, (each,)) for each in _days(request.config)}


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often the trader is killed."""
    wanted: int | None = request.config.getoption("kills", default=None)
    return 5 if wanted is None else wanted
