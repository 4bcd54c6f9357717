"""Risk rules: one limit, one struct, one sentence; `refuses` gives the figures or None."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Protocol

import msgspec

from workbench.core import rules
from workbench.core.clock import MINUTE
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.ledger import Ledger
from workbench.core.memory import Plain, recall, remembered
from workbench.core.money import to_scaled, to_text
from workbench.core.order import Side

REJECTIONS = 100  # refusals remembered of an instrument: no sensible limit is above

_SEEN: Mapping[str, Any] = {
    "now": int,
    "marks": dict[str, int],
    "fresh_until": dict[str, int],
    "one_sided": dict[str, str],
    "stale": dict[str, str],
}


class View(msgspec.Struct):
    """What the rules may see: the ledger, the marks, how fresh they are, and now.

    `fresh_until` is when the last word on an instrument is due to be followed by another: its
    time, plus the interval for a bar.
    """

    ledger: Ledger
    now: int = 0
    marks: dict[str, int] = {}
    fresh_until: dict[str, int] = {}
    one_sided: dict[str, str] = {}  # instruments of whose book a side is known to be empty, and which
    stale: dict[str, str] = {}  # instruments whose market is known to be out of date, and why
    rejections: dict[str, deque[int]] = {}  # when the venue last refused orders, by instrument; the newest few

    def state(self) -> Plain:
        """Marks, freshness, refusals and the time of the last event."""
        rejections = {key: list(recent) for key, recent in self.rejections.items()}
        return {**remembered(self, _SEEN), "rejections": rejections}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        recall(self, _SEEN, state)
        self.rejections = {key: deque(recent, maxlen=REJECTIONS) for key, recent in state["rejections"].items()}

    def see_sides(self, key: str, bid: int, ask: int) -> None:
        """Notes the best prices of a book, 0 for an empty side: nothing is opened at the market of one like that."""
        if not (bid and ask):
            self.one_sided[key] = "nobody offers" if bid else "nobody bids"
        elif self.one_sided:
            self.one_sided.pop(key, None)

    def worst_position(self, order: OrderEvent | AmendEvent) -> int:
        """The strategy's signed position if this request and every living one on its side fill.

        What others hold of the instrument on the account counts too, where that makes it worse.
        """
        side, external = self.side_of(order).sign, self.ledger.external.get(order.instrument.key, 0)
        return self.own_worst(order) + side * max(0, side * external)

    def own_worst(self, order: OrderEvent | AmendEvent) -> int:
        """The same without what others hold; an amendment under way counts at the larger of its totals."""
        key, side = order.instrument.key, self.side_of(order)
        position = self.ledger.accounts[order.strategy_id].positions.get(key)
        total = (position.quantity if position else 0) + side.sign * order.quantity_raw
        for state in self.ledger.living.values():
            other = state.order
            if other.order_id == order.order_id:
                total -= side.sign * state.filled_raw if isinstance(order, AmendEvent) else 0
            elif other.strategy_id == order.strategy_id and other.instrument.key == key and other.side is side:
                total += side.sign * state.worst_raw
        return total

    def side_of(self, order: OrderEvent | AmendEvent) -> Side:
        return order.side if isinstance(order, OrderEvent) else self.ledger.orders[order.order_id].order.side

    def notional(self, order: OrderEvent | AmendEvent, quantity: int) -> int:
        """What `quantity` is worth at the order's own price, or the mark where that is higher or there is none."""
        terms = self.ledger.terms[order.instrument.key]
        price = max(order.price_raw or order.stop_raw or 0, self.marks.get(order.instrument.key, 0))
        return rules.notional(price, quantity, terms.multiplier, terms.divisor)


class RiskRule(Protocol):
    """One limit."""

    @property
    def name(self) -> str:
        """What a refusal calls it."""

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        """Why the request may not go out, with the figures; None if it may."""


class AllowedSymbols(msgspec.Struct, frozen=True):
    """Only these instruments are traded."""

    keys: frozenset[str]
    name: str = "allowed_symbols"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        key = order.instrument.key
        return None if key in self.keys else f"{key} is not one of {', '.join(sorted(self.keys)) or 'none'}"


class MaxOrderNotional(msgspec.Struct, frozen=True):
    """No single order is worth more than `limit` cash units."""

    limit: int
    name: str = "max_order_notional"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        worth = view.notional(order, order.quantity_raw)
        return _above("order notional", worth, self.limit, view) if worth > self.limit else None


class MaxPositionNotional(msgspec.Struct, frozen=True):
    """No position, with everything still in flight for it, is worth more than `limit` cash units."""

    limit: int
    name: str = "max_position_notional"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        worst = view.worst_position(order)
        if worst * view.side_of(order).sign <= 0:
            return None  # it reduces, and does not cross to the other side
        worth = view.notional(order, abs(worst))
        return _above("position notional", worth, self.limit, view) if worth > self.limit else None


