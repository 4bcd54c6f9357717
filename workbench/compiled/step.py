"""A kernel's step as machine code: numbers in, numbers out, the same results as its Python, to the last bit."""

from __future__ import annotations

import hashlib
import inspect
from functools import lru_cache
from types import ModuleType
from typing import Any

import msgspec
import numba
import numpy as np

from workbench.compiled import arithmetic, cache
from workbench.compiled.writing import fields_of, flat, written
from workbench.core.kernel import Kernel
from workbench.core.kernel_checked import TOO_LARGE
from workbench.core.kernel_kinds import BOOL, FLOAT, INT
from workbench.core.kernel_state import new_state
from workbench.core.kernel_views import EVENTS, LastFill, Market, scale_of

MOST_STEPS = 256  # of kernels in one process; a notebook that redefines its kernel all day makes no more

_TYPES = {INT: numba.int64, FLOAT: numba.float64, BOOL: numba.boolean}
_ARRAYS = {INT: np.int64, FLOAT: np.float64}

Numbers = tuple[int | float | bool, ...]


class Step(msgspec.Struct, frozen=True):
    """One kernel's step.

    `function` takes the event, the market, own trading, the parameters, `scalars` and `arrays`, all by position,
    and returns (kind, a, b, c, d, scalars...). `scalars` are (name, int | float | bool), `arrays` (name, dtype) in
    the order of the state's fields; a name is the field's path, such as `fast.total`. `closure` names everything
    that the machine code is made of. Whoever calls it in a loop is compiled with `_nrt=False` too: counting
    references to the arrays costs more than most steps.
    """

    kernel: Kernel
    function: Any
    scalars: tuple[tuple[str, type], ...]
    arrays: tuple[tuple[str, type], ...]
    source: str
    closure: str

    def initial(self, parameters: msgspec.Struct) -> tuple[Numbers, tuple[np.ndarray, ...]]:
        """The state before the first event as scalars and fresh arrays."""
        state = new_state(self.kernel.State, self.kernel.blueprint, parameters)
        return self.packed(state)

    def packed(self, state: msgspec.Struct) -> tuple[Numbers, tuple[np.ndarray, ...]]:
        """A state of plain Python as scalars and arrays; raises OverflowError for what 64 bits do not hold."""
        scalars = tuple(kind(_at(state, name)) for name, kind in self.scalars)
        for (name, _), value in zip(self.scalars, scalars, strict=True):
            if type(value) is int and not -(2**63) <= value < 2**63:
                raise OverflowError(f"state {name}: {TOO_LARGE}")
        return scalars, tuple(np.array(_at(state, name), dtype=dtype) for name, dtype in self.arrays)


def _at(state: Any, name: str) -> Any:
    for part in name.split("."):
        state = getattr(state, part)
    return state


@lru_cache(maxsize=MOST_STEPS)
def step_of(kernel: Kernel) -> Step:
    """The kernel's step, compiled, or taken from the disk where it was compiled before."""
    reading = kernel.read()
    state = reading.arguments["state"]
    fields = [(path, kind, ring) for path, kind, ring in fields_of(state, "state")]
    scalars = [(path, kind) for path, kind, ring in fields if not ring]
    arrays = [(path, kind) for path, kind, ring in fields if ring]
    names, signature = _arguments(kernel, scalars, arrays)
    text = written(reading, names, _scales(kernel))
    closure = closure_of(text)
    module = cache.load(f"step_{kernel.name}", text, closure)
    function = _compiled(module, signature)
    return Step(
        kernel,
        function,
        tuple((path.partition(".")[2], {INT: int, FLOAT: float, BOOL: bool}[kind]) for path, kind in scalars),
        tuple((path.partition(".")[2], _ARRAYS[kind]) for path, kind in arrays),
        text,
        closure,
    )


def closure_of(text: str) -> str:
    """A hash of generated text with all that it is compiled by; another one means another folder."""
    parts = [text, inspect.getsource(arithmetic), numba.__version__]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _arguments(
    kernel: Kernel, scalars: list[tuple[str, str]], arrays: list[tuple[str, str]]
) -> tuple[list[str], list[Any]]:
    """The names and types of a step's arguments, in their fixed order."""
    whole, real = numba.int64, numba.float64
    given: list[tuple[str, Any]] = [(f"{kernel.event}__{raw}", whole) for raw in EVENTS[kernel.event].raws]
    given += [(f"market__{name}", whole) for name in Market.__struct_fields__]
    given += [("position", whole), ("entry_price", real)]
    given += [(f"last_fill__{name}", whole) for name in LastFill.__struct_fields__]
    given += [(name, _TYPES[kind.__name__]) for name, kind in kernel.types.items()]
    given += [(flat(path), _TYPES[kind]) for path, kind in scalars]
    given += [(flat(path), _TYPES[kind][::1]) for path, kind in arrays]
    return [name for name, _ in given], [kind for _, kind in given]


def _scales(kernel: Kernel) -> dict[str, tuple[str, str]]:
    """Where the floats of the event come from."""
    event = kernel.event
    return {f"{event}.{name}": (f"{event}__{name}_raw", f"market__{scale_of(name)}") for name in EVENTS[event].floats}


def _compiled(module: ModuleType, signature: list[Any]) -> Any:
    """The step of a module for its one signature; machine code on disk that cannot be read is made anew."""
    try:
        module.step.compile(tuple(signature))
    except numba.core.errors.NumbaError:
        raise  # it is not the disk
    except Exception:
        module = cache.reload(module)
        module.step.compile(tuple(signature))
    if sum(module.step.stats.cache_misses.values()):
        cache.seal(module)
    return module.step
