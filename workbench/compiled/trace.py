"""What a compiled run left behind: its log, and the ledger and digest that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

import numpy as np

from workbench.compiled import engine_log as rows
from workbench.compiled import engine_state as at
from workbench.compiled.trace_words import ACTIONS, KINDS, RULES, SIDES, STATUSES, Words
from workbench.core.events import (
    AmendEvent,
    Event,
    FillEvent,
    OrderEvent,
    OrderReport,
    OrderUpdate,
    RiskEvent,
    RunStarted,
)
from workbench.core.instrument import Instrument
from workbench.core.ledger import Ledger
from workbench.core.order import OrderStatus, Role, Side

_ROLES = {at.ENTRY: Role.ENTRY, at.PROTECTION: Role.STOP, at.FLATTEN: Role.FLATTEN, at.BID: Role.BID, at.ASK: Role.ASK}

_LATCHES = {rows.DRAWDOWN: rows.LOCK, rows.DRAWDOWN_OF_ALL: rows.HALT}  # what each closes

Stamp = tuple[str, int, int, int]
Name = Callable[[int], str]  # what the order of a number is called


class Trace:
    """The log of a run (int64, see `engine_log`), equity and the position's worth after each event, and its end."""

    def __init__(
        self,
        instrument: Instrument,
        words: Words,
        log: np.ndarray,
        equity: np.ndarray,
        worth: np.ndarray,
        book: np.ndarray,
    ) -> None:
        self.instrument, self.words = instrument, words
        self.log, self.equity, self.worth, self.book = log, equity, worth, book
        self.cash, self.position = int(book[at.CASH]), int(book[at.QUANTITY])

    def digest(self, strategy_id: str) -> str:
        """The ledger's digest, straight from the log."""
        instrument = self.instrument
        key, chain = instrument.key, b""
        for what, time, _, a, b, c, d, e, f, g in self.log.tolist():
            if what == rows.MADE_ROW:
                price, stop = _given(e), _given(f)
                told = f"order|{strategy_id}|{key}|{SIDES[b]}|{KINDS[c]}|{d}|{price}|{stop}|{time}"
            elif what == rows.FILL_ROW:
                side, paid_in = SIDES[1 if b > 0 else -1], (instrument.base if g else instrument.quote)
                told = f"fill|{strategy_id}|{key}|{side}|{abs(b)}|{a}|{c}|{paid_in}|{e}|{f}"
            elif what == rows.STEP_ROW and b >= at.FILLED_UP:
                told = f"end|{strategy_id}|{key}|{STATUSES[b]}|{c}"
            elif what == rows.RISK_ROW:
                whose = "" if a == rows.DRAWDOWN_OF_ALL else strategy_id
                told = f"risk|{whose}|{RULES[a]}|{ACTIONS[b]}|{time}"
            else:
                continue
            chain = sha256(chain + told.encode()).digest()
        return sha256(chain + f"cash|{strategy_id}|{self.cash}\n".encode()).hexdigest()

    def ledger(self, started: RunStarted, name: Name) -> Ledger:
        """The ledger that the run's facts add up to, by the fold that every engine uses."""
        ledger = Ledger(started)
        (strategy_id,) = started.cash
        for fact in _Telling(self, ledger, strategy_id, name).facts():
            ledger.apply(fact)
        ledger.accounts[strategy_id].mark(ledger.position(strategy_id, self.instrument.key), int(self.book[at.MARK]))
        return ledger


