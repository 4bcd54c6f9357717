"""Who owns what after a trade: locks, margin, commissions and settlement, so that no asset is made or lost."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.core.errors import ConfigError
from workbench.twin.accounts import HOUSE, Account, Position
from workbench.twin.amounts import GRAIN, ONE, half_up, times_rate
from workbench.twin.matching import Plan
from workbench.twin.terms import Market
from workbench.twin.ticket import Ticket
from workbench.twin.words import Problem, Refusal

BNB = "BNB"
BNB_SHARE = (75, 100)  # of the commission, where it is paid in BNB


class Clearing:
    """Accounts and their money; the house collects commissions and alone may owe."""

    def __init__(self, markets: Mapping[str, Market]) -> None:
        self._markets = markets
        self.accounts: dict[str, Account] = {HOUSE: Account(HOUSE, crowd=True)}

    @property
    def house(self) -> Account:
        return self.accounts[HOUSE]

    def account(self, name: str) -> Account:
        """The account of this name; raises ConfigError where nobody opened it."""
        try:
            return self.accounts[name]
        except KeyError:
            raise ConfigError(f"account {name!r}: not opened, expected one of {sorted(self.accounts)}") from None

    def free(self, account: Account, asset: str) -> int:
        """What an account may use of an asset: neither locked, bound as margin, nor lost on open positions."""
        return account.unlocked(asset) - self.margin(account, asset) + min(0, self.unrealised(account, asset))

    def margin(self, account: Account, asset: str) -> int:
        """What positions and open orders of perpetuals quoted in `asset` bind."""
        return sum(self._margin_of(account, each) for each in self.perpetuals(account, asset))

    def unrealised(self, account: Account, asset: str) -> int:
        """Profit of the open positions quoted in `asset`, at their marks."""
        return sum(self.profit(account, each) for each in self.perpetuals(account, asset))

    def profit(self, account: Account, market: Market) -> int:
        """Unrealised profit of one position."""
        position = account.positions[market.symbol]
        return market.terms.value(market.marked(), position.quantity) - position.cost

    def perpetuals(self, account: Account, asset: str) -> list[Market]:
        """The perpetuals quoted in `asset` that the account ever touched."""
        touched = (self._markets[each] for each in account.positions)
        return [each for each in touched if each.listing.quote == asset]

    def reducible(self, ticket: Ticket) -> int:
        """How much of a reduce-only order its position still allows; of any other order everything."""
        if not ticket.wanted.reduce_only:
            return ticket.remaining
        quantity = self.account(ticket.account).positions[ticket.symbol].quantity
        return max(0, -quantity if ticket.buy else quantity)

    def check_funds(self, ticket: Ticket, plan: Plan, *, released: int = 0) -> None:
        """Whether the account can carry an order of which `plan` happens at once; raises Refusal.

        `released` is what the order has locked already.
        """
        market, account = self._markets[ticket.symbol], self.account(ticket.account)
        if not market.listing.is_spot:
            self._check_margin(account, market, ticket, plan, released)
            return
        asset = market.listing.quote if ticket.buy else market.listing.base
        needed = self._lock_of(ticket) if ticket.reserve or not ticket.buy else plan.cost
        if needed - released > self.free(account, asset):
            raise Refusal(Problem.INSUFFICIENT_BALANCE)

    def relock(self, ticket: Ticket) -> None:
        """Locks exactly what is left of an order."""
        market, account = self._markets[ticket.symbol], self.account(ticket.account)
        change = self._lock_of(ticket) - ticket.lock
        ticket.lock += change
        listing = market.listing
        if listing.is_spot:
            asset = listing.quote if ticket.buy else listing.base
            account.add(asset, 0)
            account.locked[asset] += change
        else:
            account.add(listing.quote, 0)
            key = (ticket.symbol, ticket.buy)
            account.working[key] = account.working.get(key, 0) + change

    def settle(
        self, account: Account, market: Market, *, buy: bool, quantity: int, price: int, maker: bool
    ) -> tuple[int, str]:
        """One side of a trade changes hands; gives the commission and its asset."""
        cost = market.terms.value(price, quantity)
        rate = 0 if account.name == HOUSE else market.terms.numbers["maker" if maker else "taker"]
        if market.listing.is_spot:
            commission, asset = self._swap(account, market, buy=buy, quantity=quantity, cost=cost, rate=rate)
        else:
            asset = market.listing.quote
            account.add(asset, _turn(account.positions[market.symbol], quantity if buy else -quantity, cost))
            commission = times_rate(cost, rate)
        self.move(account, self.house, asset, commission)
        if not market.listing.is_spot:
            self.cover(account, asset)
        return commission, asset

    def move(self, payer: Account, receiver: Account, asset: str, amount: int) -> None:
        """Hands an amount from one account to another."""
        payer.add(asset, -amount)
        receiver.add(asset, amount)

    def cover(self, account: Account, asset: str) -> None:
        """The house takes over what a perpetual lost beyond the account's unlocked money."""
        short = -account.unlocked(asset)
        if short > 0 and account.name != HOUSE:
            self.move(self.house, account, asset, short)

    def _lock_of(self, ticket: Ticket) -> int:
        terms = self._markets[ticket.symbol].terms
        if not ticket.open or ticket.wanted.reduce_only:
            return 0
        if terms.listing.is_spot and not ticket.buy:
            return ticket.remaining * GRAIN
        return terms.value(ticket.reserve, ticket.remaining)

    def _margin_of(self, account: Account, market: Market, *, bids: int = 0, asks: int = 0) -> int:
        cost, working = account.positions[market.symbol].cost, account.working
        bids += working.get((market.symbol, True), 0)
        asks += working.get((market.symbol, False), 0)
        exposure = max(cost + bids, asks - cost)
        return -(-exposure // (market.listing.leverage * GRAIN)) * GRAIN

    def _check_margin(self, account: Account, market: Market, ticket: Ticket, plan: Plan, released: int) -> None:
        if ticket.wanted.reduce_only:
            if not self.reducible(ticket):
                raise Refusal(Problem.NOTHING_TO_REDUCE)
            return
        notional = (self._lock_of(ticket) if ticket.reserve else plan.cost) - released
        more = {"bids" if ticket.buy else "asks": notional}
        extra = self._margin_of(account, market, **more) - self._margin_of(account, market)
        fee = times_rate(plan.cost, market.terms.numbers["taker"])
        if extra + fee > 0 and extra + fee > self.free(account, market.listing.quote):
            raise Refusal(Problem.INSUFFICIENT_MARGIN)

    def _swap(
        self, account: Account, market: Market, *, buy: bool, quantity: int, cost: int, rate: int
    ) -> tuple[int, str]:
        listing, sign = market.listing, 1 if buy else -1
        account.add(listing.base, sign * quantity * GRAIN)
        account.add(listing.quote, -sign * cost)
        received, amount = (listing.base, quantity * GRAIN) if buy else (listing.quote, cost)
        if account.bnb_fees and rate > 0:
            in_bnb = self._in_bnb(amount * rate, received, charge=cost * rate, quote=listing.quote)
            if in_bnb is not None and in_bnb <= account.unlocked(BNB):
                return in_bnb, BNB
        return times_rate(amount, rate), received

    def _in_bnb(self, direct: int, received: str, *, charge: int, quote: str) -> int | None:
        share, whole = BNB_SHARE
        if received == BNB:
            return half_up(direct * share, whole * ONE * GRAIN) * GRAIN
        market = self._markets.get(f"{BNB}/{quote}")
        price = ONE if quote == BNB else market.last if market is not None else 0
        return half_up(charge * share, whole * GRAIN * price) * GRAIN if price else None


def _turn(position: Position, change: int, value: int) -> int:
    """A position changes by signed contracts worth `value` of money; gives the profit that this realises."""
    signed = value if change > 0 else -value
    if position.quantity * change >= 0:
        position.quantity += change
        position.cost += signed
        return 0
    closing = min(abs(change), abs(position.quantity))
    closed = signed * closing // abs(change)  # exact: the value of each contract is whole
    entered = position.cost
    if closing < abs(position.quantity):
        entered = half_up(position.cost * closing, abs(position.quantity) * GRAIN) * GRAIN
    position.quantity += change
    position.cost += signed - closed - entered
    return -closed - entered
