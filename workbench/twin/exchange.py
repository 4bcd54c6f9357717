"""The pure exchange: accounts trade with each other by price and time; no socket, no clock, no chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import msgspec

from workbench.core.errors import ConfigError, CorruptState, WorkbenchError
from workbench.twin import commands as told
from workbench.twin.accounts import Account
from workbench.twin.amounts import GRAIN, money, of_units, units
from workbench.twin.filters import check_numbers, exact, ticket_for
from workbench.twin.journal import Journal, commands
from workbench.twin.perpetuals import Perpetuals
from workbench.twin.stops import touched
from workbench.twin.terms import Market, Terms
from workbench.twin.ticket import Ticket
from workbench.twin.views import Views
from workbench.twin.words import (
    BookChange,
    Event,
    Execution,
    Happened,
    Listing,
    ListingChanged,
    Order,
    Problem,
    Refusal,
    State,
    Trading,
    Wanted,
)


class Exchange(Views):
    """A central limit order book per symbol; the same commands give the same events.

    Amounts are exact Decimals, `now` is UTC nanoseconds, accounts are names. What the exchange refuses raises
    Refusal and changes nothing; an account that nobody opened raises ConfigError, a float DataError.
    """

    def __init__(self, listings: Sequence[Listing], *, journal: Path | None = None) -> None:
        """An empty exchange; with a `journal`, a file that must not exist yet, every command is kept there."""
        if journal is not None and journal.exists() and journal.stat().st_size:
            raise ConfigError(f"{journal}: exists already; recover the exchange from it, or name a new file")
        super().__init__()
        self._order_id = 0
        self._perpetuals = Perpetuals(
            self._news, self._clearing, self._pit, self._markets, next_order_id=self._next_order_id
        )
        self._placed: tuple[int, list[Execution]] | None = None
        self.listen(self._remember)
        for listing in listings:
            self._add_market(Terms.of(listing))
        self._journal = None if journal is None else Journal(journal, listings)

    @classmethod
    def recovered(cls, listings: Sequence[Listing], journal: Path) -> Self:
        """The exchange that wrote `journal`: same orders, ids, balances and digest; it goes on writing there.

        Raises ConfigError where the journal was written for other listings, CorruptState where it cannot be read.
        """
        exchange = cls(listings)
        for command in commands(journal, listings):
            try:
                getattr(exchange, str(command.__struct_config__.tag))(**_arguments(command))
            except (Refusal, WorkbenchError) as error:
                raise CorruptState(f"{journal}: {command} cannot have happened: {error}") from None
        exchange._journal = Journal(journal, listings)
        return exchange

    def close(self) -> None:
        """Lets the journal go; safe to call twice."""
        if self._journal is not None:
            self._journal.close()

    def open_account(
        self, name: str, balances: Mapping[str, Decimal], *, now: int, bnb_fees: bool = False, crowd: bool = False
    ) -> None:
        """Opens an account; `crowd` marks one that stands for many, whom no limit of one account binds.

        Raises ConfigError for a name that is taken or a negative balance.
        """
        if name in self._clearing.accounts:
            raise ConfigError(f"account {name!r}: opened already")
        amounts = {asset: money(balances[asset], f"{name}.{asset}") for asset in sorted(balances)}
        if any(amount < 0 for amount in amounts.values()):
            raise ConfigError(f"account {name!r}: expected balances of at least 0")
        self._keep(told.OpenAccount(now=now, name=name, balances=dict(balances), bnb_fees=bnb_fees, crowd=crowd))
        account = self._clearing.accounts[name] = Account(name, bnb_fees=bnb_fees, crowd=crowd)
        for asset, amount in amounts.items():
            account.add(asset, amount)
        self._pit.finish(now)

    def transfer(self, account: str, asset: str, amount: Decimal, now: int) -> None:
        """Brings an amount in from outside, or takes it away where it is negative and free."""
        holder, change = self._clearing.account(account), money(amount, asset)
        if change < 0 and self._clearing.free(holder, asset) + change < 0:
            raise Refusal(Problem.INSUFFICIENT_BALANCE)
        self._keep(told.Transfer(now=now, account=account, asset=asset, amount=amount))
        holder.add(asset, change)
        self._pit.tell_balances(holder, now, transfer=change)

    def place(self, account: str, wanted: Wanted, now: int) -> list[Execution]:
        """Enters an order; gives what happened to it at once, NEW first.

        A market order by money has as its quantity what the book gives for it.
        """
        holder, market = self._clearing.account(account), self._market(wanted.symbol)
        ticket = ticket_for(wanted, holder, market, order_id=self._order_id + 1, now=now)
        self._admit(ticket, market)
        self._keep(told.Place(now=now, account=account, wanted=wanted))
        self._placed = (self._next_order_id(), [])
        self._pit.enter(ticket, now)
        self._pit.finish(now)
        executions, self._placed = self._placed[1], None
        return executions

    def cancel(
        self,
        account: str,
        *,
        symbol: str,
        now: int,
        order_id: int | None = None,
        client_id: str | None = None,
        cancel_id: str = "",
    ) -> Order:
        """Cancels an open order; gives it as it then is. Raises Refusal(UNKNOWN_ORDER)."""
        ticket = self._open_ticket(account, symbol, order_id, client_id)
        self._keep(
            told.Cancel(
                now=now, account=account, symbol=symbol, order_id=order_id, client_id=client_id, cancel_id=cancel_id
            )
        )
        self._pit.end(ticket, State.CANCELED, Happened.CANCELED, now, cancel_id=cancel_id)
        self._pit.finish(now)
        return ticket.copy()

    def cancel_all(self, account: str, *, now: int, symbol: str | None = None) -> list[Order]:
        """Cancels every open order, of one symbol or of all; gives them as they then are."""
        opened = self._clearing.account(account).open.values()
        tickets = [each for each in opened if symbol in (None, each.symbol)]
        self._keep(told.CancelAll(now=now, account=account, symbol=symbol))
        for ticket in tickets:
            self._pit.end(ticket, State.CANCELED, Happened.CANCELED, now)
        self._pit.finish(now)
        return [each.copy() for each in tickets]

    def amend(
        self,
        account: str,
        *,
        symbol: str,
        now: int,
        order_id: int | None = None,
        client_id: str | None = None,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> Order:
        """Changes total quantity or price in place; a total that is filled already cancels the rest.

        An order that only shrinks keeps its place in the queue. Raises Refusal.
        """
        ticket, market = self._open_ticket(account, symbol, order_id, client_id), self._market(symbol)
        total = ticket.quantity if quantity is None else exact(quantity, market.terms)
        limit = ticket.price if price is None else exact(price, market.terms)
        done = ticket.filled + ticket.prevented
        if total > done:
            self._check_amendment(ticket, market, total, limit, now)
        self._keep(
            told.Amend(
                now=now,
                account=account,
                symbol=symbol,
                order_id=order_id,
                client_id=client_id,
                quantity=quantity,
                price=price,
            )
        )
        if total > done:
            self._pit.amend(ticket, quantity=total, price=limit, now=now)
        else:
            self._pit.end(ticket, State.CANCELED, Happened.CANCELED, now)
        self._pit.finish(now)
        return ticket.copy()

    def change_listing(self, listing: Listing, now: int) -> None:
        """Changes the filters or the trading state of a symbol, or lists a new one; resting orders stay."""
        terms = Terms.of(listing)
        self._keep(told.ChangeListing(now=now, listing=listing))
        if listing.symbol in self._markets:
            self._markets[listing.symbol].terms = terms
        else:
            self._add_market(terms)
        self._news.tell(ListingChanged(listing=listing, at=now))

    def expire(self, account: str, order_id: int, *, now: int, reason: str) -> Order:
        """The exchange ends an open order by itself."""
        found = self._clearing.account(account).open.get(order_id)
        if found is None:
            raise Refusal(Problem.UNKNOWN_ORDER)
        self._keep(told.Expire(now=now, account=account, order_id=order_id, reason=reason))
        self._pit.end(found, State.EXPIRED, Happened.EXPIRED, now, reason=reason)
        self._pit.finish(now)
        return found.copy()

    def trade_with(
        self,
        account: str,
        order_id: int,
        quantity: Decimal,
        *,
        now: int,
        price: Decimal | None = None,
        force: bool = False,
    ) -> Execution:
        """Somebody trades exactly this much with a resting order, at its price or a better one.

        With `force` also with an order that has ended, as far as its account can pay: a fill that comes late.
        """
        holder = self._clearing.account(account)
        ticket = holder.orders.get(order_id)
        if ticket is None or ticket.waiting or not (ticket.on_book or force):
            raise Refusal(Problem.UNKNOWN_ORDER)
        terms = self._markets[ticket.symbol].terms
        amount = exact(quantity, terms)
        at = ticket.price if price is None else exact(price, terms)
        self._check_trade(ticket, holder, amount, at)
        self._keep(
            told.TradeWith(now=now, account=account, order_id=order_id, quantity=quantity, price=price, force=force)
        )
        execution = self._pit.trade_outside(ticket, amount, at, now, maker=True)
        self._pit.finish(now)
        return execution

    def set_mark(self, symbol: str, price: Decimal, now: int) -> None:
        """Sets the mark price of a perpetual and liquidates whom it must."""
        market, mark = self._perpetual(symbol), units(price, "mark price")
        if mark <= 0:
            raise Refusal(Problem.BAD_PARAMETERS, "expected a positive mark price")
        self._keep(told.SetMark(now=now, symbol=symbol, price=price))
        self._perpetuals.mark(market, mark, now)
        self._pit.finish(now)

    def fund(self, symbol: str, rate: Decimal, now: int) -> None:
        """Settles funding of a perpetual at its mark; longs pay where the rate is positive."""
        market, scaled = self._perpetual(symbol), units(rate, "funding rate")
        self._keep(told.Fund(now=now, symbol=symbol, rate=rate))
        self._perpetuals.fund(market, scaled, now)
        self._pit.finish(now)

    def _admit(self, ticket: Ticket, market: Market) -> None:
        """Checks an order against the book and the account, and sizes one that is given by money."""
        if ticket.waiting and ticket.stop and market.last and touched(ticket, market.last):
            raise Refusal(Problem.WOULD_TRIGGER)
        planned = self._pit.plan(ticket)
        if ticket.post_only and planned.meetings:
            raise Refusal(Problem.WOULD_TAKE)
        if ticket.budget is not None:
            if planned.complete and not planned.quantity:
                raise Refusal(Problem.LOT_SIZE)
            ticket.quantity, ticket.exhausts, ticket.budget = planned.quantity, not planned.complete, None
        self._clearing.check_funds(ticket, planned)

    def _check_amendment(self, ticket: Ticket, market: Market, total: int, limit: int, now: int) -> None:
        if not ticket.on_book:
            raise Refusal(Problem.NOT_AMENDABLE)
        if market.listing.trading is not Trading.TRADING:
            raise Refusal(Problem.CLOSED)
        if (total, limit) == (ticket.quantity, ticket.price):
            raise Refusal(Problem.BAD_PARAMETERS, "nothing changes")
        amended = msgspec.structs.replace(ticket, quantity=total, price=limit, reserve=limit)
        crowd = self._clearing.account(ticket.account).crowd
        check_numbers(amended, market.terms, average=market.average(now), crowd=crowd)
        planned = self._pit.plan(amended)
        if ticket.post_only and planned.meetings:
            raise Refusal(Problem.WOULD_TAKE)
        self._clearing.check_funds(amended, planned, released=ticket.lock)

    def _check_trade(self, ticket: Ticket, holder: Account, amount: int, at: int) -> None:
        if not 0 < amount <= min(ticket.remaining, self._clearing.reducible(ticket)):
            raise Refusal(Problem.BAD_PARAMETERS, f"quantity: expected up to {of_units(ticket.remaining)}")
        if at <= 0 or (ticket.price and (at > ticket.price if ticket.buy else at < ticket.price)):
            raise Refusal(Problem.BAD_PARAMETERS, f"price: expected {of_units(ticket.price)} or better")
        market = self._markets[ticket.symbol]
        if ticket.open or not market.listing.is_spot:
            return
        asset = market.listing.quote if ticket.buy else market.listing.base
        needed = market.terms.value(at, amount) if ticket.buy else amount * GRAIN
        if needed > self._clearing.free(holder, asset):
            raise Refusal(Problem.INSUFFICIENT_BALANCE)

    def _open_ticket(self, account: str, symbol: str, order_id: int | None, client_id: str | None) -> Ticket:
        self._market(symbol)
        ticket = self._clearing.account(account).find(symbol, order_id, client_id)
        if not ticket.open:
            raise Refusal(Problem.UNKNOWN_ORDER)
        return ticket

    def _perpetual(self, symbol: str) -> Market:
        market = self._market(symbol)
        if market.listing.is_spot:
            raise Refusal(Problem.BAD_PARAMETERS, f"{symbol} is no perpetual")
        return market

    def _add_market(self, terms: Terms) -> None:
        symbol = terms.listing.symbol
        if symbol in self._markets:
            raise ConfigError(f"listing {symbol}: given twice")

        def changed(buy: bool, price: int, total: int) -> None:
            market.update_id += 1
            self._news.tell(
                BookChange(
                    symbol=symbol,
                    side="BUY" if buy else "SELL",
                    price=of_units(price),
                    quantity=of_units(total),
                    update_id=market.update_id,
                    at=self._now,
                )
            )

        market = self._markets[symbol] = Market(terms, changed)

    def _next_order_id(self) -> int:
        self._order_id += 1
        return self._order_id

    def _keep(self, command: told.AnyCommand) -> None:
        if self._journal is not None:
            self._journal.keep(command)
        self._now = command.now

    def _remember(self, event: Event) -> None:
        if self._placed is not None and isinstance(event, Execution) and event.order.order_id == self._placed[0]:
            self._placed[1].append(event)


def _arguments(command: told.AnyCommand) -> dict[str, Any]:
    return msgspec.structs.asdict(command)
