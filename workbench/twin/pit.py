"""Where orders meet: they are worked against the book, rest, trigger and end, each step told as it happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from workbench.twin.accounts import Account, balance
from workbench.twin.amounts import of_money, of_units
from workbench.twin.clearing import Clearing
from workbench.twin.matching import Meeting, Plan, plan
from workbench.twin.news import News
from workbench.twin.stops import follow
from workbench.twin.terms import Market
from workbench.twin.ticket import Ticket
from workbench.twin.words import (
    BalancesChanged,
    Execution,
    Force,
    Happened,
    OwnTrade,
    PositionChanged,
    Print,
    Refusal,
    SelfTrade,
    State,
)

NO_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
NOTHING_LEFT_TO_REDUCE = "REDUCE_ONLY"
_SPARES_MAKER = frozenset({SelfTrade.EXPIRE_TAKER})
_SPARES_TAKER = frozenset({SelfTrade.EXPIRE_MAKER})


class Pit:
    """Works orders on the markets; what it is asked for has been checked before."""

    def __init__(self, news: News, clearing: Clearing, markets: Mapping[str, Market]) -> None:
        self._news, self._clearing, self._markets = news, clearing, markets
        self._traded: deque[tuple[Market, int]] = deque()  # prices that waiting stops have not seen yet

    def plan(self, ticket: Ticket, *, funds: int | None = None) -> Plan:
        """What would happen to an order now."""
        market = self._markets[ticket.symbol]
        return plan(market.book, ticket, contract=market.terms.contract, lot=market.terms.numbers["lot"], funds=funds)

    def enter(self, ticket: Ticket, now: int) -> None:
        """A new order arrives; it waits for its trigger or is worked at once."""
        account, market = self._clearing.account(ticket.account), self._markets[ticket.symbol]
        account.register(ticket)
        self._clearing.relock(ticket)
        if ticket.waiting:
            market.waiting[ticket.order_id] = ticket
            if not ticket.stop:
                ticket.extreme = market.last
            self._news.report(ticket, Happened.NEW, now)
        else:
            ticket.working_since = now
            self._news.report(ticket, Happened.NEW, now)
            self.work(ticket, now)

    def work(self, ticket: Ticket, now: int, *, funds: int | None = None) -> None:
        """Trades what can be traded now; the rest goes on the book or ends, of a liquidation to the house."""
        planned = self.plan(ticket, funds=funds)
        if ticket.wanted.force is Force.FOK and not planned.complete:
            self.end(ticket, State.EXPIRED, Happened.EXPIRED, now, reason=NO_LIQUIDITY)
            return
        while ticket.open and planned.meetings:
            spent = ticket.spent
            for meeting in planned.meetings:
                self._meet(ticket, meeting, now)
            funds = None if funds is None else funds - (ticket.spent - spent)
            planned = self.plan(ticket, funds=funds)
        if ticket.open and ticket.rests:
            self._markets[ticket.symbol].book.add(ticket)
        elif ticket.open and ticket.forced:
            self.trade_outside(ticket, ticket.remaining, self._markets[ticket.symbol].marked(), now, maker=False)
        elif ticket.open:
            self.end(ticket, State.EXPIRED, Happened.EXPIRED, now, reason=NO_LIQUIDITY)

    def end(
        self, ticket: Ticket, state: State, what: Happened, now: int, *, cancel_id: str = "", reason: str = ""
    ) -> None:
        """An open order ends without having been filled."""
        self._close(ticket, state, now)
        self._news.report(ticket, what, now, cancel_id=cancel_id, reason=reason)

    def amend(self, ticket: Ticket, *, quantity: int, price: int, now: int) -> None:
        """Changes an order on the book; only one that shrinks at its price keeps its place."""
        market = self._markets[ticket.symbol]
        keeps_place = price == ticket.price and quantity <= ticket.quantity
        if not keeps_place:
            market.book.remove(ticket)
        ticket.quantity, ticket.price, ticket.reserve, ticket.updated = quantity, price, price, now
        self._clearing.relock(ticket)
        if keeps_place:
            market.book.shrink(ticket)
        self._news.report(ticket, Happened.REPLACED, now)
        if not keeps_place:
            self.work(ticket, now)

    def trade_outside(self, ticket: Ticket, quantity: int, price: int, now: int, *, maker: bool) -> Execution:
        """Somebody outside the book trades with an order, which may have ended already; the house is the other side."""
        market = self._markets[ticket.symbol]
        on_book = ticket.on_book
        self._fill(ticket, quantity, price, now)
        if on_book:
            market.book.take(ticket, quantity)
        buyer, seller = (ticket, None) if ticket.buy else (None, ticket)
        printed = self._print(market, buyer, seller, quantity, price, now, buyer_is_maker=ticket.buy is maker)
        house = self._clearing.house
        self._clearing.settle(house, market, buy=not ticket.buy, quantity=quantity, price=price, maker=not maker)
        execution = self._settle(ticket, printed, quantity, price, now, maker=maker)
        self._end_spent_reducers(self._clearing.account(ticket.account), market, now)
        return execution

    def finish(self, now: int) -> None:
        """Ends a command: stops see the new prices until none is left, then balances are told."""
        while self._traded:
            market, price = self._traded.popleft()
            due = [each for each in market.waiting.values() if follow(each, price)]
            for ticket in due:
                if ticket.waiting and ticket.open:
                    self._trigger(ticket, market, now)
        for account in self._clearing.accounts.values():
            self.tell_balances(account, now)

    def tell_balances(self, account: Account, now: int, transfer: int | None = None) -> None:
        """The balances that changed since they were last told; nobody is told of the house's."""
        touched = sorted(account.touched)
        account.touched.clear()
        if touched and account is not self._clearing.house:
            held = tuple(balance(account, each, self._clearing.margin(account, each)) for each in touched)
            outside = None if transfer is None else of_money(transfer)
            self._news.tell(BalancesChanged(account=account.name, at=now, balances=held, transfer=outside))

    def position(self, account: Account, market: Market, now: int) -> PositionChanged:
        """A position as it stands."""
        held = account.positions[market.symbol]
        size = abs(held.quantity) * market.terms.contract
        return PositionChanged(
            account=account.name,
            symbol=market.symbol,
            at=now,
            quantity=of_units(held.quantity),
            entry_price=of_units((2 * abs(held.cost) + size) // (2 * size) if size else 0),
            mark=of_units(market.marked()),
            unrealised=of_money(self._clearing.profit(account, market)),
        )

    def _meet(self, taker: Ticket, meeting: Meeting, now: int) -> None:
        maker = meeting.maker
        if not (taker.open and maker.on_book):
            return  # an earlier meeting of the plan ended one of them
        if meeting.prevented:
            self._prevent(taker, maker, now)
            return
        quantity = min(meeting.quantity, self._clearing.reducible(taker), self._clearing.reducible(maker))
        self._trade(taker, maker, quantity, now)

    def _trade(self, taker: Ticket, maker: Ticket, quantity: int, now: int) -> None:
        market, price = self._markets[taker.symbol], maker.price
        self._fill(taker, quantity, price, now)
        self._fill(maker, quantity, price, now)
        market.book.take(maker, quantity)
        buyer, seller = (taker, maker) if taker.buy else (maker, taker)
        printed = self._print(market, buyer, seller, quantity, price, now, buyer_is_maker=maker.buy)
        self._settle(taker, printed, quantity, price, now, maker=False)
        self._settle(maker, printed, quantity, price, now, maker=True)
        for name in (taker.account, maker.account):
            self._end_spent_reducers(self._clearing.account(name), market, now)

    def _fill(self, ticket: Ticket, quantity: int, price: int, now: int) -> None:
        ticket.filled += quantity
        ticket.spent += self._markets[ticket.symbol].terms.value(price, quantity)
        ticket.updated = now
        if not ticket.open:
            return
        filled = ticket.remaining == 0 and not ticket.exhausts
        ticket.state = State.FILLED if filled else State.PARTIALLY_FILLED
        self._clearing.relock(ticket)
        if filled:
            self._clearing.account(ticket.account).close(ticket)

    def _settle(self, ticket: Ticket, printed: Print, quantity: int, price: int, now: int, *, maker: bool) -> Execution:
        account, market = self._clearing.account(ticket.account), self._markets[ticket.symbol]
        commission, asset = self._clearing.settle(
            account, market, buy=ticket.buy, quantity=quantity, price=price, maker=maker
        )
        trade = OwnTrade(
            account=ticket.account,
            order_id=ticket.order_id,
            client_id=ticket.client_id,
            side=ticket.wanted.side,
            maker=maker,
            commission=of_money(commission),
            commission_asset=asset,
            print=printed,
            forced=ticket.forced,
        )
        account.trades.append(trade)
        execution = self._news.report(ticket, Happened.TRADE, now, trade=trade)
        if not market.listing.is_spot:
            self._news.tell(self.position(account, market, now))
        return execution

    def _print(
        self,
        market: Market,
        buyer: Ticket | None,
        seller: Ticket | None,
        quantity: int,
        price: int,
        now: int,
        *,
        buyer_is_maker: bool,
    ) -> Print:
        market.trade_id += 1
        printed = Print(
            trade_id=market.trade_id,
            symbol=market.symbol,
            price=of_units(price),
            quantity=of_units(quantity),
            at=now,
            buyer_order=buyer.order_id if buyer else 0,
            seller_order=seller.order_id if seller else 0,
            buyer_is_maker=buyer_is_maker,
        )
        market.record(printed, price, quantity)
        if market.waiting:
            self._traded.append((market, price))
        self._news.tell(printed)
        return printed

    def _prevent(self, taker: Ticket, maker: Ticket, now: int) -> None:
        if taker.stp is SelfTrade.DECREMENT:
            quantity = min(taker.remaining, maker.remaining)
            maker.prevented += quantity
            self._markets[maker.symbol].book.take(maker, quantity)
            taker.prevented += quantity
            for each in (maker, taker):
                self._decrement(each, now)
            return
        for each, spared in ((maker, _SPARES_MAKER), (taker, _SPARES_TAKER)):
            if taker.stp not in spared:
                rest = each.remaining
                self._close(each, State.EXPIRED_IN_MATCH, now)
                each.prevented += rest
                self._news.report(each, Happened.TRADE_PREVENTION, now)

    def _decrement(self, ticket: Ticket, now: int) -> None:
        ticket.updated = now
        if ticket.remaining:
            self._clearing.relock(ticket)
        else:
            self._close(ticket, State.EXPIRED_IN_MATCH, now)
        self._news.report(ticket, Happened.TRADE_PREVENTION, now)

    def _close(self, ticket: Ticket, state: State, now: int) -> None:
        market = self._markets[ticket.symbol]
        if ticket.on_book:
            market.book.remove(ticket)
        market.waiting.pop(ticket.order_id, None)
        ticket.state, ticket.waiting, ticket.updated = state, False, now
        self._clearing.relock(ticket)
        self._clearing.account(ticket.account).close(ticket)

    def _trigger(self, ticket: Ticket, market: Market, now: int) -> None:
        account = self._clearing.account(ticket.account)
        del market.waiting[ticket.order_id]
        ticket.waiting, ticket.updated, ticket.working_since = False, now, now
        funds = None
        if ticket.by_market:
            ticket.reserve = 0  # its price is the market's from now on, paid from what the account has
            self._clearing.relock(ticket)
        self._news.report(ticket, Happened.TRIGGERED, now)
        try:
            if not market.listing.is_spot:
                self._clearing.check_funds(ticket, self.plan(ticket), released=ticket.lock)
            elif ticket.by_market and ticket.buy:
                funds = self._clearing.free(account, market.listing.quote)
        except Refusal as refusal:
            self.end(ticket, State.EXPIRED, Happened.EXPIRED, now, reason=refusal.problem.name)
            return
        self.work(ticket, now, funds=funds)

    def _end_spent_reducers(self, account: Account, market: Market, now: int) -> None:
        if market.listing.is_spot:
            return
        for ticket in list(account.open.values()):
            reduces = ticket.symbol == market.symbol and ticket.wanted.reduce_only and not ticket.waiting
            if reduces and not self._clearing.reducible(ticket):
                self.end(ticket, State.EXPIRED, Happened.EXPIRED, now, reason=NOTHING_LEFT_TO_REDUCE)
