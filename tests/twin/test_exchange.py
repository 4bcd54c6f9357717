import msgspec
import pytest

from tests.twin.trading_day import (
    BNB,
    BTC,
    LISTINGS,
    NOW,
    RICH,
    SECOND,
    D,
    current,
    did,
    free,
    locked,
    opened,
    place,
    printed,
    total,
    trade_at,
)
from workbench.core.errors import ConfigError, DataError
from workbench.twin.exchange import Exchange
from workbench.twin.words import (
    BalancesChanged,
    BookChange,
    Execution,
    Force,
    Happened,
    Listing,
    OrderKind,
    Problem,
    Refusal,
    State,
    Trading,
)

NEW, TRADE, EXPIRED, CANCELED = Happened.NEW, Happened.TRADE, Happened.EXPIRED, Happened.CANCELED


def refused(call, *arguments, **options):
    """The problem that a call is refused for; the events of the exchange show that nothing changed."""
    before = arguments[0].digest()
    with pytest.raises(Refusal) as caught:
        call(*arguments, **options)
    assert arguments[0].digest() == before
    return caught.value.problem


def test_the_best_price_trades_first_and_at_one_price_the_older_order():
    exchange = opened("alice", "bob", "carol")
    place(exchange, "alice", "SELL", "1", "101")
    place(exchange, "bob", "SELL", "1", "100")
    place(exchange, "alice", "SELL", "1", "100")
    order = place(exchange, "carol", "BUY", "2.5", "101")
    assert order.state is State.FILLED
    assert printed(exchange) == [("100", "1"), ("100", "1"), ("101", "0.5")]
    assert order.spent == D("250.5")
    assert [each.seller_order for each in exchange.prints(BTC)] == [2, 3, 1]


def test_a_placed_order_reports_its_acceptance_first_and_its_trades_after_it():
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    place(exchange, "alice", "SELL", "1", "101")
    executions = did(exchange, "bob", "BUY", "3", "101")
    assert [each.what for each in executions] == [NEW, TRADE, TRADE]
    assert [each.order.filled for each in executions] == [0, 1, 2]
    assert executions[0].order.state is State.NEW
    assert current(exchange, executions[0].order).on_book


def test_funds_lock_at_acceptance_and_a_better_price_gives_the_difference_back():
    exchange = opened()
    place(exchange, "bob", "SELL", "1", "90")
    order = place(exchange, "alice", "BUY", "2", "100")
    assert locked(exchange, "alice", "USDT") == 100
    assert free(exchange, "alice", "USDT") == RICH["USDT"] - 90 - 100
    exchange.cancel("alice", symbol=BTC, now=NOW, order_id=order.order_id)
    assert locked(exchange, "alice", "USDT") == 0
    assert free(exchange, "alice", "USDT") == RICH["USDT"] - 90


def test_the_commission_is_taken_from_what_each_side_receives():
    exchange = opened()
    place(exchange, "alice", "SELL", "0.33333", "99.99")
    place(exchange, "bob", "BUY", "0.33333", "99.99")
    (bought,) = exchange.trades_of("bob", BTC)
    (sold,) = exchange.trades_of("alice", BTC)
    assert (bought.commission, bought.commission_asset, bought.maker) == (D("0.00033333"), "BTC", False)
    assert (sold.commission, sold.commission_asset, sold.maker) == (D("0.03332967"), "USDT", True)
    assert total(exchange, "house", "USDT") == D("0.03332967")


def test_commissions_round_half_up_at_eight_places():
    exchange = opened()
    listing = msgspec.structs.replace(LISTINGS[0], taker=D("0.0005"), min_notional=D(0))
    exchange.change_listing(listing, NOW)
    place(exchange, "alice", "SELL", "0.00001", "100")
    place(exchange, "bob", "BUY", "0.00001", "100")
    (bought,) = exchange.trades_of("bob", BTC)
    assert bought.commission == D("0.00000001")  # 0.000000005


def bnb_exchange(bnb):
    exchange = Exchange(LISTINGS)
    exchange.open_account("alice", RICH | {"BNB": bnb}, now=NOW, bnb_fees=True)
    exchange.open_account("bob", RICH, now=NOW)
    return exchange


