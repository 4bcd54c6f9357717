"""`workbench status` and `ledger`: how a run is, and what it holds."""

from __future__ import annotations

from typing import Any

from workbench.cli.output import AsJson, StateOption, emit, lines, state_of, table
from workbench.cli.root import app
from workbench.core.clock import instant_text
from workbench.core.errors import DataError
from workbench.data.reader import JournalReader
from workbench.data.view import ledger_view

SHOWN = 50  # rows of each table; --json has them all


@app.command("status")
def status(as_json: AsJson = False, state: StateOption = None) -> None:
    """Shows health and readiness of the run in a state directory."""
    found = state_of(state).status()
    emit(found, as_json=as_json, text=lines(found))


@app.command("ledger")
def ledger(as_json: AsJson = False, state: StateOption = None) -> None:
    """Shows orders, fills, positions and balances from the journal, whether or not the run is alive."""
    folder = state_of(state)
    try:
        view = ledger_view(JournalReader(folder.journal))
    except DataError:
        if folder.journal.exists():
            raise
        view = {"orders": [], "fills": [], "positions": [], "balances": []}
    if as_json:
        emit(view, as_json=True)
        return
    shown = {
        "orders": ("client_order_id", "symbol", "side", "order_type", "quantity", "filled", "average_price", "status"),
        "fills": ("ts_ns", "symbol", "side", "quantity", "price", "fee", "fee_currency"),
        "positions": ("strategy_id", "symbol", "quantity", "average_entry_price", "realized_pnl", "unrealized_pnl"),
        "balances": ("exchange", "asset", "free", "locked", "total"),
    }
    for name, columns in shown.items():
        rows = view[name][-SHOWN:]
        total = len(view[name])
        title = f"{name} ({total})" if len(rows) == total else f"{name} (last {len(rows)} of {total})"
        table(title, columns, [[_cell(column, row.get(column)) for column in columns] for row in rows])


def _cell(column: str, value: Any) -> Any:
    if column == "client_order_id":
        return str(value)[:12]
    return instant_text(value) if column == "ts_ns" else value
