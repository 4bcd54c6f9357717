"""The ledger: orders, fills, positions and cash as a fold over recorded events.

The engine, the database and every command that reads a journal use this one fold, so what a run
believes and what its journal tells are the same by construction. Status moves only by
`OrderUpdate`; quantities and cash move only by `FillEvent`, each exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from workbench.core import rules
from workbench.core.account import Account, Booked, Position
from workbench.core.errors import ConfigError, InvariantError
from workbench.core.events import (
    AmendEvent,
    Event,
    FillEvent,
    FundingEvent,
    Liquidation,
    OrderEvent,
    OrderReport,
    OrderUpdate,
    RiskAction,
    RiskEvent,
    RunStarted,
    TermsChanged,
)
from workbench.core.instrument import Instrument
from workbench.core.margin import shared_amount, shared_lots
from workbench.core.money import to_scaled, to_text
from workbench.core.order import AMEND_PENDING, CANCEL_PENDING, FINAL, PENDING, UNKNOWN, OrderStatus, move

FillKey = tuple[str, str, str, str]  # instrument key (venue, account, symbol), order, trade, side

MAX_STRANGERS = (
    10_000  # orders of others that are remembered; beyond it the oldest are forgotten, which only tells them anew
)


_UNANSWERED = frozenset({AMEND_PENDING, CANCEL_PENDING, UNKNOWN})


class OrderState(msgspec.Struct):
    """Where one order stands; `quantity_raw` and prices are those in force after amendments."""

    order: OrderEvent
    quantity_raw: int
    price_raw: int | None
    stop_raw: int | None
    status: OrderStatus = PENDING
    filled_raw: int = 0
    spent: int = 0  # cash units of all its fills, before fees
    venue_order_id: str = ""
    reason: str = ""
    updated: int = 0
    venue_filled_raw: int = 0  # the most that the venue ever said has traded
    ends_as: OrderStatus | None = None  # what the venue said it ended as, while fills of it are still owed
    asked_raw: int = 0  # the total an amendment asks for, while the venue may still grant it
    past_venue_ids: tuple[str, ...] = ()  # what the venue called it before: an amendment may rename it

    @property
    def owed_raw(self) -> int:
        """What has traded by the venue's word and is not booked yet."""
        return max(0, self.venue_filled_raw - self.filled_raw)

    @property
    def remaining_raw(self) -> int:
        return max(0, self.quantity_raw - self.filled_raw)

    @property
    def worst_raw(self) -> int:
        """The most that may still trade, whatever becomes of an amendment that is under way."""
        return max(0, max(self.quantity_raw, self.asked_raw) - self.filled_raw)

    @property
    def living(self) -> bool:
        return self.status not in FINAL


class Share(msgspec.Struct, frozen=True):
    """One strategy's part of an account's funding, in cash units."""

    strategy_id: str
    event: FundingEvent
    amount: int


