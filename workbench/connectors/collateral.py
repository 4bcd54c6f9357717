"""Cross margin on the simulated venue: what perpetuals need of the cash they are settled in, and what the venue takes.

All perpetuals settled in one currency share its cash and their own unrealised profit as collateral.
Where that falls below their maintenance margin, every order on them is cancelled and the positions are
closed whole, the one that needs most first, until it is enough. None is closed beyond the price at
which nothing is left, and the fee takes no more than is left: what is lost beyond is the venue's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workbench.connectors.book import Market, WorkingOrder
from workbench.connectors.holdings import Holdings
from workbench.connectors.profile import Profile
from workbench.connectors.tape import Stamp, Tape
from workbench.core import rules
from workbench.core.clock import instant_text
from workbench.core.events import Bar, Event, FundingRate, MarketDataEvent
from workbench.core.margin import MarginTerms
from workbench.core.money import to_text
from workbench.core.order import Side

End = Callable[[WorkingOrder, Stamp, str], Event]


class Collateral:
    """The margin of one account; `end` cancels an order and says so."""

    def __init__(
        self, markets: Iterable[Market], *, holdings: Holdings, profile: Profile, tape: Tape, end: End
    ) -> None:
        self._markets = [each for each in markets if each.margined]
        self._terms = {
            each.instrument.key: MarginTerms.of(each.instrument, holdings.places(each.instrument.quote))
            for each in self._markets
        }
        self._holdings, self._profile, self._tape, self._end = holdings, profile, tape, end
        if self._markets:
            holdings.locked = self.locked

    def uncovered(self, market: Market, order: WorkingOrder, *, price: int | None, remaining: int) -> str:
        """Why the account's equity does not carry an order with these terms; empty if it does, or only reduces."""
        if not market.margined or order.request.reduce_only:
            return ""
        asset = market.instrument.quote
        before = self._needed(market, without=order)
        after = self._needed(market, without=order, more=(order.sign, remaining, price or order.stop or 0))
        due = self._required(asset) - self._needed(market) + after
        owned = self.equity(asset) - self._holdings.reserved(asset)
        if after <= before or due <= owned:
            return ""
        places = market.cash_places
        return f"insufficient margin: needs {to_text(due, places)} {asset}, there are {to_text(owned, places)}"

    def locked(self, asset: str) -> int:
        """How much cash no spot order may spend: what margin needs, and what is lost but not realised."""
        return self._required(asset) + max(0, -self._unrealised(asset))

    def equity(self, asset: str, market: Market | None = None, price: int = 0) -> int:
        """Cash and unrealised profit, with `market` valued at `price`."""
        return self._holdings.total(asset) + self._unrealised(asset, market, price)

    # --- what the market does to it ---------------------------------------------------------------

    def opened(self, market: Market, event: MarketDataEvent, stamp: Stamp) -> list[Event]:
        """What the first price of an event leads to, before any order meets it."""
        return self.call(market, event.open_raw, stamp) if type(event) is Bar else []

    def passed(self, market: Market, event: MarketDataEvent) -> list[Event]:
        """What the worst price of an event leads to."""
        stamp = Stamp(event.ts_event, max(event.ts_init, event.ts_event), event)
        return self.call(market, self.worst(market, event), stamp)

    def worst(self, market: Market, event: MarketDataEvent) -> int:
        """The price of an event at which the position is worth least; 0 where none is known."""
        side = self._holdings.position(market.instrument.key).quantity
        if type(event) is Bar:
            return event.low_raw if side > 0 else event.high_raw
        return market.value(side)

    def settle(self, rate: FundingRate, market: Market) -> list[Event]:
        """Pays or takes the funding of the position at the mark, once for each settlement."""
        position, terms = self._holdings.position(market.instrument.key), market.terms
        price = market.value(position.quantity)
        if rate.ts_event <= market.settled or not (position.quantity and price):
            return []
        market.settled = rate.ts_event
        side = rules.BUY if position.quantity > 0 else rules.SELL
        amount = rules.funding_amount(position.exposure(price), side, rate.rate_raw, terms.cash_quantum)
        if not amount:
            return []
        stamp = Stamp(rate.ts_event, max(rate.ts_init, rate.ts_event), rate)
        paid = self._tape.funding(
            market.instrument, stamp, amount=amount // terms.cash_quantum, name=instant_text(rate.ts_event)
        )
        self._holdings.fund(paid)
        return [paid, *self.call(market, price, stamp)]

    def call(self, market: Market, price: int, stamp: Stamp) -> list[Event]:
        """Closes positions by force where equity, with this market at its mark or else `price`, is too low."""
        quantity = self._holdings.position(market.instrument.key).quantity
        at = market.mark or price
        if not (market.margined and quantity and at):
            return []
        asset = market.instrument.quote
        if not self._breached(asset, market, at):
            return []
        said: list[Event] = self._take_back(asset, stamp)
        for each in sorted(self._held(asset), key=lambda each: (-self._maintained(each), each.instrument.key)):
            if not self._breached(asset, market, at):
                break
            here = each is market
            value = at if here else each.value(self._holdings.position(each.instrument.key).quantity)
            equity = self.equity(asset, market, at)
            said.append(self._close(each, value, stamp, equity=equity, seen=price if here and price else value))
        return said

    def _close(self, market: Market, value: int, stamp: Stamp, *, equity: int, seen: int) -> Event:
        """Closes a position at the worse of its value and what was seen, but no further than the account's equity."""
        position, terms = self._holdings.position(market.instrument.key), market.terms
        side = Side.SELL if position.quantity > 0 else Side.BUY
        last = rules.bankruptcy_price(position.quantity, value, equity, terms.multiplier, terms.divisor, terms.tick)
        worse = rules.worse_price(side.sign, value, seen)
        slipped = rules.slipped_price(worse, terms.tick, side.sign, self._profile.slippage_rate)
        price = rules.limited_price(side.sign, slipped, last)
        left = max(0, equity + position.worth(price) - position.worth(value))
        fee = rules.fee(position.exposure(price), self._profile.taker_rate, terms.cash_quantum)
        taken = min(fee, rules.floor_to(left, terms.cash_quantum)) // terms.cash_quantum
        closed = self._tape.liquidation(
            market.instrument, stamp, side=side, quantity=abs(position.quantity), price=price, fee=taken
        )
        self._holdings.liquidate(closed)
        return closed

    def _take_back(self, asset: str, stamp: Stamp) -> list[Event]:
        return [
            self._end(order, stamp, "liquidation")
            for each in self._markets
            if each.instrument.quote == asset
            for order in list(each.working.values())
        ]

    # --- the account's figures --------------------------------------------------------------------

    def _breached(self, asset: str, market: Market, at: int) -> bool:
        maintenance = sum(self._maintained(each, at if each is market else 0) for each in self._held(asset))
        return bool(self._held(asset)) and rules.is_liquidated(self.equity(asset, market, at), maintenance)

    def _held(self, asset: str) -> list[Market]:
        position = self._holdings.position
        return [
            each for each in self._markets if each.instrument.quote == asset and position(each.instrument.key).quantity
        ]

    def _maintained(self, market: Market, at: int = 0) -> int:
        position = self._holdings.position(market.instrument.key)
        return self._terms[market.instrument.key].maintenance(position.exposure(at or market.value(position.quantity)))

    def _unrealised(self, asset: str, market: Market | None = None, price: int = 0) -> int:
        total = 0
        for each in self._held(asset):
            position = self._holdings.position(each.instrument.key)
            total += position.worth(price if each is market else each.value(position.quantity))
        return total

    def _required(self, asset: str) -> int:
        return sum(self._needed(each) for each in self._markets if each.instrument.quote == asset)

    def _needed(
        self, market: Market, *, without: WorkingOrder | None = None, more: tuple[int, int, int] | None = None
    ) -> int:
        """The initial margin of the position if all orders of the worse side fill, at the highest price there is."""
        quantity = self._holdings.position(market.instrument.key).quantity
        most, least, dearest = quantity, quantity, market.value(quantity)
        orders = [
            (each.sign, each.remaining, each.price or each.stop or 0)
            for each in market.working.values()
            if each is not without and not each.request.reduce_only
        ]
        for sign, remaining, price in [*orders, *([more] if more else [])]:
            most, least = most + max(0, sign * remaining), least + min(0, sign * remaining)
            dearest = max(dearest, price)
        terms = market.terms
        worth = rules.notional(dearest, max(most, -least), terms.multiplier, terms.divisor)
        return self._terms[market.instrument.key].initial(worth)
