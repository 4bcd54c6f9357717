import pytest

from tests.twin.trading_day import BTC, NOW, RICH, D, current, did, free, locked, opened, place, total, trade_at
from workbench.twin.words import Execution, Force, Happened, OrderKind, Problem, Refusal, State

STOP, STOP_LIMIT = OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT
PROFIT, PROFIT_LIMIT = OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT


def at_100(*names):
    exchange = opened(*(names or ("alice", "bob")))
    trade_at(exchange, "100")
    return exchange


@pytest.mark.parametrize(
    ("kind", "side", "stop", "short_of_it"),
    [
        (STOP, "SELL", "90", "90.01"),
        (STOP, "BUY", "110", "109.99"),
        (PROFIT, "SELL", "110", "109.99"),
        (PROFIT, "BUY", "90", "90.01"),
    ],
)
def test_a_stop_waits_for_its_price_and_then_trades_as_a_market_order(kind, side, stop, short_of_it):
    exchange = at_100()
    order = place(exchange, "alice", side, "1", kind=kind, stop_price=stop)
    trade_at(exchange, short_of_it)
    assert current(exchange, order).waiting
    place(exchange, "bob", "BUY" if side == "SELL" else "SELL", "1", "70" if side == "SELL" else "130")
    heard = []
    exchange.listen(heard.append)
    trade_at(exchange, stop)
    told = [each for each in heard if isinstance(each, Execution) and each.order.order_id == order.order_id]
    assert [each.what for each in told] == [Happened.TRIGGERED, Happened.TRADE]
    assert (current(exchange, order).state, current(exchange, order).waiting) == (State.FILLED, False)


def test_a_stop_limit_goes_on_the_book_when_it_triggers():
    exchange = at_100()
    order = place(exchange, "alice", "SELL", "1", "95", kind=STOP_LIMIT, stop_price="90")
    assert exchange.book(BTC).asks == ()
    assert locked(exchange, "alice", "BTC") == 1
    trade_at(exchange, "90")
    assert current(exchange, order).on_book
    assert exchange.book(BTC).asks == ((D(95), D(1)),)


def test_one_trigger_may_set_off_the_next():
    exchange = at_100()
    place(exchange, "bob", "BUY", "1", "85")
    place(exchange, "bob", "BUY", "1", "75")
    second = place(exchange, "alice", "SELL", "1", kind=STOP, stop_price="85")
    first = place(exchange, "alice", "SELL", "1", kind=STOP, stop_price="90")
    trade_at(exchange, "90")
    assert [current(exchange, each).state for each in (first, second)] == [State.FILLED, State.FILLED]
    assert current(exchange, second).spent == 75


@pytest.mark.parametrize(
    ("kind", "side", "stop"),
    [(STOP, "SELL", "100"), (STOP, "BUY", "99"), (PROFIT, "SELL", "99"), (PROFIT, "BUY", "101")],
)
def test_a_stop_that_would_trigger_at_once_is_refused(kind, side, stop):
    with pytest.raises(Refusal) as caught:
        did(at_100(), "alice", side, "1", kind=kind, stop_price=stop)
    assert caught.value.problem is Problem.WOULD_TRIGGER


def test_a_trailing_stop_follows_the_best_price_and_triggers_at_its_distance():
    exchange = at_100()
    order = place(exchange, "alice", "SELL", "1", "50", kind=STOP_LIMIT, trailing_bips=700)
    for price in ("120", "111.61"):
        trade_at(exchange, price)
        assert current(exchange, order).waiting
    trade_at(exchange, "111.6")  # 120 * 0.93
    assert not current(exchange, order).waiting


def test_a_trailing_stop_with_a_stop_price_follows_from_there_only():
    exchange = at_100()
    order = place(exchange, "alice", "BUY", "1", "130", kind=STOP_LIMIT, stop_price="110", trailing_bips=500)
    for price in ("90", "99", "110", "115.49", "100", "104.99"):
        trade_at(exchange, price)
        assert current(exchange, order).waiting, price
    trade_at(exchange, "105")  # 100 * 1.05
    assert not current(exchange, order).waiting


@pytest.mark.parametrize("bips", [9, 2001])
def test_a_trailing_distance_keeps_to_its_filter(bips):
    with pytest.raises(Refusal) as caught:
        did(at_100(), "alice", "SELL", "1", kind=STOP, trailing_bips=bips)
    assert caught.value.problem is Problem.TRAILING_DELTA


def test_so_many_stops_may_wait():
    exchange = at_100()
    for _ in range(5):
        place(exchange, "alice", "SELL", "1", kind=STOP, stop_price="90")
    with pytest.raises(Refusal) as caught:
        did(exchange, "alice", "SELL", "1", kind=STOP, stop_price="90")
    assert caught.value.problem is Problem.MAX_STOP_ORDERS


def test_a_triggered_stop_that_buys_spends_no_more_than_there_is():
    exchange = opened("bob")
    trade_at(exchange, "100")
    exchange.open_account("alice", {"USDT": D(112)}, now=NOW)
    order = place(exchange, "alice", "BUY", "1", kind=STOP, stop_price="110")
    assert free(exchange, "alice", "USDT") == 2
    place(exchange, "bob", "SELL", "1", "140")
    trade_at(exchange, "110")
    ended = current(exchange, order)
    assert (ended.state, ended.filled) == (State.EXPIRED, D("0.80000"))
    assert total(exchange, "alice", "USDT") == 0


def test_a_waiting_stop_can_be_cancelled_and_gives_its_funds_back():
    exchange = at_100()
    order = place(exchange, "alice", "BUY", "1", kind=STOP, stop_price="110")
    assert locked(exchange, "alice", "USDT") == 110
    exchange.cancel("alice", symbol=BTC, now=NOW, order_id=order.order_id)
    trade_at(exchange, "110")
    assert current(exchange, order).state is State.CANCELED
    assert free(exchange, "alice", "USDT") == RICH["USDT"]


def test_a_stop_that_must_fill_at_once_expires_where_it_cannot():
    exchange = at_100()
    order = place(exchange, "alice", "SELL", "1", "95", kind=STOP_LIMIT, stop_price="90", force=Force.FOK)
    trade_at(exchange, "90")
    assert current(exchange, order).state is State.EXPIRED
