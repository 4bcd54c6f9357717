"""TwoSidedQuotes: both sides of the middle, leaning against what it holds, and quiet while nothing moves."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from pathlib import Path

import pytest

from tests.strategies.stage import PERPETUAL, SPOT, closes, restored, run, said
from workbench.core.errors import ConfigError
from workbench.core.events import Quote, Quotes, Trade
from workbench.core.order import Role, Side
from workbench.data.lake import Lake
from workbench.strategies.quoting import TwoSidedQuotes

RECORDED = os.environ.get("WORKBENCH_RECORDED_DATA")
UNIT = 10**PERPETUAL.quantity_places


class Book:
    def __init__(self, held):
        self.held = Decimal(held)

    def quantity(self, strategy_id, symbol):
        return self.held


def quoting(*, held="0", **changes):
    strategy = TwoSidedQuotes(
        **{"half_spread": 4, "skew": 8, "unit": "ticks", "size": "0.1", "limit": "0.4", **changes}
    )
    strategy.attach("s", Book(held))
    return strategy


def quote(number, bid, ask, instrument=PERPETUAL):
    """Prices in ticks of 0.5."""
    return Quote("hand", number, number, number, instrument, bid * 5, ask * 5, UNIT, UNIT)


def trade(number, price, instrument=PERPETUAL, quantity=UNIT):
    return Trade("hand", number, number, number, instrument, price * 5, quantity, None, str(number))


def quotes(bid, ask, sizes=("0.1", "0.1"), symbol="BTC/USDT:USDT"):
    """Prices in ticks of 0.5; no price, no level."""

    def level(price, size):
        return ((Decimal(price) / 2, Decimal(size)),) if price else ()

    return Quotes(symbol, bids=level(bid, sizes[0]), asks=level(ask, sizes[1]))


def test_it_quotes_the_same_distance_on_both_sides_of_the_middle():
    assert said(quoting(), [quote(1, 199, 201)]) == [quotes(196, 204)]
    assert said(quoting(), [quote(1, 199, 202)]) == [quotes(196, 205)]  # 200.5 and 4: out to the tick
    assert said(quoting(unit="bps", half_spread=100, skew=0), [quote(1, 199, 201)]) == [quotes(198, 202)]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("0.2", quotes(192, 200)),  # half of the limit moves both down by half of the skew
        ("0.35", quotes(189, 200, ("0.05", "0.1"))),  # there is room for half a bid, and no offer below the best bid
        ("0.4", quotes(None, 200)),
        ("9", quotes(None, 200)),
        ("-0.1", quotes(198, 206)),
        ("-0.4", quotes(200, None)),
    ],
)
def test_it_leans_against_what_it_holds_and_never_bids_beyond_the_limit(held, expected):
    assert said(quoting(held=held), [quote(1, 199, 201)]) == [expected]


def test_on_spot_it_offers_what_it_holds_and_no_more():
    def told(held):
        return said(quoting(held=held, skew=0), [quote(1, 199, 201, SPOT)])

    assert told("0") == [quotes(196, None, symbol="BTC/USDT")]
    assert told("0.03") == [quotes(196, 204, ("0.1", "0.03"), symbol="BTC/USDT")]


def test_it_stays_quiet_until_the_middle_has_moved_enough():
    events = [quote(1, 199, 201), quote(2, 200, 202), quote(3, 200, 201), quote(4, 201, 203), quote(5, 200, 202)]
    assert said(quoting(requote_ticks=2), events) == [quotes(196, 204), None, None, quotes(198, 206), None]


def test_it_quotes_anew_after_a_fill_and_after_a_changed_parameter():
    strategy = quoting()
    assert said(strategy, [quote(1, 199, 201)] * 2) == [quotes(196, 204), None]
    strategy.on_fill(None)
    assert said(strategy, [quote(1, 199, 201)] * 2) == [quotes(196, 204), None]
    strategy.set_parameters({"half_spread": 10})
    assert strategy.cold() == []
    assert said(strategy, [quote(1, 199, 201)] * 2) == [quotes(190, 210), None]


def test_half_a_market_has_no_middle_and_is_not_quoted():
    events = [quote(1, 199, 201), quote(2, 199, 0), quote(3, 199, 201)]
    assert said(quoting(), events) == [quotes(196, 204), Quotes("BTC/USDT:USDT"), quotes(196, 204)]


def test_the_finest_data_it_has_seen_decides():
    bars = closes(50, 60, instrument=PERPETUAL)
    events = [bars[0], trade(1, 200), bars[1], quote(2, 209, 211), trade(3, 300)]
    assert said(quoting(), events) == [quotes(96, 104), quotes(196, 204), None, quotes(206, 214), None]


def test_a_restored_one_stays_as_quiet_as_the_unbroken_one():
    strategy = quoting()
    said(strategy, [quote(1, 199, 201)])
    assert said(restored(strategy), [quote(2, 199, 201), trade(3, 300)]) == [None, None]


def walk(count, instrument, seed=7):
    """Quotes around a random walk, and a trade at one of their prices after each."""
    chance, middle = random.Random(seed), 2_000
    for number in range(0, 2 * count, 2):
        middle += chance.choice((-2, -1, 0, 1, 2))
        yield quote(number, middle - 1, middle + 1, instrument)
        yield trade(number + 1, middle + chance.choice((-4, -1, 1, 4)), instrument, UNIT // 20)


@pytest.mark.parametrize("instrument", [PERPETUAL, SPOT], ids=["perpetual", "spot"])
def test_over_seeded_quotes_and_trades_it_trades_both_sides_within_its_limit(instrument):
    def once(**changes):
        parameters = {"half_spread": 3, "skew": 3, "unit": "ticks", "size": "0.1", "limit": "0.4"}
        return run(TwoSidedQuotes(**parameters), list(walk(1_000, instrument)), instrument, **changes)

    done = once()
    held = [0]
    for fill in done.fills:
        held.append(held[-1] + fill.side.sign * fill.quantity_raw)
        assert (fill.maker, fill.quantity_raw <= UNIT // 10) == (True, True)
    assert len(done.fills) > 100
    assert {fill.side for fill in done.fills} == {Side.BUY, Side.SELL}
    assert max(held) <= 4 * UNIT // 10
    assert min(held) >= (0 if instrument.is_spot else -4 * UNIT // 10)
    assert {each.role for each in done.tape.of(type(done.orders(Role.BID)[0]))} == {Role.BID, Role.ASK}
    done.balance()
    again, broken = once(), once(restored_at=777)
    assert done.journal_digest == again.journal_digest == broken.journal_digest


@pytest.mark.skipif(not RECORDED, reason="the recorded data is not here")
def test_over_recorded_trades_it_trades_both_sides_and_the_books_balance(tmp_path):
    file = Path(RECORDED or "") / "trades" / "kraken_spot_BTCUSDT_trades.parquet"
    data = Lake(tmp_path).import_file(file, instrument="kraken:BTC/USDT")
    strategy = TwoSidedQuotes(half_spread=2, skew=1, size="0.01", limit="0.05")
    done = run(strategy, list(data.events(0, 2_000)), data.instrument)
    assert {fill.side for fill in done.fills} == {Side.BUY, Side.SELL}
    done.balance()


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"size": "0"}, "expected 0 < size <= limit, got size=0 and limit=0.05"),
        ({"size": "0.1"}, "expected 0 < size <= limit, got size=0.1 and limit=0.05"),
        ({"size": "-1"}, "0 < size"),
        ({"size": 0.01}, "size"),
        ({"size": "NaN"}, "size: expected a number"),
        ({"limit": "much"}, "limit: expected a number"),
        ({"unit": "pips"}, "unit"),
        ({"half_spread": 0}, "half_spread"),
        ({"requote_ticks": 0}, "requote_ticks"),
    ],
)
def test_parameters_out_of_bounds_are_refused(parameters, names):
    with pytest.raises(ConfigError, match=names):
        TwoSidedQuotes(**parameters)
