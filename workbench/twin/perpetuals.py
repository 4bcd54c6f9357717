"""Marks, funding and liquidation of linear perpetuals: net positions, cross margin in the quote currency."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.twin.accounts import HOUSE, Account
from workbench.twin.amounts import ONE, half_up, of_money, of_units, times_rate
from workbench.twin.clearing import Clearing
from workbench.twin.news import News
from workbench.twin.pit import Pit
from workbench.twin.terms import Market
from workbench.twin.ticket import Ticket
from workbench.twin.words import FundingPaid, Happened, OrderKind, SelfTrade, State, Wanted

LIQUIDATED = "LIQUIDATION"


class Perpetuals:
    """What happens to positions without anybody's order."""

    def __init__(
        self,
        news: News,
        clearing: Clearing,
        pit: Pit,
        markets: Mapping[str, Market],
        *,
        next_order_id: Callable[[], int],
    ) -> None:
        self._news, self._clearing, self._pit, self._markets = news, clearing, pit, markets
        self._next_order_id = next_order_id
        self._bills = 0

    def mark(self, market: Market, price: int, now: int) -> None:
        """A new mark price: positions are told, and those without enough margin closed."""
        market.mark = price
        for account in self._holders(market):
            self._news.tell(self._pit.position(account, market, now))
        self._liquidate_all(market.listing.quote, now)

    def fund(self, market: Market, rate: int, now: int) -> None:
        """Settles funding at the mark: longs pay shorts where the rate is positive; the house bears the rounding."""
        asset = market.listing.quote
        for account in self._holders(market):
            value = market.terms.value(market.marked(), account.positions[market.symbol].quantity)
            amount = -times_rate(value, rate)
            self._clearing.move(self._clearing.house, account, asset, amount)
            self._clearing.cover(account, asset)
            self._bills += 1
            paid = FundingPaid(
                account=account.name,
                symbol=market.symbol,
                at=now,
                bill_id=self._bills,
                rate=of_units(rate),
                amount=of_money(amount),
            )
            account.funding.append(paid)
            self._news.tell(paid)
        self._liquidate_all(asset, now)

    def _holders(self, market: Market) -> list[Account]:
        symbol = market.symbol
        holding = (each for each in self._clearing.accounts.values() if symbol in each.positions)
        return [each for each in holding if each.positions[symbol].quantity and each.name != HOUSE]

    def _liquidate_all(self, asset: str, now: int) -> None:
        for account in list(self._clearing.accounts.values()):
            if account.name != HOUSE and self._owes(account, asset):
                self._liquidate(account, asset, now)

    def _owes(self, account: Account, asset: str) -> bool:
        held = self._clearing.perpetuals(account, asset)
        needed = sum(_maintenance(account, each) for each in held)
        return needed > 0 and account.unlocked(asset) + self._clearing.unrealised(account, asset) < needed

    def _liquidate(self, account: Account, asset: str, now: int) -> None:
        held = self._clearing.perpetuals(account, asset)
        symbols = [each.symbol for each in held]
        for ticket in [each for each in account.open.values() if each.symbol in symbols]:
            self._pit.end(ticket, State.CANCELED, Happened.CANCELED, now, reason=LIQUIDATED)
        for market in held:
            if account.positions[market.symbol].quantity:
                self._close(account, market, now)

    def _close(self, account: Account, market: Market, now: int) -> None:
        """Closes a position against the book; what the book cannot take goes to the house at the mark."""
        quantity = account.positions[market.symbol].quantity
        order_id = self._next_order_id()
        wanted = Wanted(
            symbol=market.symbol,
            side="SELL" if quantity > 0 else "BUY",
            kind=OrderKind.MARKET,
            quantity=of_units(abs(quantity)),
            client_id=f"liquidation-{order_id}",
        )
        ticket = Ticket(
            order_id=order_id,
            account=account.name,
            symbol=market.symbol,
            wanted=wanted,
            client_id=wanted.client_id,
            buy=quantity < 0,
            stp=SelfTrade.NONE,
            quantity=abs(quantity),
            forced=True,
            created=now,
            updated=now,
        )
        self._pit.enter(ticket, now)


def _maintenance(account: Account, market: Market) -> int:
    value = market.terms.value(market.marked(), abs(account.positions[market.symbol].quantity))
    return half_up(value * market.terms.numbers["maintenance"], ONE)
