"""Our books against a venue's answers of this moment, whether or not a run is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import msgspec

from workbench.core.clock import Clock
from workbench.core.errors import Unsupported
from workbench.core.events import AccountSnapshot, FillEvent, OrderReport
from workbench.core.instrument import Instrument
from workbench.core.money import canonical
from workbench.data.reader import JournalReader
from workbench.data.view import Fold
from workbench.data.wording import said
from workbench.runtime.closings import Closings
from workbench.runtime.settle import OVERLAP_NS
from workbench.runtime.venues import Reach
from workbench.trading.reconcile import Difference, differences, same

LAG_S = 1.0  # until the second look: what was under way at the first has arrived by then


class Found(msgspec.Struct):
    """What two looks at an account both showed, and the open orders there that no run of ours sent."""

    discrepancies: list[Difference] = []
    others: list[str] = []


class Comparison:
    """Compares one account with a journal that may be growing."""

    def __init__(self, reach: Reach, reader: JournalReader, *, closings: Closings, clock: Clock) -> None:
        self._reach, self._reader, self._closings, self._clock = reach, reader, closings, clock
        self._fold = Fold(reader.started())
        self._records = 0

    async def found(self) -> Found:
        """Looks, and where anything differs looks again; raises what the connector raises."""
        first = await self._look()
        if not first.discrepancies:
            return first
        await asyncio.sleep(LAG_S)
        second = await self._look()
        before = {(each.kind, each.what): each for each in first.discrepancies}
        stays = [each for each in second.discrepancies if _stays(before.get((each.kind, each.what)), each)]
        return Found(stays, second.others)

    async def _look(self) -> Found:
        connector, asked = self._reach.connector, self._clock.now()
        listed = await connector.get_open_orders()
        balances = await connector.get_balances()
        positions = await self._positions()
        await asyncio.to_thread(self._read)
        trades = [fill for each in self._instruments() for fill in await self._trades(each)]
        account = self._reach.key
        expected = self._fold.holdings.seen().get(account)
        now = self._clock.now()
        snapshot = AccountSnapshot(
            "venue",
            0,
            now,
            now,
            venue=connector.venue,
            account=self._reach.account,
            asked=asked,
            balances={} if expected is None else {asset: canonical(total) for asset, total in balances.items()},
            positions=positions,
            orders=tuple(each.order_id for each in listed),
        )
        shown = [*differences(self._fold.ledger, expected or {}, snapshot), *self._open(listed), *trades]
        orders = self._fold.ledger.orders
        return Found(shown, [each.order_id for each in listed if each.order_id not in orders])

    def _read(self) -> None:
        for record in self._reader.records(self._records):
            self._fold.take(record)
            self._records += 1

    def _instruments(self) -> list[Instrument]:
        return [each for each in self._fold.ledger.instruments.values() if each.account_key == self._reach.key]

    async def _positions(self) -> dict[str, str]:
        if all(each.is_spot for each in self._instruments()):
            return {}
        try:
            held = await self._reach.connector.get_positions()
        except Unsupported:
            return {}
        return {each.instrument.key: canonical(each.quantity) for each in held if not each.instrument.is_spot}

    def _open(self, listed: Sequence[OrderReport]) -> Iterator[Difference]:
        """Orders of ours that rest there, and that we believe to have ended."""
        for report in listed:
            state = self._fold.ledger.orders.get(report.order_id)
            if state is not None and not state.living:
                yield Difference("order", report.order_id, str(state.status), "open")

    async def _trades(self, instrument: Instrument) -> list[Difference]:
        """Trades since shortly before the last one booked, that no journal knows."""
        ledger = self._fold.ledger
        last = max((each.ts_event for each in ledger.fills if each.instrument.key == instrument.key), default=0)
        since = max(last - OVERLAP_NS, ledger.started.ts_event)
        trades = await self._reach.connector.get_my_trades(instrument.symbol, since)
        return [
            Difference("fill", f"{instrument.key} {each.trade_id}", "not booked", said(each))
            for each in trades
            if self._is_new(each)
        ]

    def _is_new(self, fill: FillEvent) -> bool:
        ledger = self._fold.ledger
        return not ledger.knows(fill) and self._closings.heard(fill, settled=ledger.settled) is not None


def _stays(before: Difference | None, now: Difference) -> bool:
    """Whether two looks show the same; words are compared as words, amounts by their gap."""
    return before == now or (now.kind in ("balance", "position") and same(before, now))
