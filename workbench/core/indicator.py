"""What an indicator is: numbers in, numbers out, in memory that is laid out once.

An indicator is a plain struct of numbers, rings of a fixed length and other indicators, so that a
strategy's state that holds indicators can be saved and restored as it is, and compiled as it is.
`update` always returns numbers, what it has so far; `ready` says whether they are the real thing.
Both keep to the language of kernels: no None, no list that grows, nothing made per event.
"""

from __future__ import annotations

import math

import msgspec

from workbench.core.errors import ConfigError


class Indicator(msgspec.Struct):
    """Fields are numbers, rings or indicators; a field that `update` never assigns is a constant of the instance.

    A class of its own offers `of(...)`, which lays out the memory, `update(...)` and `ready`.
    """

    @classmethod
    def sized(cls, *arguments: str | int | float) -> Sized:
        """The blueprint of one whose sizes may come from parameters: what `of` takes, a text naming a parameter.

        Raises ConfigError for an argument that is neither a number nor a name.
        """
        for each in arguments:
            if not isinstance(each, (str, int, float)):
                raise ConfigError(f"{cls.__name__}.sized: expected numbers and names of parameters, got {each!r}")
        return Sized(cls, arguments)


class Sized(msgspec.Struct, frozen=True):
    """An indicator to be made once parameters are known; a text among the arguments names a parameter."""

    make: type[Indicator]
    arguments: tuple[str | int | float, ...]


class Window(Indicator, kw_only=True):
    """An indicator over the last `window` updates; ready from the update on that fills it.

    Its memory is one block as long as the window. What is newer lies in front of `place` as it came; behind
    lies what is left of the block before, each entry folded with all that came after it. The oldest value
    leaves by a step of `place`, nothing is ever subtracted, and a full block is folded in one go: O(1), amortised.
    """

    window: int
    place: int = 0  # of the next value
    full: bool = False

    @property
    def ready(self) -> bool:
        return self.full


def whole(what: str, value: int, least: int = 1) -> int:
    """A window's length as it is; raises ConfigError for anything but a whole number from `least` on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{what}: expected a whole number, at least {least}, got {value!r}")
    return value


def factor(what: str, value: float, *, zero: bool = True) -> float:
    """A factor as a float; raises ConfigError for one that is negative, not finite or, unless allowed, 0."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or value < 0 or (value == 0 and not zero):
        raise ConfigError(f"{what}: expected a number {'from 0 on' if zero else 'above 0'}, got {value!r}")
    return float(value)