class Ledger:
    """Folds events; `apply` takes each recorded event once, in order. All amounts are exact."""

    def __init__(self, started: RunStarted) -> None:
        self.started = started
        self.instruments = {each.key: each for each in started.instruments}
        self.cash_places = max((each.cash_places for each in started.instruments), default=8)
        self.terms = {each.key: each.terms(self.cash_places) for each in started.instruments}
        for each in started.instruments:
            if each.quote != started.base_currency:
                raise ConfigError(
                    f"{each.key} is quoted in {each.quote}; this run values everything in "
                    f"{started.base_currency} and has no conversion"
                )
        self.accounts = {
            strategy: Account.open(strategy, to_scaled(cash, self.cash_places, f"cash of {strategy}"))
            for strategy, cash in started.cash.items()
        }
        self.orders: dict[str, OrderState] = {}
        self.living: dict[str, OrderState] = {}
        self.fills: list[FillEvent] = []
        self.booked: list[tuple[str, Booked]] = []  # all that traded, by strategy: fills, and what venues closed
        self.funding: list[Share] = []
        self.refusals: list[RiskEvent] = []
        self.fees: dict[str, int] = {}  # currency -> units of 10^-18, so that venues of any precision add up
        self.strangers: dict[str, OrderReport] = {}  # orders of others on our accounts, by venue order id
        self.external: dict[str, int] = {}  # what others traded on our accounts, signed, by instrument key
        self._parked: dict[tuple[str, str], list[FillEvent]] = {}  # fills that name an order only the venue knows yet
        self._by_venue_id: dict[tuple[str, str], str] = {}  # instrument key and venue order id -> order id
        self._booked: set[FillKey] = set()  # of our orders
        self._booked_elsewhere: set[FillKey] = set()  # of orders that are not ours, as far as is known
        self._settled: set[tuple[str, str, str]] = set()  # fundings and liquidations that are booked
        self._chain = b""  # sha256 over what happened so far: unlike a running hash, it can be written down
        self._doors: dict[type[Event], Callable[[Any], None]] = {
            FillEvent: self._book,
            FundingEvent: self._fund,
            Liquidation: self._liquidate,
            AmendEvent: self._ask,
            OrderUpdate: self._update,
            OrderEvent: self._open,
            OrderReport: self._report,
            RiskEvent: self._risk,
            TermsChanged: self._change_terms,
        }

    def position(self, strategy_id: str, key: str) -> Position:
        """The strategy's position in an instrument, flat if it never traded."""
        positions = self.accounts[strategy_id].positions
        if key not in positions:
            positions[key] = Position(self.instruments[key], self.terms[key])
        return positions[key]

    def net(self, key: str) -> int:
        """The signed quantity all strategies together hold of an instrument."""
        return sum(a.positions[key].quantity for a in self.accounts.values() if key in a.positions)

    def settled(self, event: FundingEvent | Liquidation) -> bool:
        """Whether this very funding or liquidation is booked already."""
        return _settlement_key(event) in self._settled

    def holders(self, key: str) -> dict[str, int]:
        """The signed quantity of an instrument by strategy, for those who hold any."""
        positions = {name: account.positions.get(key) for name, account in self.accounts.items()}
        return {name: each.quantity for name, each in positions.items() if each is not None and each.quantity}

    def liquidated(self, event: Liquidation) -> dict[str, int]:
        """How much each strategy loses by a liquidation that is not booked yet."""
        key = event.instrument.key
        held = {name: -size * event.side.sign for name, size in self.holders(key).items()}
        held = {name: size for name, size in held.items() if size > 0}
        return shared_lots(event.quantity_raw, held, self.terms[key].lot) if held else {}

    def order_of(self, fill: FillEvent) -> OrderState | None:
        """The order of ours that a fill belongs to, by client id or by the venue's; None if it is nobody's yet."""
        order_id = fill.order_id or self._by_venue_id.get((fill.instrument.key, fill.venue_order_id), "")
        return self.orders.get(order_id)

    def knows(self, fill: FillEvent) -> bool:
        """Whether this very fill is booked already."""
        key = self._key(fill, self.order_of(fill))
        return key in self._booked or key in self._booked_elsewhere

    def parked(self, report: OrderReport) -> list[FillEvent]:
        """The fills that wait for this report to say whose they are."""
        return list(self._parked.get((report.instrument.key, report.venue_order_id), ()))

    @staticmethod
    def _key(fill: FillEvent, state: OrderState | None) -> FillKey:
        """What makes a fill itself: one venue, account and symbol may use a trade id for two orders or sides."""
        # others' client ids are told by streams only, so that the venue's own id is what two tellings have in common
        order_id = state.order.order_id if state else fill.venue_order_id or fill.order_id
        return (fill.instrument.key, order_id, fill.trade_id, fill.side)

    def apply(self, event: Event) -> None:
        """Takes one recorded event in; events that move nothing are let through."""
        door = self._doors.get(type(event))
        if door is not None:
            door(event)

    def _open(self, order: OrderEvent) -> None:
        state = OrderState(order, order.quantity_raw, order.price_raw, order.stop_raw, updated=order.ts_event)
        self.orders[order.order_id] = self.living[order.order_id] = state
        self._note(
            f"order|{order.strategy_id}|{order.instrument.key}|{order.side}|{order.order_type}|"
            f"{order.quantity_raw}|{order.price_raw}|{order.stop_raw}|{order.ts_event}"
        )

    def _risk(self, event: RiskEvent) -> None:
        self.refusals.append(event)
        state = self.orders.get(event.order_id)
        if state is not None and event.action is RiskAction.DENIED and state.status not in _UNANSWERED:
            state.asked_raw = 0  # the amendment never left
        if event.action is not RiskAction.REARMED:
            self._note(f"risk|{event.strategy_id}|{event.rule}|{event.action}|{event.ts_event}")

    def _book(self, fill: FillEvent) -> None:
        state = self.order_of(fill)
        key = self._key(fill, state)
        if key in self._booked or key in self._booked_elsewhere:
            return  # a second delivery is nothing
        if state is None:
            self._booked_elsewhere.add(key)
            self._book_stranger(fill)
            return
        self._booked.add(key)
        if not fill.order_id:
            fill = msgspec.structs.replace(fill, order_id=state.order.order_id)
        self.fills.append(fill)
        strategy_id = state.order.strategy_id
        position = self._move(strategy_id, fill)
        state.filled_raw += fill.quantity_raw
        if fill.venue_order_id and not state.venue_order_id:
            self._link(state, fill.instrument.key, fill.venue_order_id)
        terms = position.terms
        state.spent += rules.notional(fill.price_raw, fill.quantity_raw, terms.multiplier, terms.divisor)
        self._note(
            f"fill|{strategy_id}|{fill.instrument.key}|{fill.side}|{fill.quantity_raw}|{fill.price_raw}|"
            f"{fill.fee_raw}|{fill.fee_currency}|{fill.ts_event}|{self.accounts[strategy_id].cash}"
        )

    def _book_stranger(self, fill: FillEvent) -> None:
        """A trade of no order of ours, as far as is known: it moves what the venue holds, not what we do."""
        key = fill.instrument.key
        self.external[key] = self.external.get(key, 0) + fill.side.sign * fill.quantity_raw
        if not fill.order_id:
            self._parked.setdefault((key, fill.venue_order_id), []).append(fill)

    def _link(self, state: OrderState, key: str, venue_order_id: str) -> None:
        """The venue's id of an order of ours is known: what was parked under it is booked."""
        if state.venue_order_id:
            state.past_venue_ids = (*state.past_venue_ids, state.venue_order_id)
        state.venue_order_id = venue_order_id
        self._by_venue_id[key, venue_order_id] = state.order.order_id
        for fill in self._parked.pop((key, venue_order_id), ()):
            self.external[key] -= fill.side.sign * fill.quantity_raw
            self._booked_elsewhere.discard(self._key(fill, None))
            self._book(fill)

    def _move(self, strategy_id: str, trade: Booked) -> Position:
        """A trade moves its strategy's position, cash and fees."""
        position = self.position(strategy_id, trade.instrument.key)
        self.accounts[strategy_id].book(position, trade)
        self.booked.append((strategy_id, trade))
        fee = trade.fee_raw * 10 ** (18 - trade.instrument.fee_places)
        self.fees[trade.fee_currency] = self.fees.get(trade.fee_currency, 0) + fee
        return position

    def _fund(self, event: FundingEvent) -> None:
        """What the account received or paid, shared among those who hold the perpetual, to the last unit."""
        key = event.instrument.key
        if self.settled(event):
            return
        self._settled.add(_settlement_key(event))
        held = self.holders(key) or dict.fromkeys(self.accounts, 0)
        for strategy_id, amount in shared_amount(event.amount_raw * self.terms[key].cash_quantum, held).items():
            account = self.accounts[strategy_id]
            account.fund(self.position(strategy_id, key), amount)
            self.funding.append(Share(strategy_id, event, amount))
            self._note(f"funding|{strategy_id}|{key}|{amount}|{event.ts_event}|{account.cash}")

    def _liquidate(self, event: Liquidation) -> None:
        """A trade of the venue's own making, shared among those who held what it closed; more than that is not ours."""
        key = event.instrument.key
        if self.settled(event):
            return
        self._settled.add(_settlement_key(event))
        parts = self.liquidated(event)
        rest = event.quantity_raw - sum(parts.values())
        if rest:
            self.external[key] = self.external.get(key, 0) + event.side.sign * rest
        fees = shared_amount(event.fee_raw, parts) if parts else {}
        for strategy_id, quantity in parts.items():
            part = msgspec.structs.replace(event, quantity_raw=quantity, fee_raw=fees.get(strategy_id, 0))
            self._move(strategy_id, part)
            self._note(
                f"liquidation|{strategy_id}|{key}|{event.side}|{quantity}|{event.price_raw}|{part.fee_raw}|"
                f"{event.ts_event}|{self.accounts[strategy_id].cash}"
            )

    def _update(self, update: OrderUpdate) -> None:
        state = self.orders[update.order_id]
        if state.status is not update.old:
            raise InvariantError(f"order {update.order_id}: is {state.status}, an update says it was {update.old}")
        if update.new is not update.old:
            state.status = move(update.order_id, update.old, update.new)
            state.updated = update.ts_event
            if update.new not in _UNANSWERED:
                state.asked_raw = 0
            state.reason = update.reason or state.reason
            if not state.living:
                self.living.pop(update.order_id, None)
                strategy_id, key = state.order.strategy_id, update.instrument.key
                self._note(f"end|{strategy_id}|{key}|{update.new}|{state.filled_raw}")

    def _ask(self, amend: AmendEvent) -> None:
        """An amendment was asked for: until it is answered the larger total counts."""
        self.orders[amend.order_id].asked_raw = amend.quantity_raw

    def _report(self, report: OrderReport) -> None:
        state = self.orders.get(report.order_id)
        if state is None:
            self._stranger(report)
            return
        if report.venue_order_id and report.venue_order_id != state.venue_order_id:
            self._link(state, report.instrument.key, report.venue_order_id)
        if report.filled_raw is not None:
            state.venue_filled_raw = max(state.venue_filled_raw, report.filled_raw)
        if report.status in FINAL and state.living:
            state.ends_as = report.status if state.owed_raw else None
        if report.quantity_raw is not None:
            state.quantity_raw = report.quantity_raw
        if report.price_raw is not None:
            state.price_raw = report.price_raw
        if report.stop_raw is not None:
            state.stop_raw = report.stop_raw

    def _stranger(self, report: OrderReport) -> None:
        """An order of somebody else on our account; remembered while it lives."""
        name = report.venue_order_id or report.order_id
        self.strangers.pop(name, None)
        if report.status not in FINAL:
            self.strangers[name] = report
            if len(self.strangers) > MAX_STRANGERS:
                del self.strangers[next(iter(self.strangers))]

    def _change_terms(self, change: TermsChanged) -> None:
        """Other steps and minimums from here on; raises DataError, changing nothing, for one that is too fine."""
        key, instrument = change.instrument.key, change.instrument
        self.terms[key] = terms = msgspec.structs.replace(
            self.terms[key],
            tick=to_scaled(change.tick, instrument.price_places, f"{key} tick"),
            lot=to_scaled(change.lot, instrument.quantity_places, f"{key} lot"),
            min_quantity=to_scaled(change.min_quantity, instrument.quantity_places, f"{key} min_quantity"),
            min_notional=to_scaled(change.min_notional, self.cash_places, f"{key} min_notional"),
        )
        for account in self.accounts.values():
            if key in account.positions:
                account.positions[key].terms = terms

    def _note(self, what: str) -> None:
        self._chain = sha256(self._chain + what.encode()).digest()

    def digest(self) -> str:
        """What happened to orders, fills, refusals and cash, without ids: equal for equal trading."""
        cash = "".join(f"cash|{name}|{account.cash}\n" for name, account in sorted(self.accounts.items()))
        return sha256(self._chain + cash.encode()).hexdigest()

    def cash_text(self, amount: int) -> str:
        """Cash units as canonical text."""
        return to_text(amount, self.cash_places)


def _settlement_key(event: FundingEvent | Liquidation) -> tuple[str, str, str]:
    """What makes a settlement itself: its kind, its instrument and the venue's id."""
    name = event.funding_id if isinstance(event, FundingEvent) else event.trade_id
    return (type(event).__name__, event.instrument.key, name)


def instrument_table(started: RunStarted) -> dict[str, Instrument]:
    """The instruments of a run by key, as the codec needs them."""
    return {each.key: each for each in started.instruments}
