"""Bands around price: each tells (upper, middle, lower)."""

from __future__ import annotations

from workbench.core.indicator import Indicator, factor
from workbench.core.windows import Deviation, Extremes


class Bollinger(Indicator):
    """(upper, middle, lower): the mean of the last `window` floats, and `width` population deviations to either side.

    Ready with update `window`; before, of what came. All three are equal where all values are.
    """

    deviation: Deviation
    width: float

    @classmethod
    def of(cls, window: int = 20, width: float = 2.0) -> Bollinger:
        return cls(Deviation.of(window), factor("Bollinger: width", width))

    def update(self, value: float) -> tuple[float, float, float]:
        mean, deviation = self.deviation.update(value)
        return mean + self.width * deviation, mean, mean - self.width * deviation

    @property
    def ready(self) -> bool:
        return self.deviation.ready


class Donchian(Indicator):
    """(upper, middle, lower): highest high, lowest low of the last `window` bars as integers, and half-way between.

    Ready with update `window`; before, of what came. It includes the bar it is told: a breakout compares
    with what the update before said.
    """

    extremes: Extremes

    @classmethod
    def of(cls, window: int) -> Donchian:
        return cls(Extremes.of(window))

    def update(self, high: int, low: int) -> tuple[int, float, int]:
        highest, lowest = self.extremes.update(high, low)
        return highest, (highest + lowest) / 2, lowest

    @property
    def ready(self) -> bool:
        return self.extremes.ready
