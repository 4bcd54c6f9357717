"""What happens when an account meets itself; the example is the one that Binance's documentation works through."""

import pytest
from msgspec.structs import replace

from tests.twin.trading_day import BTC, D, current, did, locked, opened, place
from workbench.twin.words import Force, Happened, Problem, Refusal, SelfTrade, State

NONE, TAKER, MAKER = SelfTrade.NONE, SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_MAKER
BOTH, DECREMENT = SelfTrade.EXPIRE_BOTH, SelfTrade.DECREMENT
E, N, F = State.EXPIRED_IN_MATCH, State.NEW, State.FILLED


@pytest.mark.parametrize(
    ("mode", "makers", "taker", "prevented"),
    [
        (NONE, [F, F, State.PARTIALLY_FILLED], F, ["0", "0", "0", "0"]),
        (MAKER, [E, E, E], N, ["1.2", "1.3", "8.1", "0"]),
        (TAKER, [N, N, N], E, ["0", "0", "0", "3"]),
        (BOTH, [E, N, N], E, ["1.2", "0", "0", "3"]),
        (DECREMENT, [E, E, N], E, ["1.2", "1.3", "0.5", "3"]),
    ],
)
def test_the_mode_of_the_taker_decides(mode, makers, taker, prevented):
    exchange = opened("alice")
    orders = [
        place(exchange, "alice", "BUY", quantity, price)
        for quantity, price in [("1.2", "12"), ("1.3", "11"), ("8.1", "10")]
    ]
    orders.append(place(exchange, "alice", "SELL", "3", "10", stp=mode))
    now = [current(exchange, each) for each in orders]
    assert [each.state for each in now] == [*makers, taker]
    assert [each.prevented for each in now] == [D(each) for each in prevented]
    left = sum(each.remaining * each.price for each in now[:3] if each.open)
    assert locked(exchange, "alice", "USDT") == left


def test_orders_of_others_before_ones_own_trade_first():
    exchange = opened()
    place(exchange, "bob", "BUY", "1", "101")
    place(exchange, "alice", "BUY", "1", "100")
    executions = did(exchange, "alice", "SELL", "3", "100", stp=TAKER)
    assert [each.what for each in executions] == [Happened.NEW, Happened.TRADE, Happened.TRADE_PREVENTION]
    assert (executions[-1].order.filled, executions[-1].order.prevented) == (1, 2)


def test_orders_of_others_behind_ones_own_trade_where_only_the_maker_expires():
    exchange = opened()
    place(exchange, "alice", "BUY", "1", "101")
    place(exchange, "bob", "BUY", "1", "100")
    assert place(exchange, "alice", "SELL", "1", "100", stp=MAKER).state is State.FILLED
    assert [each.seller_order for each in exchange.prints(BTC)] == [3]


@pytest.mark.parametrize(("mode", "state"), [(MAKER, State.FILLED), (TAKER, State.EXPIRED), (NONE, State.FILLED)])
def test_fill_or_kill_counts_only_what_it_may_trade_with(mode, state):
    exchange = opened()
    place(exchange, "bob", "BUY", "1", "101")
    place(exchange, "alice", "BUY", "1", "100")
    place(exchange, "bob", "BUY", "1", "100")
    assert place(exchange, "alice", "SELL", "2", "100", stp=mode, force=Force.FOK).state is state


def test_a_mode_that_the_symbol_does_not_allow_is_refused():
    exchange = opened("alice")
    listing = exchange.listings[BTC]
    exchange.change_listing(replace(listing, stp_allowed=frozenset({NONE, TAKER})), 1)
    with pytest.raises(Refusal) as caught:
        did(exchange, "alice", "SELL", "1", "100", stp=MAKER)
    assert caught.value.problem is Problem.STP_MODE
