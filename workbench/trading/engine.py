"""The engine is a function: one event in, its consequences out.

`process` neither waits nor reads a clock, and it changes the world only through the facts it
returns: every fact is applied to the ledger by the same fold that later reads the journal.
Requests come back beside the facts, for the executor to carry out once they are journalled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from workbench.core.clock import SECOND
from workbench.core.errors import ConfigError, DataError
from workbench.core.events import (
    AccountSnapshot,
    Bar,
    BookUpdate,
    Event,
    FillEvent,
    Flatten,
    FundingEvent,
    Halt,
    Liquidation,
    MarketDataEvent,
    MarketStale,
    MarkPrice,
    Opinion,
    OrderReport,
    ParametersChanged,
    Pause,
    Quote,
    Quotes,
    Rearm,
    Resume,
    RiskAction,
    RunStarted,
    SetParameters,
    SignalEvent,
    StrategyFailed,
    Target,
    TermsChanged,
    Timer,
    Trade,
    VenueLink,
    Withdraw,
)
from workbench.core.ledger import Ledger, OrderState
from workbench.core.ledger_memory import LedgerMemory
from workbench.core.memory import Part
from workbench.core.order import ASK, BID, CANCEL_PENDING, FILLED, FLATTEN, STOP
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget, DrawdownWatch
from workbench.risk.gate import Gate
from workbench.risk.limits import Limits, View
from workbench.trading.commands import Commands
from workbench.trading.desk import Desk
from workbench.trading.facts import NOTHING, Consequences, Facts
from workbench.trading.orders import Orders
from workbench.trading.parameters import change
from workbench.trading.portfolio import Portfolio, Trader
from workbench.trading.reconcile import Reconciler
from workbench.trading.settlement import Settlement
from workbench.trading.speech import checked, in_words, text_of
from workbench.trading.standing import Standing

REMEMBERED = 5_000  # events kept to rebuild a strategy's state; a year of daily bars, three days of minutes
FLATTEN_RETRY_NS = SECOND  # a flatten that ended unfilled asks again, but not faster than a venue's limit


class Engine:
    """Strategies, portfolio, risk and orders behind one door: `process`."""

    def __init__(self, started: RunStarted, *, limits: Limits, budgets: Mapping[str, Budget]) -> None:
        self.ledger = Ledger(started)
        self.gate = Gate(limits.rules(self.ledger))
        self.view = View(ledger=self.ledger, marks={}, fresh_until={}, stale={}, rejections={})
        self.portfolio = Portfolio(self.ledger)
        self._facts = Facts(self.ledger)
        self._orders = Orders(self.portfolio, ledger=self.ledger, gate=self.gate, view=self.view, facts=self._facts)
        self.reconciler = Reconciler(self.ledger)
        self._standing = Standing(
            self.portfolio, self._orders, reconciler=self.reconciler, gate=self.gate, view=self.view, carry=self._carry
        )
        self._budgets = dict(budgets)
        self._watch = DrawdownWatch(self.ledger, self._budgets, limits.max_drawdown)
        self._settlement = Settlement(
            self.ledger,
            self.portfolio,
            facts=self._facts,
            gate=self.gate,
            reconciler=self.reconciler,
            value=self._value,
            guard=self._guard,
            lock=self._lock,
        )
        commands = Commands(
            self.portfolio,
            self._orders,
            gate=self.gate,
            watch=self._watch,
            reconciler=self.reconciler,
            flatten=self._flatten,
        )
        self.parts: dict[str, Part] = {  # what remembers, in the order in which it is taken back
            "ledger": LedgerMemory(self.ledger),
            "view": self.view,
            "gate": self.gate,
            "watch": self._watch,
            "facts": self._facts,
            "orders": self._orders,
            "portfolio": self.portfolio,
            "reconciler": self.reconciler,
            "settlement": self._settlement,
            "standing": self._standing,
        }
        self._doors: dict[type[Event], Callable[[Any], None]] = {
            Bar: self._on_bar,
            Trade: self._on_trade,
            Quote: self._on_quote,
            BookUpdate: self._on_book,
            OrderReport: self._on_report,
            FillEvent: self._on_fill,
            MarkPrice: self._settlement.on_mark,
            FundingEvent: self._settlement.on_funding,
            Liquidation: self._settlement.on_liquidation,
            SetParameters: self._on_set_parameters,
            Halt: commands.on_halt,
            Rearm: commands.on_rearm,
            Timer: self._standing.on_timer,
            VenueLink: self._standing.on_link,
            MarketStale: self._standing.on_stale,
            AccountSnapshot: self._standing.on_snapshot,
            Pause: commands.on_pause,
            Resume: commands.on_resume,
            Flatten: commands.on_flatten,
            Withdraw: commands.on_withdraw,
            TermsChanged: self._on_terms,
        }

    def add(self, strategy_id: str, strategy: Strategy, instruments: Sequence[str]) -> None:
        """Seats a strategy; it hears of these instruments (keys) and trades only them."""
        if len(instruments) > 1 and not strategy.several:
            raise ConfigError(
                f"strategy {strategy_id}: {type(strategy).__name__} keeps one instrument's state, it was given "
                f"{', '.join(instruments)}; seat it once for each, or declare `several = True`"
            )
        budget = self._budgets.get(strategy_id, Budget())
        trader = self.portfolio.add(strategy_id, strategy, instruments, budget)
        if strategy.warmup():
            trader.remembered = deque(maxlen=REMEMBERED)

    def process(self, event: Event) -> Consequences:
        """Takes one event; returns the facts it led to, in order, and the requests to carry out."""
        self._facts.now = self.view.now = event.ts_init
        if self.portfolio.expiring:
            self._lapse(event.id)
        door = self._doors.get(type(event))
        if door is not None:
            door(event)
        return self._facts.take() if self._facts.made else NOTHING

    # --- market data ------------------------------------------------------------------------------

    def _on_bar(self, bar: Bar) -> None:
        self._market(bar, bar.close_raw, bar.ts_event + bar.interval_ns)

    def _on_trade(self, trade: Trade) -> None:
        self._market(trade, trade.price_raw, trade.ts_event)

    def _on_quote(self, quote: Quote) -> None:
        self.view.see_sides(quote.instrument.key, quote.bid_raw, quote.ask_raw)
        self._market(quote, self._middle(quote, quote.bid_raw, quote.ask_raw), quote.ts_event)

    def _on_book(self, book: BookUpdate) -> None:
        bid, ask = (side[0][0] if side and book.snapshot else 0 for side in (book.bids_raw, book.asks_raw))
        if book.snapshot:
            self.view.see_sides(book.instrument.key, bid, ask)
        self._market(book, self._middle(book, bid, ask), book.ts_event)

    def _middle(self, event: MarketDataEvent, bid: int, ask: int) -> int:
        """Half way between two prices; where a side is empty the old mark stands, 0 if there is none."""
        return (bid + ask) // 2 if bid and ask else self.view.marks.get(event.instrument.key, 0)

    def _market(self, event: MarketDataEvent, mark: int, fresh_until: int) -> None:
        view, key = self.view, event.instrument.key
        view.fresh_until[key] = fresh_until
        if view.stale:
            self._standing.on_fresh(event)
        if mark:
            view.marks[key] = mark
            if event.ts_event > self._settlement.marked_until.get(key, -1):  # else its venue's own mark values it
                self._value(event, mark)
        for trader, desk in self.portfolio.by_instrument.get(key, ()):
            self._think(trader, desk, event)

    def _value(self, event: MarketDataEvent, mark: int) -> None:
        seated, moved = self.portfolio.by_instrument.get(event.instrument.key, ()), False
        for trader, desk in seated:
            if desk.position.quantity:
                trader.account.mark(desk.position, mark)
                moved = True
            else:
                desk.position.mark = mark
        if moved:  # all are marked by now: a drawdown is never told from half of the accounts
            self._look(seated, event)

    def _think(self, trader: Trader, desk: Desk, event: MarketDataEvent) -> None:
        if trader.failed is not None:
            return
        if trader.remembered is not None:
            trader.remembered.append(event)
        try:
            says = trader.strategy.on_market_data(event)
            if says is None:
                return
            again = says is desk.said or (type(says) is Target and says == desk.said)
            if again and desk.heard and trader.budget.rebalance_band is None:
                return  # it stands and no drift from it is chased: what most events end in, before the work of news
        except (Exception, SystemExit) as error:  # a strategy is a stranger's code; its fault must not stop the others
            self._fail(trader, error, event.id)
            return
        opinions = says if isinstance(says, (list, tuple)) else (says,)
        try:
            for opinion in opinions:
                self._hear(trader, checked(opinion.says if isinstance(opinion, SignalEvent) else opinion), event)
        except (ConfigError, DataError) as error:  # it asked for something that does not exist
            self._fail(trader, error, event.id)

    def _hear(self, trader: Trader, says: Opinion, event: Event) -> None:
        desk = self.portfolio.desk(trader, says.symbol, event)
        if not self.portfolio.is_news(trader, desk, says):
            return
        strategy_id = trader.account.strategy_id
        signal = self._facts.add(SignalEvent, event.id, strategy_id=strategy_id, instrument=desk.instrument, says=says)
        latch = self.gate.closed_to(strategy_id)
        if latch and latch[0] != "paused":  # a paused strategy may still reduce: the gate decides
            desk.said, desk.heard = says, True
            self._facts.risk(signal.id, latch[0], RiskAction.DENIED, latch[1], strategy_id=strategy_id)
            return
        short = self.portfolio.want(trader, desk, says)
        if short:
            self._facts.risk(signal.id, "no_short_spot", RiskAction.DENIED, short, strategy_id=strategy_id)
        if desk.expires is not None:
            if desk not in self.portfolio.expiring:
                self.portfolio.expiring.append(desk)
            self._lapse(signal.id)  # it may have been too late when it was said
        self._carry(desk, signal.id)

    def _carry(self, desk: Desk, cause: str) -> None:
        if self.gate.waits(desk.instrument):
            return  # the wish stands; it is carried once the account can be relied on
        self._orders.carry(desk, cause)
        closing = desk.orders.get((FLATTEN, 0))
        if closing is not None:
            desk.close_again_at = closing.order.ts_event + FLATTEN_RETRY_NS

    def _lapse(self, cause: str) -> None:
        expiring, now = self.portfolio.expiring, self.view.now
        for desk in [desk for desk in expiring if desk.expires is None or desk.expires <= now]:
            expiring.remove(desk)
            if desk.expires is not None:
                for cancel in desk.lapse():
                    self._orders.cancel(cancel.order_id, cancel.reason, cause)

    # --- what the venue says ----------------------------------------------------------------------

    def _on_report(self, report: OrderReport) -> None:
        state = self.ledger.orders.get(report.order_id)
        before, waited = (state.status, self.ledger.parked(report)) if state else (None, [])
        desk = self._orders.report(report)
        for fill in waited:  # booked by the report that said whose they are
            assert state is not None
            self._filled(msgspec.structs.replace(fill, order_id=report.order_id), *self._orders.filled(fill, state))
        if state is not None:
            self._orders.hold_back(state, report.id)
        if desk is not None and state is not None:
            if state.order.role is STOP and not state.living and before is not CANCEL_PENDING:
                self._mind_the_stop(desk, state, report)
            self._carry(desk, report.id)

    def _mind_the_stop(self, desk: Desk, stop: OrderState, report: OrderReport) -> None:
        """A protective stop that the venue refused or ended leaves a position naked: it is closed."""
        if desk.position.quantity and stop.status is not FILLED and not desk.closing:
            why = f"its protective stop is {stop.status}: {report.reason}"
            ids = {"strategy_id": stop.order.strategy_id, "order_id": report.order_id}
            self._facts.risk(report.id, "naked_position", RiskAction.NOTED, why, **ids)
            desk.want_flat()

    def _on_fill(self, fill: FillEvent) -> None:
        if self.ledger.knows(fill):
            return
        booked = self._orders.fill(fill)
        self.reconciler.traded(fill)
        if booked is not None:
            if not fill.order_id:
                fill = msgspec.structs.replace(fill, order_id=booked[0].order.order_id)
            self._filled(fill, *booked)

    def _filled(self, fill: FillEvent, state: OrderState, desk: Desk) -> None:
        trader = self.portfolio.traders[state.order.strategy_id]
        if state.order.role in (BID, ASK) and isinstance(desk.said, Quotes):
            desk.heard = False  # the same quotes said again ask for what was filled
        if trader.failed is None:
            try:
                trader.strategy.on_fill(fill)
            except (Exception, SystemExit) as error:  # as in _think
                self._fail(trader, error, fill.id)
        self._guard(trader, fill)
        self._carry(desk, fill.id)

    # --- risk steps in ----------------------------------------------------------------------------

    def _look(self, seated: Sequence[tuple[Trader, Desk]], event: Event) -> None:
        """After a mark that moved equity: drawdowns, and positions that should be closed by now."""
        for trader, desk in seated:
            if self._watch.active and desk.position.quantity:
                self._guard(trader, event)
            if desk.closing:
                self._flatten_again(desk, event.id)

    def _guard(self, trader: Trader, event: Event) -> None:
        """Compares equity with its peak; a breach locks the strategy, or halts everything, and flattens."""
        strategy_id = trader.account.strategy_id
        why = self._watch.breach(trader.account)
        if why and strategy_id not in self.gate.locked:
            self._lock(trader, "max_drawdown", why, event.id)
        why = self._watch.portfolio_breach()
        if why and not self.gate.halted:
            self.gate.halted = why
            halted = self._facts.risk(event.id, "portfolio_max_drawdown", RiskAction.HALTED, why)
            self._shut("", halted.id)

    def _lock(self, trader: Trader, rule: str, why: str, cause: str) -> None:
        strategy_id = trader.account.strategy_id
        self.gate.locked[strategy_id] = why
        event = self._facts.risk(cause, rule, RiskAction.LOCKED, why, strategy_id=strategy_id)
        self._shut(strategy_id, event.id)

    def _shut(self, strategy_id: str, cause: str) -> None:
        """Flattens for risk; a target the strategy insists on is refused once, so that the journal tells why."""
        self._flatten(strategy_id, cause)
        for _, desk in self.portfolio.all_desks(strategy_id):
            desk.heard = False

    def _fail(self, trader: Trader, error: BaseException, cause: str) -> None:
        trader.failed = error
        strategy_id = trader.account.strategy_id
        what = in_words(error)
        failed = self._facts.add(StrategyFailed, cause, strategy_id=strategy_id, error=what)
        self._lock(trader, "strategy_failed", what, failed.id)

    def _flatten(self, strategy_id: str, cause: str) -> None:
        for _, desk in self.portfolio.all_desks(strategy_id):
            desk.want_flat()
            self._carry(desk, cause)

    def _flatten_again(self, desk: Desk, cause: str) -> None:
        if (FLATTEN, 0) not in desk.orders and desk.close_again_at <= self.view.now:
            desk.want_flat()
            self._carry(desk, cause)

    def go_on(self) -> None:
        """A process took the run up again: what was held back for the stop is not any more."""
        if self.gate.stopping:
            self.gate.stopping = ""
            for _, desk in self.portfolio.all_desks():
                desk.heard = False

    def _on_terms(self, change: TermsChanged) -> None:
        key = change.instrument.key
        try:
            self.ledger.apply(change)
        except DataError as error:
            why = f"the venue's terms are finer than this run can hold: {text_of(error)}"
            self.gate.reducing.setdefault(key, why)
            self._facts.risk(change.id, "terms", RiskAction.REDUCING, why)
            return
        for _, desk in self.portfolio.by_instrument.get(key, ()):
            desk.terms = self.ledger.terms[key]

    # --- parameters -------------------------------------------------------------------------------

    def _on_set_parameters(self, wish: SetParameters) -> None:
        trader = self.portfolio.traders.get(wish.strategy_id)
        refused = ""
        try:
            if trader is None:
                raise ConfigError(f"no strategy {wish.strategy_id!r} in this run")
            change(trader, wish.values)
        except ConfigError as error:
            refused = text_of(error)
        now = msgspec.to_builtins(trader.strategy.get_parameters()) if trader else {}
        self._facts.add(ParametersChanged, wish.id, strategy_id=wish.strategy_id, parameters=now, refused=refused)