def test_commission_in_bnb_is_discounted_and_priced_at_the_last_trade():
    exchange = bnb_exchange(D(1))
    trade_at(exchange, "300", symbol=BNB)
    place(exchange, "bob", "SELL", "1", "1000")
    place(exchange, "alice", "BUY", "1", "1000")
    (bought,) = exchange.trades_of("alice", BTC)
    assert (bought.commission, bought.commission_asset) == (D("0.0025"), "BNB")
    assert total(exchange, "alice", "BTC") == RICH["BTC"] + 1


@pytest.mark.parametrize(("bnb", "priced"), [(D("0.002"), True), (D(1), False)])
def test_without_enough_bnb_or_its_price_the_commission_falls_back(bnb, priced):
    exchange = bnb_exchange(bnb)
    if priced:
        trade_at(exchange, "300", symbol=BNB)
    place(exchange, "bob", "SELL", "1", "1000")
    place(exchange, "alice", "BUY", "1", "1000")
    (bought,) = exchange.trades_of("alice", BTC)
    assert (bought.commission, bought.commission_asset) == (D("0.001"), "BTC")


def test_a_market_order_takes_what_is_there_and_the_rest_expires():
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    executions = did(exchange, "bob", "BUY", "3")
    assert [each.what for each in executions] == [NEW, TRADE, EXPIRED]
    assert executions[-1].reason == "INSUFFICIENT_LIQUIDITY"
    assert (executions[-1].order.state, executions[-1].order.filled) == (State.EXPIRED, 1)


def test_a_market_order_by_money_spends_whole_lots_and_is_filled():
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    place(exchange, "alice", "SELL", "1", "130.07")
    order = place(exchange, "bob", "BUY", quote_quantity="150")
    assert (order.state, order.filled) == (State.FILLED, D("1.38440"))
    assert 150 - D("130.07") * D("0.00001") < order.spent <= 150


def test_a_market_order_by_money_that_empties_the_book_expires():
    exchange = opened()
    place(exchange, "alice", "BUY", "1", "100")
    executions = did(exchange, "bob", "SELL", quote_quantity="150")
    assert [each.what for each in executions] == [NEW, TRADE, EXPIRED]
    assert (executions[-1].order.state, executions[-1].order.spent) == (State.EXPIRED, 100)


def test_money_that_buys_no_lot_is_refused():
    exchange = opened()
    exchange.change_listing(msgspec.structs.replace(LISTINGS[0], min_notional=D(0)), NOW)
    place(exchange, "alice", "SELL", "1", "100000")
    assert refused(did, exchange, "bob", "BUY", quote_quantity="0.5") is Problem.LOT_SIZE


def test_immediate_or_cancel_expires_its_rest_and_fill_or_kill_all_of_it():
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    killed = did(exchange, "bob", "BUY", "2", "100", force=Force.FOK)
    assert [each.what for each in killed] == [NEW, EXPIRED]
    cut = did(exchange, "bob", "BUY", "2", "100", force=Force.IOC)
    assert [each.what for each in cut] == [NEW, TRADE, EXPIRED]
    place(exchange, "alice", "SELL", "2", "100")
    assert place(exchange, "bob", "BUY", "2", "100", force=Force.FOK).state is State.FILLED


def test_a_maker_only_order_that_would_take_is_refused():
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    maker = OrderKind.LIMIT_MAKER
    assert refused(did, exchange, "bob", "BUY", "1", "100", kind=maker) is Problem.WOULD_TAKE
    assert place(exchange, "bob", "BUY", "1", "99.99", kind=maker).state is State.NEW


def test_an_iceberg_shows_a_slice_and_its_next_slice_stands_at_the_back():
    exchange = opened("alice", "bob", "carol")
    iceberg = place(exchange, "alice", "SELL", "3", "100", iceberg="1")
    place(exchange, "bob", "SELL", "1", "100")
    assert exchange.book(BTC).asks == ((D(100), D(2)),)
    place(exchange, "carol", "BUY", "1.5", "100")
    assert [each.seller_order for each in exchange.prints(BTC)] == [1, 2]
    assert exchange.book(BTC).asks == ((D(100), D("1.5")),)
    place(exchange, "carol", "BUY", "0.5", "100")
    assert exchange.prints(BTC)[-1].seller_order == 2
    assert place(exchange, "carol", "BUY", "2", "100", force=Force.FOK).state is State.FILLED
    assert current(exchange, iceberg).state is State.FILLED


