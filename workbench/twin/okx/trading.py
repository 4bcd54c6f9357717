"""Answers to orders, cancels and amendments, one result for each, and to questions about orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from workbench.twin.okx import errors
from workbench.twin.okx.asked import Asked
from workbench.twin.okx.errors import Rejected
from workbench.twin.okx.formats import CLIENT_ID, Json, client_id, ms
from workbench.twin.okx.order_terms import wanted_order
from workbench.twin.okx.orders import TAKES_PROFIT, is_algo, is_order, order_row, state_of
from workbench.twin.okx.paging import page
from workbench.twin.okx.parameters import Parameters
from workbench.twin.words import Listing, Order, Problem, Refusal, State, Wanted

BATCH = 20  # orders in one call
_ROWS = 100

_ENDED = {
    State.FILLED: errors.COMPLETED_ALREADY,
    State.CANCELED: errors.CANCELED_ALREADY,
    State.EXPIRED: errors.CANCELED_ALREADY,
    State.EXPIRED_IN_MATCH: errors.CANCELED_ALREADY,
}
_AMENDS_ENDED = {
    State.FILLED: errors.Rejection("51510", "Modification failed as the order has been completed."),
    State.CANCELED: errors.Rejection("51509", "Modification failed as the order has been canceled."),
}


def place(asked: Asked) -> list[Json]:
    """New orders, each for itself."""
    return each_of(asked, _place)


def cancel(asked: Asked) -> list[Json]:
    """Takes orders back, each for itself."""
    return each_of(asked, _cancel)


def amend(asked: Asked) -> list[Json]:
    """Changes the total sizes or prices of orders, each for itself."""
    return each_of(asked, _amend)


def query(asked: Asked) -> list[Json]:
    """One order, by its id or its client id."""
    _, symbol = asked.instrument()
    if not asked.sent.text("ordId") and not asked.sent.text("clOrdId"):
        raise errors.EITHER_EMPTY("ordId", "clOrdId")
    found = find(asked, asked.sent, symbol)
    if found is None or not asked.floor.shows(found):
        raise errors.NO_SUCH_ORDER()
    return rows_of(asked, [found])


def pending(asked: Asked) -> list[Json]:
    """Open orders, newest first."""
    return _shown(asked, lambda symbol: asked.floor.exchange.open_orders(asked.account, symbol))


def history(asked: Asked) -> list[Json]:
    """Orders that have ended, newest first."""

    def ended(symbol: str) -> list[Order]:
        return [each for each in asked.floor.exchange.all_orders(asked.account, symbol) if not each.open]

    return _shown(asked, ended)


def find(asked: Asked, sent: Parameters, symbol: str) -> Order | None:
    """The order that `ordId` or `clOrdId` names, None where there is none; a waiting stop is none."""
    order_id, own = sent.whole("ordId"), sent.matching("clOrdId", CLIENT_ID)
    try:
        found = asked.floor.exchange.order(
            asked.account, symbol=symbol, order_id=order_id, client_id=None if order_id is not None else own
        )
    except Refusal:
        return None
    if order_id is None and is_algo(found):
        return None
    return found if is_order(found) else None


def rows_of(asked: Asked, orders: Iterable[Order]) -> list[Json]:
    """Orders as queries show them."""
    listings = asked.floor.exchange.listings
    return [order_row(each, listings[each.wanted.symbol], asked.records) for each in orders]


def each_of(
    asked: Asked, act: Callable[[Asked, Parameters], Json], names: Sequence[str] = ("ordId", "clOrdId")
) -> list[Json]:
    """What `act` does to each row of the call; one that fails does not touch the others."""
    if len(asked.rows) > BATCH:
        raise errors.TOO_MANY_ROWS(BATCH)
    if not asked.rows:
        raise errors.EMPTY("args")
    return [_result(asked, each, act, names) for each in asked.rows]


def _result(
    asked: Asked,
    sent: Parameters,
    act: Callable[[Asked, Parameters], Json],
    names: Sequence[str],
) -> Json:
    row = {**dict.fromkeys(names, ""), "tag": "", "ts": ms(asked.now), "sCode": "0", "sMsg": ""}
    try:
        return {**row, **act(asked, sent)}
    except Rejected as rejection:
        named = {name: _readable(sent, name) for name in names}
        return {**row, **named, "sCode": rejection.code, "sMsg": rejection.text}


def _readable(sent: Parameters, name: str) -> str:
    try:
        return sent.text(name)
    except Rejected:
        return ""


def listing_of(asked: Asked, sent: Parameters) -> Listing:
    """The listing that a row is about."""
    if not sent.text("instId"):
        raise errors.WRONG("instId")
    return asked.floor.exchange.listings[asked.instruments.find(sent.text("instId"))]


def _place(asked: Asked, sent: Parameters) -> Json:
    listing = listing_of(asked, sent)
    wanted = wanted_order(sent, listing)
    order = entered(asked, wanted, listing)
    return {"ordId": str(order.order_id), "clOrdId": client_id(order.client_id), "tag": sent.text("tag")}


def entered(asked: Asked, wanted: Wanted, listing: Listing) -> Order:
    """The order as it is after it was entered."""
    try:
        return asked.floor.exchange.place(asked.account, wanted, asked.now)[-1].order
    except Refusal as refusal:
        raise _refused(refusal, wanted, listing) from None


def _refused(refusal: Refusal, wanted: Wanted, listing: Listing) -> Rejected:
    if refusal.problem in (Problem.INSUFFICIENT_BALANCE, Problem.INSUFFICIENT_MARGIN):
        sells = listing.is_spot and wanted.side == "SELL"
        return errors.refused(refusal, listing.base if sells else listing.quote)
    if refusal.problem is Problem.WOULD_TRIGGER:
        return errors.WRONG_SIDE[wanted.kind in TAKES_PROFIT, wanted.side]()
    too_small = wanted.quantity is not None and wanted.quantity < listing.min_quantity
    if too_small and refusal.problem in (Problem.LOT_SIZE, Problem.PRECISION):
        return errors.BELOW_MINIMUM()
    return errors.refused(refusal)


def _cancel(asked: Asked, sent: Parameters) -> Json:
    symbol, order = _named(asked, sent)
    if order is None:
        raise errors.NOT_THERE()
    if not order.open:
        raise _ENDED.get(order.state, errors.NOT_THERE)()
    asked.floor.exchange.cancel(asked.account, symbol=symbol, now=asked.now, order_id=order.order_id)
    return _ids(order)


def _amend(asked: Asked, sent: Parameters) -> Json:
    symbol, order = _named(asked, sent)
    size, price = sent.amount("newSz"), sent.amount("newPx")
    if size is None and price is None:
        raise errors.NOTHING_NEW()
    if order is None:
        raise errors.AMENDS_NOTHING()
    if not order.open:
        raise _AMENDS_ENDED.get(order.state, errors.AMENDS_NOTHING)()
    try:
        asked.floor.exchange.amend(
            asked.account, symbol=symbol, now=asked.now, order_id=order.order_id, quantity=size, price=price
        )
    except Refusal as refusal:
        raise _refused(refusal, order.wanted, asked.floor.exchange.listings[symbol]) from None
    return {**_ids(order), "reqId": sent.text("reqId")}


def _named(asked: Asked, sent: Parameters) -> tuple[str, Order | None]:
    symbol = listing_of(asked, sent).symbol
    if not sent.text("ordId") and not sent.text("clOrdId"):
        raise errors.NO_IDS()
    return symbol, find(asked, sent, symbol)


def _ids(order: Order) -> Json:
    own = "" if is_algo(order) else client_id(order.client_id)
    return {"ordId": str(order.order_id), "clOrdId": own}


def _shown(asked: Asked, of_symbol: Callable[[str], list[Order]]) -> list[Json]:
    found = [each for symbol in asked.wanted() for each in of_symbol(symbol)]
    state, kinds = asked.sent.text("state"), asked.sent.text("ordType").split(",")
    orders = [
        each
        for each in sorted(found, key=lambda each: each.order_id, reverse=True)
        if is_order(each) and asked.floor.shows(each) and state in ("", state_of(each))
    ]
    rows = [each for each in rows_of(asked, orders) if kinds == [""] or each["ordType"] in kinds]
    return page(rows, asked.sent, number="ordId", time="uTime", limit=_ROWS)
