"""What the last values reach and how far they spread: extremes and deviation of a moving window."""

from __future__ import annotations

import math

from workbench.core.indicator import Window, whole


class Highest(Window):
    """The highest of the last `window` floats; ready with update `window`, before, of what came."""

    older: list[float]
    recent: float = 0.0  # of the newer values

    @classmethod
    def of(cls, window: int) -> Highest:
        return cls(window=whole("Highest: window", window), older=[0.0] * window)

    def update(self, value: float) -> float:
        place = self.place
        count = place + 1
        highest = value if place == 0 or value > self.recent else self.recent
        self.older[place] = value
        self.recent = highest
        self.place = count
        if count == self.window:
            for at in range(place - 1, -1, -1):
                if self.older[at + 1] > self.older[at]:
                    self.older[at] = self.older[at + 1]
            self.place = 0
            self.full = True
        elif self.full and self.older[count] > highest:
            highest = self.older[count]
        return highest


class Lowest(Window):
    """The lowest of the last `window` floats; ready with update `window`, before, of what came."""

    older: list[float]
    recent: float = 0.0  # of the newer values

    @classmethod
    def of(cls, window: int) -> Lowest:
        return cls(window=whole("Lowest: window", window), older=[0.0] * window)

    def update(self, value: float) -> float:
        place = self.place
        count = place + 1
        lowest = value if place == 0 or value < self.recent else self.recent
        self.older[place] = value
        self.recent = lowest
        self.place = count
        if count == self.window:
            for at in range(place - 1, -1, -1):
                if self.older[at + 1] < self.older[at]:
                    self.older[at] = self.older[at + 1]
            self.place = 0
            self.full = True
        elif self.full and self.older[count] < lowest:
            lowest = self.older[count]
        return lowest


class Extremes(Window):
    """(highest, lowest) of the last `window` pairs of integers, exact: a channel to break out of.

    Ready with update `window`; before, of what came. One update includes its own pair: a breakout
    asks for the pair of the update before.
    """

    highs: list[int]
    lows: list[int]
    high: int = 0  # of the newer pairs
    low: int = 0

    @classmethod
    def of(cls, window: int) -> Extremes:
        return cls(window=whole("Extremes: window", window), highs=[0] * window, lows=[0] * window)

    def update(self, high: int, low: int) -> tuple[int, int]:
        place = self.place
        count = place + 1
        highest = high if place == 0 or high > self.high else self.high
        lowest = low if place == 0 or low < self.low else self.low
        self.highs[place] = high
        self.lows[place] = low
        self.high = highest
        self.low = lowest
        self.place = count
        if count == self.window:
            for at in range(place - 1, -1, -1):
                if self.highs[at + 1] > self.highs[at]:
                    self.highs[at] = self.highs[at + 1]
                if self.lows[at + 1] < self.lows[at]:
                    self.lows[at] = self.lows[at + 1]
            self.place = 0
            self.full = True
        elif self.full:
            if self.highs[count] > highest:
                highest = self.highs[count]
            if self.lows[count] < lowest:
                lowest = self.lows[count]
        return highest, lowest


class Deviation(Window):
    """(mean, population standard deviation) of the last `window` floats; exactly (c, 0) where all are c.

    Ready with update `window`; before, of what came.
    """

    means: list[float]
    squares: list[float]  # summed squared distances from those means
    mean: float = 0.0  # of the newer values
    square: float = 0.0

    @classmethod
    def of(cls, window: int) -> Deviation:
        return cls(window=whole("Deviation: window", window), means=[0.0] * window, squares=[0.0] * window)

    def update(self, value: float) -> tuple[float, float]:
        place = self.place
        count = place + 1
        away = value - self.mean
        mean = self.mean + away / count
        square = self.square + away * (value - mean)
        self.means[place] = value
        self.mean = mean
        self.square = square
        self.place = count
        if count == self.window:
            folded = 0.0
            spread = 0.0
            for at in range(place, -1, -1):
                newest = self.means[at]
                away = newest - folded
                folded += away / (count - at)
                spread += away * (newest - folded)
                self.means[at] = folded
                self.squares[at] = spread
            self.mean = 0.0
            self.square = 0.0
            self.place = 0
            self.full = True
        elif self.full:
            older = self.means[count]
            away = mean - older
            square = self.squares[count] + square + away * away * (self.window - count) * count / self.window
            mean = older + away * count / self.window
            return mean, math.sqrt(square / self.window)
        return mean, math.sqrt(square / count)
