"""An instrument has one series of bars in a backtest: twice the bars would be twice the volume and twice the trades."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

import workbench as wb
from tests.research.runs import SAMPLE, sample
from workbench.core.errors import ConfigError
from workbench.core.instrument import Instrument
from workbench.strategies.sma_cross import SmaCross

COIN = Instrument(venue="sim", symbol="BTC/USDT", tick=Decimal("0.01"), lot=Decimal("0.0001"))


def frame(every: str) -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=8, freq=every, tz="UTC")
    columns = ("open", "high", "low", "close", "volume")
    return pd.DataFrame(index=index, data={name: ["100"] * 8 for name in columns})


def test_a_dataset_given_twice_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=f"{SAMPLE} is given twice"):
        wb.backtest(SmaCross(), [sample(), SAMPLE])


def test_a_frame_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"frame-\w+ is given twice"):
        wb.backtest(SmaCross(), [frame("1h"), frame("1h")], instrument=COIN)


def test_two_intervals_of_one_instrument_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"frame-\w+ and frame-\w+ both hold .* of sim:BTC/USDT"):
        wb.backtest(SmaCross(), [frame("1h"), frame("4h")], instrument=COIN)
