"""The indicators, used alike by strategies that are classes and by those that are kernels."""

from workbench.core.averages import Ema, Mean, Sma, Wilder, Wma
from workbench.core.channels import Bollinger, Donchian
from workbench.core.indicator import Indicator, Sized
from workbench.core.oscillators import Rsi, Stochastic, ZScore
from workbench.core.trends import Adx, Atr, KalmanTrend, Macd
from workbench.core.volumes import AnchoredVwap, Obv, Vwap
from workbench.core.windows import Deviation, Extremes, Highest, Lowest

__all__ = [
    "Adx",
    "AnchoredVwap",
    "Atr",
    "Bollinger",
    "Deviation",
    "Donchian",
    "Ema",
    "Extremes",
    "Highest",
    "Indicator",
    "KalmanTrend",
    "Lowest",
    "Macd",
    "Mean",
    "Obv",
    "Rsi",
    "Sized",
    "Sma",
    "Stochastic",
    "Vwap",
    "Wilder",
    "Wma",
    "ZScore",
]
