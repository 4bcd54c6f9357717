"""How far price goes and where it is going: true range, directional movement, MACD and a Kalman trend."""

from __future__ import annotations

from workbench.core.averages import Ema, Wilder
from workbench.core.errors import ConfigError
from workbench.core.indicator import Indicator, factor, whole


class Atr(Indicator):
    """Wilder's average true range, in the unit of the prices.

    Ready with update `window` + 1: the first bar has no close before it and is not counted. Before, of the
    bars so far; with the first, its own range.
    """

    smooth: Wilder
    close: float = 0.0
    begun: bool = False

    @classmethod
    def of(cls, window: int) -> Atr:
        return cls(Wilder.of(window))

    def update(self, high: float, low: float, close: float) -> float:
        last = self.close
        self.close = close
        if not self.begun:
            self.begun = True
            return high - low
        return self.smooth.update((high if high > last else last) - (low if low < last else last))

    @property
    def ready(self) -> bool:
        return self.smooth.ready


class Adx(Indicator):
    """(ADX, +DI, -DI), each 0 to 100: Wilder's average directional index and the two it is made of.

    All are smoothed as Wilder did; the first bar, which has none before it, counts as one without a move or
    range, as TA-Lib has it. A directional index is 0 where the true range is, the index of their difference 0
    where nothing moved. +DI and -DI are real from update `window` + 1 on, ADX, and so ready, with update
    2 x `window`; before, of what came, ADX 0.
    """

    ups: Wilder
    downs: Wilder
    ranges: Wilder
    index: Wilder
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    begun: bool = False

    @classmethod
    def of(cls, window: int = 14) -> Adx:
        whole("Adx: window", window)
        ups, downs, ranges = (Wilder(window, count=1) for _ in range(3))  # a 0 is what the first bar counts for
        return cls(ups, downs, ranges, Wilder(window))

    def update(self, high: float, low: float, close: float) -> tuple[float, float, float]:
        up = high - self.high
        down = self.low - low
        last = self.close
        self.high = high
        self.low = low
        self.close = close
        if not self.begun:
            self.begun = True
            return 0.0, 0.0, 0.0
        known = self.ranges.ready
        rise = self.ups.update(up if up > down and up > 0.0 else 0.0)
        fall = self.downs.update(down if down > up and down > 0.0 else 0.0)
        reach = self.ranges.update((high if high > last else last) - (low if low < last else last))
        if known:
            self.index.update(100.0 * abs(rise - fall) / (rise + fall) if rise + fall > 0.0 else 0.0)
        if reach > 0.0:
            return self.index.value, 100.0 * rise / reach, 100.0 * fall / reach
        return self.index.value, 0.0, 0.0

    @property
    def ready(self) -> bool:
        return self.index.ready


class Macd(Indicator):
    """(line, signal, histogram): fast less slow average, that line's own average, and line less signal.

    Each average is seeded with the mean of its own first window, the signal's starting with the first real
    line. Ready with update `slow` + `signal` - 1; before the line is real, the signal is 0.
    """

    fast: Ema
    slow: Ema
    smooth: Ema

    @classmethod
    def of(cls, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
        made = cls(Ema.of(fast), Ema.of(slow), Ema.of(signal))
        if fast >= slow:
            raise ConfigError(f"Macd: fast must be shorter than slow, got fast={fast} and slow={slow}")
        return made

    def update(self, price: float) -> tuple[float, float, float]:
        fast = self.fast.update(price)
        slow = self.slow.update(price)
        line = fast - slow
        signal = 0.0
        if self.slow.ready:
            signal = self.smooth.update(line)
        return line, signal, line - signal

    @property
    def ready(self) -> bool:
        return self.smooth.ready


class KalmanTrend(Indicator):
    """(level, slope) of a local linear trend, the best linear guess from all prices so far.

    The model: price = level + e, level' = level + slope + u, slope' = slope + w, with independent noise. `level_noise`
    and `slope_noise` are the variances of u and w in units of that of e, which is all that the guess
    depends on: the smaller, the smoother. Nothing is assumed about where it starts. Ready with update 2, which
    two prices make a slope; before, (price, 0). The slope is in price per update.
    """

    level_noise: float
    slope_noise: float
    level: float = 0.0
    slope: float = 0.0
    level_variance: float = 0.0
    covariance: float = 0.0
    slope_variance: float = 0.0
    count: int = 0  # up to 2

    @classmethod
    def of(cls, level_noise: float = 0.1, slope_noise: float = 0.001) -> KalmanTrend:
        level_noise = factor("KalmanTrend: level_noise", level_noise)
        return cls(level_noise, factor("KalmanTrend: slope_noise", slope_noise, zero=False))

    def update(self, price: float) -> tuple[float, float]:
        if self.count < 2:
            self.slope = (price - self.level) * self.count
            self.level = price
            self.level_variance = 1.0
            self.covariance = 1.0
            self.slope_variance = 2.0 + self.level_noise + self.slope_noise
            self.count += 1
            return self.level, self.slope
        ahead = self.level_variance + 2.0 * self.covariance + self.slope_variance + self.level_noise
        tilt = self.covariance + self.slope_variance
        level_gain = ahead / (ahead + 1.0)
        slope_gain = tilt / (ahead + 1.0)
        guess = self.level + self.slope
        surprise = price - guess
        self.level = guess + level_gain * surprise
        self.slope += slope_gain * surprise
        self.level_variance = level_gain  # what is left of `ahead` when the price's own variance is 1
        self.covariance = slope_gain
        self.slope_variance += self.slope_noise - slope_gain * tilt
        return self.level, self.slope

    @property
    def ready(self) -> bool:
        return self.count == 2
