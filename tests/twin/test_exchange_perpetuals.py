import pytest

from tests.twin.trading_day import NOW, PERP, D, current, did, free, locked, opened, place, total, trade_at
from workbench.twin.exchange import Exchange
from workbench.twin.words import Force, FundingPaid, Happened, OrderKind, PositionChanged, Problem, Refusal, State


def on_perpetual(*names, usdt="10000"):
    exchange = opened("rich")
    for name in names or ("alice", "bob"):
        exchange.open_account(name, {"USDT": D(usdt)}, now=NOW)
    return exchange


def go(exchange, account, side, quantity, price=None, **more):
    return place(exchange, account, side, quantity, price, symbol=PERP, **more)


def position(exchange, account):
    (held,) = exchange.positions(account)
    return held


def wealth(exchange):
    """Money of everybody minus what open positions were entered for: what no trade may change."""
    names = [*exchange.accounts, "house"]
    entered = sum(each.quantity * each.entry_price * D("0.01") for name in names for each in exchange.positions(name))
    return sum(total(exchange, name, "USDT") for name in names) - entered


def test_a_trade_opens_net_positions_on_both_sides():
    exchange = on_perpetual()
    go(exchange, "alice", "BUY", "10", "1000")
    go(exchange, "bob", "SELL", "10", "1000")
    assert (position(exchange, "alice").quantity, position(exchange, "bob").quantity) == (10, -10)
    assert position(exchange, "alice").entry_price == 1000
    assert total(exchange, "alice", "USDT") == 10_000 - D("0.02")  # maker: 10 x 0.01 x 1000 x 0.0002
    assert total(exchange, "bob", "USDT") == 10_000 - D("0.05")


def test_margin_is_bound_for_orders_and_then_for_the_position():
    exchange = on_perpetual()
    go(exchange, "alice", "BUY", "100", "1000")
    assert locked(exchange, "alice", "USDT") == 100  # 1,000 of notional at ten times leverage
    go(exchange, "bob", "SELL", "100", "1000")
    assert locked(exchange, "alice", "USDT") == 100
    go(exchange, "alice", "SELL", "100", "1100")
    assert locked(exchange, "alice", "USDT") == 100  # an order that would only close needs none


def test_more_than_the_margin_carries_is_refused():
    exchange = on_perpetual(usdt="100")
    with pytest.raises(Refusal) as caught:
        go(exchange, "alice", "BUY", "101", "1000")
    assert caught.value.problem is Problem.INSUFFICIENT_MARGIN
    go(exchange, "alice", "BUY", "99", "1000")


def test_closing_realises_profit_and_turning_over_opens_the_other_side():
    exchange = on_perpetual()
    go(exchange, "alice", "BUY", "10", "1000")
    go(exchange, "bob", "SELL", "10", "1000")
    go(exchange, "bob", "BUY", "15", "1100")
    go(exchange, "alice", "SELL", "15", "1100")
    held = position(exchange, "alice")
    assert (held.quantity, held.entry_price) == (-5, 1100)
    fees = sum(each.commission for each in exchange.trades_of("alice", PERP))
    assert total(exchange, "alice", "USDT") == 10_000 + 10 - fees


def test_marks_move_unrealised_profit_and_losses_reduce_what_is_free():
    exchange, heard = on_perpetual(), []
    go(exchange, "alice", "BUY", "100", "1000")
    go(exchange, "bob", "SELL", "100", "1000")
    before = free(exchange, "alice", "USDT")
    exchange.listen(heard.append)
    exchange.set_mark(PERP, D(900), NOW)
    told = {each.account: each.unrealised for each in heard if isinstance(each, PositionChanged)}
    assert told == {"alice": -100, "bob": 100}
    assert exchange.mark_price(PERP) == 900
    with pytest.raises(Refusal):
        exchange.transfer("alice", "USDT", -before + 50, NOW)


