"""Which parameters a sweep tries: every combination of a grid, or draws from it, numbered and made when asked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import msgspec
import numpy as np

from workbench.core.errors import ConfigError
from workbench.runtime.settings import settings_of

MOST = 5_000_000  # combinations: the table of their figures alone is then more than a gigabyte

Value = bool | int | float | str


class Between(msgspec.Struct, frozen=True):
    """Any number from `low` (included) to `high` (excluded); whole ones where both bounds are whole."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, share: float) -> int | float:
        """The number that lies at a share in [0, 1) of the way."""
        if self.logarithmic:
            found = float(self.low * (self.high / self.low) ** share)
        else:
            found = self.low + (self.high - self.low) * share
        if isinstance(self.low, int) and isinstance(self.high, int):
            return min(math.floor(found), self.high - 1)
        return min(found, math.nextafter(self.high, self.low))


def between(low: float, high: float, *, logarithmic: bool = False) -> Between:
    """A range to draw from: `between(10, 200)` gives whole numbers, `between(0.1, 2.0)` any; `high` is excluded.

    With `logarithmic` every factor is as likely as any other. Raises ConfigError for a range without a number.
    """
    known = all(isinstance(each, (int, float)) and math.isfinite(each) for each in (low, high))
    if not known or not low < high or (logarithmic and low <= 0):
        least = "0 < low < high" if logarithmic else "low < high"
        raise ConfigError(f"between({low!r}, {high!r}): expected finite numbers, {least}")
    return Between(low, high, logarithmic)


class Draw(msgspec.Struct, frozen=True):
    """How many combinations are drawn instead of trying all; equal seeds draw the same."""

    count: int
    seed: int = 0
    evenly: bool = False  # in each parameter one of every equal slice


def random_draw(count: int, *, seed: int = 0) -> Draw:
    """`count` combinations, each parameter drawn by itself; one that comes twice is tried once."""
    return _checked(Draw(count, seed))


def latin_hypercube(count: int, *, seed: int = 0) -> Draw:
    """`count` combinations, spread so that each parameter takes one value of every `count`-th of its range."""
    return _checked(Draw(count, seed, evenly=True))


class Space(Protocol):
    """Combinations by number, from 0; the same number is always the same combination."""

    names: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> dict[str, Value]: ...


class Grid:
    """Every combination, the last parameter changing fastest."""

    def __init__(self, axes: Mapping[str, Sequence[Value]]) -> None:
        self.names = tuple(axes)
        self._axes = list(axes.values())

    def __len__(self) -> int:
        return math.prod(len(axis) for axis in self._axes)

    def __getitem__(self, number: int) -> dict[str, Value]:
        chosen: list[Value] = []
        for axis in reversed(self._axes):
            number, place = divmod(number, len(axis))
            chosen.append(axis[place])
        return dict(zip(self.names, reversed(chosen), strict=True))


class Draws:
    """The combinations that a draw gives, each once, in the order in which they were drawn."""

    def __init__(self, axes: Mapping[str, Sequence[Value] | Between], draw: Draw) -> None:
        self.names = tuple(axes)
        shares = _shares(draw, len(axes))
        columns = [_picked(axis, shares[:, place]) for place, axis in enumerate(axes.values())]
        self._rows = list(dict.fromkeys(zip(*columns, strict=True)))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> dict[str, Value]:
        return dict(zip(self.names, self._rows[number], strict=True))


def space_of(grids: Mapping[str, Any], draw: Draw | None = None) -> Space:
    """The combinations of `grids` (name -> a value, a range, a list, an array or `between(...)`), all or drawn.

    Raises ConfigError for a parameter without a value, one that has a value twice, a range that needs a
    draw, or more than 5,000,000 combinations.
    """
    axes = {name: _axis(name, given) for name, given in grids.items()}
    if not axes:
        raise ConfigError("sweep: expected at least one parameter with the values to try, such as fast=range(5, 50)")
    if draw is not None:
        return Draws(axes, draw)
    listed: dict[str, Sequence[Value]] = {}
    for name, axis in axes.items():
        if isinstance(axis, Between):
            raise ConfigError(f"{name}: between(...) has no list of values; give draw=random_draw(count) too")
        listed[name] = axis
    count = math.prod(len(axis) for axis in listed.values())
    if count > MOST:
        raise ConfigError(f"sweep: {count:,} combinations, more than {MOST:,}; give draw=latin_hypercube(count)")
    return Grid(listed)