class _Telling:
    """Makes events of the rows of a log."""

    def __init__(self, trace: Trace, ledger: Ledger, strategy_id: str, name: Name) -> None:
        self._log, self._ledger, self._strategy, self._name = trace.log, ledger, strategy_id, name
        self._instrument = ledger.instruments[trace.instrument.key]
        self._words = trace.words
        self._latches: dict[int, str] = {}  # why a latch was closed, by the rule that it refuses with
        self._accepted = self._traded = 0

    def facts(self) -> Iterator[Event]:
        """Every fact, as the ledger is to take it."""
        made = {
            rows.MADE_ROW: self._made,
            rows.STEP_ROW: self._step,
            rows.FILL_ROW: self._fill,
            rows.RISK_ROW: self._risk,
            rows.AMEND_ROW: self._amend,
            rows.TERMS_ROW: self._terms,
        }
        for number, (what, time, order, *figures) in enumerate(self._log.tolist(), 1):
            yield from made[what](("engine", number, time, time), order, *figures)

    def _made(
        self, stamp: Stamp, order: int, role: int, side: int, kind: int, quantity: int, price: int, stop: int, _: int
    ) -> Iterator[Event]:
        yield OrderEvent(
            *stamp,
            order_id=self._name(order),
            strategy_id=self._strategy,
            role=_ROLES[role],
            instrument=self._instrument,
            side=SIDES[side],
            order_type=KINDS[kind],
            quantity_raw=quantity,
            price_raw=_given(price),
            stop_raw=_given(stop),
            post_only=role in (at.BID, at.ASK),
            reduce_only=role in (at.PROTECTION, at.FLATTEN),
        )

    def _step(
        self, stamp: Stamp, order: int, old: int, new: int, filled: int, code: int, first: int, second: int, _: int
    ) -> Iterator[Event]:
        order_id = self._name(order)
        if old == at.SUBMITTED and new != at.REJECTED and not self._ledger.orders[order_id].venue_order_id:
            yield self._numbered(stamp, order_id)
        yield OrderUpdate(
            *stamp,
            order_id=order_id,
            old=STATUSES[old],
            new=STATUSES[new],
            instrument=self._instrument,
            filled_raw=filled,
            reason=self._why(code, first, second, self._side(order_id)),
        )

    def _why(self, code: int, first: int, second: int, side: Side) -> str:
        if code == rows.HALT_TAKES_BACK:
            return self._latches[rows.HALT]
        return self._words.reason(code, first, second, side)

    def _numbered(self, stamp: Stamp, order_id: str) -> OrderReport:
        self._accepted += 1
        return OrderReport(
            *stamp,
            order_id=order_id,
            status=OrderStatus.ACKNOWLEDGED,
            instrument=self._instrument,
            venue_order_id=f"V{self._accepted}",
        )

    def _fill(
        self, stamp: Stamp, order: int, price: int, signed: int, fee: int, maker: int, traded: int, _: int, in_base: int
    ) -> Iterator[Event]:
        self._traded += 1
        order_id = self._name(order)
        source, number, time, _known = stamp
        yield FillEvent(
            source,
            number,
            traded,
            time,
            order_id=order_id,
            trade_id=f"T{self._traded}",
            instrument=self._instrument,
            side=self._side(order_id),
            quantity_raw=abs(signed),
            price_raw=price,
            fee_raw=fee,
            fee_currency=self._instrument.base if in_base else self._instrument.quote,
            maker=bool(maker),
            venue_order_id=self._ledger.orders[order_id].venue_order_id,
        )

    def _risk(
        self, stamp: Stamp, order: int, rule: int, action: int, first: int, second: int, third: int, *_: int
    ) -> Iterator[Event]:
        order_id = self._name(order) if order else ""
        side = self._side(order_id) if order_id else Side.BUY
        if rule in self._latches:
            reason = self._latches[rule]
        elif rule == rows.NAKED:
            ended = self._ledger.orders[order_id].status
            reason = f"its protective stop is {ended}: {self._words.reason(first, second, third, side)}"
        else:
            reason = self._words.refusal(rule, first, second, third, side)
        if rule in _LATCHES:
            self._latches[_LATCHES[rule]] = reason
        yield RiskEvent(
            *stamp,
            rule=RULES[rule],
            action=ACTIONS[action],
            reason=reason,
            strategy_id="" if rule == rows.DRAWDOWN_OF_ALL else self._strategy,
            order_id=order_id,
        )

    def _amend(self, stamp: Stamp, order: int, total: int, price: int, stop: int, *_: int) -> Iterator[Event]:
        yield AmendEvent(
            *stamp,
            order_id=self._name(order),
            strategy_id=self._strategy,
            instrument=self._instrument,
            quantity_raw=total,
            price_raw=_given(price),
            stop_raw=_given(stop),
        )

    def _terms(self, stamp: Stamp, order: int, total: int, price: int, stop: int, *_: int) -> Iterator[Event]:
        yield OrderReport(
            *stamp,
            order_id=self._name(order),
            status=OrderStatus.ACKNOWLEDGED,
            instrument=self._instrument,
            quantity_raw=total,
            price_raw=_given(price),
            stop_raw=_given(stop),
        )

    def _side(self, order_id: str) -> Side:
        return self._ledger.orders[order_id].order.side


def _given(raw: int) -> int | None:
    return None if raw == at.NONE else raw
