"""What must always hold between a run and its venue, whatever went wrong in between; each rule gives its complaints."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.core.events import OrderEvent
from workbench.core.money import to_decimal
from workbench.core.order import OrderStatus
from workbench.data.reader import JournalReader
from workbench.runtime.build import replay
from workbench.trading.reconcile import PLACES
from workbench.twin.opening import MAIN
from workbench.twin.words import Execution, Happened, State

if TYPE_CHECKING:
    from tests.faults.bench import Stand

KEY, SECRET = "canary-key-5f1b", "canary-secret-9c2e"  # they must turn up in no file and no log

_SAME: dict[State, frozenset[OrderStatus]] = {
    State.NEW: frozenset({OrderStatus.ACKNOWLEDGED, OrderStatus.CANCEL_REJECTED}),
    State.PARTIALLY_FILLED: frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCEL_REJECTED}),
    State.FILLED: frozenset({OrderStatus.FILLED}),
    State.CANCELED: frozenset({OrderStatus.CANCELLED}),
    State.EXPIRED: frozenset({OrderStatus.EXPIRED}),
    State.EXPIRED_IN_MATCH: frozenset({OrderStatus.EXPIRED}),
    State.REJECTED: frozenset({OrderStatus.REJECTED}),
}
_NEVER_THERE = frozenset({OrderStatus.DENIED, OrderStatus.REJECTED, OrderStatus.NEVER_ACCEPTED})
_SIGNATURE = re.compile(rb"signature[=:\"' ]+[0-9a-f]{16}", re.IGNORECASE)


class Watcher:
    """Listens to the exchange itself, and notes what was wrong at the very instant at which it happened."""

    def __init__(self, stand: Stand) -> None:
        self.wrong: list[str] = []
        self.most = Decimal(0)  # the worst exposure so far, in base currency
        self._stand = stand
        self._open: dict[int, Any] = {}
        self._net: dict[str, Decimal] = {}
        self._accepted: Counter[str] = Counter()
        stand.exchange.listen(self)

    def __call__(self, event: Any) -> None:
        """Hears an event of the exchange; only our own orders are looked at."""
        if isinstance(event, Execution) and event.order.account == MAIN:
            order = event.order
            if not self._stand.is_foreign(order.client_id):
                if event.what is Happened.NEW:
                    self._admitted(order.client_id)
                self._exposed(event)

    def _admitted(self, client_id: str) -> None:
        self._accepted[client_id] += 1
        if self._accepted[client_id] > 1:
            self.wrong.append(f"{client_id}: accepted {self._accepted[client_id]} times")
        journal = self._stand.state / "journal"
        if not any(client_id.encode() in each.read_bytes() for each in journal.glob("*.journal")):
            self.wrong.append(f"{client_id}: accepted before its intent was in the journal")

    def _exposed(self, event: Execution) -> None:
        order, symbol = event.order, event.order.wanted.symbol
        if event.trade is not None:
            sign = 1 if event.trade.side == "BUY" else -1
            self._net[symbol] = self._net.get(symbol, Decimal(0)) + sign * event.trade.print.quantity
        self._open.pop(order.order_id, None)
        if order.open:
            self._open[order.order_id] = order
        bids = [each for each in self._open.values() if (each.wanted.symbol, each.wanted.side) == (symbol, "BUY")]
        net = self._net.get(symbol, Decimal(0))
        worst = net + sum((each.remaining for each in bids), Decimal(0))
        self.most = max(self.most, worst)
        limit = Decimal(self._stand.config().risk.max_position_notional or 10**9)
        if worst * self._stand.street.mid > limit:
            self.wrong.append(f"exposure of {worst} {symbol} is above the limit of {limit}")
        if net < 0:
            self.wrong.append(f"sold {-net} {symbol} more than was bought")


def complaints(stand: Stand, *, deep: bool) -> list[str]:
    """Everything that does not hold now; `deep` adds what is costly to look at."""
    rules = (*_RULES, *_COSTLY) if deep else _RULES
    return [each for rule in rules for each in rule(stand)]


# --- our books are the venue's, exactly ------------------------------------------------------------


def _orders_are_the_same(stand: Stand) -> Iterator[str]:
    there = {each.client_id: each for each in stand.ours()}
    late = {each.order_id for each in stand.told("late_acceptance")}
    for client_id, order in there.items():
        state = stand.ledger.orders.get(client_id)
        if state is None:
            yield f"order {client_id}: the venue has it, we never sent it"
            continue
        places = state.order.instrument.quantity_places
        if to_decimal(state.filled_raw, places) != order.filled:
            yield f"order {client_id}: {to_decimal(state.filled_raw, places)} filled, the venue says {order.filled}"
        whole = state.status is OrderStatus.FILLED and order.filled == order.quantity  # a late fill came before its end
        if state.status not in _SAME[order.state] and not whole and client_id not in late:
            yield f"order {client_id}: is {state.status}, the venue says {order.state}"
        if client_id in late and order.open:
            yield f"order {client_id}: it was accepted late and rests still"
    for client_id, state in stand.ledger.orders.items():
        if client_id not in there and state.status not in _NEVER_THERE:
            yield f"order {client_id}: is {state.status}, the venue never had it"


def _fills_are_the_same(stand: Stand) -> Iterator[str]:
    ours = Counter(
        (each.order_id, each.trade_id, each.side.upper(), each.quantity, each.price, each.fee, each.fee_currency)
        for each in stand.ledger.fills
    )
    theirs = Counter(
        (
            each.client_id,
            str(each.print.trade_id),
            each.side,
            each.print.quantity,
            each.print.price,
            each.commission,
            each.commission_asset,
        )
        for each in stand.twin.truth().trades
        if not stand.is_foreign(each.client_id)
    )
    for fill in (theirs - ours).elements():
        yield f"fill {fill}: not booked"
    for fill in (ours - theirs).elements():
        yield f"fill {fill}: booked, and the venue has none such"


def _balances_are_the_same(stand: Stand) -> Iterator[str]:
    books = stand.engine.reconciler._of("binance")
    if not books.seen:
        yield "no balance was ever seen"
        return
    for each in stand.twin.truth().balances:
        ours = to_decimal(books.expected(each.asset), PLACES)
        if ours != each.total:
            yield f"balance {each.asset}: ours {ours}, the venue's {each.total}"


def _positions_are_what_traded(stand: Stand) -> Iterator[str]:
    for key, instrument in stand.ledger.instruments.items():
        trades = [
            each
            for each in stand.twin.truth().trades
            if each.print.symbol == instrument.symbol and not stand.is_foreign(each.client_id)
        ]
        there = sum(
            (each.print.quantity if each.side == "BUY" else -each.print.quantity for each in trades), Decimal(0)
        )
        there -= sum((each.commission for each in trades if each.commission_asset == instrument.base), Decimal(0))
        ours = to_decimal(stand.ledger.net(key), instrument.quantity_places)
        if ours != there:
            yield f"position {key}: ours {ours}, by the venue's trades {there}"


# --- at every instant ------------------------------------------------------------------------------


def _nothing_was_wrong_on_the_way(stand: Stand) -> Iterator[str]:
    yield from stand.watcher.wrong


# --- the journal, the pace, the secrets ------------------------------------------------------------


def _a_replay_gives_the_living_state(stand: Stand) -> Iterator[str]:
    journal = stand.run._journal
    assert journal is not None
    reader = JournalReader(journal)
    engine, copy = replay(reader, datasets={})
    if copy.digest() != reader.verify().digest:
        yield "a replay of the journal writes another journal"
    if engine.ledger.digest() != stand.ledger.digest():
        yield "a replay of the journal ends in another ledger"
    if engine.gate.reducing != stand.engine.gate.reducing or engine.gate.links != stand.engine.gate.links:
        yield "a replay of the journal ends in another standing"
    intents = {each.order_id for each in reader.records() if isinstance(each, OrderEvent)}
    for order in stand.ours():
        if order.client_id not in intents:
            yield f"order {order.client_id}: at the venue without an intent in the journal"


def _the_pace_was_kept(stand: Stand) -> Iterator[str]:
    for address, visitor in stand.twin.meter._visitors.items():
        if visitor.strikes.amount or visitor.bans:
            yield f"{address}: {visitor.strikes.amount} requests beyond the limit, {visitor.bans} bans"
    silences = []
    for line in _wire_log(stand):
        sent = line["answered"] - line.get("took_us", 0) / 1e6
        for begin, end in silences:
            if begin < sent < end - 0.001:  # as exactly as a log tells times
                yield f"{line['endpoint']} at {line['at']}: sent although silence was asked for"
        if line.get("status") in (418, 429):
            wait = float(line["headers"].get("retry-after", 0))
            silences.append((line["answered"], line["answered"] + wait))


def _wire_log(stand: Stand) -> Iterator[dict[str, Any]]:
    seen: set[bytes] = set()
    for file in stand.files:
        if file.name.startswith("wire-"):
            for text in file.read_bytes().splitlines():
                if text not in seen:  # a later life begins with what the one before left
                    seen.add(text)
                    line = msgspec.json.decode(text)
                    if "took_us" in line:
                        yield line | {"answered": datetime.fromisoformat(line["at"]).timestamp()}


def _no_secret_was_written(stand: Stand) -> Iterator[str]:
    for file in stand.files:
        content = file.read_bytes()
        for secret in (KEY, SECRET):
            if secret.encode() in content:
                yield f"{file.name}: holds {secret[:10]}…"
        if _SIGNATURE.search(content):
            yield f"{file.name}: holds a signature"
    for line in stand.log.lines:
        if KEY in line or SECRET in line or _SIGNATURE.search(line.encode()):
            yield f"the log holds a secret: {line[:80]}"


Rule = Callable[["Stand"], Iterator[str]]

_RULES: tuple[Rule, ...] = (
    _orders_are_the_same,
    _fills_are_the_same,
    _balances_are_the_same,
    _positions_are_what_traded,
    _nothing_was_wrong_on_the_way,
)
_COSTLY: tuple[Rule, ...] = (_a_replay_gives_the_living_state, _the_pace_was_kept, _no_secret_was_written)
