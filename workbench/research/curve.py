"""The equity curve of a run, sampled at every market event, in exact cash units."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.core.events import Event, FundingRate, MarketDataEvent, MarkPrice
from workbench.core.ledger import Ledger


class EquityCurve:
    """A sink: total equity and the worth of all positions after each instant of market data."""

    def __init__(self, ledger: Ledger) -> None:
        self._accounts = list(ledger.accounts.values())
        self.times: list[int] = []  # UTC ns, rising
        self.equity: list[int] = []  # cash units
        self.invested: list[int] = []  # cash units; sum of the positions' contributions to equity

    def record(self, event: Event, consequences: Sequence[Event]) -> None:
        """Samples after market data; several events of one instant leave one sample, the last."""
        if not isinstance(event, MarketDataEvent):
            return
        at = event.ts_event
        known = bool(self.times) and self.times[-1] == at
        if not known and isinstance(event, (MarkPrice, FundingRate)):
            return  # between two prices; the next one shows what it did
        equity = invested = 0
        for account in self._accounts:
            equity += account.equity
            invested += account.equity - account.cash
        if known:
            self.equity[-1], self.invested[-1] = equity, invested
        else:
            self.times.append(at)
            self.equity.append(equity)
            self.invested.append(invested)
