"""Our books against the venue's: a pure comparison, whose differences are data.

A spot balance is compared with what the account held when it was first seen, moved by every fill since; a
perpetual position with what all strategies, and others on the account, hold of it. One answer of a venue may lag, so
only a difference that two answers in a row show in the same size is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from workbench.core.account import Booked, Position
from workbench.core.events import AccountSnapshot, FundingEvent
from workbench.core.holdings import PLACES, ROUNDING, add, moves, units
from workbench.core.instrument import Instrument, account_key
from workbench.core.ledger import Ledger
from workbench.core.ledger_memory import position_state, restore_position
from workbench.core.memory import Plain, taken
from workbench.core.money import to_scaled, to_text
from workbench.core.order import OrderStatus

_RESTING = frozenset({OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCEL_REJECTED})


class Difference(msgspec.Struct, frozen=True):
    """One thing on which our books and the venue's disagree; amounts are exact text."""

    kind: str  # order, position or balance
    what: str  # order id, instrument key or asset
    ours: str
    theirs: str


class AccountBooks(msgspec.Struct):
    """What one account should hold: what it held when first seen, and what moved since, in units of 10^-54."""

    held: dict[str, int] = {}
    moved: dict[str, int] = {}
    seen: bool = False

    def expected(self, asset: str) -> int:
        return self.held.get(asset, 0) + self.moved.get(asset, 0)


class Reconciler:
    """Follows every trade of every account and compares with what the venues say."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._books: dict[str, AccountBooks] = {}
        self._positions: dict[str, Position] = {}  # perpetuals, as the account holds them: all strategies and others
        self._suspected: dict[str, dict[tuple[str, str], Difference]] = {}  # what the last answer showed, by account
        self._told: dict[str, set[tuple[str, str]]] = {}

    def state(self) -> Plain:
        """What every account should hold, and what the last answers showed."""
        return {
            "books": msgspec.to_builtins(self._books),
            "positions": {key: position_state(each) for key, each in self._positions.items()},
            "suspected": {
                account: msgspec.to_builtins(list(shown.values())) for account, shown in self._suspected.items()
            },
            "told": {account: sorted(told) for account, told in self._told.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes a state back."""
        self._books = taken(state, "books", dict[str, AccountBooks])
        for key, position in state["positions"].items():
            restore_position(self._position(self._ledger.instruments[key]), position)
        suspected = taken(state, "suspected", dict[str, list[Difference]])
        self._suspected = {
            account: {(each.kind, each.what): each for each in shown} for account, shown in suspected.items()
        }
        self._told = taken(state, "told", dict[str, set[tuple[str, str]]])

    def traded(self, fill: Booked) -> None:
        """A fill was booked, ours or another's: balances move by it."""
        moved = self._of(fill.instrument.account_key).moved
        for asset, amount in moves(fill, self._position, self._ledger.cash_places).items():
            add(moved, asset, amount)

    def funded(self, funding: FundingEvent) -> None:
        """Funding was settled: the balance moves by it."""
        instrument = funding.instrument
        moved = self._of(instrument.account_key).moved
        add(moved, instrument.quote, units(funding.amount_raw, instrument.fee_places))

    def compare(self, snapshot: AccountSnapshot) -> list[Difference]:
        """What this answer and the one before both show and was not told yet; the first one is where it starts."""
        account = account_key(snapshot.venue, snapshot.account)
        books = self._of(account)
        if not books.seen:
            self._begin(books, snapshot)
            return []
        shown = {(each.kind, each.what): each for each in self._differences(books, snapshot)}
        before, self._suspected[account] = self._suspected.get(account, {}), shown
        told = self._told.setdefault(account, set())
        told.intersection_update(shown)
        confirmed = {name: each for name, each in shown.items() if name not in told and same(before.get(name), each)}
        told.update(confirmed)
        return list(confirmed.values())

    def suspects(self, account: str) -> list[Difference]:
        """What the last answer showed and nobody was told yet; the next one confirms it or not."""
        told = self._told.get(account, set())
        return [each for name, each in self._suspected.get(account, {}).items() if name not in told]

    def accept(self, account: str, difference: Difference) -> None:
        """Takes the venue's word for a balance from here on: an outside transfer, or what a person has looked at."""
        books = self._of(account)
        if difference.kind == "balance":
            gap = to_scaled(difference.theirs, PLACES) - to_scaled(difference.ours, PLACES)
            add(books.held, difference.what, gap)  # what moved since that answer is no part of it
        name = difference.kind, difference.what
        self._suspected.get(account, {}).pop(name, None)
        self._told.get(account, set()).discard(name)  # the next one is another

    def accept_all(self) -> None:
        """Takes the venues' word for every balance that differs now."""
        for account, shown in self._suspected.items():
            for difference in list(shown.values()):
                self.accept(account, difference)

    def _begin(self, books: AccountBooks, snapshot: AccountSnapshot) -> None:
        if snapshot.balances:  # an account without anything cannot trade: an empty answer is no answer
            books.held = {
                asset: to_scaled(total, PLACES, asset) - books.moved.get(asset, 0)
                for asset, total in sorted(snapshot.balances.items())
            }
            books.seen = True

    def _differences(self, books: AccountBooks, snapshot: AccountSnapshot) -> Iterator[Difference]:
        expected = {asset: books.expected(asset) for asset in {**books.held, **books.moved}}
        return differences(self._ledger, expected, snapshot)

    def _of(self, account: str) -> AccountBooks:
        if account not in self._books:
            self._books[account] = AccountBooks()
        return self._books[account]

    def _position(self, instrument: Instrument) -> Position:
        if instrument.key not in self._positions:
            self._positions[instrument.key] = Position(instrument, self._ledger.terms[instrument.key])
        return self._positions[instrument.key]


