"""The words for what the log tells in figures: why an order took a step, why risk stepped in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from workbench.compiled import engine_log as rows
from workbench.compiled import engine_state as at
from workbench.compiled.engine_driving import NOBODY_BIDS
from workbench.core.events import RiskAction
from workbench.core.instrument import Instrument
from workbench.core.money import canonical, to_text
from workbench.core.order import OrderStatus, OrderType, Side
from workbench.risk.budgets import Budget
from workbench.risk.limits import Limits

STATUSES: Mapping[int, OrderStatus] = {
    at.PENDING: OrderStatus.PENDING,
    at.SUBMITTED: OrderStatus.SUBMITTED,
    at.ACKNOWLEDGED: OrderStatus.ACKNOWLEDGED,
    at.PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
    at.CANCEL_PENDING: OrderStatus.CANCEL_PENDING,
    at.AMEND_PENDING: OrderStatus.AMEND_PENDING,
    at.FILLED_UP: OrderStatus.FILLED,
    at.CANCELLED: OrderStatus.CANCELLED,
    at.EXPIRED: OrderStatus.EXPIRED,
    at.REJECTED: OrderStatus.REJECTED,
    at.DENIED: OrderStatus.DENIED,
}
KINDS: Mapping[int, OrderType] = {
    at.MARKET_ORDER: OrderType.MARKET,
    at.LIMIT_ORDER: OrderType.LIMIT,
    at.STOP_ORDER: OrderType.STOP,
}
SIDES: Mapping[int, Side] = {1: Side.BUY, -1: Side.SELL}
ACTIONS: Mapping[int, RiskAction] = {
    rows.NOTED: RiskAction.NOTED,
    rows.REFUSED_BY_RISK: RiskAction.DENIED,
    rows.LOCKED_BY_RISK: RiskAction.LOCKED,
    rows.HALTED_BY_RISK: RiskAction.HALTED,
}
RULES: Mapping[int, str] = {
    rows.HALT: "halt",
    rows.LOCK: "locked",
    rows.EMPTY_BOOK: "empty_book",
    rows.REDUCES_ONLY: "reduce_only",
    rows.ALLOWED_SYMBOLS: "allowed_symbols",
    rows.STALE_DATA: "stale_data",
    rows.ORDER_NOTIONAL: "max_order_notional",
    rows.POSITION_NOTIONAL: "max_position_notional",
    rows.COLLAR: "price_collar",
    rows.COVERED: "covered_spot",
    rows.REJECTED_OFTEN: "max_rejections_per_minute",
    rows.SENT_OFTEN: "max_orders_per_minute",
    rows.NO_SHORT_SPOT: "no_short_spot",
    rows.DRAWDOWN: "max_drawdown",
    rows.DRAWDOWN_OF_ALL: "portfolio_max_drawdown",
    rows.NAKED: "naked_position",
}
_SAID: Mapping[int, str] = {
    rows.NO_REASON: "",
    rows.LAPSED: "the target lapsed",
    rows.FLATTENED: "flatten",
    rows.REPLACED_QUOTES: "a target replaced the quotes",
    rows.SHRINKS: "the position is about to shrink",
    rows.TARGET_CHANGED: "the target changed",
    rows.NOTHING_TO_PROTECT: "nothing left to protect",
    rows.STOP_CHANGED: "the protective stop changed",
    rows.REPLACED_TARGET: "quotes replaced the target",
    rows.QUOTE_CHANGED: "the quote changed",
    rows.QUOTE_WITHDRAWN: "the quote was withdrawn",
    rows.AMENDED_AWAY: "amended to no more than is filled",
    rows.AMENDED_AS_ASKED: "amended",
    rows.TAKES_AT_MARKET: "only a resting order can be amended; this one takes at market",
}


class Words:
    """Puts figures into the words of the event engine, in the units of an instrument, with the limits that held."""

    def __init__(self, instrument: Instrument, limits: Limits, budget: Budget) -> None:
        self._instrument, self._limits, self._budget = instrument, limits, budget
        terms = instrument.terms(instrument.cash_places)
        self._min_quantity, self._min_notional = terms.min_quantity, terms.min_notional

    def reason(self, code: int, first: int, second: int, side: Side) -> str:
        """Why an order took a step."""
        if code >= rows.NOT_AMENDED:
            return f"not amended: {self.reason(code - rows.NOT_AMENDED, first, second, side)}"
        if code == rows.BY_RULE:
            return RULES[first]
        if code in _SAID:
            return _SAID[code]
        told: Mapping[int, Callable[[], str]] = {
            rows.NO_PRICE: lambda: f"price: expected more than 0, got {self.price(first)}",
            rows.NO_STOP_PRICE: lambda: f"stop: expected more than 0, got {self.price(first)}",
            rows.TOO_FEW: lambda: (
                f"quantity {self.quantity(first)} is below the minimum of {self.quantity(self._min_quantity)}"
            ),
            rows.TOO_SMALL: lambda: (
                f"notional {self.cash(first)} is below the minimum of {self.cash(self._min_notional)}"
            ),
            rows.WOULD_CROSS: lambda: f"post-only at {self.price(first)} would cross {self.price(second)}",
            rows.NOT_COVERED: lambda: self._not_covered(first, second, side),
            rows.SHORT_OF_BALANCE: lambda: f"no balance for more: {self._part(first, second)}",
            rows.SHORT_OF_POSITION: lambda: f"no position to reduce for more: {self._part(first, second)}",
        }
        return told[code]()

    def refusal(self, rule: int, first: int, second: int, third: int, side: Side) -> str:
        """Why risk stepped in, but for what a latch was closed for."""
        limits = self._limits
        told: Mapping[int, Callable[[], str]] = {
            rows.EMPTY_BOOK: lambda: "nobody bids" if first == NOBODY_BIDS else "nobody offers",
            rows.REDUCES_ONLY: lambda: "it would open a position" if first else "there is no position to close",
            rows.ALLOWED_SYMBOLS: self._not_allowed,
            rows.STALE_DATA: lambda: (
                f"market data is {to_text(first, 9)} s overdue, the limit is {self._exact(limits.max_data_age_s)} s"
            ),
            rows.ORDER_NOTIONAL: lambda: self._above("order", first, limits.max_order_notional),
            rows.POSITION_NOTIONAL: lambda: self._above("position", first, limits.max_position_notional),
            rows.COLLAR: lambda: self._too_far(first, second),
            rows.COVERED: lambda: f"with what is on its way it would sell {self.quantity(first)} more than it holds",
            rows.REJECTED_OFTEN: lambda: (
                f"the venue refused {first} orders in the last minute, the limit is {limits.max_rejections_per_minute}"
            ),
            rows.SENT_OFTEN: lambda: (
                f"{first} requests in the last minute, the limit is {limits.max_orders_per_minute}"
            ),
            rows.NO_SHORT_SPOT: lambda: (
                f"target {self.quantity(first)} of {self._instrument.key}: spot cannot be sold short, it is held at 0"
            ),
            rows.DRAWDOWN: lambda: self._down(first, second, self._budget.max_drawdown),
            rows.DRAWDOWN_OF_ALL: lambda: self._down(first, second, limits.max_drawdown),
        }
        return told[rule]()

    def price(self, raw: int) -> str:
        return to_text(raw, self._instrument.price_places)

    def quantity(self, raw: int) -> str:
        return to_text(raw, self._instrument.quantity_places)

    def cash(self, raw: int) -> str:
        return to_text(raw, self._instrument.cash_places)

    @staticmethod
    def _exact(value: Decimal | None) -> str:
        return "" if value is None else canonical(value)

    def _not_allowed(self) -> str:
        allowed = ", ".join(sorted(self._limits.allowed_symbols or ())) or "none"
        return f"{self._instrument.key} is not one of {allowed}"

    def _above(self, what: str, worth: int, limit: Decimal | None) -> str:
        return f"{what} notional {self.cash(worth)} {self._instrument.quote} is above {self._exact(limit)}"

    def _too_far(self, price: int, mark: int) -> str:
        if not mark:
            return "there is no mark to hold the price against"
        collar = self._exact(self._limits.price_collar)
        return f"price {self.price(price)} is more than {collar} away from {self.price(mark)}"

    def _down(self, equity: int, peak: int, limit: Decimal | None) -> str:
        return f"equity {self.cash(equity)} is down from {self.cash(peak)} by more than {self._exact(limit)}"

    def _part(self, filled: int, total: int) -> str:
        return f"{self.quantity(filled)} of {self.quantity(total)} filled"

    def _not_covered(self, need: int, free: int, side: Side) -> str:
        asset, told = (
            (self._instrument.quote, self.cash) if side is Side.BUY else (self._instrument.base, self.quantity)
        )
        return f"insufficient balance: needs {told(need)} {asset}, free are {told(free)}"
