"""Where price stands between two ends: relative strength, the stochastic and the distance from a mean."""

from __future__ import annotations

from workbench.core.averages import Mean, Wilder
from workbench.core.indicator import Indicator
from workbench.core.windows import Deviation, Extremes


class Rsi(Indicator):
    """Wilder's relative strength index, 0 to 100; 50 where nothing moved.

    Ready with update `window` + 1, since the first price has none before it; before, of the moves so far.
    """

    gains: Wilder
    losses: Wilder
    last: float = 0.0
    begun: bool = False

    @classmethod
    def of(cls, window: int) -> Rsi:
        return cls(Wilder.of(window), Wilder.of(window))

    def update(self, price: float) -> float:
        move = price - self.last
        self.last = price
        if not self.begun:
            self.begun = True
            return 50.0
        gain = self.gains.update(move if move > 0.0 else 0.0)
        loss = self.losses.update(-move if move < 0.0 else 0.0)
        return 100.0 * (gain / (gain + loss)) if gain + loss > 0.0 else 50.0

    @property
    def ready(self) -> bool:
        return self.gains.ready


class Stochastic(Indicator):
    """(%K, %D), 0 to 100, of bars as integers: %K is the mean of `smooth` raw values, %D that of `signal` %Ks.

    A raw value is the close's share of the range of the last `window` bars, 50 where that range is 0. Ready with
    update `window` + `smooth` + `signal` - 2; before, of what came. `smooth` = 1 is the fast stochastic.
    """

    extremes: Extremes
    k: Mean
    d: Mean

    @classmethod
    def of(cls, window: int = 14, smooth: int = 3, signal: int = 3) -> Stochastic:
        return cls(Extremes.of(window), Mean.of(smooth), Mean.of(signal))

    def update(self, high: int, low: int, close: int) -> tuple[float, float]:
        highest, lowest = self.extremes.update(high, low)
        k = 100.0 * (close - lowest) / (highest - lowest) if highest > lowest else 50.0
        if self.extremes.ready:
            k = self.k.update(k)
        d = k
        if self.k.ready:
            d = self.d.update(k)
        return k, d

    @property
    def ready(self) -> bool:
        return self.d.ready


class ZScore(Indicator):
    """How many population deviations a value lies above the mean of the last `window` floats, itself included.

    0 where all are equal. Ready with update `window`; before, among what came.
    """

    deviation: Deviation

    @classmethod
    def of(cls, window: int) -> ZScore:
        return cls(Deviation.of(window))

    def update(self, value: float) -> float:
        mean, deviation = self.deviation.update(value)
        return (value - mean) / deviation if deviation > 0.0 else 0.0

    @property
    def ready(self) -> bool:
        return self.deviation.ready
