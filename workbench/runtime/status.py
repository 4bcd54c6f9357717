"""A run as `workbench status` shows it; exact numbers as text."""

from __future__ import annotations

from typing import Any

from workbench.core.clock import SECOND
from workbench.core.money import to_text
from workbench.core.order import OrderStatus
from workbench.risk.limits import StaleData
from workbench.runtime.plan import Seat
from workbench.trading.engine import Engine


def trading(engine: Engine) -> dict[str, Any]:
    """What the engine knows: orders, positions, equity, latches, and how overdue market data is."""
    ledger = engine.ledger
    living = list(ledger.living.values())
    positions = {
        key: to_text(ledger.net(key), position.instrument.quantity_places)
        for account in ledger.accounts.values()
        for key, position in account.positions.items()
    }
    overdue = {key: max(0, engine.view.now - fresh) // SECOND for key, fresh in engine.view.fresh_until.items()}
    return {
        "market_data_age_s": overdue,
        "open_orders": len(living),
        "unknown_orders": sum(state.status is OrderStatus.UNKNOWN for state in living),
        "positions": positions,
        "equity": ledger.cash_text(sum(account.equity for account in ledger.accounts.values())),
        "halt_reason": engine.gate.halted or None,
        "locked": {**engine.gate.locked, **engine.gate.reducing},
    }


def state_word(process: str, engine: Engine) -> str:
    """Of a process that is ready: halted, degraded where anything is locked or not to be relied on, else ready."""
    if process != "ready":
        return process
    gate = engine.gate
    if gate.halted:
        return "halted"
    return "degraded" if gate.locked or gate.reducing or gate.links or _too_old(engine) else "ready"


def _too_old(engine: Engine) -> bool:
    """Whether any market that is traded is out of date, or was not heard of yet although it has to be fresh."""
    view = engine.view
    ages = [rule.max_age_ns for rule in engine.gate.limits if isinstance(rule, StaleData)]
    traded = [key for key, seated in engine.portfolio.by_instrument.items() if seated]
    late = any(view.now - view.fresh_until.get(key, 0) > age for age in ages for key in traded)
    return bool(view.stale) or late


def releases(seats: dict[str, Seat]) -> dict[str, str] | None:
    """Which strategy runs which release; None where none does."""
    return {name: seat.release for name, seat in seats.items() if seat.release} or None
