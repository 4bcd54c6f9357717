"""How far a venue and its markets can be relied on, and what is held back or taken back while they cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workbench.core.events import (
    AccountSnapshot,
    Bar,
    BookUpdate,
    Discrepancy,
    LinkState,
    MarketDataEvent,
    MarketStale,
    Quote,
    RiskAction,
    Timer,
    Trade,
    VenueLink,
)
from workbench.core.instrument import account_key
from workbench.core.memory import Plain, taken
from workbench.core.order import Role
from workbench.risk.gate import Gate
from workbench.risk.limits import StaleData, View
from workbench.trading.desk import Desk
from workbench.trading.orders import Orders
from workbench.trading.portfolio import Portfolio
from workbench.trading.reconcile import Difference, Reconciler

_TOPICS: Mapping[type[MarketDataEvent], str] = {Trade: "trades", Quote: "quotes", BookUpdate: "book", Bar: "bars"}
_DOWN = "down: "  # how the reason starts while an account's orders are taken back


class Standing:
    """Turns what is known of links, data and accounts into latches at the gate and cancels."""

    def __init__(
        self,
        portfolio: Portfolio,
        orders: Orders,
        *,
        reconciler: Reconciler,
        gate: Gate,
        view: View,
        carry: Callable[[Desk, str], None],
    ) -> None:
        self._portfolio, self._orders, self._reconciler = portfolio, orders, reconciler
        self._gate, self._view, self._carry = gate, view, carry
        self._facts = orders.facts
        self._overdue: dict[str, dict[str, str]] = {}  # by instrument and kind of data: why it is out of date

    def state(self) -> Plain:
        """What kinds of data are out of date, by instrument."""
        return {"overdue": {key: dict(topics) for key, topics in self._overdue.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        self._overdue = taken(state, "overdue", dict[str, dict[str, str]])

    def on_link(self, link: VenueLink) -> None:
        """An account that is not up opens nothing; one that is down for longer has its orders taken back."""
        account = account_key(link.venue, link.account)
        desks = [desk for _, desk in self._portfolio.all_desks() if desk.instrument.account_key == account]
        if link.state is LinkState.UP:
            self._gate.links.pop(account, None)
            for desk in desks:
                self._carry(desk, link.id)
            return
        was_down = self._gate.links.get(account, "").startswith(_DOWN)
        down = was_down or link.state is LinkState.DOWN
        self._gate.links[account] = f"{_DOWN if down else ''}{link.reason or link.state}"
        if down and not was_down:
            event = self._facts.risk(link.id, "venue_down", RiskAction.NOTED, f"{account}: {link.reason}")
            for desk in desks:
                if desk.orders:
                    desk.heard = False  # its orders are taken back: what is said again is asked for again
            self._orders.take_back("the venue cannot be relied on", event.id, account=account)

    def on_stale(self, stale: MarketStale) -> None:
        """Nothing is opened on a market that is known to be out of date, and no quote is left in it."""
        key = stale.instrument.key
        self._overdue.setdefault(key, {})[stale.topic] = self._view.stale[key] = stale.reason or "stale"
        self._pull_quotes(key, stale.id)

    def on_fresh(self, event: MarketDataEvent) -> None:
        """A market can be relied on again once every kind of data that was out of date has been heard."""
        key = event.instrument.key
        overdue = self._overdue.get(key, {})
        for topic in ("", _TOPICS.get(type(event), "")):
            overdue.pop(topic, None)
        if not overdue:
            self._view.stale.pop(key, None)

    def on_timer(self, timer: Timer) -> None:
        """Quotes are not left standing on data that has become too old to quote on."""
        for rule in self._gate.limits:
            if isinstance(rule, StaleData):
                for key, fresh_until in self._view.fresh_until.items():
                    if self._view.now - fresh_until > rule.max_age_ns:
                        self._pull_quotes(key, timer.id)

    def _pull_quotes(self, key: str, cause: str) -> None:
        for _, desk in self._portfolio.by_instrument.get(key, ()):
            for (role, _), state in list(desk.orders.items()):
                if role in (Role.BID, Role.ASK):
                    desk.heard = False
                    self._orders.cancel(state.order.order_id, "market data is stale", cause)

    def on_snapshot(self, snapshot: AccountSnapshot) -> None:
        """What the venue says we hold: where it keeps differing, nothing more is opened there."""
        account = account_key(snapshot.venue, snapshot.account)
        for each in self._reconciler.compare(snapshot):
            told = self._facts.add(
                Discrepancy,
                snapshot.id,
                kind=each.kind,
                venue=snapshot.venue,
                account=snapshot.account,
                what=each.what,
                ours=each.ours,
                theirs=each.theirs,
            )
            why = f"{each.kind} {each.what}: ours {each.ours}, the venue's {each.theirs}"
            touched = self._touched(account, each)
            for key in touched:
                self._gate.reducing.setdefault(key, why)
            self._facts.risk(told.id, "reconciliation", RiskAction.REDUCING if touched else RiskAction.NOTED, why)
            if not touched:
                self._reconciler.accept(account, each)  # an outside transfer of what pays: booked as external

    def _touched(self, account: str, difference: Difference) -> list[str]:
        """The instruments whose own position a difference puts in doubt."""
        return [
            key
            for key, instrument in self._portfolio.instruments.items()
            if instrument.account_key == account
            and difference.what == (instrument.base if instrument.is_spot else instrument.key)
        ]
