"""What a venue does to perpetuals by itself: it values them, settles their funding, and closes them by force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbench.core.events import Event, FundingEvent, Liquidation, MarketDataEvent, MarkPrice, RiskAction
from workbench.core.ledger import Ledger
from workbench.core.margin import MARK_LIFE_NS
from workbench.core.memory import Plain, taken
from workbench.core.money import to_text
from workbench.risk.gate import Gate
from workbench.trading.facts import Facts
from workbench.trading.portfolio import Portfolio, Trader
from workbench.trading.reconcile import Reconciler


class Settlement:
    """Takes marks, funding and liquidations in; whom they hurt is guarded, and locked once positions were taken."""

    def __init__(
        self,
        ledger: Ledger,
        portfolio: Portfolio,
        *,
        facts: Facts,
        gate: Gate,
        reconciler: Reconciler,
        value: Callable[[MarketDataEvent, int], None],
        guard: Callable[[Trader, Event], None],
        lock: Callable[[Trader, str, str, str], None],
    ) -> None:
        self._ledger, self._portfolio, self._facts = ledger, portfolio, facts
        self._gate, self._reconciler = gate, reconciler
        self._value, self._guard, self._lock = value, guard, lock
        self.marked_until: dict[str, int] = {}  # by key; until then a venue's own mark values it, not its prices

    def state(self) -> Plain:
        """Until when each perpetual is valued at its venue's mark."""
        return {"marked_until": dict(self.marked_until)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        self.marked_until = taken(state, "marked_until", dict[str, int])

    def on_mark(self, mark: MarkPrice) -> None:
        """A perpetual is valued at its venue's mark while that is fresh; strategies hear of prices only."""
        if not mark.instrument.is_spot:
            self.marked_until[mark.instrument.key] = mark.ts_event + MARK_LIFE_NS
            self._value(mark, mark.price_raw)

    def on_funding(self, funding: FundingEvent) -> None:
        """Funding moves the cash of those who hold the position."""
        if self._ledger.settled(funding):
            return
        self._ledger.apply(funding)
        self._reconciler.funded(funding)
        for strategy_id in self._ledger.holders(funding.instrument.key):
            self._guard(self._portfolio.traders[strategy_id], funding)

    def on_liquidation(self, taken: Liquidation) -> None:
        """Who lost a position to the venue is locked until re-armed; what nobody here held halts everything.

        Somebody else who closes positions on purpose closes all of them: the run closes nothing beside him.
        """
        if self._ledger.settled(taken):
            return
        parts = self._ledger.liquidated(taken)
        self._ledger.apply(taken)
        self._reconciler.traded(taken)
        what = self._told(taken)
        if taken.by:
            self._facts.risk(taken.id, "liquidation", RiskAction.NOTED, what)
        for strategy_id in () if taken.by else parts:
            trader = self._portfolio.traders[strategy_id]
            if strategy_id not in self._gate.locked:
                self._lock(trader, "liquidation", what, taken.id)
            self._guard(trader, taken)
        if sum(parts.values()) < taken.quantity_raw:
            self._gate.halted = self._gate.halted or f"{what}: more than this run holds"
            self._facts.risk(taken.id, "liquidation", RiskAction.HALTED, self._gate.halted)

    @staticmethod
    def _told(taken: Liquidation) -> str:
        instrument = taken.instrument
        size = to_text(taken.quantity_raw, instrument.quantity_places)
        price = to_text(taken.price_raw, instrument.price_places)
        who = taken.by or "the venue"
        return f"{who} closed a position by force: {taken.side} {size} of {instrument.key} at {price}"
