"""A ledger written down: where it stands, whose size follows what is open, and its past, which only grows.

The past is told as lines that are added and never changed; a later line on the same order replaces the earlier one.
So what is written every few seconds is what is open and what is new, however long the run has lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_type_hints

import msgspec

from workbench.core.account import Position
from workbench.core.codec import from_plain, to_plain
from workbench.core.errors import DataError
from workbench.core.events import Event, FillEvent, OrderReport
from workbench.core.instrument import Terms
from workbench.core.ledger import Ledger, OrderState, Share
from workbench.core.memory import Plain, recall, remembered, taken

Line = tuple[Any, ...]  # its kind, and then what it tells

_POSITION = dict.fromkeys(("quantity", "cost", "realised", "fees", "funding", "mark", "value"), int)
_ACCOUNT = dict.fromkeys(("cash", "equity", "peak"), int)
_ORDER = {name: kind for name, kind in get_type_hints(OrderState).items() if name != "order"}


class Told(msgspec.Struct, frozen=True):
    """How much of a ledger's past was told."""

    booked: int = 0
    refusals: int = 0
    funding: int = 0


class LedgerMemory:
    """Takes a ledger's state and its past, and gives them back to a new ledger of the same run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # --- where it stands --------------------------------------------------------------------------

    def state(self) -> Plain:
        """Cash, positions, terms and what is open; the past by its size only."""
        ledger = self._ledger
        return {
            "accounts": {
                name: {
                    **remembered(account, _ACCOUNT),
                    "positions": {key: position_state(each) for key, each in account.positions.items()},
                }
                for name, account in ledger.accounts.items()
            },
            "terms": msgspec.to_builtins(ledger.terms),
            "living": list(ledger.living),
            "fees": dict(ledger.fees),
            "strangers": list(ledger.strangers.values()),
            "external": dict(ledger.external),
            "parked": [list(each) for each in ledger._parked.values()],
            "elsewhere": sorted(ledger._booked_elsewhere),
            "settled": sorted(ledger._settled),
            "chain": ledger._chain.hex(),
            "past": [len(ledger.orders), *msgspec.structs.astuple(self.told())],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back, after the past that belongs to it."""
        ledger = self._ledger
        reached = [len(ledger.orders), *msgspec.structs.astuple(self.told())]
        if reached != list(state["past"]):
            raise DataError(f"ledger: its past holds {reached} orders, trades, refusals and fundings: {state['past']}")
        ledger.terms = taken(state, "terms", dict[str, Terms])
        for name, written in state["accounts"].items():
            account = ledger.accounts[name]
            recall(account, _ACCOUNT, written)
            for key, position in written["positions"].items():
                ledger.position(name, key).terms = ledger.terms[key]
                restore_position(ledger.position(name, key), position)
        ledger.living = {order_id: ledger.orders[order_id] for order_id in state["living"]}
        ledger.fees = taken(state, "fees", dict[str, int])
        strangers: list[OrderReport] = [self._event(each) for each in state["strangers"]]
        ledger.strangers = {each.venue_order_id or each.order_id: each for each in strangers}
        ledger.external = taken(state, "external", dict[str, int])
        for waiting in state["parked"]:
            fills: list[FillEvent] = [self._event(each) for each in waiting]
            ledger._parked[fills[0].instrument.key, fills[0].venue_order_id] = fills
        ledger._booked_elsewhere = taken(state, "elsewhere", set[tuple[str, str, str, str]])
        ledger._settled = taken(state, "settled", set[tuple[str, str, str]])
        ledger._chain = bytes.fromhex(state["chain"])

    # --- what has been ----------------------------------------------------------------------------

    def told(self) -> Told:
        """How much past there is by now."""
        ledger = self._ledger
        return Told(len(ledger.booked), len(ledger.refusals), len(ledger.funding))

    def past(self, since: Told = Told(), orders: Iterable[str] | None = None) -> list[Line]:  # noqa: B008 - frozen
        """What came since, and where the named orders stand (None: all of them), as lines to be written."""
        ledger = self._ledger
        lines: list[Line] = [
            ("order", msgspec.structs.replace(ledger.orders[each]))
            for each in (ledger.orders if orders is None else orders)
        ]
        lines += [("booked", *each) for each in ledger.booked[since.booked :]]
        lines += [("refusal", each) for each in ledger.refusals[since.refusals :]]
        lines += [("funding", each.strategy_id, each.event, each.amount) for each in ledger.funding[since.funding :]]
        return lines

    def recall(self, lines: Iterable[Line]) -> None:
        """Takes the past back, line by line as it was told."""
        tell: dict[str, Callable[..., None]] = {
            "order": self._order,
            "booked": self._booked,
            "refusal": self._refusal,
            "funding": self._funding,
        }
        for kind, *told in lines:
            tell[kind](*told)
        ledger = self._ledger
        for order_id, state in ledger.orders.items():
            for name in (*state.past_venue_ids, state.venue_order_id):
                if name:
                    ledger._by_venue_id[state.order.instrument.key, name] = order_id

    def _order(self, written: Mapping[str, Any]) -> None:
        order = self._event(written["order"])
        state = OrderState(order, order.quantity_raw, None, None)
        recall(state, _ORDER, written)
        self._ledger.orders[order.order_id] = state

    def _booked(self, strategy_id: str, written: Any) -> None:
        ledger, trade = self._ledger, self._event(written)
        ledger.booked.append((strategy_id, trade))
        if isinstance(trade, FillEvent):
            ledger.fills.append(trade)
            ledger._booked.add(ledger._key(trade, ledger.orders[trade.order_id]))

    def _refusal(self, written: Any) -> None:
        self._ledger.refusals.append(self._event(written))

    def _funding(self, strategy_id: str, written: Any, amount: int) -> None:
        self._ledger.funding.append(Share(strategy_id, self._event(written), amount))

    def _event(self, written: Any) -> Any:
        return event_of(written, self._ledger)


def position_state(position: Position) -> Plain:
    """What a position remembers besides its instrument and terms."""
    return remembered(position, _POSITION)


def restore_position(position: Position, state: Mapping[str, Any]) -> None:
    """Takes a position's state back."""
    recall(position, _POSITION, state)


def event_of(written: Any, ledger: Ledger) -> Event:
    """An event as it stands in a state, written down or as it was."""
    return written if isinstance(written, Event) else from_plain(written, ledger.instruments)


def plain_of(value: Any) -> Any:
    """What in a state or a past is no plain value yet, as one; raises TypeError for what cannot be written down."""
    if isinstance(value, Event):
        return to_plain(value)
    if isinstance(value, OrderState):
        return {"order": value.order, **remembered(value, _ORDER)}
    raise TypeError(f"{type(value).__name__} cannot be written down")