def test_funding_moves_from_longs_to_shorts_where_the_rate_is_positive():
    exchange, heard = on_perpetual(), []
    go(exchange, "alice", "BUY", "10", "1000")
    go(exchange, "bob", "SELL", "10", "1000")
    exchange.set_mark(PERP, D(2000), NOW)
    before = total(exchange, "alice", "USDT")
    exchange.listen(heard.append)
    exchange.fund(PERP, D("0.0001"), NOW)
    paid = {each.account: each.amount for each in heard if isinstance(each, FundingPaid)}
    assert paid == {"alice": D("-0.02"), "bob": D("0.02")}
    assert total(exchange, "alice", "USDT") == before - D("0.02")
    (bill,) = exchange.funding_of("alice")
    assert (bill.rate, bill.bill_id) == (D("0.0001"), 1)


def test_reduce_only_never_opens_and_ends_with_the_position():
    exchange = on_perpetual()
    with pytest.raises(Refusal) as caught:
        go(exchange, "alice", "SELL", "5", "1000", reduce_only=True)
    assert caught.value.problem is Problem.NOTHING_TO_REDUCE
    go(exchange, "alice", "BUY", "5", "1000")
    go(exchange, "bob", "SELL", "5", "1000")
    order = go(exchange, "alice", "SELL", "8", "1100", reduce_only=True)
    go(exchange, "bob", "BUY", "20", "1100")
    ended = current(exchange, order)
    assert (ended.state, ended.filled) == (State.EXPIRED, 5)
    assert exchange.positions("alice") == []


def test_a_reducing_stop_whose_position_is_gone_expires_when_it_triggers():
    exchange = on_perpetual()
    trade_at(exchange, "1000", symbol=PERP)
    go(exchange, "alice", "BUY", "5", "1000")
    go(exchange, "bob", "SELL", "5", "1000")
    stop = go(exchange, "alice", "SELL", "5", kind=OrderKind.STOP_LOSS, stop_price="900", reduce_only=True)
    go(exchange, "alice", "SELL", "5", "1000")
    go(exchange, "bob", "BUY", "5", "1000")
    trade_at(exchange, "900", symbol=PERP)
    assert current(exchange, stop).state is State.EXPIRED


def test_a_position_without_margin_is_liquidated_against_the_book():
    exchange = on_perpetual(usdt="110")
    go(exchange, "alice", "BUY", "100", "1000")
    go(exchange, "rich", "SELL", "100", "1000")
    resting = go(exchange, "alice", "BUY", "1", "800")
    go(exchange, "bob", "BUY", "1", "900", force=Force.GTC)
    go(exchange, "rich", "BUY", "200", "895")
    before = wealth(exchange)
    exchange.set_mark(PERP, D(892), NOW)  # 1.8 left of 110, 3.568 needed
    assert exchange.positions("alice") == []
    assert current(exchange, resting).state is State.CANCELED
    forced = [each for each in exchange.trades_of("alice", PERP) if each.forced]
    assert [(each.print.price, each.print.quantity) for each in forced] == [(900, 1), (895, 99)]
    assert wealth(exchange) == before


def test_what_the_book_cannot_take_goes_to_the_house_which_bears_the_rest():
    exchange = on_perpetual(usdt="110")
    go(exchange, "alice", "BUY", "100", "1000")
    go(exchange, "rich", "SELL", "100", "1000")
    before = wealth(exchange)
    exchange.set_mark(PERP, D(800), NOW)
    assert exchange.positions("alice") == []
    assert total(exchange, "alice", "USDT") == 0
    assert position(exchange, "house").quantity == 100
    assert wealth(exchange) == before


def test_a_healthy_position_is_left_alone():
    exchange = on_perpetual(usdt="110")
    go(exchange, "alice", "BUY", "100", "1000")
    go(exchange, "rich", "SELL", "100", "1000")
    exchange.set_mark(PERP, D(895), NOW)
    assert position(exchange, "alice").quantity == 100


def test_spot_symbols_have_neither_mark_nor_funding():
    exchange = on_perpetual()
    for call in (Exchange.set_mark, Exchange.fund):
        with pytest.raises(Refusal, match="no perpetual"):
            call(exchange, "BTC/USDT", D(1), NOW)


def test_a_market_order_on_contracts_expires_its_rest():
    exchange = on_perpetual()
    go(exchange, "bob", "SELL", "3", "1000")
    executions = did(exchange, "alice", "BUY", "5", symbol=PERP)
    assert [each.what for each in executions] == [Happened.NEW, Happened.TRADE, Happened.EXPIRED]
    assert position(exchange, "alice").quantity == 3