def test_a_client_id_is_unique_among_open_orders_and_free_again_afterwards():
    exchange = opened()
    first = place(exchange, "alice", "BUY", "1", "100", client_id="mine")
    assert refused(did, exchange, "alice", "BUY", "1", "100", client_id="mine") is Problem.DUPLICATE_ID
    place(exchange, "bob", "BUY", "1", "100", client_id="mine")
    exchange.cancel("alice", symbol=BTC, now=NOW, client_id="mine")
    second = place(exchange, "alice", "BUY", "1", "100", client_id="mine")
    found = exchange.order("alice", symbol=BTC, client_id="mine")
    assert (found.order_id, found.state) == (second.order_id, State.NEW)
    assert current(exchange, first).state is State.CANCELED


def test_a_cancel_tells_both_client_ids():
    exchange, heard = opened(), []
    place(exchange, "alice", "BUY", "1", "100", client_id="mine")
    exchange.listen(heard.append)
    exchange.cancel("alice", symbol=BTC, now=NOW, client_id="mine", cancel_id="away")
    (told,) = [each for each in heard if isinstance(each, Execution)]
    assert (told.what, told.cancel_id, told.order.client_id) == (CANCELED, "away", "mine")


@pytest.mark.parametrize("order_id", [1, 99])
def test_an_order_that_is_filled_or_unknown_cannot_be_cancelled(order_id):
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    place(exchange, "bob", "BUY", "1", "100")
    assert refused(Exchange.cancel, exchange, "alice", symbol=BTC, now=NOW, order_id=order_id) is Problem.UNKNOWN_ORDER


def test_nobody_sees_or_cancels_the_orders_of_others():
    exchange = opened()
    order = place(exchange, "alice", "BUY", "1", "100")
    found = refused(Exchange.order, exchange, "bob", symbol=BTC, order_id=order.order_id)
    cancelled = refused(Exchange.cancel, exchange, "bob", symbol=BTC, now=NOW, order_id=order.order_id)
    assert (found, cancelled) == (Problem.UNKNOWN_ORDER, Problem.UNKNOWN_ORDER)


def test_cancelling_all_leaves_other_symbols_alone():
    exchange = opened()
    place(exchange, "alice", "BUY", "1", "100")
    place(exchange, "alice", "BUY", "1", "99")
    place(exchange, "alice", "BUY", "1", "300", symbol=BNB)
    assert [each.state for each in exchange.cancel_all("alice", now=NOW, symbol=BTC)] == [State.CANCELED] * 2
    assert [each.wanted.symbol for each in exchange.open_orders("alice")] == [BNB]


REFUSED = [
    ({"quantity": "0.000005", "price": "100"}, Problem.LOT_SIZE),
    ({"quantity": "0.100005", "price": "100"}, Problem.LOT_SIZE),
    ({"quantity": "9001", "price": "100"}, Problem.LOT_SIZE),
    ({"quantity": "101", "price": None}, Problem.MARKET_LOT_SIZE),
    ({"quantity": "1", "price": "100.005"}, Problem.PRICE_FILTER),
    ({"quantity": "1", "price": "1000000.01"}, Problem.PRICE_FILTER),
    ({"quantity": "1", "price": "0.001"}, Problem.PRICE_FILTER),
    ({"quantity": "0.04999", "price": "100"}, Problem.NOTIONAL),
    ({"quantity": "0.04", "price": None}, Problem.NOTIONAL),
    ({"price": None, "quote_quantity": "4.99"}, Problem.NOTIONAL),
    ({"quantity": "1", "price": "500.01"}, Problem.PERCENT_PRICE),
    ({"quantity": "1", "price": "19.99"}, Problem.PERCENT_PRICE),
    ({"quantity": "1.000000001", "price": "100"}, Problem.PRECISION),
    ({"quantity": "1", "price": "100", "iceberg": "0.01"}, Problem.ICEBERG_PARTS),
    ({"quantity": "1", "price": "100", "iceberg": "0.5", "force": Force.IOC}, Problem.BAD_PARAMETERS),
    ({"quantity": "1", "price": "100", "kind": OrderKind.MARKET}, Problem.BAD_PARAMETERS),
    ({"quantity": "-1", "price": "100"}, Problem.BAD_PARAMETERS),
    ({"price": "100"}, Problem.BAD_PARAMETERS),
    ({"quantity": "1", "price": "100", "reduce_only": True}, Problem.BAD_PARAMETERS),
    ({"quantity": "1", "price": "100", "stop_price": "90"}, Problem.BAD_PARAMETERS),
    ({"quantity": "1", "price": "100", "symbol": "ETH/USDT"}, Problem.UNKNOWN_SYMBOL),
    ({"quantity": "9000", "price": "400"}, Problem.INSUFFICIENT_BALANCE),
]


