"""Machine code for a kernel that trades: the strategy goes on as it is, a step costs a microsecond or two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from workbench.compiled.step import Numbers, Step, step_of
from workbench.core.kernel_says import Said
from workbench.core.kernel_strategy import KernelStrategy, PlainStep
from workbench.core.kernel_views import Market, Own, Raws


def attach(strategy: KernelStrategy) -> None:
    """Has the strategy run machine code from here on; what it says and remembers is the same.

    Compiles the kernel, or takes it from the disk where it was compiled before.
    """
    if not isinstance(strategy.step, MachineStep):
        strategy.run_with(MachineStep(step_of(strategy.kernel)))


class Record:
    """A state as machine code has it: scalars that come back from each step, arrays that it changes in place."""

    __slots__ = ("arrays", "scalars")

    def __init__(self, scalars: Numbers, arrays: tuple[np.ndarray, ...]) -> None:
        self.scalars, self.arrays = scalars, arrays


class MachineStep:
    """Runs the compiled step over a `Record`."""

    def __init__(self, step: Step) -> None:
        self._step, self._function = step, step.function
        self._python = PlainStep(step.kernel)
        self._parameters: Any = None
        self._market: Market | None = None
        self._values: tuple[Any, ...] = ()
        self._terms: tuple[int, ...] = ()

    def fresh(self, parameters: Any) -> Record:
        return Record(*self._step.initial(parameters))

    def take(self, raws: Raws, market: Market, own: Own, parameters: Any, state: Record) -> Said:
        if parameters is not self._parameters:
            self._parameters, self._values = parameters, msgspec.structs.astuple(parameters)
        if market is not self._market:
            self._market, self._terms = market, msgspec.structs.astuple(market)
        fill = own.last_fill
        found = self._function(
            *raws,
            *self._terms,
            own.position,
            own.entry_price,
            fill.number,
            fill.price_raw,
            fill.quantity_raw,
            fill.time,
            *self._values,
            *state.scalars,
            *state.arrays,
        )
        state.scalars = found[5:]
        return found[:5]

    def plain(self, state: Record) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for (name, _), value in zip(self._step.scalars, state.scalars, strict=True):
            _put(told, name, value)
        for (name, _), array in zip(self._step.arrays, state.arrays, strict=True):
            _put(told, name, array.tolist())
        ordered: dict[str, Any] = msgspec.to_builtins(msgspec.convert(told, self._step.kernel.State))
        return ordered

    def taken(self, plain: Mapping[str, Any], parameters: Any) -> Record:
        return Record(*self._step.packed(self._python.taken(plain, parameters)))


def _put(told: dict[str, Any], name: str, value: Any) -> None:
    *owners, last = name.split(".")
    for owner in owners:
        told = told.setdefault(owner, {})
    told[last] = value
