"""RsiReversion: a limit below the close when oversold, one above it when recovered, each for a while."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.strategies.stage import SPOT, bar, closes, run, said
from workbench.core.clock import HOUR
from workbench.core.errors import ConfigError
from workbench.core.events import Target
from workbench.core.order import OrderStatus, OrderType, Role, Side
from workbench.strategies.rsi_reversion import RsiReversion


def small(**changes):
    return RsiReversion(**{"window": 2, "discount_bps": 100, "premium_bps": 100, "patience": 2, **changes})


def buy(limit, until, ppm=1_000_000):
    return Target("BTC/USDT", ppm, limit=Decimal(limit), valid_until=until * HOUR)


def test_it_bids_below_an_oversold_close_and_asks_again_only_when_its_time_is_over():
    # falling all the way: the index is 0; 1 % below 97, 96, ... down to the tick of 0.5
    assert said(small(), closes(100, 98, 97, 96, 95, 94)) == [None, None, buy(96, 5), None, buy(94, 7), None]


def test_it_has_no_opinion_while_nothing_is_oversold():
    assert said(small(), closes(100, 101, 100, 101, 102)) == [None] * 5


def test_it_buys_at_its_limit_and_sells_at_its_limit_once_recovered():
    bars = [*closes(100, 98, 97), bar(4, 96, open=97, low=95), bar(5, 99, open=96), bar(6, 99, high=102), bar(7, 99)]
    done = run(small(), bars, SPOT)
    assert [(fill.side, fill.price, fill.maker) for fill in done.fills] == [
        (Side.BUY, Decimal(96), True),
        (Side.SELL, Decimal(100), True),  # 99 and 1 %, up to the tick
    ]
    assert done.ledger.net(SPOT.key) == 0
    done.balance()


def test_a_limit_that_nobody_takes_lapses_and_is_asked_for_anew():
    done = run(small(), closes(100, 98, 97, 96.5, 96.5, 96.5, 110, 111, 112), SPOT)
    entries = done.orders(Role.ENTRY)
    assert [each.price for each in entries] == [Decimal(96), Decimal("95.5")]
    assert {done.ledger.orders[each.order_id].status for each in entries} == {OrderStatus.CANCELLED}
    assert done.fills == []


def test_without_a_premium_it_sells_at_market():
    bars = [*closes(100, 98, 97), bar(4, 96, open=97, low=95), bar(5, 99, open=96), bar(6, 98, open=99)]
    done = run(small(premium_bps=0), bars, SPOT)
    assert done.orders(Role.ENTRY)[-1].order_type is OrderType.MARKET
    assert (done.fills[-1].side, done.fills[-1].price) == (Side.SELL, Decimal(99))


def test_an_order_that_did_its_work_is_not_waited_for():
    bars = [*closes(100, 98, 97), bar(4, 96, open=97, low=95), bar(5, 99, open=96), bar(6, 99, high=102)]
    done = run(small(patience=50), bars, SPOT)
    assert [fill.side for fill in done.fills] == [Side.BUY, Side.SELL]


def test_what_was_bought_in_part_is_held_and_sold_like_the_whole():
    bars = [*closes(100, 98, 97), bar(4, 96, open=97, low=95, volume=3), bar(5, 99, open=96), bar(6, 99, high=102)]
    done = run(small(), bars, SPOT)
    assert [(fill.side, fill.quantity) for fill in done.fills] == [(Side.BUY, Decimal(3)), (Side.SELL, Decimal(3))]
    assert not done.ledger.living


def test_all_but_the_window_changes_in_place():
    assert RsiReversion().cold() == ["window"]


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"oversold": 60.0}, "oversold must be below recovered, got oversold=60.0 and recovered=55.0"),
        ({"window": 1}, "window"),
        ({"oversold": 0.0}, "oversold"),
        ({"discount_bps": 5001}, "discount_bps"),
        ({"discount_bps": 0.5}, "discount_bps"),
        ({"patience": 0}, "patience"),
    ],
)
def test_parameters_out_of_bounds_are_refused(parameters, names):
    with pytest.raises(ConfigError, match=names):
        RsiReversion(**parameters)