@pytest.mark.parametrize(("order", "problem"), REFUSED, ids=lambda each: getattr(each, "name", None))
def test_a_refused_order_changes_nothing(order, problem):
    exchange = opened()
    trade_at(exchange, "100")
    order = dict(order)
    amounts = [order.pop("quantity", None), order.pop("price", None)]
    assert refused(did, exchange, "alice", "BUY", *amounts, **order) is problem


def test_an_account_may_have_so_many_open_orders_and_so_much_of_an_asset():
    exchange = opened()
    exchange.change_listing(msgspec.structs.replace(LISTINGS[0], max_orders=2, max_position=D(103)), NOW)
    place(exchange, "alice", "BUY", "1", "100")
    assert refused(did, exchange, "alice", "BUY", "2.00001", "100") is Problem.MAX_POSITION
    place(exchange, "alice", "BUY", "1", "100")
    assert refused(did, exchange, "alice", "BUY", "1", "100") is Problem.MAX_ORDERS


@pytest.mark.parametrize("trading", [Trading.HALT, Trading.CANCEL_ONLY])
def test_a_closed_market_takes_cancels_only(trading):
    exchange = opened()
    order = place(exchange, "alice", "BUY", "1", "100")
    exchange.change_listing(msgspec.structs.replace(LISTINGS[0], trading=trading), NOW)
    assert refused(did, exchange, "alice", "BUY", "1", "100") is Problem.CLOSED
    amended = refused(Exchange.amend, exchange, "alice", symbol=BTC, now=NOW, order_id=1, quantity=D("0.5"))
    assert amended is Problem.CLOSED
    assert exchange.cancel("alice", symbol=BTC, now=NOW, order_id=order.order_id).state is State.CANCELED


def test_an_order_that_shrinks_keeps_its_place_and_one_that_grows_goes_to_the_back():
    exchange = opened("alice", "bob", "carol")
    for name in ("alice", "bob", "alice"):
        place(exchange, name, "SELL", "2", "100")
    exchange.amend("alice", symbol=BTC, now=NOW, order_id=1, quantity=D(1))
    exchange.amend("bob", symbol=BTC, now=NOW, order_id=2, quantity=D(3))
    place(exchange, "carol", "BUY", "4", "100")
    assert [each.seller_order for each in exchange.prints(BTC)] == [1, 3, 2]
    assert locked(exchange, "bob", "BTC") == 2


def test_an_amended_price_may_trade_at_once():
    exchange = opened()
    place(exchange, "alice", "SELL", "1", "100")
    order = place(exchange, "bob", "BUY", "2", "99")
    amended = exchange.amend("bob", symbol=BTC, now=NOW, order_id=order.order_id, price=D(100))
    assert (amended.state, amended.filled, amended.price) == (State.PARTIALLY_FILLED, 1, 100)
    assert locked(exchange, "bob", "USDT") == 100


def test_an_amendment_to_what_is_filled_already_cancels_the_rest():
    exchange = opened()
    order = place(exchange, "alice", "SELL", "2", "100")
    place(exchange, "bob", "BUY", "1", "100")
    amended = exchange.amend("alice", symbol=BTC, now=NOW, order_id=order.order_id, quantity=D(1))
    assert (amended.state, amended.filled, amended.quantity) == (State.CANCELED, 1, 2)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"quantity": D(20_000)}, Problem.LOT_SIZE),
        ({"quantity": D(101)}, Problem.INSUFFICIENT_BALANCE),
        ({"price": D("100.001")}, Problem.PRICE_FILTER),
        ({"quantity": D(2)}, Problem.BAD_PARAMETERS),
    ],
)
def test_a_refused_amendment_changes_nothing(change, problem):
    exchange = opened()
    place(exchange, "alice", "SELL", "2", "100")
    assert refused(Exchange.amend, exchange, "alice", symbol=BTC, now=NOW, order_id=1, **change) is problem


def test_transfers_come_from_outside_and_take_only_what_is_free():
    exchange, heard = opened(), []
    exchange.listen(heard.append)
    exchange.transfer("alice", "USDT", D("-0.5"), NOW)
    (told,) = heard
    assert isinstance(told, BalancesChanged)
    assert told.transfer == D("-0.5")
    place(exchange, "alice", "SELL", "100", "100")
    problem = refused(Exchange.transfer, exchange, "alice", "BTC", D(-1), NOW)
    assert problem is Problem.INSUFFICIENT_BALANCE


