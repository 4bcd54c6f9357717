"""What a result takes for granted, in sentences to be printed with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.core.clock import interval_text
from workbench.data.dataset import BARS, Dataset
from workbench.runtime.plan import DataRange, Plan


def sentences(plan: Plan, datasets: Mapping[str, Dataset]) -> tuple[str, ...]:
    """What the venue's profile takes for granted, and then what is known of the data's faults."""
    about = [sentence for each in plan.data for sentence in _about(each, datasets[each.dataset])]
    return (*plan.profile.assumptions(), *about)


def _about(each: DataRange, data: Dataset) -> list[str]:
    """What a reader of the result should know of the rows it is made of."""
    said = []
    if data.provenance.instrument == "inferred":
        said.append(
            f"{data.id}: the terms of {data.instrument.key} are inferred from its data: "
            f"tick {data.instrument.tick}, lot {data.instrument.lot}, no minimum."
        )
    if data.kind == BARS:
        said += _bars_missing(data, data.times[each.first : each.last + 1])
        quiet = int(np.count_nonzero(data.columns["volume"][each.first : each.last + 1] == 0))
        said += [f"{data.id}: {quiet} bars have no volume; nothing fills in them."] if quiet else []
    return said


def _bars_missing(data: Dataset, times: np.ndarray) -> list[str]:
    steps = np.diff(times)
    wide = steps[steps > data.interval_ns]
    if not len(wide):
        return []
    missing = int((-(-wide // data.interval_ns) - 1).sum())
    longest = int(-(-wide.max() // data.interval_ns) - 1)
    every = interval_text(data.interval_ns)
    return [
        f"{data.id}: {missing} bars of {every} are missing in {len(wide)} gaps, the longest of {longest}; "
        "nothing trades in a gap."
    ]
