"""Answers about stops, which OKX calls algo orders: conditional ones and trigger orders."""

from __future__ import annotations

from workbench.twin.okx import errors
from workbench.twin.okx.asked import Asked
from workbench.twin.okx.errors import Rejected
from workbench.twin.okx.formats import CLIENT_ID, Json, client_id
from workbench.twin.okx.order_terms import wanted_stop
from workbench.twin.okx.orders import ALGO_IDS, algo_id, algo_row, algo_state, algo_type, is_algo
from workbench.twin.okx.paging import page
from workbench.twin.okx.parameters import Parameters
from workbench.twin.okx.trading import each_of, entered, listing_of
from workbench.twin.words import Order, Refusal

_NAMES = ("algoId", "algoClOrdId", "clOrdId")
_ROWS = 100


def place(asked: Asked) -> list[Json]:
    """New stops, each for itself."""
    return each_of(asked, _place, _NAMES)


def cancel(asked: Asked) -> list[Json]:
    """Takes stops back that have not triggered, each for itself."""
    return each_of(asked, _cancel, _NAMES)


def query(asked: Asked) -> list[Json]:
    """One stop, by its id or its client id."""
    if not asked.sent.text("algoId") and not asked.sent.text("algoClOrdId"):
        raise errors.EITHER_EMPTY("algoId", "algoClOrdId")
    for symbol in asked.wanted():
        found = _find(asked, asked.sent, symbol)
        if found is not None and asked.floor.shows(found):
            return _rows(asked, [found])
    raise errors.NO_SUCH_ORDER()


def pending(asked: Asked) -> list[Json]:
    """Stops that wait for their price, newest first."""
    return _shown(asked, ("live",))


def history(asked: Asked) -> list[Json]:
    """Stops that have triggered or ended, newest first."""
    if not asked.sent.text("state") and not asked.sent.text("algoId"):
        raise errors.EITHER_EMPTY("state", "algoId")
    return _shown(asked, ("effective", "canceled"))


def _place(asked: Asked, sent: Parameters) -> Json:
    listing = listing_of(asked, sent)
    printed = asked.floor.exchange.prints(listing.symbol, 1)
    last = printed[-1].price if printed else asked.floor.exchange.mark_price(listing.symbol)
    wanted, trigger = wanted_stop(sent, listing, last=last)
    try:
        with asked.records.placing(trigger=trigger):
            order = entered(asked, wanted, listing)
    except Rejected as rejection:
        raise errors.DUPLICATE_ALGO() if rejection.code == errors.DUPLICATE.code else rejection from None
    return {"algoId": algo_id(order), "algoClOrdId": client_id(order.client_id), "tag": sent.text("tag")}


def _cancel(asked: Asked, sent: Parameters) -> Json:
    symbol = listing_of(asked, sent).symbol
    if not sent.text("algoId") and not sent.text("algoClOrdId"):
        raise errors.NO_IDS()
    order = _find(asked, sent, symbol)
    if order is None or not order.waiting:
        raise errors.NOT_THERE()
    asked.floor.exchange.cancel(asked.account, symbol=symbol, now=asked.now, order_id=order.order_id)
    return {"algoId": algo_id(order), "algoClOrdId": client_id(order.client_id)}


def _find(asked: Asked, sent: Parameters, symbol: str) -> Order | None:
    number, own = sent.whole("algoId"), sent.matching("algoClOrdId", CLIENT_ID)
    order_id = None if number is None else number - ALGO_IDS
    try:
        found = asked.floor.exchange.order(
            asked.account, symbol=symbol, order_id=order_id, client_id=None if number is not None else own
        )
    except Refusal:
        return None
    return found if is_algo(found) else None


def _shown(asked: Asked, states: tuple[str, ...]) -> list[Json]:
    kinds, state = asked.sent.needed("ordType").split(","), asked.sent.text("state")
    number = asked.sent.whole("algoId")
    found = [each for symbol in asked.wanted() for each in asked.floor.exchange.all_orders(asked.account, symbol)]
    chosen = [
        each
        for each in sorted(found, key=lambda each: each.order_id, reverse=True)
        if is_algo(each)
        and algo_state(each) in states
        and state in ("", algo_state(each))
        and number in (None, each.order_id + ALGO_IDS)
        and algo_type(each, asked.records) in kinds
        and asked.floor.shows(each)
    ]
    return page(_rows(asked, chosen), asked.sent, number="algoId", time="cTime", limit=_ROWS)


def _rows(asked: Asked, orders: list[Order]) -> list[Json]:
    listings = asked.floor.exchange.listings
    return [algo_row(each, listings[each.wanted.symbol], asked.records) for each in orders]
