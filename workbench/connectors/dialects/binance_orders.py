"""Orders in Binance spot's words, and what its answers prove of them.

Spot has no reduce-only: a sale cannot exceed what the account holds, so the wish is left unsaid.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.connectors.dialect import Listed, Verdict
from workbench.connectors.dialects.binance_words import Order, Refused, read, refusal, shown, status_of
from workbench.connectors.dialects.reading import millis
from workbench.connectors.heard import Heard, HeardFill, HeardOrder
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import OrderEvent
from workbench.core.money import to_text
from workbench.core.order import OrderStatus, OrderType, Side, TimeInForce
from workbench.core.ports import Outcome

_TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
}
_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})

_SLOWED = frozenset({418, 429})  # refused before anything was executed
_MAY_HAVE_WORKED = frozenset({408, 409})  # of the 4xx: the venue itself does not know
# Disconnected, timed out, overloaded, shutting down: the matching engine may have the order all the same.
_UNKNOWN_FATE = frozenset({-1000, -1001, -1004, -1006, -1007, -1008, -1016})
_CLOCK = frozenset({-1021})
_KEY = frozenset({-1002, -1022, -2014, -2015})
_TERMS = frozenset({-1013, -1111, -1121})
_UNKNOWN_ORDER = frozenset({-2011, -2013})
_IN_USE = "Duplicate order sent."  # an order with this id is open: whether it is this one, only a query tells
_CLOSED_FOR_WORK = "System is under maintenance."


def place(order: OrderEvent, listed: Listed) -> Call:
    """The call that places an order; its fills come with the answer.

    Raises Unsupported for a combination that Binance does not have.
    """
    kind, params = _TYPES[order.order_type], _named(order, listed)
    if order.post_only:
        if order.order_type is not OrderType.LIMIT or order.time_in_force is not TimeInForce.GTC:
            raise Unsupported(f"binance: only a limit order until cancelled can be post-only, not {order.order_type}")
        kind = "LIMIT_MAKER"
    elif order.order_type in _PRICED:
        params["timeInForce"] = order.time_in_force.value.upper()
    if order.order_type in _PRICED:
        params["price"] = _price(order, order.price_raw, "price")
    if order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT):
        params["stopPrice"] = _price(order, order.stop_raw, "stop")
    return Call(endpoint="privatePostOrder", params={**params, "type": kind}, urgency=Urgency.ORDER, weight=1, orders=1)


def cancel(order_id: str, listed: Listed) -> Call:
    """The call that takes an order back."""
    return Call(
        endpoint="privateDeleteOrder",
        params={"symbol": listed.market_id, "origClientOrderId": order_id},
        urgency=Urgency.CANCEL,
        weight=1,
    )


def query(order_id: str, listed: Listed) -> Call:
    """The call that asks for an order by its client id."""
    return Call(
        endpoint="privateGetOrder",
        params={"symbol": listed.market_id, "origClientOrderId": order_id},
        urgency=Urgency.FATE,
        weight=4,
    )


OPEN_ORDERS = Call(endpoint="privateGetOpenOrders", weight=80)  # of every symbol at once


def verdict(answer: Answer, order_id: str) -> Verdict:
    """What an answer to a placed or cancelled order proves; all that is not proof is UNKNOWN."""
    if answer.status == 200:
        return _accepted(answer, order_id)
    refused = refusal(answer)
    if answer.status in _SLOWED:
        return Verdict(outcome=Outcome.REJECTED, code=_code(answer, refused), reason=f"too fast: {shown(answer)}")
    if refused is None or not _proves_refusal(answer, refused):
        reason = f"status {answer.status}: {shown(answer)}"
        return Verdict(outcome=Outcome.UNKNOWN, code=_code(answer, refused), reason=reason)
    return Verdict(
        outcome=Outcome.REJECTED,
        code=str(refused.code),
        reason=refused.msg,
        stale_terms=refused.code in _TERMS,
        clock=refused.code in _CLOCK,
        key=refused.code in _KEY,
    )


def read_order(answer: Answer) -> HeardOrder | None:
    """The order asked for, None where the venue says that it knows none."""
    refused = refusal(answer) if answer.status != 200 else None
    if refused is not None and refused.code in _UNKNOWN_ORDER:
        return None
    return _order(read(answer, Order))


def read_open_orders(answer: Answer) -> list[HeardOrder]:
    """Every open order of the account."""
    return [_order(each) for each in read(answer, list[Order])]


def _named(order: OrderEvent, listed: Listed) -> dict[str, Any]:
    return {
        "symbol": listed.market_id,
        "side": order.side.value.upper(),
        "quantity": to_text(order.quantity_raw, order.instrument.quantity_places),
        "newClientOrderId": order.order_id,
        "newOrderRespType": "FULL",
    }


def _price(order: OrderEvent, raw: int | None, what: str) -> str:
    if raw is None:
        raise DataError(f"binance: order {order.order_id}: a {order.order_type} order needs a {what}")
    return to_text(raw, order.instrument.price_places)


def _accepted(answer: Answer, order_id: str) -> Verdict:
    try:
        order = read(answer, Order)
        heard, fills = _order(order), _fills(order)
    except DataError as error:
        return Verdict(outcome=Outcome.UNKNOWN, reason=str(error))
    if heard.order_id != order_id:
        return Verdict(outcome=Outcome.UNKNOWN, reason=f"the answer is about another order, {heard.order_id!r}")
    taken_in = msgspec.structs.replace(heard, status=OrderStatus.ACKNOWLEDGED, filled="0")  # before it traded
    return Verdict(outcome=Outcome.ACCEPTED, heard=(taken_in, *fills, heard) if fills else (heard,))


def _proves_refusal(answer: Answer, refused: Refused) -> bool:
    return (
        400 <= answer.status < 500
        and answer.status not in _MAY_HAVE_WORKED
        and refused.code not in _UNKNOWN_FATE
        and refused.msg not in (_IN_USE, _CLOSED_FOR_WORK)
    )


def _code(answer: Answer, refused: Refused | None) -> str:
    return str(answer.status if refused is None else refused.code)


def _order(order: Order) -> HeardOrder:
    return HeardOrder(
        market_id=order.symbol,
        order_id=order.orig_client_order_id or order.client_order_id,
        venue_order_id=str(order.order_id),
        status=status_of(order.status),
        at=millis(order.transact_time or order.update_time or order.time),
        quantity=order.orig_qty,
        price=given(order.price),
        stop=given(order.stop_price),
        filled=order.executed_qty,
        reason="self-trade prevention" if order.status == "EXPIRED_IN_MATCH" else "",
    )


def _fills(order: Order) -> list[Heard]:
    """The trades that a new order made at once; it took in all of them."""
    return [
        HeardFill(
            market_id=order.symbol,
            order_id=order.client_order_id,
            venue_order_id=str(order.order_id),
            trade_id=str(each.trade_id),
            side=Side(order.side.lower()),
            quantity=each.qty,
            price=each.price,
            fee=each.commission,
            fee_currency=each.commission_asset,
            maker=False,
            at=millis(order.transact_time),
        )
        for each in order.fills
    ]


def given(number: str) -> str | None:
    """A price, None where the venue writes 0 because the order has none."""
    return number if number.strip("0.") else None