def grids_of(texts: Iterable[str]) -> dict[str, list[Value]]:
    """Grids as people type them: `name=start:stop`, `name=start:stop:step` (stop excluded) or `name=a,b,c`.

    Steps are counted in decimals: 0.1:0.4:0.1 is 0.1, 0.2 and 0.3. Raises ConfigError naming the text.
    """
    grids: dict[str, list[Value]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name or not values.strip():
            raise ConfigError(f"grid {text!r}: expected name=start:stop:step or name=a,b,c")
        if name in grids:
            raise ConfigError(f"grid {name!r}: given twice")
        grids[name] = _steps(text, values) if ":" in values else _listed(text, values)
    return grids


def _checked(draw: Draw) -> Draw:
    if type(draw.count) is not int or not 1 <= draw.count <= MOST:
        raise ConfigError(f"draw: expected a count from 1 to {MOST:,}, got {draw.count!r}")
    if type(draw.seed) is not int or draw.seed < 0:
        raise ConfigError(f"draw: expected a seed of 0 or more, got {draw.seed!r}")
    return draw


def _axis(name: str, given: Any) -> Sequence[Value] | Between:
    if isinstance(given, Between) or (isinstance(given, range) and len(given)):
        return given
    if isinstance(given, (bool, int, float, str)):
        return (given,)
    try:
        values = [each.item() if isinstance(each, np.generic) else each for each in given]
    except TypeError:
        raise ConfigError(f"{name}: expected a value, a range, a list or between(low, high), got {given!r}") from None
    if not values:
        raise ConfigError(f"{name}: expected at least one value, got {given!r}")
    double = [each for each, count in Counter(values).items() if count > 1]
    if double:
        raise ConfigError(f"{name}: {double[0]!r} is given twice")
    return values


def _shares(draw: Draw, axes: int) -> np.ndarray:
    """A table of numbers in [0, 1), one column a parameter."""
    source = np.random.Generator(np.random.PCG64(draw.seed))
    shares = source.random((draw.count, axes))
    if not draw.evenly:
        return shares
    slices = np.argsort(np.argsort(source.random((draw.count, axes)), axis=0, kind="stable"), axis=0, kind="stable")
    return np.minimum((slices + shares) / draw.count, np.nextafter(1.0, 0.0))


def _picked(axis: Sequence[Value] | Between, shares: np.ndarray) -> list[Value]:
    if isinstance(axis, Between):
        return [axis.at(share) for share in shares.tolist()]
    return [axis[int(share * len(axis))] for share in shares.tolist()]


def _steps(text: str, values: str) -> list[Value]:
    try:
        parts = [Decimal(part.strip()) for part in values.split(":")]
    except InvalidOperation:
        raise ConfigError(f"grid {text!r}: expected numbers as start:stop:step") from None
    parts += [Decimal(1)] if len(parts) == 2 else []
    if len(parts) != 3 or not all(part.is_finite() for part in parts) or not parts[2]:
        raise ConfigError(f"grid {text!r}: expected start:stop or start:stop:step, the step not 0")
    start, stop, step = parts
    count = max(0, math.ceil((stop - start) / step))
    if not 1 <= count <= MOST:
        raise ConfigError(f"grid {text!r}: expected 1 to {MOST:,} values, got {count:,} (the stop is excluded)")
    whole = all(part == part.to_integral_value() for part in parts)
    found = [start + step * place for place in range(count)]
    return [int(each) for each in found] if whole else [float(each) for each in found]


def _listed(text: str, values: str) -> list[Value]:
    read = [next(iter(settings_of([f"value={each.strip()}"]).values())) for each in values.split(",")]
    if any(each == "" for each in read):
        raise ConfigError(f"grid {text!r}: expected a value between the commas")
    return read
