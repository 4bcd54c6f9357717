"""The portfolio: marks, sizing, and the desks that turn what strategies say into requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from workbench.core import rules
from workbench.core.account import Account, Position
from workbench.core.errors import ConfigError, DataError, WorkbenchError
from workbench.core.events import Event, MarketDataEvent, Opinion, Quotes, Target
from workbench.core.ledger import Ledger
from workbench.core.ledger_memory import event_of
from workbench.core.memory import Plain
from workbench.core.money import dec, round_scaled, to_decimal, to_text
from workbench.core.strategy import Strategy
from workbench.risk.budgets import Budget
from workbench.trading.desk import Desk


class Trader(msgspec.Struct, kw_only=True):
    """A strategy in its place: its instruments, its budget, its account."""

    strategy: Strategy
    instruments: tuple[str, ...]  # keys
    budget: Budget
    account: Account
    desks: dict[str, Desk]  # by key, and by plain symbol where that is unambiguous
    failed: BaseException | None = None
    remembered: deque[MarketDataEvent] | None = None  # what rebuilds its state; None where nothing does

    def state(self) -> Plain:
        """Its parameters, what it remembers, and its desks."""
        strategy = self.strategy
        return {
            "parameters": msgspec.to_builtins(strategy.get_parameters()),
            "state": strategy.get_state(),
            "failed": self.failed is not None,
            "remembered": None if self.remembered is None else list(self.remembered),
            "desks": {key: self.desks[key].state() for key in self.instruments},
        }

    def restore(self, state: Mapping[str, Any], ledger: Ledger) -> None:
        """Takes a state back; raises ConfigError or DataError where the strategy does not take its own."""
        self.strategy.set_parameters(state["parameters"])
        self.strategy.set_state(state["state"])
        self.failed = WorkbenchError("it failed before this process began") if state["failed"] else None
        if self.remembered is not None:
            kept: Iterator[Any] = (event_of(each, ledger) for each in state["remembered"])
            self.remembered = deque(kept, maxlen=self.remembered.maxlen)
        for key, desk in state["desks"].items():
            self.desks[key].terms = ledger.terms[key]
            self.desks[key].restore(desk, ledger.orders)


class Portfolio:
    """Who trades what with which money; all arithmetic in scaled integers."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.instruments = ledger.instruments
        self.traders: dict[str, Trader] = {}
        self.expiring: list[Desk] = []  # desks whose target ends by itself
        self.by_instrument: dict[str, list[tuple[Trader, Desk]]] = {key: [] for key in ledger.instruments}

    def add(self, strategy_id: str, strategy: Strategy, instruments: Sequence[str], budget: Budget) -> Trader:
        """Gives a strategy its desks; raises ConfigError for an instrument the run does not have."""
        account = self._ledger.accounts[strategy_id]
        desks: dict[str, Desk] = {}
        for key in instruments:
            if key not in self._ledger.instruments:
                raise ConfigError(f"strategy {strategy_id}: no instrument {key!r} in this run")
            instrument = self._ledger.instruments[key]
            position = self._ledger.position(strategy_id, key)
            desk = Desk(instrument, self._ledger.terms[key], account, position)
            desks[key] = desk
            if sum(self._ledger.instruments[other].symbol == instrument.symbol for other in instruments) == 1:
                desks[instrument.symbol] = desk
        trader = Trader(strategy=strategy, instruments=tuple(instruments), budget=budget, account=account, desks=desks)
        self.traders[strategy_id] = trader
        for key in instruments:
            seated = self.by_instrument[key]
            seated.append((trader, desks[key]))
            for _, desk in seated:
                desk.shared = len(seated) > 1 and not desk.instrument.is_spot
        strategy.attach(strategy_id, self)
        return trader

    def state(self) -> Plain:
        """Every strategy with its desks; what strategies wait for, in the order they said it."""
        return {
            "traders": {name: trader.state() for name, trader in self.traders.items()},
            "expiring": [[desk.account.strategy_id, desk.instrument.key] for desk in self.expiring],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back; raises ConfigError or DataError where a strategy does not take its own."""
        if state["traders"].keys() != self.traders.keys():
            raise DataError(
                f"state of strategies {', '.join(state['traders'])}, this run has {', '.join(self.traders)}"
            )
        for name, trader in self.traders.items():
            trader.restore(state["traders"][name], self._ledger)
        self.expiring = [self.traders[name].desks[key] for name, key in state["expiring"]]

    def desk(self, trader: Trader, symbol: str, heard: Event | None = None) -> Desk:
        """The desk a strategy means by a symbol or key; a symbol traded at several venues means the one just heard."""
        if isinstance(heard, MarketDataEvent) and symbol == heard.instrument.symbol:
            return trader.desks[heard.instrument.key]
        if symbol not in trader.desks:
            raise ConfigError(
                f"strategy {trader.account.strategy_id} spoke of {symbol!r}; it trades {', '.join(trader.instruments)}"
            )
        return trader.desks[symbol]

    def is_news(self, trader: Trader, desk: Desk, says: Opinion) -> bool:
        """Whether the opinion asks for anything that is not wanted already."""
        return not desk.heard or says != desk.said or self._drifted(trader, desk, says)

    def _drifted(self, trader: Trader, desk: Desk, says: Opinion) -> bool:
        """Whether the position is further from a standing target than the budget's band lets it drift."""
        band = trader.budget.band_ppm()
        if band is None or isinstance(says, Quotes) or says.ppm is None or not desk.standing:
            return False
        drift = abs(self._sized(trader, desk, says) - desk.position.quantity)
        terms = desk.terms
        worth = rules.notional(desk.position.mark, drift, terms.multiplier, terms.divisor)
        return rules.drift_exceeds(worth, self._base(trader), band)

    def want(self, trader: Trader, desk: Desk, says: Opinion) -> str | None:
        """Hands a new opinion to its desk; returns the figures where spot cannot go below nothing."""
        if isinstance(says, Quotes):
            desk.want_quotes(says)
            return None
        if desk.moves_stop_only(says) and not self._drifted(trader, desk, says):
            desk.want_stop(says)
            return None
        desired = self._sized(trader, desk, says)
        short = None
        if desired < 0 and desk.instrument.is_spot:
            quantity = to_text(desired, desk.instrument.quantity_places)
            short = f"target {quantity} of {desk.instrument.key}: spot cannot be sold short, it is held at 0"
            desired = 0
        desk.want_target(says, desired)
        return short

    def _sized(self, trader: Trader, desk: Desk, target: Target) -> int:
        terms = desk.terms
        if (target.ppm is None) == (target.quantity is None):
            raise ConfigError(f"target for {target.symbol}: expected either an exposure or a quantity")
        if target.ppm is not None and abs(target.ppm) > rules.PPM:
            raise ConfigError(f"target for {target.symbol}: exposure {target.ppm} ppm is beyond the whole budget")
        if target.quantity is not None:
            raw = round_scaled(dec(target.quantity).copy_abs(), desk.instrument.quantity_places, up=False)
            lots = rules.floor_to(raw, terms.lot)
            return lots if target.quantity > 0 else -lots
        mark = desk.position.mark
        assert target.ppm is not None
        return rules.sized_quantity(target.ppm, self._base(trader), mark, terms.multiplier, terms.divisor, terms.lot)

    def _base(self, trader: Trader) -> int:
        """What a strategy sizes from: its equity at the last mark, capped by its budget."""
        cap = trader.budget.cap(self._ledger.cash_places)
        equity = trader.account.equity
        return equity if cap is None or equity < cap else cap

    # --- what a strategy may know of its own book -------------------------------------------------

    def _position(self, strategy_id: str, symbol: str) -> Position:
        return self.desk(self.traders[strategy_id], symbol).position

    def quantity(self, strategy_id: str, symbol: str) -> Decimal:
        """The signed quantity a strategy holds, exact."""
        position = self._position(strategy_id, symbol)
        return to_decimal(position.quantity, position.instrument.quantity_places)

    def entry_price(self, strategy_id: str, symbol: str) -> Decimal | None:
        """The average price of what it holds; None when flat."""
        return self._position(strategy_id, symbol).entry_price()

    def all_desks(self, strategy_id: str = "") -> Iterator[tuple[Trader, Desk]]:
        """Every desk, or those of one strategy."""
        for name, trader in self.traders.items():
            if strategy_id in ("", name):
                for key in trader.instruments:
                    yield trader, trader.desks[key]
