"""Laws that hold after any commands whatever: nothing is made or lost, and the same commands give the same bytes."""

import random
import tempfile
from collections import defaultdict
from decimal import localcontext
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.trading_day import BNB, BTC, LISTINGS, NOW, PERP, RICH, D, wanted
from workbench.twin.exchange import Exchange
from workbench.twin.words import BookChange, Execution, Force, OrderKind, Print, Refusal, SelfTrade, State

ACCOUNTS = ("alice", "bob", "carol")
PRICES = {BTC: range(9_900, 10_100, 17), BNB: range(2_900, 3_100, 20), PERP: range(9_700, 10_300, 70)}
SCALE = {BTC: D("0.01"), BNB: D("0.1"), PERP: D("0.1")}
SIZES = {BTC: D("0.12345"), BNB: D("0.123"), PERP: D(7)}
KINDS = list(OrderKind)


def an_order(chance):
    symbol = chance.choice([BTC, BTC, BNB, PERP, PERP])
    kind = chance.choice(KINDS + [OrderKind.LIMIT] * 8 + [OrderKind.MARKET] * 2)
    stops = kind.value.startswith(("STOP", "TAKE"))
    by_price = kind.value.startswith("LIMIT") or kind.value.endswith("_LIMIT")
    quantity = SIZES[symbol] * chance.randint(1, 12)
    by_money = kind is OrderKind.MARKET and symbol != PERP and chance.random() < 0.4
    iceberg = kind is OrderKind.LIMIT and quantity > SIZES[symbol] * 2 and chance.random() < 0.2
    return wanted(
        chance.choice(["BUY", "SELL"]),
        symbol=symbol,
        kind=kind,
        price=chance.choice(PRICES[symbol]) * SCALE[symbol] if by_price else None,
        quantity=None if by_money else quantity,
        quote_quantity=quantity * 90 if by_money else None,
        stop_price=chance.choice(PRICES[symbol]) * SCALE[symbol] if stops else None,
        trailing_bips=chance.choice([None, 50]) if stops else None,
        iceberg=SIZES[symbol] * 2 if iceberg else None,
        force=chance.choice([Force.GTC, Force.GTC, *Force]) if kind is OrderKind.LIMIT and not iceberg else Force.GTC,
        stp=chance.choice([None, None, *SelfTrade]),
        reduce_only=symbol == PERP and chance.random() < 0.2,
    )


def a_command(chance):
    what = chance.choices(["place", "cancel", "amend", "trade_with", "set_mark", "fund"], weights=[60, 8, 8, 8, 2, 1])[
        0
    ]
    argument = {
        "place": lambda: an_order(chance),
        "cancel": lambda: chance.randint(0, 30),
        "amend": lambda: (chance.randint(0, 30), chance.randint(1, 14), chance.randint(-200, 200)),
        "trade_with": lambda: (chance.randint(0, 30), chance.randint(1, 3)),
        "set_mark": lambda: chance.randint(940, 1_060) if chance.random() < 0.8 else chance.randint(100, 3_000),
        "fund": lambda: chance.randint(-50, 50),
    }[what]()
    return what, chance.choice(ACCOUNTS), argument


@st.composite
def commands(draw):
    """A lively session: its seed and length are what shrinks."""
    chance = random.Random(draw(st.integers(0, 10**6)))
    return [a_command(chance) for _ in range(draw(st.integers(1, 150)))]


def begun(**options):
    exchange = Exchange(LISTINGS, **options)
    for name, bnb_fees in zip(ACCOUNTS, (False, True, False), strict=True):
        balances = RICH if name != "carol" else {"USDT": D(900), "BTC": D(5)}
        exchange.open_account(name, balances, now=NOW, bnb_fees=bnb_fees)
    return exchange


def carry_out(exchange, commands):
    for step, (what, account, argument) in enumerate(commands):
        try:
            carry_out_one(exchange, what, account, argument, NOW + step)
        except Refusal:
            continue


def carry_out_one(exchange, what, account, argument, now):
    if what == "place":
        exchange.place(account, argument, now)
    elif what == "set_mark":
        exchange.set_mark(PERP, D(argument), now)
    elif what == "fund":
        exchange.fund(PERP, D(argument) / 10_000, now)
    else:
        opened = exchange.open_orders(account)
        number, *more = argument if isinstance(argument, tuple) else (argument,)
        if opened:
            act_on(exchange, what, opened[number % len(opened)], more, now)


def act_on(exchange, what, order, more, now):
    symbol, unit = order.wanted.symbol, SIZES[order.wanted.symbol]
    if what == "cancel":
        exchange.cancel(order.account, symbol=symbol, now=now, order_id=order.order_id)
    elif what == "amend":
        price = order.price + more[1] * SCALE[symbol] if order.price else None
        exchange.amend(
            order.account, symbol=symbol, now=now, order_id=order.order_id, quantity=unit * more[0], price=price
        )
    else:
        quantity = min(order.remaining, unit * more[0])
        exchange.trade_with(order.account, order.order_id, quantity, now=now, force=more[0] == 3)