def differences(ledger: Ledger, expected: Mapping[str, int], snapshot: AccountSnapshot) -> Iterator[Difference]:
    """All that one answer of a venue shows: `expected` is what its account should hold, in units of 10^-54."""
    account = account_key(snapshot.venue, snapshot.account)
    instruments = {key: each for key, each in ledger.instruments.items() if each.account_key == account}
    if snapshot.balances:
        yield from _balances(expected, snapshot, {each.quote for each in instruments.values() if not each.is_spot})
    for key, instrument in instruments.items():
        if not instrument.is_spot:
            places = instrument.quantity_places
            ours = ledger.net(key) + ledger.external.get(key, 0)
            theirs = to_scaled(snapshot.positions.get(key, "0"), places, key)
            if ours != theirs:
                yield Difference("position", key, to_text(ours, places), to_text(theirs, places))
    open_there = set(snapshot.orders)
    for order_id, state in ledger.living.items():
        mine = state.order.instrument.account_key == account
        if mine and state.status in _RESTING and state.updated < snapshot.asked and order_id not in open_there:
            yield Difference("order", order_id, state.status.value, "not open")


def _balances(expected: Mapping[str, int], snapshot: AccountSnapshot, rounded: Collection[str]) -> Iterator[Difference]:
    for asset in sorted({*snapshot.balances, *expected}):
        ours, theirs = expected.get(asset, 0), to_scaled(snapshot.balances.get(asset, "0"), PLACES, asset)
        if abs(ours - theirs) > (ROUNDING if asset in rounded else 0):
            yield Difference("balance", asset, to_text(ours, PLACES), to_text(theirs, PLACES))


def same(before: Difference | None, now: Difference) -> bool:
    """Whether two answers show a difference of the same size; what we hold may have moved in between."""
    if before is None:
        return False
    if now.kind == "order":
        return True
    gaps = [to_scaled(each.theirs, PLACES) - to_scaled(each.ours, PLACES) for each in (before, now)]
    return gaps[0] == gaps[1]
