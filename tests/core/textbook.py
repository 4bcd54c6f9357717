"""Each indicator by its definition, over the whole array at once, and how it is told the same bars one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workbench.core.indicators import (
    Adx,
    AnchoredVwap,
    Atr,
    Bollinger,
    Deviation,
    Donchian,
    Ema,
    Extremes,
    Highest,
    Indicator,
    KalmanTrend,
    Lowest,
    Macd,
    Mean,
    Obv,
    Rsi,
    Sma,
    Stochastic,
    Vwap,
    Wilder,
    Wma,
    ZScore,
)

Rows = list[tuple[float, ...]]


class Bars(msgspec.Struct, frozen=True):
    """Highs, lows, closes and volumes in whole units, and how many units are 1."""

    high: list[int]
    low: list[int]
    close: list[int]
    volume: list[int]
    scale: int = 1

    def prices(self, name: str) -> np.ndarray:
        return np.array(getattr(self, name), dtype=float) / self.scale


class Case(msgspec.Struct, frozen=True):
    """An indicator of window n: how it is made and fed, from which update on it is ready, and what it says by then."""

    make: Callable[[int], Indicator]
    feed: Callable[[Any, Bars, int], Any]
    ready: Callable[[int], int]
    book: Callable[[Bars, int], Any] | None = None  # rows from the first ready update on
    exact: bool = False
    least: int = 1  # window


def close(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.close[at] / bars.scale)


def close_raw(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.close[at])


def range_raw(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.high[at], bars.low[at])


def bar(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.high[at] / bars.scale, bars.low[at] / bars.scale, bars.close[at] / bars.scale)


def bar_raw(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.high[at], bars.low[at], bars.close[at])


def paid(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.close[at] / bars.scale, bars.volume[at] / 1e8)


def paid_raw(indicator: Any, bars: Bars, at: int) -> Any:
    return indicator.update(bars.close[at], bars.volume[at])


def windows(values: Sequence[Any], length: int) -> list[list[Any]]:
    return [list(values[end - length : end]) for end in range(length, len(values) + 1)]


def views(values: np.ndarray, length: int) -> np.ndarray:
    found: np.ndarray = sliding_window_view(values, length) if len(values) >= length else np.empty((0, length))
    return found


def smoothed(values: np.ndarray, window: int, weight: float) -> np.ndarray:
    """The recursive average from its definition: seeded with a mean, then weighed."""
    if len(values) < window:
        return np.empty(0)
    told = [float(np.mean(values[:window]))]
    for each in values[window:]:
        told.append((1 - weight) * told[-1] + weight * float(each))
    return np.array(told)


def exponential(values: np.ndarray, window: int) -> np.ndarray:
    return smoothed(values, window, 2 / (window + 1))


def wilder(values: np.ndarray, window: int) -> np.ndarray:
    return smoothed(values, window, 1 / window)


def summed(values: np.ndarray, window: int) -> np.ndarray:
    """Wilder's sums, from update `window` on."""
    told, total = [], float(np.sum(values[: window - 1]))
    for each in values[window - 1 :]:
        total += float(each) - total / window
        told.append(total)
    return np.array(told)


def share(part: np.ndarray, whole: np.ndarray, otherwise: float) -> np.ndarray:
    """Percent, and `otherwise` where there is no whole."""
    percent: np.ndarray = np.where(whole > 0, 100 * part / np.where(whole > 0, whole, 1), otherwise)
    return percent


def rsi(bars: Bars, window: int) -> np.ndarray:
    moves = np.diff(bars.prices("close"))
    gains = wilder(np.where(moves > 0, moves, 0), window)
    return share(gains, gains + wilder(np.where(moves < 0, -moves, 0), window), 50)


def true_ranges(bars: Bars) -> np.ndarray:
    high, low, last = bars.prices("high")[1:], bars.prices("low")[1:], bars.prices("close")[:-1]
    ranges: np.ndarray = np.max([high - low, np.abs(high - last), np.abs(low - last)], axis=0)
    return ranges


def adx(bars: Bars, window: int) -> list[np.ndarray]:
    """As TA-Lib has it: sums of the first window - 1 moves, of which each later one replaces its share."""
    ups, downs = np.diff(bars.prices("high")), -np.diff(bars.prices("low"))
    rises = summed(np.where((ups > downs) & (ups > 0), ups, 0), window)
    falls = summed(np.where((downs > ups) & (downs > 0), downs, 0), window)
    reach = summed(true_ranges(bars), window)
    index = wilder(share(np.abs(rises - falls), rises + falls, 0), window)
    return [index, share(rises, reach, 0)[window - 1 :], share(falls, reach, 0)[window - 1 :]]


def macd(bars: Bars, window: int) -> list[np.ndarray]:
    prices = bars.prices("close")
    line = exponential(prices, window)[3:] - exponential(prices, window + 3)
    signal = exponential(line, 4)
    line = line[3:]
    return [line, signal, line - signal]