class MaxOrdersPerMinute(msgspec.Struct):
    """Not more than `limit` orders and amendments leave in any minute."""

    limit: int
    name: str = "max_orders_per_minute"
    recent: deque[int] = msgspec.field(default_factory=deque)  # holds at most `limit` instants

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        while self.recent and self.recent[0] <= view.now - MINUTE:
            self.recent.popleft()
        if len(self.recent) >= self.limit:
            return f"{len(self.recent)} requests in the last minute, the limit is {self.limit}"
        return None

    def approved(self, now: int) -> None:
        """Counts a request that went out."""
        self.recent.append(now)


class MaxRejections(msgspec.Struct):
    """After so many refusals by the venue in a minute nothing more is sent for that instrument until it is over."""

    limit: int
    name: str = "max_rejections_per_minute"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        recent = view.rejections.get(order.instrument.key)
        while recent and recent[0] <= view.now - MINUTE:
            recent.popleft()
        if recent and len(recent) >= self.limit:
            return f"the venue refused {len(recent)} orders in the last minute, the limit is {self.limit}"
        return None


class CoveredSpot(msgspec.Struct, frozen=True):
    """A strategy sells on spot what it holds and nothing else, whatever else lies on the account."""

    name: str = "covered_spot"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        if not order.instrument.is_spot or view.side_of(order) is not Side.SELL:
            return None
        left = view.own_worst(order)
        if left >= 0:
            return None
        places = order.instrument.quantity_places
        return f"with what is on its way it would sell {to_text(-left, places)} more than it holds"


class PriceCollar(msgspec.Struct, frozen=True):
    """No limit or stop price is further from the mark than `ppm` of it."""

    ppm: int
    name: str = "price_collar"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        mark = view.marks.get(order.instrument.key)
        for price in (order.price_raw, order.stop_raw):
            if price is None:
                continue
            if mark is None:
                return "there is no mark to hold the price against"
            if rules.collar_exceeds(price, mark, self.ppm):
                places = order.instrument.price_places
                collar = to_text(self.ppm, 6)
                return f"price {to_text(price, places)} is more than {collar} away from {to_text(mark, places)}"
        return None


class StaleData(msgspec.Struct, frozen=True):
    """No order is sent on market data older than `max_age_ns` (for bars: interval + this)."""

    max_age_ns: int
    name: str = "stale_data"

    def refuses(self, order: OrderEvent | AmendEvent, view: View) -> str | None:
        fresh_until = view.fresh_until.get(order.instrument.key)
        if fresh_until is None:
            return "no market data yet"
        age = view.now - fresh_until
        if age > self.max_age_ns:
            return f"market data is {to_text(age, 9)} s overdue, the limit is {to_text(self.max_age_ns, 9)} s"
        return None


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a run as people write them: exact decimals in base currency and fractions; None is no limit."""

    LATER: ClassVar[frozenset[str]] = frozenset({"covered_spot", "max_rejections_per_minute"})

    max_order_notional: Decimal | None = None
    max_position_notional: Decimal | None = None
    max_orders_per_minute: int | None = None
    max_rejections_per_minute: int | None = None
    covered_spot: bool | None = None  # a simulated venue refuses what is not covered by itself
    price_collar: Decimal | None = None
    max_data_age_s: Decimal | None = None
    max_drawdown: Decimal | None = None  # of all strategies together
    allowed_symbols: tuple[str, ...] | None = None  # instrument keys; None: those of the run

    def rules(self, ledger: Ledger) -> Sequence[RiskRule]:
        """The rules that these limits switch on, cheapest first."""
        places = ledger.cash_places
        allowed = ledger.instruments if self.allowed_symbols is None else self.allowed_symbols
        chosen: list[RiskRule] = [AllowedSymbols(frozenset(allowed))]
        if self.max_data_age_s is not None:
            chosen.append(StaleData(to_scaled(self.max_data_age_s, 9, "risk.max_data_age_s")))
        if self.max_order_notional is not None:
            chosen.append(MaxOrderNotional(to_scaled(self.max_order_notional, places, "risk.max_order_notional")))
        if self.max_position_notional is not None:
            limit = to_scaled(self.max_position_notional, places, "risk.max_position_notional")
            chosen.append(MaxPositionNotional(limit))
        if self.price_collar is not None:
            chosen.append(PriceCollar(to_scaled(self.price_collar, 6, "risk.price_collar")))
        if self.covered_spot:
            chosen.append(CoveredSpot())
        if self.max_rejections_per_minute is not None:
            chosen.append(MaxRejections(self.max_rejections_per_minute))
        if self.max_orders_per_minute is not None:
            chosen.append(MaxOrdersPerMinute(self.max_orders_per_minute))
        return chosen


def _above(what: str, amount: int, limit: int, view: View) -> str:
    ledger = view.ledger
    return f"{what} {ledger.cash_text(amount)} {ledger.started.base_currency} is above {ledger.cash_text(limit)}"
