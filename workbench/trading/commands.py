"""What a person or a supervisor tells a run: halt, re-arm, pause, resume, flatten, withdraw."""

from __future__ import annotations

from collections.abc import Callable

from workbench.core.events import Flatten, Halt, Pause, Rearm, Resume, RiskAction, Withdraw
from workbench.risk.budgets import DrawdownWatch
from workbench.risk.gate import Gate
from workbench.trading.orders import Orders
from workbench.trading.portfolio import Portfolio
from workbench.trading.reconcile import Reconciler


class Commands:
    """Carries commands out; each is journalled before, and what it did after."""

    def __init__(
        self,
        portfolio: Portfolio,
        orders: Orders,
        *,
        gate: Gate,
        watch: DrawdownWatch,
        reconciler: Reconciler,
        flatten: Callable[[str, str], None],
    ) -> None:
        self._portfolio, self._orders, self._gate = portfolio, orders, gate
        self._watch, self._reconciler, self._flatten = watch, reconciler, flatten
        self._facts = orders.facts

    def on_halt(self, halt: Halt) -> None:
        self._gate.halted = halt.reason or "halted"
        event = self._facts.risk(halt.id, "halt", RiskAction.HALTED, self._gate.halted)
        self._orders.take_back("halt", event.id)

    def _known(self, command: Rearm | Pause | Resume | Flatten) -> bool:
        """Whether the command names a strategy of this run, or all; one that does not is refused visibly."""
        if not command.strategy_id or command.strategy_id in self._portfolio.traders:
            return True
        why = f"no strategy {command.strategy_id!r} in this run"
        self._facts.risk(command.id, "unknown_strategy", RiskAction.DENIED, why)
        return False

    def on_rearm(self, rearm: Rearm) -> None:
        if not self._known(rearm):
            return
        if not rearm.strategy_id:
            self._gate.halted = ""
            self._gate.locked.clear()
            self._gate.reducing.clear()
            self._reconciler.accept_all()
        self._gate.locked.pop(rearm.strategy_id, None)
        self._watch.forgive(rearm.strategy_id)
        for trader, desk in self._portfolio.all_desks(rearm.strategy_id):
            desk.heard = False
            trader.failed = None
        self._facts.risk(rearm.id, "rearm", RiskAction.REARMED, rearm.reason, strategy_id=rearm.strategy_id)

    def on_pause(self, pause: Pause) -> None:
        if self._known(pause):
            self._gate.paused[pause.strategy_id] = pause.reason

    def on_resume(self, resume: Resume) -> None:
        if not self._known(resume):
            return
        self._gate.paused.pop(resume.strategy_id, None)
        for _, desk in self._portfolio.all_desks(resume.strategy_id):
            desk.heard = False

    def on_flatten(self, flatten: Flatten) -> None:
        if self._known(flatten):
            self._flatten(flatten.strategy_id, flatten.id)

    def on_withdraw(self, withdraw: Withdraw) -> None:
        self._gate.stopping = withdraw.reason or "stopping"
        for _, desk in self._portfolio.all_desks():
            desk.stand_down()  # a wish that is carried later, such as by a venue that is back, would outlive us
        if withdraw.flatten:
            self._flatten("", withdraw.id)
        self._orders.take_back("stopping", withdraw.id)
