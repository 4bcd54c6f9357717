"""DonchianBreakout: in on a new high, out on a new low, short only where asked to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.strategies.stage import PERPETUAL, SPOT, closes, run, said
from workbench.core.errors import ConfigError
from workbench.core.events import RiskEvent, Target
from workbench.core.order import Side
from workbench.strategies.donchian import DonchianBreakout

UP_AND_DOWN = (100, 101, 102, 103, 105, 104, 103, 101, 99, 90, 95, 99, 104)


def sides(strategy, bars):
    told = said(strategy, bars)
    assert all(each is None or isinstance(each, Target) for each in told)
    return [None if each is None else each.ppm // 1_000_000 for each in told]


def test_it_enters_above_the_channel_before_this_bar_and_leaves_below_the_shorter_one():
    # bars open at the last close, so that 103 touches the lows 103 and 104 before it and 101 is below them
    assert sides(DonchianBreakout(entry=3, exit=2), closes(*UP_AND_DOWN)) == [
        *(None, None, None),
        *(1, 1, 1, 1, 0, 0, 0, 0, 0, 1),
    ]


def test_a_close_on_the_edge_of_the_channel_is_no_breakout():
    assert sides(DonchianBreakout(entry=2, exit=2), closes(100, 101, 101, 100, 100)) == [None, None, 0, 0, 0]


def test_with_short_it_mirrors_itself_below_the_channel():
    strategy = DonchianBreakout(entry=4, exit=1, short=True)
    # 92 is below the high of 100 before it; 93 is above that of 92 and leaves; 80 is a new low
    assert sides(strategy, closes(100, 100, 100, 100, 90, 92, 93, 80)) == [None] * 4 + [-1, -1, 0, -1]
    assert sides(DonchianBreakout(entry=3, exit=2, short=True), closes(*UP_AND_DOWN))[6:] == [1, -1, -1, -1, -1, -1, 1]


def test_on_a_perpetual_a_turn_from_long_to_short_is_one_order():
    prices = (100, 100, 100, 110, 110, 80, 80, 80)
    done = run(DonchianBreakout(entry=3, exit=3, short=True), closes(*prices, instrument=PERPETUAL), PERPETUAL)
    assert [(fill.side, fill.price) for fill in done.fills] == [(Side.BUY, Decimal(110)), (Side.SELL, Decimal(80))]
    assert done.ledger.net(PERPETUAL.key) < 0
    done.balance()


def test_on_spot_a_short_is_refused_in_the_open_and_the_position_ends_flat():
    prices = (100, 100, 100, 110, 110, 80, 80, 80)
    done = run(DonchianBreakout(entry=3, exit=3, short=True), closes(*prices), SPOT)
    assert [each.rule for each in done.tape.of(RiskEvent)] == ["no_short_spot"]
    assert done.ledger.net(SPOT.key) == 0


def test_shorts_end_when_they_are_switched_off():
    strategy = DonchianBreakout(entry=3, exit=3, short=True)
    assert strategy.cold() == ["entry", "exit"]
    said(strategy, closes(100, 100, 100, 80))
    assert strategy.state.side == -1
    strategy.set_parameters({"short": False})
    assert strategy.on_market_data(closes(80)[0]).ppm == 0


def test_a_state_that_is_built_anew_takes_up_what_is_held():
    class Long:
        def quantity(self, strategy_id, symbol):
            return Decimal(1)

    strategy = DonchianBreakout(entry=3, exit=2)
    strategy.attach("s", Long())
    assert sides(strategy, closes(100, 100, 100, 100)) == [None, None, None, 1]


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"entry": 10}, "exit must not be longer than entry, got exit=20 and entry=10"),
        ({"exit": 0}, "exit"),
        ({"entry": 4001}, "entry"),
        ({"short": "no"}, "short"),
    ],
)
def test_parameters_out_of_bounds_are_refused(parameters, names):
    with pytest.raises(ConfigError, match=names):
        DonchianBreakout(**parameters)
