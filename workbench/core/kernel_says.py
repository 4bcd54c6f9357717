"""What a kernel says: an exposure, a target with its prices, or quotes, as five integers."""

from __future__ import annotations

import math

import msgspec

from workbench.core.errors import ConfigError
from workbench.core.rules import PPM

NO_OPINION, TARGET, QUOTES, BAD = 0, 1, 2, -1

Said = tuple[int, int, int, int, int]  # kind and what belongs to it

NOTHING: Said = (NO_OPINION, 0, 0, 0, 0)

LARGEST = 2**63 - 1  # of every integer a kernel works with; -2^63 is the smallest


class WantsTarget(msgspec.Struct, frozen=True, gc=False):
    """An exposure with raw prices; 0 is none."""

    exposure: float
    limit: int = 0
    stop: int = 0
    valid_until: int = 0


class WantsQuotes(msgspec.Struct, frozen=True, gc=False):
    """A raw price and size on each side; a size of 0 is no quote."""

    bid: int
    bid_size: int
    ask: int
    ask_size: int


def target(exposure: float, limit: int = 0, stop: int = 0, valid_until: int = 0) -> WantsTarget:
    """An exposure in [-1, 1] of the budget, entered at `limit`, protected at `stop`, until `valid_until` (UTC ns).

    Prices are raw integers of the instrument; 0 is none. For the returns of a kernel.
    """
    return WantsTarget(exposure, limit, stop, valid_until)


def quotes(bid: int, bid_size: int, ask: int, ask_size: int) -> WantsQuotes:
    """Resting orders on both sides, as raw integers; a size of 0 is no quote. For the returns of a kernel."""
    return WantsQuotes(bid, bid_size, ask, ask_size)


def said_of(answer: object, name: str) -> Said:
    """What a kernel's answer means; raises ConfigError naming the kernel for anything that means nothing."""
    if type(answer) is float or type(answer) is int:
        return _exposure(answer, 0, 0, 0)
    if type(answer) is WantsTarget:
        return _exposure(answer.exposure, answer.limit, answer.stop, answer.valid_until)
    if type(answer) is WantsQuotes:
        return (QUOTES, answer.bid, answer.bid_size, answer.ask, answer.ask_size)
    raise ConfigError(
        f"kernel {name}: expected an exposure (float), target(...) or quotes(...), it returned {answer!r:.80}"
    )


def _exposure(exposure: float, limit: int, stop: int, valid_until: int) -> Said:
    if exposure != exposure:  # nan
        return NOTHING
    if -1.0 <= exposure <= 1.0:
        return (TARGET, math.floor(exposure * PPM + 0.5), limit, stop, valid_until)
    ppm = exposure * 1e6
    clamped = LARGEST if ppm >= 2.0**63 else -LARGEST if ppm <= -(2.0**63) else int(ppm)
    return (BAD, clamped, 0, 0, 0)


def bad_exposure(name: str, ppm: int) -> str:
    """The words for an exposure beyond the whole budget."""
    size = "infinite" if abs(ppm) == LARGEST else f"{ppm / PPM:g}"
    return f"kernel {name}: expected an exposure from -1 to 1, or nan for no opinion, got {size}"
