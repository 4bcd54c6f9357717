"""Averages: exact sums of integers, and means of floats that are weighed, never summed and taken apart again."""

from __future__ import annotations

from workbench.core.indicator import Indicator, Window, whole


class Sma(Window):
    """Simple moving sum of the last `window` integers, exact; the mean is the sum / `window`.

    Ready with update `window`; before, the sum of what came. Two averages are best compared as
    `fast_sum * slow > slow_sum * fast`, which no rounding can disturb.
    """

    recent: list[int]
    total: int = 0

    @classmethod
    def of(cls, window: int) -> Sma:
        return cls(window=whole("Sma: window", window), recent=[0] * window)

    def update(self, value: int) -> int:
        place = self.place
        self.total += value - self.recent[place]
        self.recent[place] = value
        self.place = place + 1
        if place + 1 == self.window:
            self.place = 0
            self.full = True
        return self.total


class Wma(Window):
    """Linearly weighted sum of the last `window` integers, exact: the newest counts `window` times, the oldest once.

    The mean is the sum / `weights`. Ready with update `window`; before, what came is weighed as if after zeros.
    """

    recent: list[int]
    weights: int  # 1 + 2 + ... + window
    total: int = 0
    weighted: int = 0

    @classmethod
    def of(cls, window: int) -> Wma:
        whole("Wma: window", window)
        return cls(window=window, recent=[0] * window, weights=window * (window + 1) // 2)

    def update(self, value: int) -> int:
        place = self.place
        self.weighted += self.window * value - self.total
        self.total += value - self.recent[place]
        self.recent[place] = value
        self.place = place + 1
        if place + 1 == self.window:
            self.place = 0
            self.full = True
        return self.weighted


class Mean(Window):
    """Mean of the last `window` floats, exactly c where all are c; ready with update `window`, before, of what came."""

    means: list[float]
    mean: float = 0.0  # of the newer values

    @classmethod
    def of(cls, window: int) -> Mean:
        return cls(window=whole("Mean: window", window), means=[0.0] * window)

    def update(self, value: float) -> float:
        place = self.place
        count = place + 1
        mean = self.mean + (value - self.mean) / count
        self.means[place] = value
        self.mean = mean
        self.place = count
        if count == self.window:
            folded = 0.0
            for at in range(place, -1, -1):
                folded += (self.means[at] - folded) / (count - at)
                self.means[at] = folded
            self.mean = 0.0
            self.place = 0
            self.full = True
            return mean
        if self.full:
            older = self.means[count]
            mean = older + (mean - older) * count / self.window
        return mean


class Ema(Indicator):
    """Exponential moving average with weight 2 / (window + 1), seeded with the mean of the first `window` values.

    Ready with update `window`; before, the mean of what came.
    """

    window: int
    value: float = 0.0
    count: int = 0  # up to the window

    @classmethod
    def of(cls, window: int) -> Ema:
        return cls(whole("Ema: window", window))

    def update(self, value: float) -> float:
        if self.count < self.window:
            self.count += 1
            self.value += (value - self.value) / self.count
        else:
            self.value += (value - self.value) * 2.0 / (self.window + 1)
        return self.value

    @property
    def ready(self) -> bool:
        return self.count == self.window


class Wilder(Indicator):
    """Wilder's smoothing, weight 1 / window, seeded with the mean of the first `window` values.

    Ready with update `window`; before, the mean of what came.
    """

    window: int
    value: float = 0.0
    count: int = 0  # up to the window

    @classmethod
    def of(cls, window: int) -> Wilder:
        return cls(whole("Wilder: window", window))

    def update(self, value: float) -> float:
        if self.count < self.window:
            self.count += 1
        self.value += (value - self.value) / self.count
        return self.value

    @property
    def ready(self) -> bool:
        return self.count == self.window
