"""What a fold chooses depends on its training alone, and how it fared is measured where it was not trained."""

from __future__ import annotations

import numpy as np
import pytest

from tests.research.runs import START, sample
from workbench.core.clock import DAY, HOUR, parse_instant
from workbench.core.errors import ConfigError
from workbench.data.dataset import make_dataset
from workbench.research.backtest import backtest
from workbench.research.validation import cross_validate, walk_forward
from workbench.research.windows import blocks, windows, within
from workbench.strategies.sma_cross import SmaCross

END = parse_instant("2018-03-12")
OPTIONS = {"start": START, "end": END, "workers": 1}
GRID = {"fast": [5, 10], "slow": [30, 60]}


def forward(data, **changes):
    told = {"train": "30d", "test": "10d", "purge": "2d", "options": OPTIONS} | changes
    return walk_forward(SmaCross, data, **told, **GRID)


def changed_from(instant):
    """The sample with other prices from an instant on."""
    data = sample()
    columns = {name: np.array(column) for name, column in data.columns.items()}
    late = columns["time"] >= instant
    for name in ("open", "high", "low", "close"):
        columns[name][late] = columns[name][late] // 2
    return make_dataset(
        id="", kind=data.kind, instrument=data.instrument, interval_ns=data.interval_ns, columns=columns,
        provenance=data.provenance,
    )  # fmt: skip


def test_nothing_that_happens_from_a_test_or_its_purge_on_changes_what_was_chosen_for_it():
    found = forward(sample())
    assert len(found.folds) == 3
    for number, fold in enumerate(found.folds):
        other = forward(changed_from(fold.fold.test[0] - 2 * DAY))
        for each, before in zip(other.folds[: number + 1], found.folds, strict=False):
            assert (each.parameters, each.in_sample) == (before.parameters, before.in_sample)
    assert forward(changed_from(START)).folds[0].in_sample != found.folds[0].in_sample


def test_windows_never_reach_into_their_purge_or_their_test():
    found = windows(0, 100, train=30, test=10, step=15, purge=5, anchored=False)
    assert [(fold.train, fold.test) for fold in found[:2]] == [(((0, 30),), (35, 45)), (((15, 45),), (50, 60))]
    assert found[-1].test[1] <= 100
    anchored = windows(0, 100, train=30, test=10, step=15, purge=5, anchored=True)
    assert [fold.train for fold in anchored[:2]] == [((0, 30),), ((0, 45),)]


def test_blocks_cover_all_time_once_and_training_keeps_its_distance():
    found = blocks(0, 100, 4, purge=3, embargo=7)
    assert [fold.test for fold in found] == [(0, 25), (25, 50), (50, 75), (75, 100)]
    assert found[1].train == ((0, 22), (57, 100))
    assert (found[0].train, found[3].train) == (((32, 100),), ((0, 72),))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"train": "90d"}, "0 windows fit"),
        ({"train": 0}, "above 0"),
        ({"test": -1}, "test: expected a length"),
        ({"choose_by": "luck"}, "no figure 'luck'"),
    ],
)
def test_folds_that_cannot_be_are_refused(changes, wrong):
    with pytest.raises(ConfigError, match=wrong):
        forward(sample(), **changes)
    with pytest.raises(ConfigError, match="2 to 1,000 folds"):
        blocks(0, 100, 1, purge=0, embargo=0)
    with pytest.raises(ConfigError, match="nothing to train on"):
        blocks(0, 100, 2, purge=60, embargo=60)


def test_the_figures_of_a_test_are_those_of_its_span_after_a_warm_start():
    found = forward(sample())
    first = found.folds[0]
    start, end = first.fold.test
    warm = backtest(SmaCross(**first.parameters), sample(), start=start - first.parameters["slow"] * HOUR, end=end)
    equity = warm.equity
    inside = equity[equity.index.astype("int64") > start]
    before = equity[equity.index.astype("int64") <= start].iloc[-1]
    assert first.figures["total_return"] == inside.iloc[-1] / before - 1.0
    assert first.figures["fills"] == (warm.fills.index.astype("int64") >= start).sum()
    assert found.table["sharpe"].notna().all()
    bars = [sample().rows_in(*each.fold.test) for each in found.folds]
    assert len(found.equity) == sum(last - first for first, last in bars)


def test_a_cut_at_the_start_of_a_run_leaves_its_figures_as_they_are():
    whole = backtest(SmaCross(fast=5, slow=30), sample(), start=START, end=END)
    cut, sampled = within(whole, START), whole.sample
    assert (cut.cash, cut.fills, cut.orders, cut.traded, cut.fees) == (
        (sampled.cash, sampled.fills, sampled.orders, sampled.traded, sampled.fees)
    )
    assert np.array_equal(cut.equity, sampled.equity)
    assert cut.benchmark == pytest.approx(sampled.benchmark, rel=1e-12)


def test_cross_validation_tests_every_block_on_what_the_others_chose():
    found = cross_validate(SmaCross, sample(), folds=3, purge="1d", embargo="2d", options=OPTIONS, **GRID)
    table = found.table
    assert len(table) == 3
    assert set(table["fast"]) <= set(GRID["fast"])
    assert "3 folds, chosen by sharpe" in repr(found)
    assert found._repr_html_().startswith("<pre>")
