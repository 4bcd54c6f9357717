"""EmaCross: in on a cross up, out on a cross down, and a stop that only goes up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.strategies.stage import SPOT, bar, closes, run, said
from workbench.core.errors import ConfigError
from workbench.core.events import AmendEvent, CancelEvent, Target
from workbench.core.order import OrderStatus, Role, Side
from workbench.strategies.ema_cross import EmaCross

OUT = Target("BTC/USDT", 0)


def small(**changes):
    return EmaCross(**{"fast": 1, "slow": 2, "atr": 1, "stop_atr": 2.0, **changes})


def long(stop, ppm=1_000_000):
    return Target("BTC/USDT", ppm, stop=Decimal(stop))


def test_it_says_nothing_before_every_indicator_is_ready():
    assert said(EmaCross(fast=1, slow=2, atr=3), closes(100, 101, 102)) == [None, None, None]


def test_it_is_long_under_a_stop_while_the_fast_average_is_above_and_out_otherwise():
    # the slow average is 100.5, then (2 x 102 + 100.5) / 3 = 101.5, 102.5, 99.5, 99.16...; true ranges 1, 1, 1, 5, 1
    assert said(small(), closes(100, 101, 102, 103, 98, 99)) == [None, long(99), long(100), long(101), OUT, OUT]


def test_the_stop_never_comes_down_and_without_trail_never_moves():
    bars = [*closes(100, 101, 104), bar(4, 104, low=95), bar(5, 105)]
    assert said(small(), bars)[1:] == [long(99), long(99), long(99), long(103)]
    assert said(small(trail=False), bars)[1:] == [long(99)] * 4


def test_the_stop_is_on_the_tick_even_where_the_average_range_is_not():
    assert said(small(stop_atr=1.3), closes(100, 101))[1] == long("99.5")  # 101 - 1.3 = 99.7, ticks of 0.5
    flat = [bar(1, 100), bar(2, 101, open=101), bar(3, 101), bar(4, 101)]
    assert said(small(atr=2, stop_atr=0.001), flat)[2] == long("100.5")  # at least a tick below


def test_a_stop_is_never_below_one_tick():
    assert said(small(stop_atr=100.0), closes(1, 2))[1] == long("0.5")


def test_after_a_stop_out_it_stays_out_until_the_averages_cross_anew():
    crash = bar(4, 103, open=102, low=90)  # through the stop and back: the averages never noticed
    bars = [*closes(100, 101, 102), crash, *closes(0, 0, 0, 0, 104, 105, 100, 106, 107)[4:]]
    done = run(small(), bars, SPOT)
    assert [(fill.side, fill.price) for fill in done.fills] == [
        (Side.BUY, Decimal(101)),  # the open of the bar after the cross
        (Side.SELL, Decimal(100)),  # the stop, raised once
        (Side.BUY, Decimal(106)),  # only after the fall to 100 and the cross at 106
    ]
    assert [each.says.ppm for each in done.signals] == [1_000_000, 1_000_000, 0, 1_000_000, 1_000_000]
    done.balance()


def test_the_stop_trails_by_amendment_and_vanishes_when_the_averages_cross_down():
    done = run(small(exposure=0.5), closes(100, 101, 102, 103, 104, 103, 103, 103), SPOT)
    (stop,) = done.orders(Role.STOP)
    assert stop.stop_raw == 990
    assert [each.stop_raw for each in done.tape.of(AmendEvent)] == [1000, 1010, 1020]
    assert done.ledger.orders[stop.order_id].status is OrderStatus.CANCELLED
    assert len(done.tape.of(CancelEvent)) == 1
    assert [fill.side for fill in done.fills] == [Side.BUY, Side.SELL]
    assert not done.ledger.living
    done.balance()


def test_stop_distance_and_exposure_change_in_place():
    strategy = EmaCross()
    assert set(strategy.cold()) == {"fast", "slow", "atr"}
    trend = small()
    said(trend, closes(100, 101))
    trend.set_parameters({"stop_atr": 1.0, "exposure": 0.25})
    assert trend.on_market_data(bar(3, 102, open=101)) == long(101, 250_000)


def test_it_is_warmed_up_to_what_an_unbroken_one_says():
    prices = [100 + (number * 37) % 23 for number in range(400)]
    unbroken, warm = small(fast=5, slow=12, atr=7), small(fast=5, slow=12, atr=7)
    bars = closes(*prices)
    expected = said(unbroken, bars)[-1]
    assert said(warm, bars[-warm.warmup() :])[-1].ppm == expected.ppm


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"fast": 26}, "fast must be shorter than slow, got fast=26 and slow=26"),
        ({"fast": 0}, "fast"),
        ({"slow": 1001}, "slow"),
        ({"atr": 2.5}, "atr"),
        ({"stop_atr": 0.0}, "stop_atr"),
        ({"trail": 1}, "trail"),
        ({"exposure": 1.5}, "exposure"),
    ],
)
def test_parameters_out_of_bounds_are_refused(parameters, names):
    with pytest.raises(ConfigError, match=names):
        EmaCross(**parameters)