def spread(bars: Bars, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations; what is equal deviates by nothing, whatever the mean rounds to."""
    rows = views(bars.prices("close"), window)
    equal = np.all(rows == rows[:, :1], axis=1)
    return np.where(equal, rows[:, 0], np.mean(rows, axis=1)), np.where(equal, 0, np.std(rows, axis=1))


def bollinger(bars: Bars, window: int) -> list[np.ndarray]:
    mean, deviation = spread(bars, window)
    return [mean + 2.5 * deviation, mean, mean - 2.5 * deviation]


def z_score(bars: Bars, window: int) -> np.ndarray:
    mean, deviation = spread(bars, window)
    away = bars.prices("close")[window - 1 :] - mean
    return np.where(deviation > 0, away / np.where(deviation > 0, deviation, 1), 0)


def channel(bars: Bars, window: int) -> list[list[float]]:
    return [[max(each) for each in windows(bars.high, window)], [min(each) for each in windows(bars.low, window)]]


def donchian(bars: Bars, window: int) -> list[list[float]]:
    highest, lowest = channel(bars, window)
    return [highest, [(high + low) / 2 for high, low in zip(highest, lowest, strict=True)], lowest]


def stochastic(bars: Bars, window: int) -> list[np.ndarray]:
    highest, lowest = (np.array(each) for each in channel(bars, window))
    raw = share(np.array(bars.close[window - 1 :]) - lowest, highest - lowest, 50)
    slow = np.mean(views(raw, 3), axis=1)
    return [slow[1:], np.mean(views(slow, 2), axis=1)]


def vwap(bars: Bars, window: int) -> list[float]:
    prices, volumes = views(bars.prices("close"), window), views(np.array(bars.volume, dtype=float), window)
    pairs = zip(prices, volumes, strict=True)
    return [float(np.average(p, weights=v)) if np.sum(v) else float(p[-1]) for p, v in pairs]


def anchored(bars: Bars, _: int) -> list[float]:
    prices, volumes, first = bars.prices("close"), np.array(bars.volume, dtype=float), first_volume(bars)
    ends = range(first, len(prices) + 1) if first else []
    return [float(np.average(prices[:end], weights=volumes[:end])) for end in ends]


def first_volume(bars: Bars) -> int:
    return next((number for number, each in enumerate(bars.volume, 1) if each), 0)


def obv(bars: Bars, _: int) -> list[int]:
    steps = zip(bars.close, bars.close[1:], bars.volume[1:], strict=False)
    signed = [((later > one) - (later < one)) * volume for one, later, volume in steps]
    return [sum(signed[:end]) for end in range(1, len(signed) + 1)]


def weighed(bars: Bars, window: int) -> list[int]:
    return [sum(n * each for n, each in enumerate(values, 1)) for values in windows(bars.close, window)]


def kalman(prices: np.ndarray, level_noise: float, slope_noise: float) -> tuple[float, float]:
    """The last level and slope of the most likely path, all of it found at once by least squares from flat priors."""
    count = len(prices)
    rows, wanted = [], []

    def say(weight: float, value: float, **factors: Any) -> None:
        row = np.zeros(2 * count)
        for place, factor in factors["on"].items():
            row[place] = factor * weight
        rows.append(row)
        wanted.append(value * weight)

    for at in range(count):
        say(1.0, float(prices[at]), on={at: 1})
        if at:
            say(level_noise**-0.5, 0.0, on={at: 1, at - 1: -1, count + at - 1: -1})
            say(slope_noise**-0.5, 0.0, on={count + at: 1, count + at - 1: -1})
    path = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    return float(path[count - 1]), float(path[-1])


CASES: dict[str, Case] = {
    "Sma": Case(Sma.of, close_raw, lambda n: n, lambda bars, n: [sum(w) for w in windows(bars.close, n)], exact=True),
    "Wma": Case(Wma.of, close_raw, lambda n: n, weighed, exact=True),
    "Mean": Case(Mean.of, close, lambda n: n, lambda bars, n: spread(bars, n)[0]),
    "Ema": Case(Ema.of, close, lambda n: n, lambda bars, n: exponential(bars.prices("close"), n)),
    "Wilder": Case(Wilder.of, close, lambda n: n, lambda bars, n: wilder(bars.prices("close"), n)),
    "Highest": Case(
        Highest.of, close, lambda n: n, lambda bars, n: np.max(views(bars.prices("close"), n), axis=1), exact=True
    ),
    "Lowest": Case(
        Lowest.of, close, lambda n: n, lambda bars, n: np.min(views(bars.prices("close"), n), axis=1), exact=True
    ),
    "Extremes": Case(Extremes.of, range_raw, lambda n: n, channel, exact=True),
    "Donchian": Case(Donchian.of, range_raw, lambda n: n, donchian, exact=True),
    "Deviation": Case(Deviation.of, close, lambda n: n, spread),
    "Bollinger": Case(lambda n: Bollinger.of(n, 2.5), close, lambda n: n, bollinger),
    "ZScore": Case(ZScore.of, close, lambda n: n, z_score),
    "Rsi": Case(Rsi.of, close, lambda n: n + 1, rsi, least=2),
    "Atr": Case(Atr.of, bar, lambda n: n + 1, lambda bars, n: wilder(true_ranges(bars), n)),
    "Adx": Case(Adx.of, bar, lambda n: 2 * n, adx, least=2),
    "Macd": Case(lambda n: Macd.of(n, n + 3, 4), close, lambda n: n + 6, macd),
    "Stochastic": Case(lambda n: Stochastic.of(n, 3, 2), bar_raw, lambda n: n + 3, stochastic),
    "Vwap": Case(Vwap.of, paid, lambda n: n, vwap),
    "AnchoredVwap": Case(lambda _: AnchoredVwap.of(), paid, lambda _: 1, anchored),
    "Obv": Case(lambda _: Obv.of(), paid_raw, lambda _: 2, obv, exact=True),
    "KalmanTrend": Case(lambda _: KalmanTrend.of(0.1, 0.01), close, lambda _: 2),
}


def rows(told: Any) -> Rows:
    """One tuple per update, whether an indicator tells a number or several."""
    if isinstance(told, tuple | list) and len(told) and isinstance(told[0], np.ndarray | list):
        return list(zip(*told, strict=True))
    return [each if isinstance(each, tuple) else (each,) for each in told]
