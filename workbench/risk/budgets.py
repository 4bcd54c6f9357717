"""Each strategy's risk budget, and the watch over drawdowns."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workbench.core import rules
from workbench.core.account import Account
from workbench.core.ledger import Ledger
from workbench.core.memory import Plain
from workbench.core.money import to_scaled, to_text


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one strategy may put at risk, as people write it.

    `quote` caps the money it sizes from, in base currency; `max_drawdown` is the fraction of its
    peak equity it may lose; `rebalance_band` is how far, as a fraction of its base, a position may
    drift from a standing target before it is brought back (None: never).
    """

    quote: Decimal | None = None
    max_drawdown: Decimal | None = None
    rebalance_band: Decimal | None = None

    def cap(self, cash_places: int) -> int | None:
        return None if self.quote is None else to_scaled(self.quote, cash_places, "budget.quote")

    def drawdown_ppm(self) -> int | None:
        return None if self.max_drawdown is None else to_scaled(self.max_drawdown, 6, "budget.max_drawdown")

    def band_ppm(self) -> int | None:
        return None if self.rebalance_band is None else to_scaled(self.rebalance_band, 6, "budget.rebalance_band")


class DrawdownWatch:
    """Compares equity with its peak, per strategy and for all together; says which limit broke."""

    def __init__(self, ledger: Ledger, budgets: dict[str, Budget], portfolio_limit: Decimal | None) -> None:
        self._ledger = ledger
        self._limits = {name: budget.drawdown_ppm() for name, budget in budgets.items()}
        self._portfolio = None if portfolio_limit is None else to_scaled(portfolio_limit, 6, "risk.max_drawdown")
        self._peak = sum(account.equity for account in ledger.accounts.values())
        self.active = self._portfolio is not None or any(limit is not None for limit in self._limits.values())

    def state(self) -> Plain:
        """The most that all strategies together were worth since they were last re-armed."""
        return {"peak": self._peak}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        self._peak = state["peak"]

    def breach(self, account: Account) -> str | None:
        """The figures of a strategy's drawdown, once it is beyond its limit."""
        if account.equity > account.peak:
            account.peak = account.equity
            return None
        limit = self._limits.get(account.strategy_id)
        if limit is None or not rules.drawdown_exceeds(account.equity, account.peak, limit):
            return None
        return self._figures(account.equity, account.peak, limit)

    def portfolio_breach(self) -> str | None:
        """The figures of the drawdown of all strategies together, once it is beyond its limit."""
        if self._portfolio is None:
            return None
        equity = sum(account.equity for account in self._ledger.accounts.values())
        if equity > self._peak:
            self._peak = equity
        elif rules.drawdown_exceeds(equity, self._peak, self._portfolio):
            return self._figures(equity, self._peak, self._portfolio)
        return None

    def forgive(self, strategy_id: str) -> None:
        """Measures from here on, after a person has re-armed the strategy (or, with '', everything)."""
        for name, account in self._ledger.accounts.items():
            if strategy_id in ("", name):
                account.peak = account.equity
        self._peak = sum(account.equity for account in self._ledger.accounts.values())

    def _figures(self, equity: int, peak: int, limit: int) -> str:
        cash = self._ledger.cash_text
        return f"equity {cash(equity)} is down from {cash(peak)} by more than {to_text(limit, 6)}"