def test_somebody_can_trade_a_chosen_part_of_a_resting_order():
    exchange = opened()
    order = place(exchange, "alice", "SELL", "1", "100")
    execution = exchange.trade_with("alice", order.order_id, D("0.3"), now=NOW)
    assert (execution.what, execution.order.filled, execution.trade.maker) == (TRADE, D("0.3"), True)
    assert exchange.book(BTC).asks == ((D(100), D("0.7")),)
    too_much = refused(Exchange.trade_with, exchange, "alice", order.order_id, D("0.8"), now=NOW)
    assert too_much is Problem.BAD_PARAMETERS


def test_a_late_fill_comes_after_the_end_of_an_order_and_leaves_its_status():
    exchange = opened()
    order = place(exchange, "alice", "SELL", "1", "100")
    exchange.cancel("alice", symbol=BTC, now=NOW, order_id=order.order_id)
    unforced = refused(Exchange.trade_with, exchange, "alice", order.order_id, D("0.3"), now=NOW)
    assert unforced is Problem.UNKNOWN_ORDER
    late = exchange.trade_with("alice", order.order_id, D("0.3"), now=NOW, force=True)
    assert (late.order.state, late.order.filled) == (State.CANCELED, D("0.3"))
    assert total(exchange, "alice", "BTC") == RICH["BTC"] - D("0.3")


def test_the_exchange_may_end_an_order_by_itself():
    exchange = opened()
    order = place(exchange, "alice", "SELL", "1", "100")
    ended = exchange.expire("alice", order.order_id, now=NOW, reason="restart")
    assert (ended.state, locked(exchange, "alice", "BTC")) == (State.EXPIRED, 0)


def test_the_average_price_looks_back_five_minutes_and_then_at_the_last_price():
    exchange = opened()
    assert exchange.average_price(BTC, NOW) == 0
    trade_at(exchange, "100", quantity="1")
    trade_at(exchange, "130", quantity="2", now=NOW + 200 * SECOND)
    assert exchange.average_price(BTC, NOW + 200 * SECOND) == 120
    assert exchange.average_price(BTC, NOW + 301 * SECOND) == 130
    assert exchange.average_price(BTC, NOW + 900 * SECOND) == 130
    assert exchange.average_price(BTC, NOW + 200 * SECOND) == 120  # looking changed nothing


def test_book_updates_are_numbered_without_a_gap_and_add_up_to_the_book():
    exchange, heard = opened(), []
    exchange.listen(heard.append)
    place(exchange, "alice", "SELL", "1", "100")
    place(exchange, "alice", "SELL", "2", "101")
    place(exchange, "bob", "BUY", "2", "101")
    changes = [each for each in heard if isinstance(each, BookChange)]
    levels = {(each.side, each.price): each.quantity for each in changes}
    assert [each.update_id for each in changes] == list(range(1, len(changes) + 1))
    assert {level: left for level, left in levels.items() if left} == {("SELL", D(101)): D(1)}
    assert exchange.book(BTC).update_id == len(changes)


def test_a_copy_that_was_handed_out_never_changes():
    exchange = opened()
    order = place(exchange, "alice", "SELL", "1", "100")
    place(exchange, "bob", "BUY", "1", "100")
    assert (order.state, order.filled) == (State.NEW, 0)


def test_a_float_is_refused_where_money_is_due():
    exchange = opened()
    with pytest.raises(DataError):
        exchange.transfer("alice", "USDT", 0.5, NOW)


def test_accounts_are_opened_once_and_unknown_ones_named():
    exchange = opened()
    with pytest.raises(ConfigError, match="opened already"):
        exchange.open_account("alice", RICH, now=NOW)
    with pytest.raises(ConfigError, match="'carol': not opened"):
        exchange.balances("carol")
    with pytest.raises(ConfigError, match="at least 0"):
        exchange.open_account("carol", {"USDT": D(-1)}, now=NOW)


@pytest.mark.parametrize("wrong", [{"tick": D("0.000000001")}, {"lot": D(0)}, {"symbol": "BTCUSDT"}])
def test_a_listing_that_cannot_be_traded_is_refused(wrong):
    listing = {"symbol": BTC, "tick": D("0.01"), "lot": D("0.001")} | wrong
    with pytest.raises(ConfigError, match="listing"):
        Exchange([Listing(**listing)])
