"""Streaming indicators: one number in, one number out, exact about when they are ready.

An indicator is a plain struct, so a strategy's state that holds indicators can be saved and
restored as it is. `update` returns the new value, or None while there is not enough history.
Averages of integers (raw prices) are exact sums; the others think in float64.
"""

from __future__ import annotations

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
        if self.count < self.window:
            self.recent.append(value)
            self.total += value
            self.count += 1
            return self.total if self.count == self.window else None
        place = self.count % self.window
        self.total += value - self.recent[place]
        self.recent[place] = value
        self.count += 1
        return self.total

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
    """The highest and lowest integer of the last `window` pairs (Donchian), amortised O(1)."""

    window: int
    count: int = 0
    highs: list[tuple[int, int]] = []  # (position, value), values falling
    lows: list[tuple[int, int]] = []  # (position, value), values rising

    def update(self, high: int, low: int) -> tuple[int, int] | None:
        """(highest, lowest) of the last `window` updates including this one."""
        position = self.count
        self.count += 1
        _push(self.highs, position, high, 1)
        _push(self.lows, position, low, -1)
        oldest = position - self.window
        for kept in (self.highs, self.lows):
            if kept[0][0] <= oldest:
                kept.pop(0)
        return (self.highs[0][1], self.lows[0][1]) if self.count >= self.window else None


def _push(kept: list[tuple[int, int]], position: int, value: int, sign: int) -> None:
    while kept and kept[-1][1] * sign <= value * sign:
        kept.pop()
    kept.append((position, value))


class Deviation(msgspec.Struct):
    """Mean and population standard deviation of the last `window` floats."""

    window: int
    recent: list[float] = []

    def update(self, value: float) -> tuple[float, float] | None:
        self.recent.append(value)
        if len(self.recent) > self.window:
            self.recent.pop(0)
        if len(self.recent) < self.window:
            return None
        mean = sum(self.recent) / self.window
        variance = sum((each - mean) ** 2 for each in self.recent) / self.window
        return mean, variance**0.5
