"""Streaming indicators: one number in, one number out, exact about when they are ready.

An indicator is a plain struct, so a strategy's state that holds indicators can be saved and
restored as it is. `update` returns the new value, or None while there is not enough history.
Averages of integers (raw prices) are exact sums; the others think in float64. Every update costs
O(1), amortised: a window that forgets is kept as two stacks, what is newer as it came and what is
older folded from its end, so that the oldest value leaves by a pop and nothing is ever subtracted.
"""

from __future__ import annotations

import math

import msgspec


class Sma(msgspec.Struct):
    """Simple moving sum of the last `window` integers; sums of equal windows compare exactly.

    `update` returns the sum. The mean is `sum / window`; two averages a and b are best compared
    as `a.total * b.window > b.total * a.window`, which no rounding can disturb.
    """

    window: int
    total: int = 0
    count: int = 0
    recent: list[int] = []

    def update(self, value: int) -> int | None:
        recent, window, count = self.recent, self.window, self.count
        self.count = count + 1
        if count < window:
            recent.append(value)
            self.total += value
            return self.total if count + 1 == window else None
        place = count % window
        self.total = total = self.total + value - recent[place]
        recent[place] = value
        return total

    @property
    def ready(self) -> bool:
        return self.count >= self.window


class Ema(msgspec.Struct):
    """Exponential moving average with weight 2 / (window + 1), seeded with the mean of the first window."""

    window: int
    value: float = 0.0
    count: int = 0

    def update(self, value: float) -> float | None:
        self.count += 1
        if self.count <= self.window:
            self.value += (value - self.value) / self.count
            return self.value if self.count == self.window else None
        self.value += (value - self.value) * 2.0 / (self.window + 1)
        return self.value

    @property
    def ready(self) -> bool:
        return self.count >= self.window


class Wilder(msgspec.Struct):
    """Wilder's smoothing, weight 1 / window, seeded with the mean of the first window (RSI, ATR)."""

    window: int
    value: float = 0.0
    count: int = 0

    def update(self, value: float) -> float | None:
        self.count += 1
        weight = self.count if self.count < self.window else self.window
        self.value += (value - self.value) / weight
        return self.value if self.count >= self.window else None


class Rsi(msgspec.Struct):
    """Wilder's relative strength index, 0 to 100, ready after window + 1 prices; 50 when nothing moved."""

    gains: Wilder
    losses: Wilder
    last: float | None = None

    @classmethod
    def of(cls, window: int) -> Rsi:
        return cls(Wilder(window), Wilder(window))

    def update(self, price: float) -> float | None:
        last, self.last = self.last, price
        if last is None:
            return None
        gain = self.gains.update(max(price - last, 0.0))
        loss = self.losses.update(max(last - price, 0.0))
        if gain is None or loss is None:
            return None
        return 100.0 * (gain / (gain + loss)) if gain + loss > 0.0 else 50.0


class Atr(msgspec.Struct):
    """Wilder's average true range, in price; the first bar has no previous close and is not counted."""

    smooth: Wilder
    close: float | None = None

    @classmethod
    def of(cls, window: int) -> Atr:
        return cls(Wilder(window))

    def update(self, high: float, low: float, close: float) -> float | None:
        last, self.close = self.close, close
        if last is None:
            return None
        return self.smooth.update(max(high - low, abs(high - last), abs(low - last)))


class Extremes(msgspec.Struct):
    """The highest and lowest integer of the last `window` pairs (Donchian)."""

    window: int
    older: list[tuple[int, int]] = []  # (highest, lowest) from each older pair on, the oldest last
    newer: list[tuple[int, int]] = []  # pairs as they came
    recent: tuple[int, int] | None = None  # (highest, lowest) of the newer pairs

    def update(self, high: int, low: int) -> tuple[int, int] | None:
        """(highest, lowest) of the last `window` updates including this one."""
        if len(self.older) + len(self.newer) == self.window:
            self._forget()
        self.newer.append((high, low))
        self.recent = _wider(self.recent, (high, low))
        if len(self.older) + len(self.newer) < self.window:
            return None
        return _wider(self.older[-1] if self.older else None, self.recent)

    def _forget(self) -> None:
        if not self.older:
            folded = None
            while self.newer:
                folded = _wider(folded, self.newer.pop())
                self.older.append(folded)
            self.recent = None
        self.older.pop()


def _wider(one: tuple[int, int] | None, other: tuple[int, int]) -> tuple[int, int]:
    if one is None:
        return other
    return (one[0] if one[0] > other[0] else other[0], one[1] if one[1] < other[1] else other[1])


Moments = tuple[int, float, float]  # count, mean, sum of squared distances from the mean

_NONE: Moments = (0, 0.0, 0.0)


class Deviation(msgspec.Struct):
    """Mean and population standard deviation of the last `window` floats; exactly 0 where all are equal."""

    window: int
    older: list[Moments] = []  # of the values from each older one on, the oldest last
    newer: list[float] = []  # values as they came
    recent: Moments = _NONE  # of the newer values

    def update(self, value: float) -> tuple[float, float] | None:
        """(mean, deviation) of the last `window` updates including this one."""
        if len(self.older) + len(self.newer) == self.window:
            self._forget()
        self.newer.append(value)
        self.recent = _grown(self.recent, value)
        if len(self.older) + len(self.newer) < self.window:
            return None
        count, mean, squares = _joined(self.older[-1] if self.older else _NONE, self.recent)
        return mean, math.sqrt(squares / count)

    def _forget(self) -> None:
        if not self.older:
            folded = _NONE
            while self.newer:
                folded = _grown(folded, self.newer.pop())
                self.older.append(folded)
            self.recent = _NONE
        self.older.pop()


def _grown(moments: Moments, value: float) -> Moments:
    """With one more value (Welford)."""
    count, mean, squares = moments
    count += 1
    away = value - mean
    mean += away / count
    return count, mean, squares + away * (value - mean)


def _joined(one: Moments, other: Moments) -> Moments:
    """Of both together (Chan)."""
    count, away = one[0] + other[0], other[1] - one[1]
    if not one[0]:
        return other
    return count, one[1] + away * other[0] / count, one[2] + other[2] + away * away * one[0] * other[0] / count
