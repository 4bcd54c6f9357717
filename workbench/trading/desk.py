"""One strategy in one instrument: what it wants, and the requests that would bring it there.

A wish is what a signal asked for and no request has carried yet. It is carried once: when an order
for it ends unfilled, only a new signal asks again. Protective stops are kept in step with the
position for as long as the target that asked for them stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workbench.core import rules
from workbench.core.account import Account, Position
from workbench.core.codec import opinion_from_plain, opinion_to_plain
from workbench.core.events import Opinion, Quotes, Target
from workbench.core.instrument import Instrument, Terms
from workbench.core.ledger import OrderState
from workbench.core.memory import Plain, recall, remembered
from workbench.core.money import round_scaled
from workbench.core.order import (
    ACKNOWLEDGED,
    AMEND_PENDING,
    ASK,
    BID,
    BUY,
    CANCEL_PENDING,
    CANCEL_REJECTED,
    ENTRY,
    FILLED,
    FLATTEN,
    PARTIALLY_FILLED,
    SELL,
    STOP,
    UNKNOWN,
    OrderStatus,
    OrderType,
    Role,
    Side,
)

Level = tuple[Role, int]  # a side of the quotes, and how far from the best

AMENDABLE = frozenset({ACKNOWLEDGED, PARTIALLY_FILLED, CANCEL_REJECTED})
LEAVING = frozenset({CANCEL_PENDING, AMEND_PENDING, UNKNOWN})  # wait for the answer


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

_REMEMBERED: Mapping[str, Any] = {
    "heard": bool,
    "desired": int,
    "expires": int | None,
    "close_again_at": int,
    "_wish": bool,
    "_flatten": bool,
    "_limit": int | None,
    "_stop": int | None,
    "_amended": bool,
    "_asked": tuple[int, int] | None,
}


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
        self.shared = False  # others hold it too, and the venue nets us: its reduce-only would measure them as well
        self.close_again_at = 0  # no second order to close is sent before this instant
        self._wish = False
        self._flatten = False
        self._limit: int | None = None
        self._stop: int | None = None
        self._amended = False  # whether this wish went out as an amendment already
        self._asked: tuple[int, int] | None = None  # quantity and price of the stop last asked for
        self._quotes: dict[Level, tuple[int, int]] = {}  # wishes not yet carried

    # --- what is wanted ---------------------------------------------------------------------------

    def want_target(self, target: Target, desired: int) -> None:
        """A new target: `desired` is the signed quantity to hold."""
        self.said, self.heard, self.desired, self.expires = target, True, desired, target.valid_until
        self._quotes.clear()
        self._wish, self._flatten, self._amended, self._asked = True, False, False, None
        side = rules.BUY if desired > self.position.quantity else rules.SELL
        self._limit = None if target.limit is None else self._price(target.limit, side)
        self._protect_at(target)

    def moves_stop_only(self, target: Target) -> bool:
        """Whether the target says again what stands, but for the price of its protective stop."""
        said = self.said
        if not self.heard or not isinstance(said, Target) or said.ppm != target.ppm:
            return False
        return msgspec.structs.replace(said, stop=target.stop) == target

    def want_stop(self, target: Target) -> None:
        """The standing target with another stop: nothing is sized again, nothing is entered again."""
        self.said = target
        self._protect_at(target)

    def _protect_at(self, target: Target) -> None:
        protects = rules.SELL if self.desired >= 0 else rules.BUY
        self._stop = None if target.stop is None else self._price(target.stop, -protects)

    def want_quotes(self, quotes: Quotes) -> None:
        """A new set of resting orders; levels beyond it are taken back."""
        self._stop, self._limit, self._wish, self._flatten = None, None, False, False
        self.said, self.heard, self.expires = quotes, True, None
        self._quotes = {level: (0, 0) for level in self.orders if level[0] in (BID, ASK)}
        for role, side, levels in ((BID, rules.BUY, quotes.bids), (ASK, rules.SELL, quotes.asks)):
            for index, (price, quantity) in enumerate(levels):
                raw = round_scaled(quantity, self.instrument.quantity_places, up=False)
                lots = rules.floor_to(max(0, raw), self.terms.lot)
                self._quotes[role, index] = (self._price(price, side), lots)

    def want_flat(self) -> None:
        """Close everything, whatever the strategy thinks; stands until the position is closed.

        One order is sent for it; where that ends unfilled, say it again.
        """
        self.desired, self.expires = 0, None
        self._limit = self._stop = None
        self._quotes.clear()
        self._wish = self._flatten = True

    def lapse(self) -> Iterator[Cancel]:
        """The target's time is over: what has not traded is no longer wanted."""
        self.expires, self._wish = None, False
        entry = self.orders.get((ENTRY, 0))
        yield from self._cancel([entry] if entry else [], "the target lapsed")

    def stand_down(self) -> None:
        """What is wanted and was not asked for yet is wanted no more; what protects or closes stays."""
        self._quotes.clear()
        self._wish = self._wish and self._flatten

    def ended(self, state: OrderState) -> None:
        """An order of the desk is over."""
        role = state.order.role
        for level in [level for level, each in self.orders.items() if each is state]:
            del self.orders[level]
        if role is ENTRY and self._amended and state.status is not FILLED:
            self._wish = False  # only what a fill overtook is asked for again
        if role is STOP and state.filled_raw and not self.position.quantity and not self._flatten:
            self._wish = False  # stopped out: nothing that was wanted before is bought back

    def state(self) -> Plain:
        """What is wanted here and which orders stand for it."""
        return {
            **remembered(self, _REMEMBERED),
            "said": None if self.said is None else opinion_to_plain(self.said),
            "orders": [[role, index, state.order.order_id] for (role, index), state in self.orders.items()],
            "quotes": [[role, index, *wish] for (role, index), wish in self._quotes.items()],
        }

    def restore(self, state: Mapping[str, Any], orders: Mapping[str, OrderState]) -> None:
        """Takes a state back; `orders` are the ledger's."""
        recall(self, _REMEMBERED, state)
        self.said = None if state["said"] is None else opinion_from_plain(state["said"])
        self.orders = {(Role(role), index): orders[order_id] for role, index, order_id in state["orders"]}
        self._quotes = {(Role(role), index): (price, size) for role, index, price, size in state["quotes"]}

    @property
    def standing(self) -> bool:
        """Whether a position stands for the target and nothing is under way: only then is there drift to chase."""
        lapsed = self.expires is None and isinstance(self.said, Target) and self.said.valid_until is not None
        return self.desired * self.position.quantity > 0 and (ENTRY, 0) not in self.orders and not lapsed

    @property
    def closing(self) -> bool:
        """Whether a flatten is still under way."""
        return self._flatten

    @property
    def content(self) -> bool:
        """Whether there is nothing to ask for: no wish, no flatten, no stop to keep, no quote to place."""
        if self._wish or self._flatten or self._quotes or self._stop is not None:
            return False
        if not self.orders:
            return True
        own = (BID, ASK) if isinstance(self.said, Quotes) else (ENTRY,)
        return all(role in own for role, _ in self.orders)

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
        others = [state for (role, _), state in self.orders.items() if role is not FLATTEN]
        yield from self._cancel(others, "flatten", but=LEAVING - {UNKNOWN})
        if others or (FLATTEN, 0) in self.orders:
            return
        quantity = rules.floor_to(abs(self.position.quantity), self.terms.lot)
        if not self._worth_sending(quantity, closes=True):
            self._wish = self._flatten = False
        elif self._wish:
            self._wish = False
            yield New(
                role=FLATTEN,
                side=SELL if self.position.quantity > 0 else BUY,
                order_type=OrderType.MARKET,
                quantity=quantity,
                reduce_only=not self.shared,
            )

    def _follow_target(self) -> Iterator[Request]:
        if not self._wish:
            return
        strays = [state for (role, _), state in self.orders.items() if role in (BID, ASK, FLATTEN)]
        yield from self._cancel(strays, "a target replaced the quotes")
        if strays:
            return
        delta = self.desired - self.position.quantity
        entry, stop = self.orders.get((ENTRY, 0)), self.orders.get((STOP, 0))
        if entry is not None:
            yield from self._revise(entry, delta)
        elif delta * self.position.quantity < 0 and stop is not None:
            self._asked = None  # whatever becomes of it, a position that stays is protected anew
            yield from self._cancel([stop], "the position is about to shrink")
        else:
            self._wish = False
            quantity = rules.floor_to(abs(delta), self.terms.lot)
            if self._worth_sending(quantity, closes=self.desired == 0):
                yield New(
                    role=ENTRY,
                    side=BUY if delta > 0 else SELL,
                    order_type=OrderType.MARKET if self._limit is None else OrderType.LIMIT,
                    quantity=quantity,
                    price=self._limit,
                )

    def _revise(self, entry: OrderState, delta: int) -> Iterator[Request]:
        """A living entry order meets a new wish: amend it where that is enough, else take it back first."""
        if entry.status in LEAVING:
            return
        rest = rules.floor_to(abs(delta), self.terms.lot)
        if self._amended and entry.status in AMENDABLE:
            self._wish = False  # the amendment is through, or refused: either way it was carried
            return
        goes_on = delta * entry.order.side.sign > 0 and self._worth_sending(rest, closes=self.desired == 0)
        if goes_on and entry.price_raw is not None and self._limit is not None and entry.status in AMENDABLE:
            total = entry.filled_raw + rest
            if (total, self._limit) == (entry.quantity_raw, entry.price_raw):
                self._wish = False
            elif self.instrument.amendable:
                self._amended = True  # the wish stands until the venue answers: a fill may overtake the amendment
                yield Amend(order_id=entry.order.order_id, quantity=total, price=self._limit)
            else:
                yield from self._cancel([entry], "the target changed")
        else:
            yield from self._cancel([entry], "the target changed")

    def _protect(self) -> Iterator[Request]:
        """Keeps the protective stop equal to what the target keeps of the position; asks once for each size."""
        entry, resting = self.orders.get((ENTRY, 0)), self.orders.get((STOP, 0))
        held = self.position.quantity
        leaving = entry.remaining_raw if entry and entry.order.side.sign * held < 0 else 0
        quantity = rules.floor_to(max(0, abs(held) - leaving), self.terms.lot)
        if (
            self._stop is None
            or held * self.desired < 0
            or not self._worth_sending(quantity, closes=True, price=self._stop)
        ):
            self._asked = None
            yield from self._cancel([resting] if resting else [], "nothing left to protect")
        elif (quantity, self._stop) == self._asked:
            return  # it rests, or it was refused: then only a change asks again
        elif resting is None:
            if not self._wish:
                self._asked = (quantity, self._stop)
                yield New(
                    role=STOP,
                    side=SELL if held > 0 else BUY,
                    order_type=OrderType.STOP,
                    quantity=quantity,
                    stop=self._stop,
                    reduce_only=not self.shared,
                )
        elif resting.status in AMENDABLE:
            self._asked = (quantity, self._stop)
            if (resting.remaining_raw, resting.stop_raw) == self._asked:
                return
            if not self.instrument.amendable:
                self._asked = None  # placed anew once the old one is gone: what it locks would not cover both
                yield from self._cancel([resting], "the protective stop changed")
            else:
                yield Amend(order_id=resting.order.order_id, quantity=resting.filled_raw + quantity, stop=self._stop)

    def _quote(self) -> Iterator[Request]:
        if isinstance(self.said, Quotes):
            others = [state for (role, _), state in self.orders.items() if role not in (BID, ASK)]
            yield from self._cancel(others, "quotes replaced the target")
        for level, (price, quantity) in sorted(self._quotes.items()):
            resting = self.orders.get(level)
            if resting is not None and resting.status not in AMENDABLE:
                continue  # it is on its way somewhere; the wish waits
            wanted = self._worth_sending(quantity, closes=False, price=price)
            changed = resting is not None and (resting.price_raw, resting.remaining_raw) != (price, quantity)
            if wanted and changed and not self.instrument.amendable:
                yield from self._cancel([resting] if resting else [], "the quote changed")
                continue  # the wish waits until the old one is gone
            del self._quotes[level]
            if resting is None:
                if wanted:
                    yield New(
                        role=level[0],
                        side=BUY if level[0] is BID else SELL,
                        order_type=OrderType.LIMIT,
                        quantity=quantity,
                        price=price,
                        post_only=True,
                        level=level[1],
                    )
            elif not wanted:
                yield from self._cancel([resting], "the quote was withdrawn")
            elif changed:
                yield Amend(order_id=resting.order.order_id, quantity=resting.filled_raw + quantity, price=price)

    def _cancel(
        self, states: list[OrderState], reason: str, *, but: frozenset[OrderStatus] = LEAVING
    ) -> Iterator[Cancel]:
        for state in states:
            if state.status not in but:
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
