"""What trades on a local exchange besides its clients, and at what pace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from workbench.core.errors import ConfigError
from workbench.twin.exchange import Exchange
from workbench.twin.opening import PRICE, PRICES
from workbench.twin.recorded import RecordedWorld, frames
from workbench.twin.world import SyntheticWorld

SAMPLES = Path(__file__).parents[1] / "samples"
ENDING = ".txt.gz"  # of a recording of frames

_Frame = tuple[int, Mapping[str, Any]]


class World(Protocol):
    """Something that acts on the exchange when its time comes."""

    def step(self, now: int) -> object:
        """Does what is due at `now`, in UTC ns."""


WorldMaker = Callable[[Exchange], World]


def world_maker(name: str, *, seed: int, speed: float) -> WorldMaker:
    """`synthetic`, or `replay:FILE` with a recording; raises ConfigError for anything else."""
    kind, _, rest = name.partition(":")
    if kind == "synthetic" and not rest:
        return lambda exchange: _synthetic(exchange, seed)
    if kind == "replay" and rest:
        path = _recording(rest)
        return lambda exchange: PacedRecording(exchange, frames(path), speed=speed)
    raise ConfigError(f"world: expected 'synthetic' or 'replay:FILE', got {name!r}")


def _recording(name: str) -> Path:
    """A recording's file, by its path or as one of those that come with the package."""
    bundled = {each.name.removesuffix(ENDING): each for each in SAMPLES.glob(f"*{ENDING}")}
    if Path(name).is_file():
        return Path(name)
    if name in bundled:
        return bundled[name]
    raise ConfigError(f"world: {name} is neither a file nor one of {', '.join(sorted(bundled))}")


class PacedRecording:
    """Replays a recording so many times as fast as it happened, as if it began when it was first stepped."""

    def __init__(self, exchange: Exchange, recording: Iterator[_Frame], *, speed: float, symbol: str = "") -> None:
        self._recording = recording
        self._speed = speed
        self._waiting: _Frame | None = None
        self._began: tuple[int, int] | None = None  # now and then
        self._world = RecordedWorld(exchange, symbol=symbol or next(iter(exchange.listings)), frames=self._due())

    def step(self, now: int) -> None:
        """Replays every frame that is due."""
        self._waiting = self._waiting or next(self._recording, None)
        while self._waiting is not None and self._moved(self._waiting[0], now) <= now:
            self._world.step()
            self._waiting = next(self._recording, None)

    def _moved(self, then: int, now: int) -> int:
        """When a frame's time is, on the exchange's clock."""
        self._began = self._began or (now, then)
        return self._began[0] + int((then - self._began[1]) / self._speed)

    def _due(self) -> Iterator[_Frame]:
        while self._waiting is not None:
            at, message = self._waiting
            yield self._moved(at, at), message


def _synthetic(exchange: Exchange, seed: int) -> World:
    symbols = list(exchange.listings)
    prices = {}
    for symbol in symbols:
        traded = exchange.prints(symbol, 1)
        # a world that comes back after a restart goes on where the market was
        prices[symbol] = traded[-1].price if traded else PRICES.get(exchange.listings[symbol].base, PRICE)
    return SyntheticWorld(exchange, symbols=symbols, seed=seed, price=prices)
