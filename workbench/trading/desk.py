"""One strategy in one instrument: what it wants, and the requests that would bring it there.

A wish is what a signal asked for and no request has carried yet. It is carried once: when an order
for it ends unfilled, only a new signal asks again. Protective stops are kept in step with the
position for as long as the target that asked for them stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from workbench.core import rules
from workbench.core.account import Account, Position
from workbench.core.events import Opinion, Quotes, Target
from workbench.core.instrument import Instrument, Terms
from workbench.core.ledger import OrderState
from workbench.core.money import round_scaled
from workbench.core.order import OrderStatus, OrderType, Role, Side

Level = tuple[Role, int]  # a side of the quotes, and how far from the best

AMENDABLE = frozenset({OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCEL_REJECTED})
LEAVING = frozenset({OrderStatus.CANCEL_PENDING, OrderStatus.AMEND_PENDING})


class New(msgspec.Struct, frozen=True, kw_only=True):
    """Send an order."""

    role: Role
    side: Side
    order_type: OrderType
    quantity: int
    price: int | None = None
    stop: int | None = None
    reduce_only: bool = False
    post_only: bool = False
    level: int = 0


class Amend(msgspec.Struct, frozen=True, kw_only=True):
    """Change a resting order; `quantity` is its total."""

    order_id: str
    quantity: int
    price: int | None = None
    stop: int | None = None


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """Take an order back."""

    order_id: str
    reason: str


Request = New | Amend | Cancel


class Desk:
    """Turns a standing opinion and the living orders into requests; changes nothing but its own wishes."""

    def __init__(self, instrument: Instrument, terms: Terms, account: Account, position: Position) -> None:
        self.instrument = instrument
        self.terms = terms
        self.account = account
        self.position = position
        self.said: Opinion | None = None
        self.heard = False  # False after a fill of a quote: saying the same quotes again asks for them again
        self.desired = 0
        self.expires: int | None = None
        self.orders: dict[Level, OrderState] = {}  # living orders of this desk
        self._wish = False
        self._flatten = False
        self._limit: int | None = None
        self._stop: int | None = None
        self._quotes: dict[Level, tuple[int, int]] = {}  # wishes not yet carried

    # --- what is wanted ---------------------------------------------------------------------------

    def want_target(self, target: Target, desired: int) -> None:
        """A new target: `desired` is the signed quantity to hold."""
        self.said, self.heard, self.desired, self.expires = target, True, desired, target.valid_until
        self._quotes.clear()
        self._wish, self._flatten = True, False
        side = rules.BUY if desired > self.position.quantity else rules.SELL
        self._limit = None if target.limit is None else self._price(target.limit, side)
        protects = rules.SELL if desired >= 0 else rules.BUY
        self._stop = None if target.stop is None else self._price(target.stop, -protects)

    def want_quotes(self, quotes: Quotes) -> None:
        """A new set of resting orders; levels beyond it are taken back."""
        self._stop, self._wish = None, False
        self.said, self.heard, self.expires = quotes, True, None
        self._quotes = {level: (0, 0) for level in self.orders if level[0] in (Role.BID, Role.ASK)}
        for role, side, levels in ((Role.BID, rules.BUY, quotes.bids), (Role.ASK, rules.SELL, quotes.asks)):
            for index, (price, quantity) in enumerate(levels):
                raw = round_scaled(quantity, self.instrument.quantity_places, up=False)
                lots = rules.floor_to(max(0, raw), self.terms.lot)
                self._quotes[role, index] = (self._price(price, side), lots)

    def want_flat(self) -> None:
        """Close everything, whatever the strategy thinks; stands until the position is closed."""
        self.desired, self.expires = 0, None
        self._limit = self._stop = None
        self._quotes.clear()
        self._wish = self._flatten = True

    def lapse(self) -> Iterator[Cancel]:
        """The target's time is over: what has not traded is no longer wanted."""
        self.expires, self._wish = None, False
        entry = self.orders.get((Role.ENTRY, 0))
        yield from self._cancel([entry] if entry else [], "the target lapsed")

    @property
    def closing(self) -> bool:
        """Whether a flatten is still under way."""
        return self._flatten

    # --- what to do about it ----------------------------------------------------------------------

    def requests(self) -> Iterator[Request]:
        """The next requests; asked again after each change, it says nothing twice."""
        if self._flatten:
            yield from self._close_out()
            return
        yield from self._follow_target()
        yield from self._protect()
        yield from self._quote()

    def _close_out(self) -> Iterator[Request]:
        others = [state for (role, _), state in self.orders.items() if role is not Role.FLATTEN]
        yield from self._cancel(others, "flatten")
        if others or (Role.FLATTEN, 0) in self.orders:
            return
        quantity = rules.floor_to(abs(self.position.quantity), self.terms.lot)
        if not self._worth_sending(quantity, closes=True):
            self._wish = self._flatten = False
            return
        yield New(
            role=Role.FLATTEN,
            side=Side.SELL if self.position.quantity > 0 else Side.BUY,
            order_type=OrderType.MARKET,
            quantity=quantity,
            reduce_only=True,
        )

    def _follow_target(self) -> Iterator[Request]:
        if not self._wish:
            return
        strays = [state for (role, _), state in self.orders.items() if role in (Role.BID, Role.ASK, Role.FLATTEN)]
        yield from self._cancel(strays, "a target replaced the quotes")
        if strays:
            return
        delta = self.desired - self.position.quantity
        entry, stop = self.orders.get((Role.ENTRY, 0)), self.orders.get((Role.STOP, 0))
        if entry is not None:
            yield from self._revise(entry, delta)
        elif delta * self.position.quantity < 0 and stop is not None:
            yield from self._cancel([stop], "the position is about to shrink")
        else:
            self._wish = False
            quantity = rules.floor_to(abs(delta), self.terms.lot)
            if self._worth_sending(quantity, closes=self.desired == 0):
                yield New(
                    role=Role.ENTRY,
                    side=Side.BUY if delta > 0 else Side.SELL,
                    order_type=OrderType.MARKET if self._limit is None else OrderType.LIMIT,
                    quantity=quantity,
                    price=self._limit,
                )

    def _revise(self, entry: OrderState, delta: int) -> Iterator[Request]:
        """A living entry order meets a new wish: amend it where that is enough, else take it back first."""
        same_side = delta * entry.order.side.sign > 0
        if entry.status in LEAVING:
            return
        if same_side and entry.price_raw is not None and self._limit is not None and entry.status in AMENDABLE:
            self._wish = False
            total = entry.filled_raw + rules.floor_to(abs(delta), self.terms.lot)
            if (total, self._limit) != (entry.quantity_raw, entry.price_raw):
                yield Amend(order_id=entry.order.order_id, quantity=total, price=self._limit)
        else:
            yield from self._cancel([entry], "the target changed")

    def _protect(self) -> Iterator[Request]:
        """Keeps the protective stop equal to what the target keeps of the position."""
        entry, resting = self.orders.get((Role.ENTRY, 0)), self.orders.get((Role.STOP, 0))
        held = self.position.quantity
        leaving = entry.remaining_raw if entry and entry.order.side.sign * held < 0 else 0
        quantity = rules.floor_to(max(0, abs(held) - leaving), self.terms.lot)
        if self._stop is None or not quantity or held * self.desired < 0:
            yield from self._cancel([resting] if resting else [], "nothing left to protect")
        elif resting is None:
            if not self._wish:
                side = Side.SELL if held > 0 else Side.BUY
                yield New(
                    role=Role.STOP,
                    side=side,
                    order_type=OrderType.STOP,
                    quantity=quantity,
                    stop=self._stop,
                    reduce_only=True,
                )
        elif resting.status in AMENDABLE and (resting.remaining_raw, resting.stop_raw) != (quantity, self._stop):
            yield Amend(order_id=resting.order.order_id, quantity=resting.filled_raw + quantity, stop=self._stop)

    def _quote(self) -> Iterator[Request]:
        for level, (price, quantity) in sorted(self._quotes.items()):
            resting = self.orders.get(level)
            if resting is not None and resting.status not in AMENDABLE:
                continue  # it is on its way somewhere; the wish waits
            del self._quotes[level]
            if resting is None:
                if quantity and self._worth_sending(quantity, closes=False, price=price):
                    yield New(
                        role=level[0],
                        side=Side.BUY if level[0] is Role.BID else Side.SELL,
                        order_type=OrderType.LIMIT,
                        quantity=quantity,
                        price=price,
                        post_only=True,
                        level=level[1],
                    )
            elif not quantity:
                yield from self._cancel([resting], "the quote was withdrawn")
            elif (resting.price_raw, resting.remaining_raw) != (price, quantity):
                yield Amend(order_id=resting.order.order_id, quantity=resting.filled_raw + quantity, price=price)

    def _cancel(self, states: list[OrderState], reason: str) -> Iterator[Cancel]:
        for state in states:
            if state.status not in LEAVING:
                yield Cancel(order_id=state.order.order_id, reason=reason)

    def _worth_sending(self, quantity: int, *, closes: bool, price: int | None = None) -> bool:
        """Whether the venue would take an order of this size at the price, or at the mark."""
        terms = self.terms
        at = price or self._limit or self.position.mark
        worth = rules.notional(at, quantity, terms.multiplier, terms.divisor)
        exempt = closes and not self.instrument.is_spot  # a perpetual can always be closed
        return 0 < quantity >= terms.min_quantity and (exempt or worth >= terms.min_notional)

    def _price(self, price: Decimal, side: int) -> int:
        """A price on the tick, moved away from aggression."""
        raw = round_scaled(price, self.instrument.price_places, up=side < 0)
        return rules.passive_price(raw, self.terms.tick, side)
