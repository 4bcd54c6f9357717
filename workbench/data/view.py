"""What a journal says of orders, fills, positions and balances: one fold, in exact canonical text.

The database and every command that shows a run read it from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from workbench.core import rules
from workbench.core.events import (
    AccountSnapshot,
    Bar,
    Consequence,
    Discrepancy,
    Event,
    FillEvent,
    FundingEvent,
    Liquidation,
    MarketDataEvent,
    MarkPrice,
    OrderEvent,
    OrderReport,
    OrderUpdate,
    Quote,
    RiskAction,
    RiskEvent,
    RunStarted,
    SignalEvent,
    Trade,
)
from workbench.core.holdings import PLACES, add, units
from workbench.core.instrument import Instrument
from workbench.core.ledger import Ledger, OrderState
from workbench.core.margin import MARK_LIFE_NS
from workbench.core.money import MAX_PLACES, to_scaled, to_text
from workbench.core.order import Side
from workbench.data.holdings import Holdings
from workbench.data.journal import Rows
from workbench.data.lines import BalanceLine, FillLine, FundingLine, LiquidationLine, OrderLine, PositionLine
from workbench.data.reader import JournalReader

_OF_ORDERS = (OrderEvent, OrderReport, OrderUpdate, FillEvent)
_CAUSES = 8  # market event, signal, order, fill, stop: no chain of this program is longer


class Fold:
    """Takes the records of one run in, in order, and tells where it stands. Memory grows with orders and fills."""

    def __init__(self, started: RunStarted) -> None:
        self.ledger = Ledger(started)
        self.holdings = Holdings(self.ledger)
        self.touched: dict[str, int] = {}  # order id -> when last; whoever writes them down clears it
        self._updated: dict[str, int] = {}  # the same, never cleared
        self._causes: dict[str, str] = {}  # signal or fill id -> its cause
        self._marks: dict[str, int] = {}
        self._marked_until: dict[str, int] = {}  # until when a perpetual's own mark stands before any price
        self._valued: dict[str, int] = {}  # instrument key -> when its positions last changed in size or worth
        self._now = started.ts_event

    def take(self, record: Event | Rows) -> None:
        """Takes one record in; stored rows and what moves nothing are let through."""
        if isinstance(record, Consequence):
            self._move(record)
            self._consequence(record)
        elif isinstance(record, AccountSnapshot):
            self.holdings.answered(record)
        elif isinstance(record, MarketDataEvent):
            price = self._price_of(record)
            if price:
                self._marks[record.instrument.key] = price
                self._mark(record.instrument.key, record.ts_event)

    def orders(self) -> Iterator[OrderLine]:
        """Every order, as they were made."""
        return map(self.order, self.ledger.orders)

    def order(self, order_id: str) -> OrderLine:
        """Where one order stands."""
        state = self.ledger.orders[order_id]
        order, instrument = state.order, state.order.instrument
        return OrderLine(
            client_order_id=order.order_id,
            venue_order_id=state.venue_order_id,
            exchange=instrument.venue,
            account=instrument.account,
            symbol=instrument.symbol,
            strategy_id=order.strategy_id,
            role=str(order.role),
            side=str(order.side),
            order_type=str(order.order_type),
            status=str(state.status),
            quantity=to_text(state.quantity_raw, instrument.quantity_places),
            filled=to_text(state.filled_raw, instrument.quantity_places),
            price=_price(state.price_raw, instrument),
            stop_price=_price(state.stop_raw, instrument),
            average_price=self._average(state),
            created_ns=order.ts_event,
            updated_ns=self._updated[order_id],
            reason=state.reason,
            causes=self._chain(order.cause),
        )

    def fills(self, start: int = 0) -> Iterator[FillLine]:
        """The booked fills from number `start` on, as they were booked."""
        for fill in self.ledger.fills[start:]:
            instrument = fill.instrument
            yield FillLine(
                venue_trade_id=fill.trade_id,
                client_order_id=fill.order_id,
                venue_order_id=fill.venue_order_id or self.ledger.orders[fill.order_id].venue_order_id,
                exchange=instrument.venue,
                account=instrument.account,
                symbol=instrument.symbol,
                strategy_id=self.ledger.orders[fill.order_id].order.strategy_id,
                side=str(fill.side),
                quantity=to_text(fill.quantity_raw, instrument.quantity_places),
                price=to_text(fill.price_raw, instrument.price_places),
                fee=to_text(fill.fee_raw, instrument.fee_places),
                fee_currency=fill.fee_currency,
                liquidity="maker" if fill.maker else "taker",
                ts_ns=fill.ts_event,
            )

    def funding(self, start: int = 0) -> Iterator[FundingLine]:
        """What was received and paid as funding from number `start` on, as it was booked."""
        for share in self.ledger.funding[start:]:
            instrument = share.event.instrument
            yield FundingLine(
                funding_id=share.event.funding_id,
                exchange=instrument.venue,
                account=instrument.account,
                symbol=instrument.symbol,
                strategy_id=share.strategy_id,
                amount=self.ledger.cash_text(share.amount),
                ts_ns=share.event.ts_event,
            )

    def liquidations(self) -> Iterator[LiquidationLine]:
        """What the venues closed by force, as it was booked."""
        for strategy_id, taken in self.ledger.booked:
            if isinstance(taken, Liquidation):
                instrument = taken.instrument
                yield LiquidationLine(
                    venue_trade_id=taken.trade_id,
                    exchange=instrument.venue,
                    account=instrument.account,
                    symbol=instrument.symbol,
                    strategy_id=strategy_id,
                    side=str(taken.side),
                    quantity=to_text(taken.quantity_raw, instrument.quantity_places),
                    price=to_text(taken.price_raw, instrument.price_places),
                    fee=to_text(taken.fee_raw, instrument.fee_places),
                    fee_currency=taken.fee_currency,
                    ts_ns=taken.ts_event,
                )

    def positions(self) -> Iterator[PositionLine]:
        """Every position that was ever held, flat ones with quantity 0, by strategy and instrument."""
        for strategy_id, account in sorted(self.ledger.accounts.items()):
            for key, position in sorted(account.positions.items()):
                instrument = position.instrument
                yield PositionLine(
                    exchange=instrument.venue,
                    account=instrument.account,
                    symbol=instrument.symbol,
                    strategy_id=strategy_id,
                    quantity=to_text(position.quantity, instrument.quantity_places),
                    average_entry_price=_entry(position.entry_price(), instrument),
                    realized_pnl=self.ledger.cash_text(position.realised),
                    unrealized_pnl=self.ledger.cash_text(position.unrealised()),
                    updated_ns=self._valued.get(key, self._now),
                )

    def balances(self) -> Iterator[BalanceLine]:
        """What the accounts hold where their venues say so, else the run's cash and its spot positions."""
        accounts = self.holdings.seen()
        if not accounts:
            yield from self._run_balances()
        for key, assets in accounts.items():
            exchange, _, account = key.partition("/")
            locked = self._locked(key)
            for asset, total in sorted(assets.items()):
                yield self._balance(exchange, account or "main", asset, total, locked.get(asset, 0), PLACES)

    def _run_balances(self) -> Iterator[BalanceLine]:
        """The run's cash less what living spot buys hold, then the base assets of its spot positions."""
        ledger = self.ledger
        places = {(each.venue, each.account) for each in ledger.instruments.values()}
        exchange, account = places.pop() if len(places) == 1 else ("", "")
        cash = sum(each.cash for each in ledger.accounts.values())
        held = sum(self._held_cash(state) for state in ledger.living.values())
        yield self._balance(exchange, account, ledger.started.base_currency, cash, held, ledger.cash_places)
        for (venue, name, asset), (total, locked) in sorted(self._base_assets().items()):
            yield self._balance(venue, name, asset, total, locked, MAX_PLACES)

    def _locked(self, account: str) -> dict[str, int]:
        """What the open spot orders of an account hold of each asset."""
        locked: dict[str, int] = {}
        for state in self.ledger.living.values():
            instrument = state.order.instrument
            if instrument.account_key != account or not instrument.is_spot:
                continue
            if state.order.side is Side.SELL:
                add(locked, instrument.base, units(state.remaining_raw, instrument.quantity_places))
            else:
                add(locked, instrument.quote, units(self._held_cash(state), self.ledger.cash_places))
        return locked

    def _move(self, event: Consequence) -> None:
        """Moves what the accounts hold, before the ledger knows of the event."""
        match event:
            case FillEvent() if not self.ledger.knows(event):
                self.holdings.traded(event)
            case Liquidation() if not self.ledger.settled(event):
                self.holdings.traded(event)
            case FundingEvent() if not self.ledger.settled(event):
                self.holdings.funded(event)
            case Discrepancy():
                self.holdings.told(event)
            case RiskEvent(action=RiskAction.REARMED, strategy_id=""):
                self.holdings.rearmed()

    def _consequence(self, event: Consequence) -> None:
        known = isinstance(event, FillEvent) and self.ledger.knows(event)
        self.ledger.apply(event)
        if isinstance(event, FundingEvent | Liquidation):
            self._now = self._valued[event.instrument.key] = event.ts_event
            self._mark(event.instrument.key, event.ts_event)
        if isinstance(event, SignalEvent | FillEvent):
            self._causes[event.id] = event.cause
        if isinstance(event, _OF_ORDERS) and event.order_id in self.ledger.orders and not known:
            self.touched[event.order_id] = self._updated[event.order_id] = self._now = event.ts_event
            if isinstance(event, FillEvent):
                self._valued[event.instrument.key] = event.ts_event
                self._mark(event.instrument.key, event.ts_event)

    def _price_of(self, event: MarketDataEvent) -> int:
        """What an event values its instrument at; 0 where a fresher mark stands or it says no price."""
        key = event.instrument.key
        if isinstance(event, MarkPrice):
            if event.instrument.is_spot:
                return 0
            self._marked_until[key] = event.ts_event + MARK_LIFE_NS
            return event.price_raw
        return 0 if event.ts_event <= self._marked_until.get(key, -1) else _last_price(event)

    def _mark(self, key: str, ts: int) -> None:
        price = self._marks.get(key)
        for account in self.ledger.accounts.values():
            if price and key in account.positions and account.mark(account.positions[key], price):
                self._valued[key] = ts

    def _chain(self, cause: str) -> list[str]:
        chain: list[str] = []
        while cause and len(chain) < _CAUSES:
            chain.append(cause)
            cause = self._causes.get(cause, "")
        return chain

    def _average(self, state: OrderState) -> str | None:
        if not state.filled_raw:
            return None
        instrument = state.order.instrument
        terms = self.ledger.terms[instrument.key]
        extra = min(8, MAX_PLACES - instrument.price_places)
        raw = state.spent * terms.divisor * 10**extra // (state.filled_raw * terms.multiplier)
        return to_text(raw, instrument.price_places + extra)

    def _held_cash(self, state: OrderState) -> int:
        instrument = state.order.instrument
        if state.order.side is not Side.BUY or not instrument.is_spot:
            return 0
        price = state.price_raw or state.stop_raw or self._marks.get(instrument.key, 0)
        terms = self.ledger.terms[instrument.key]
        return rules.notional(price, state.remaining_raw, terms.multiplier, terms.divisor)

    def _base_assets(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """(total, locked) in units of 10^-18 by venue, account and asset, so that any precisions add up."""
        assets: dict[tuple[str, str, str], tuple[int, int]] = {}

        def add(instrument: Instrument, total: int, locked: int) -> None:
            if instrument.is_spot:
                key, unit = (
                    (instrument.venue, instrument.account, instrument.base),
                    10 ** (MAX_PLACES - instrument.quantity_places),
                )
                old_total, old_locked = assets.get(key, (0, 0))
                assets[key] = (old_total + total * unit, old_locked + locked * unit)

        for account in self.ledger.accounts.values():
            for position in account.positions.values():
                add(position.instrument, position.quantity, 0)
        for state in self.ledger.living.values():
            if state.order.side is Side.SELL:
                add(state.order.instrument, 0, state.remaining_raw)
        return assets

    def _balance(self, exchange: str, account: str, asset: str, total: int, held: int, places: int) -> BalanceLine:
        locked = max(0, min(held, total))  # a stop and an exit may stand for the same coins
        free, kept, whole = (to_text(amount, places) for amount in (total - locked, locked, total))
        return BalanceLine(exchange, account, asset, free, kept, whole, self._now)


def ledger_view(reader: JournalReader) -> dict[str, list[dict[str, Any]]]:
    """What a journal, finished or growing, says of a run's money: a list per kind of line, exact numbers as text."""
    fold = Fold(reader.started())
    for record in reader.records():
        fold.take(record)
    return {
        "orders": [msgspec.to_builtins(line) for line in fold.orders()],
        "fills": [msgspec.to_builtins(line) for line in fold.fills()],
        "positions": [msgspec.to_builtins(line) for line in fold.positions()],
        "balances": [msgspec.to_builtins(line) for line in fold.balances()],
        "funding": [msgspec.to_builtins(line) for line in fold.funding()],
        "liquidations": [msgspec.to_builtins(line) for line in fold.liquidations()],
    }


def _last_price(event: MarketDataEvent) -> int:
    match event:
        case Bar():
            return event.close_raw
        case Trade():
            return event.price_raw
        case Quote():
            return (event.bid_raw + event.ask_raw) // 2
    return 0


def _price(raw: int | None, instrument: Instrument) -> str | None:
    return None if raw is None else to_text(raw, instrument.price_places)


def _entry(price: Decimal | None, instrument: Instrument) -> str | None:
    """The average entry price, rounded down to what every backend holds."""
    if price is None:
        return None
    places = instrument.price_places + 8
    return to_text(to_scaled(price, places) // 10 ** max(0, places - MAX_PLACES), min(places, MAX_PLACES))
