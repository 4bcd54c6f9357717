"""Our own engines and vectorbt, each doing the work of `work` and saying what it came to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from tests.benchmarks import work
from tests.benchmarks.race import Answer
from workbench.compiled import engine_log, engine_state
from workbench.compiled.engine_log import AMEND_ROW, FILL_ROW, MADE_ROW
from workbench.compiled.program import Program
from workbench.connectors.profile import Profile
from workbench.core.kernel import Kernel
from workbench.core.strategy import Strategy
from workbench.data.dataset import Dataset
from workbench.data.journal import Journal
from workbench.runtime.build import backtest_session, data_range
from workbench.runtime.plan import Plan, made_of, seat_of
from workbench.runtime.session import drive

LOGGED, SILENT = "compiled, all written down", "compiled, silent"
BARE, EVENT = "bare numba loop", "event engine"
VECTORBT = "vectorbt, Rust"
OURS = frozenset({LOGGED, SILENT, BARE, EVENT})

NOTHING = np.empty(0, dtype=np.int64)


def program(kernel: Kernel, data: Dataset, profile: Profile) -> Program:
    """A kernel on a dataset with the money and the costs of the race."""
    return Program(kernel, data, cash=Decimal(work.CASH), profile=profile, budget=work.BUDGET)


def logged(program: Program, parameters: Any) -> Answer:
    """A compiled run that writes everything down."""
    trace = program.run(parameters)
    rows = np.bincount(trace.log[:, engine_log.WHAT], minlength=AMEND_ROW + 1).tolist()
    return {
        "orders": rows[MADE_ROW],
        "sent": rows[MADE_ROW],
        "repriced": rows[AMEND_ROW],
        "filled": rows[FILL_ROW],
        "equity": int(trace.equity[-1]),
    }


def silent(program: Program, parameters: Any, scratch: Any) -> Answer:
    """A compiled run that keeps nothing but its book."""
    program.driver.run(*program.arguments(parameters, scratch, equity=NOTHING, worth=NOTHING))
    book = scratch[0]
    orders = int(book[engine_state.ORDERS])
    equity = int(book[engine_state.CASH]) + int(book[engine_state.VALUE])
    return {"orders": orders, "sent": orders, "equity": equity}


def event(strategy: Strategy, data: Dataset, profile: Profile) -> Answer:
    """The event engine with its journal in memory."""
    seat = seat_of(strategy, instruments=(data.instrument.key,), cash=str(work.CASH), budget=work.BUDGET)
    plan = Plan(
        base_currency="USDT",
        instruments=(data.instrument,),
        seats={"raced": seat},
        data=(data_range(data),),
        profile=profile,
    )
    started = plan.started("0" * 32, data.start)
    journal = Journal.memory()
    make = made_of({"raced": strategy})
    session, _ = backtest_session(started, make=make, datasets={data.id: data}, journal=journal)
    session.begin(started)
    drive(session.run())
    journal.close_frame()
    ledger = session.engine.ledger
    orders = len(ledger.orders)
    return {
        "orders": orders,
        "sent": orders,
        "filled": len(ledger.fills),
        "equity": ledger.accounts["raced"].equity,
    }


class Vectorbt:
    """The cross of averages of float closes in its Rust engine; raises ImportError where it is absent."""

    def __init__(self, data: Dataset) -> None:
        import vectorbt
        from vectorbt_rust.generic import rolling_mean_1d_rs

        self._portfolio, self._mean = vectorbt.Portfolio, rolling_mean_1d_rs
        self.close = data.ints("close") / 100.0
        self.size = np.floor(float(work.BUDGET.quote or 0) / self.close * 1e5) / 1e5

    def portfolio(self, fast: int, slow: int) -> Any:
        """One column; a fill at the close is one at the next open."""
        above = self._mean(self.close, fast, fast) > self._mean(self.close, slow, slow)
        return self._portfolio.from_signals(
            self.close, above, ~above, size=self.size, fees=0.001, init_cash=work.CASH, freq="1min", engine="rust"
        )

    def answer(self, fast: int, slow: int) -> Answer:
        """How many orders, and the final equity."""
        found = self.portfolio(fast, slow)
        return {"orders": int(found.orders.count()), "equity": round(float(found.final_value()) * 10**8)}
