"""Closing what a run holds, without the run: at the market, never more than is held, by orders that it will know."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator

from workbench.core import rules
from workbench.core.clock import Clock
from workbench.core.errors import ConfigError, DataError, InvariantError, Unsupported, VenueUnavailable
from workbench.core.events import ApprovedOrder, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.ledger import Ledger, OrderState
from workbench.core.money import to_text
from workbench.core.order import FINAL, OrderType, Role, Side
from workbench.core.ports import ExchangeConnector, Outcome
from workbench.data.reader import JournalReader
from workbench.data.view import Fold
from workbench.risk.gate import Gate
from workbench.risk.limits import View
from workbench.runtime.closings import Closings
from workbench.runtime.settle import OVERLAP_NS

log = logging.getLogger(__name__)

LOOK_S = 0.3  # from an order to the question what became of it
LOOKS = 40  # before it starts over on a new connection: a venue that tells nothing for so long is not well
REFUSALS = 3  # of a venue, before a position counts as too small or too odd to close


class Closing:
    """Closes the positions at one account that the journal and the venue's own trades together show."""

    def __init__(self, account: str, reader: JournalReader, *, closings: Closings, clock: Clock) -> None:
        self._account, self._reader, self._closings, self._clock = account, reader, closings, clock
        self._ledger: Ledger | None = None
        self._sent: dict[str, OrderEvent] = {}
        self._open: set[str] = set()  # what was sent and has not ended, or is owed a trade
        self._ended: set[str] = set()  # the run's own orders that are known to have ended
        self._refused: Counter[tuple[str, str]] = Counter()
        self._unasked: dict[str, str] = {}  # the instruments that the venue cannot be asked about, and why

    async def close(self, connector: ExchangeConnector) -> tuple[list[dict[str, str]], dict[str, str]]:
        """The orders it took, and what is still held because no market takes so little; raises VenueUnavailable."""
        if self._ledger is None:
            self._ledger = await asyncio.to_thread(_folded, self._reader)
        ledger = self._ledger
        for _ in range(LOOKS):
            await self._catch_up(connector, ledger)
            orders = list(self._orders(ledger))
            if not orders and not self._open:
                break
            for order in orders:
                await self._place(connector, ledger, order)
            await asyncio.sleep(LOOK_S)
        else:
            raise VenueUnavailable(f"{self._account}: what is held is not closed after {LOOKS} looks")
        instruments = self._instruments(ledger).items()
        held = {key: each for key, each in instruments if ledger.net(key) or key in self._unasked}
        left = {key: _quantity(ledger.net(key), each) for key, each in held.items()}
        return [_told(ledger, each) for each in self._sent.values()], left

    async def _catch_up(self, connector: ExchangeConnector, ledger: Ledger) -> None:
        """Books what became of every order that nobody has told of yet; one market in a bad way holds up no other."""
        for key, instrument in self._instruments(ledger).items():
            if key in self._unasked:
                continue
            try:
                await self._ask_about(connector, ledger, instrument)
            except (ConfigError, DataError, Unsupported) as error:
                log.error("%s: it is not closed, for the venue cannot be asked about it: %s", key, error)
                self._unasked[key] = str(error)
        self._open = {each for each in self._open if self._awaited(ledger.orders[each])}

    def _awaited(self, state: OrderState) -> bool:
        unknown = state.order.order_id not in self._ended or bool(state.owed_raw)
        return unknown and state.order.instrument.key not in self._unasked

    async def _ask_about(self, connector: ExchangeConnector, ledger: Ledger, instrument: Instrument) -> None:
        for order_id, state in list(ledger.orders.items()):
            asked = order_id in self._open or (state.living and order_id not in self._sent)
            if asked and order_id not in self._ended and state.order.instrument.key == instrument.key:
                await self._ask(connector, ledger, order_id)
        last = max((each.ts_event for each in ledger.fills if each.instrument.key == instrument.key), default=0)
        since = max(last, ledger.started.ts_event) - OVERLAP_NS
        for fill in await connector.get_my_trades(instrument.symbol, since):
            if ledger.order_of(fill) is not None:
                ledger.apply(fill)

    async def _ask(self, connector: ExchangeConnector, ledger: Ledger, order_id: str) -> None:
        found = await connector.get_order(order_id, ledger.orders[order_id].order.instrument.symbol)
        if found is None:
            return  # it may be on its way: nothing is sent again
        if order_id in self._sent and found.venue_order_id:
            self._closings.write(order_id, found.venue_order_id)
        ledger.apply(found)
        if found.status in FINAL:
            self._ended.add(order_id)

    def _orders(self, ledger: Ledger) -> Iterator[OrderEvent]:
        """A market order for each position that is fully known, that a market takes, and that none is under way for."""
        instruments = self._instruments(ledger)
        unsure = {_place_of(state.order) for state in ledger.orders.values() if state.owed_raw}
        unsure |= {_place_of(self._sent[each]) for each in self._open}
        for strategy_id, account in sorted(ledger.accounts.items()):
            for key, position in sorted(account.positions.items()):
                place, terms = (strategy_id, key), ledger.terms[key]
                size = rules.floor_to(abs(position.quantity), terms.lot)
                takes = size and size >= terms.min_quantity and self._refused[place] < REFUSALS
                if key in instruments and key not in self._unasked and takes and place not in unsure:
                    side = Side.SELL if position.quantity > 0 else Side.BUY
                    yield self._order(ledger, strategy_id, position.instrument, side, size)

    def _instruments(self, ledger: Ledger) -> dict[str, Instrument]:
        return {key: each for key, each in ledger.instruments.items() if each.account_key == self._account}

    def _order(self, ledger: Ledger, strategy_id: str, instrument: Instrument, side: Side, size: int) -> OrderEvent:
        now = self._clock.now()
        content = f"{ledger.started.run_id}|{strategy_id}|{instrument.key}|{now}|{len(self._sent)}"
        return OrderEvent(
            "kill",
            now,
            now,
            now,
            order_id=hashlib.blake2b(content.encode(), digest_size=16).hexdigest(),
            strategy_id=strategy_id,
            role=Role.FLATTEN,
            instrument=instrument,
            side=side,
            order_type=OrderType.MARKET,
            quantity_raw=size,
            reduce_only=not instrument.is_spot,
        )

    async def _place(self, connector: ExchangeConnector, ledger: Ledger, order: OrderEvent) -> None:
        approved = Gate([]).review(order, View(ledger=ledger))
        if not isinstance(approved, ApprovedOrder):
            raise InvariantError(f"{order.instrument.key}: closing it is refused: {approved}")
        self._closings.write(order.order_id)  # before the wire: the run must know whose it was
        ledger.apply(order)
        self._sent[order.order_id] = order
        result = await connector.place_order(approved)
        if result.outcome is Outcome.REJECTED:
            self._ended.add(order.order_id)
            self._refused[_place_of(order)] += 1
            log.error("%s: %s %s: %s", order.instrument.key, order.side, order.quantity, result.evidence)
        else:
            self._open.add(order.order_id)


def _folded(reader: JournalReader) -> Ledger:
    fold = Fold(reader.started())
    for record in reader.records():
        fold.take(record)
    return fold.ledger


def _place_of(order: OrderEvent) -> tuple[str, str]:
    return order.strategy_id, order.instrument.key


def _quantity(raw: int, instrument: Instrument) -> str:
    return to_text(raw, instrument.quantity_places)


def _told(ledger: Ledger, order: OrderEvent) -> dict[str, str]:
    filled = ledger.orders[order.order_id].filled_raw
    return {
        "order_id": order.order_id,
        "symbol": order.instrument.symbol,
        "side": str(order.side),
        "quantity": _quantity(order.quantity_raw, order.instrument),
        "filled": _quantity(filled, order.instrument),
    }