def everybody(exchange):
    return [*exchange.accounts, "house"]


def sums(exchange):
    """What all accounts have together, less what open positions were entered for."""
    have = defaultdict(D)
    for name in everybody(exchange):
        for each in exchange.balances(name):
            have[each.asset] += each.total
        for position in exchange._clearing.account(name).positions.values():
            have["USDT"] -= D(position.cost).scaleb(-24)
    return dict(have)


@settings(max_examples=60)
@given(commands())
def test_every_asset_is_conserved_exactly_and_nobody_owes(commands):
    with localcontext() as context:
        context.prec = 100
        exchange = begun()
        before = sums(exchange)
        for command in range(len(commands)):
            carry_out(exchange, commands[command : command + 1])
            assert sums(exchange) == before
        for name in ACCOUNTS:
            assert all(each.total >= 0 and each.locked >= 0 for each in exchange.balances(name))


@settings(max_examples=60)
@given(commands())
def test_what_is_locked_is_what_open_spot_orders_need(commands):
    exchange = begun()
    carry_out(exchange, commands)
    for name in ACCOUNTS:
        needed = defaultdict(D)
        account = exchange._clearing.account(name)
        for order in exchange.open_orders(name):
            base, quote = order.wanted.symbol.split("/")
            reserve = order.price or order.wanted.stop_price or D(account.open[order.order_id].reserve).scaleb(-8)
            if quote == "USDT":
                needed[quote if order.wanted.side == "BUY" else base] += order.remaining * (
                    reserve if order.wanted.side == "BUY" else 1
                )
        locked = {asset: D(amount).scaleb(-24) for asset, amount in account.locked.items() if amount}
        assert locked == {asset: amount for asset, amount in needed.items() if amount}


@settings(max_examples=60)
@given(commands())
def test_the_book_is_never_crossed_and_its_updates_have_no_gap(commands):
    exchange, heard = begun(), []
    exchange.listen(heard.append)
    carry_out(exchange, commands)
    levels = {symbol: {} for symbol in PRICES}
    numbers = defaultdict(list)
    for event in heard:
        if isinstance(event, BookChange):
            numbers[event.symbol].append(event.update_id)
            levels[event.symbol][event.side, event.price] = event.quantity
    for symbol in PRICES:
        book = exchange.book(symbol)
        assert not (book.bids and book.asks) or book.bids[0][0] < book.asks[0][0]
        assert numbers[symbol] == list(range(1, len(numbers[symbol]) + 1))
        shown = {("BUY", price): left for price, left in book.bids} | {
            ("SELL", price): left for price, left in book.asks
        }
        assert {level: left for level, left in levels[symbol].items() if left} == shown


@settings(max_examples=60)
@given(commands())
def test_executions_count_up_and_final_orders_stay_as_they_are(commands):
    exchange, heard = begun(), []
    exchange.listen(heard.append)
    carry_out(exchange, commands)
    executions = [each for each in heard if isinstance(each, Execution)]
    assert [each.execution_id for each in executions] == list(range(1, len(executions) + 1))
    ended = {}
    for each in executions:
        order = each.order
        assert order.order_id not in ended, "something happened after the end"
        assert order.remaining >= 0
        if not order.open:
            ended[order.order_id] = order.state
    assert all(each.order.remaining == 0 for each in executions if each.order.state is State.FILLED)


@settings(max_examples=60)
@given(commands())
def test_both_sides_of_every_trade_agree_with_the_public_print(commands):
    exchange, heard = begun(), []
    exchange.listen(heard.append)
    carry_out(exchange, commands)
    for symbol in PRICES:
        prints = [each for each in heard if isinstance(each, Print) and each.symbol == symbol]
        assert [each.trade_id for each in prints] == list(range(1, len(prints) + 1))
        sides = defaultdict(list)
        for name in ACCOUNTS:
            for trade in exchange.trades_of(name, symbol):
                sides[trade.print.trade_id].append((trade.side, trade.order_id))
        told = {each.trade_id: sorted([("BUY", each.buyer_order), ("SELL", each.seller_order)]) for each in prints}
        assert {trade: sorted(both) for trade, both in sides.items()} == {
            trade: [each for each in both if each[1]] for trade, both in told.items()
        }


@settings(max_examples=60)
@given(commands())
def test_the_same_commands_give_the_same_bytes_and_the_journal_gives_them_back(commands):
    with tempfile.TemporaryDirectory() as folder:
        first, second = begun(journal=Path(folder) / "journal"), begun()
        carry_out(first, commands)
        carry_out(second, commands)
        assert first.digest() == second.digest()
        recovered = Exchange.recovered(LISTINGS, Path(folder) / "journal")
        assert recovered.digest() == first.digest()
        assert [recovered.truth(each) for each in everybody(first)] == [first.truth(each) for each in everybody(first)]
        first.close(), recovered.close()
