"""Every indicator as machine code says and remembers what it does in Python, to the last bit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.core import indicator_kernels
from workbench.compiled.step import step_of
from workbench.core.kernel import Kernel
from workbench.core.kernel_state import new_state
from workbench.core.kernel_views import BarView, Market
from workbench.data.lake import open_sample

KERNELS = {name: each for name, each in vars(indicator_kernels).items() if isinstance(each, Kernel)}
MARKET = (1, 1, 100, 10**8)
OWN = (0, math.nan, 0, 0, 0, 0)
HOURS = 400


def bars() -> list[tuple[int, ...]]:
    columns = open_sample("binance_spot_BTCUSDT_1h").columns
    return list(
        zip(*(columns[name][:HOURS].tolist() for name in ("open", "high", "low", "close", "volume")), strict=True)
    )


@pytest.mark.parametrize("name", KERNELS)
def test_machine_code_says_and_remembers_what_python_does(name: str) -> None:
    kernel = KERNELS[name]
    parameters: Any = kernel.parameters()
    step = step_of(kernel)
    state, (scalars, arrays) = new_state(kernel.State, kernel.blueprint, parameters), step.initial(parameters)
    told = 0
    for number, (opened, high, low, close, volume) in enumerate(bars()):
        raws = (number, 1, opened, high, low, close, volume)
        kind, ppm, _, _, _, *scalars = step.function(*raws, *MARKET, *OWN, parameters.n, *scalars, *arrays)
        says = kernel.function(BarView(*raws, Market(*MARKET)), state, parameters.n)
        told += not math.isnan(says)
        assert (kind, ppm) == ((0, 0) if math.isnan(says) else (1, math.floor(says * 1e6 + 0.5)))
        remembered, rings = step.packed(state)
        assert tuple(scalars) == remembered
        assert [ring.tolist() for ring in arrays] == [ring.tolist() for ring in rings]
    assert told > HOURS / 2
