"""A kernel for each indicator: its opinion is what the indicator says, folded into an exposure from 0 to 1."""

from __future__ import annotations

import math
from typing import Any

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
from workbench.core.kernel import kernel
from workbench.core.kernel_views import BarView


def folded(value: float) -> float:
    return abs(value * 0.37) % 1.0


@kernel(state={"it": Sma.sized("n")})
def sma(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close_raw)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Wma.sized("n")})
def wma(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close_raw)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Mean.sized("n")})
def mean(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Ema.sized("n")})
def ema(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Wilder.sized("n")})
def wilder(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Highest.sized("n")})
def highest(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Lowest.sized("n")})
def lowest(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Extremes.sized("n")})
def extremes(bar: BarView, state: Any, n: int = 7) -> float:
    high, low = state.it.update(bar.high_raw, bar.low_raw)
    return folded(float(high + low)) if state.it.ready else math.nan


@kernel(state={"it": Donchian.sized("n")})
def donchian(bar: BarView, state: Any, n: int = 7) -> float:
    upper, middle, lower = state.it.update(bar.high_raw, bar.low_raw)
    return folded(float(upper + middle + lower)) if state.it.ready else math.nan


@kernel(state={"it": Deviation.sized("n")})
def deviation(bar: BarView, state: Any, n: int = 7) -> float:
    mean, deviation = state.it.update(bar.close)
    return folded(float(mean + deviation)) if state.it.ready else math.nan


@kernel(state={"it": Bollinger.sized("n", 2.5)})
def bollinger(bar: BarView, state: Any, n: int = 7) -> float:
    upper, middle, lower = state.it.update(bar.close)
    return folded(float(upper + middle + lower)) if state.it.ready else math.nan


@kernel(state={"it": ZScore.sized("n")})
def z_score(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Rsi.sized("n")})
def rsi(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Atr.sized("n")})
def atr(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.high, bar.low, bar.close)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Adx.sized("n")})
def adx(bar: BarView, state: Any, n: int = 7) -> float:
    index, plus, minus = state.it.update(bar.high, bar.low, bar.close)
    return folded(float(index + plus + minus)) if state.it.ready else math.nan


@kernel(state={"it": Macd.sized("n", 26, 9)})
def macd(bar: BarView, state: Any, n: int = 7) -> float:
    line, signal, histogram = state.it.update(bar.close)
    return folded(float(line + signal + histogram)) if state.it.ready else math.nan


@kernel(state={"it": Stochastic.sized("n", 3, 2)})
def stochastic(bar: BarView, state: Any, n: int = 7) -> float:
    k, d = state.it.update(bar.high_raw, bar.low_raw, bar.close_raw)
    return folded(float(k + d)) if state.it.ready else math.nan


@kernel(state={"it": Vwap.sized("n")})
def vwap(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close, bar.volume)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": AnchoredVwap.sized()})
def anchored_vwap(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close, bar.volume)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": Obv.sized()})
def obv(bar: BarView, state: Any, n: int = 7) -> float:
    value = state.it.update(bar.close_raw, bar.volume_raw)
    return folded(float(value)) if state.it.ready else math.nan


@kernel(state={"it": KalmanTrend.sized()})
def kalman_trend(bar: BarView, state: Any, n: int = 7) -> float:
    level, slope = state.it.update(bar.close)
    return folded(float(level + slope)) if state.it.ready else math.nan
