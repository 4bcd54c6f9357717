"""A strategy as one function: `@kernel` declares it; as it stands it is plain Python, and machine code on request.

    @wb.kernel(state={"fast": Sma.sized("fast"), "slow": Sma.sized("slow")}, requires=lambda fast, slow: fast < slow)
    def sma_cross(bar, state, fast: int = 20, slow: int = 50) -> float: ...

The name of the first argument is the event it hears (bar, trade, quote, top), then comes `state`, then
what it reads of its own trading (position, entry_price, last_fill) and of the `market`, then its
parameters with their defaults. It returns the exposure it wants, `target(...)` or `quotes(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.kernel_checked import checked
from workbench.core.kernel_declared import arguments_of, ask, asked_names, parameters_of, plain
from workbench.core.kernel_kinds import FLOAT, INT, LAST_FILL, MARKET, Record, state_record
from workbench.core.kernel_reading import Reading, read
from workbench.core.kernel_says import Said, quotes, said_of, target
from workbench.core.kernel_source import source_of
from workbench.core.kernel_state import Part, largest_window, ring, state_type
from workbench.core.kernel_strategy import KernelStrategy
from workbench.core.kernel_views import EVENTS

__all__ = ["Kernel", "kernel", "quotes", "ring", "target"]

Rule = Callable[..., Any]  # asks for parameters by their names


def kernel(
    state: Mapping[str, Part] | None = None, *, requires: Rule | None = None, warmup: int | Rule | None = None
) -> Callable[[Callable[..., Any]], Kernel]:
    """Declares a kernel: its state, what its parameters must satisfy, and how many events rebuild its state.

    `state` maps names to numbers, bools, `ring(...)` and indicators' `.sized(...)`. `requires` and `warmup` are
    functions of parameters by name; without `warmup` it is the largest length that the state is sized by.
    Raises ConfigError with file and line for anything that the language of kernels does not have.
    """
    if callable(state):
        raise ConfigError("kernel: write @kernel() or @kernel(state={...}) above the function, with the parentheses")

    def declare(function: Callable[..., Any]) -> Kernel:
        return Kernel(function, state or {}, requires=requires, warmup=warmup)

    return declare


class Kernel:
    """A declared kernel. Called with parameters alone it is a Strategy; called with an event and a state it thinks.

    `parameters` is the struct type of its parameters, `blueprint` its declared state, `reads` the names of the
    read-only inputs it takes, `strategy` the class of its strategies, `function` the function as it was written.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        state: Mapping[str, Part],
        *,
        requires: Rule | None = None,
        warmup: int | Rule | None = None,
    ) -> None:
        self._source = found = source_of(function)
        self.function, self.name = function, function.__name__
        self.file, self.line, self.source = found.file, found.line, found.text
        self.__doc__, self.__module__, self.__qualname__ = function.__doc__, function.__module__, function.__qualname__
        arguments = arguments_of(found)
        self.event, self.inputs = arguments.event, arguments.inputs
        self.reads = frozenset(self.inputs)
        self.parameters = parameters_of(function, found, arguments, requires)
        self.blueprint = dict(state)
        self.types = {field.name: plain(field.type) for field in msgspec.structs.fields(self.parameters)}
        self.State = state_type(f"kernel {self.name}", self.blueprint, self.types)
        self._warmup = warmup
        self._checked = checked(self.read())
        self.strategy: type[KernelStrategy] = _strategy_of(self)
        if callable(warmup):
            asked_names(warmup, tuple(self.types), f"kernel {self.name}: warmup")

    def __call__(self, *given: Any, **parameters: Any) -> Any:
        """`kernel(fast=10)`: a strategy. `kernel(bar, state, ..., fast=10)`: what the function says to one event."""
        if given:
            return self._checked(*given, **parameters)
        return self.strategy(**parameters)

    def __repr__(self) -> str:
        return f"<kernel {self.__module__}.{self.name} on {self.event}>"

    def read(self) -> Reading:
        """The function anew as a tree in which every expression has its kind; whoever asks may change it."""
        return read(self._source, _arguments_of(self), says=True)

    def run(self, view: Any, state: Any, own: tuple[Any, ...], parameters: msgspec.Struct) -> Said:
        """What the function says, run as Python; `own` are the inputs of `inputs`, in their order."""
        return said_of(self._checked(view, state, *own, *msgspec.structs.astuple(parameters)), self.name)

    def warm(self, parameters: msgspec.Struct) -> int:
        """How many events rebuild its state."""
        if self._warmup is None:
            return largest_window(self.blueprint, parameters)
        if callable(self._warmup):
            return int(ask(self._warmup, parameters))
        return self._warmup


def _strategy_of(made: Kernel) -> type[KernelStrategy]:
    """The class of its strategies; it goes by the kernel's own name and module, so that a run finds it again."""
    return type(
        made.name,
        (KernelStrategy,),
        {
            "kernel": made,
            "Parameters": made.parameters,
            "State": made.State,
            "__module__": made.__module__,
            "__qualname__": made.__qualname__,
            "__doc__": made.__doc__,
        },
    )


def _arguments_of(made: Kernel) -> dict[str, Any]:
    """The kinds of everything in the kernel's first line."""
    hears = EVENTS[made.event]
    event = Record(made.event, {**dict.fromkeys(hears.raws, INT), **dict.fromkeys(hears.floats, FLOAT)})
    inputs = {"position": INT, "entry_price": FLOAT, "last_fill": LAST_FILL, "market": MARKET}
    parameters = {name: kind.__name__ for name, kind in made.types.items()}
    state = {"state": state_record(made.State)}
    return {made.event: event, **state, **{name: inputs[name] for name in made.inputs}, **parameters}
