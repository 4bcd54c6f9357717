"""Orders in OKX v5's words, and what its answers prove of them.

A stop is an algo order with ids of its own; once triggered it becomes an order, which names the stop it came from.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.connectors.dialect import Listed, Verdict
from workbench.connectors.dialects.okx_reports import algo_heard, order_heard
from workbench.connectors.dialects.okx_words import (
    DONE,
    NO_SUCH_ORDER,
    Ack,
    Algo,
    Order,
    Reply,
    kind_of,
    reply,
    rows,
    shown,
    taken,
)
from workbench.connectors.dialects.reading import Reading
from workbench.connectors.heard import HeardOrder
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.money import to_text
from workbench.core.order import OrderType, TimeInForce
from workbench.core.ports import Outcome

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_FORCES = {TimeInForce.GTC: "limit", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
_PAGE = 100  # open orders of a page, the most there are
_AT_MARKET = "-1"  # what a stop sends instead of a price

# Refused before anything was executed, each for a fault of the request or of its pace.
_FAULTS = frozenset(map(str, (50000, 50002, 50006, 50012, 50014, 50015, 50016, 50024, 50025, 50027, 50028, 50044)))
_SLOWED = frozenset(map(str, (50011, 50040, 50061)))
_CLOCK = frozenset(map(str, (50036, 50102, 50107, 50112)))
_KEY = frozenset(map(str, (50100, 50101, 50103, 50104, 50105, 50106, 50110, 50111, 50113, 50114, 50119, 50120)))
_TERMS = frozenset(map(str, (51000, 51001, 51006, 51020, 51021, 51022, 51027, 51120, 51121, 51202, 51203)))
_REFUSED = _FAULTS | _SLOWED | _CLOCK | _KEY
# Of the codes for orders, those that prove nothing: timed out, in the book already under this id, being cancelled.
_UNKNOWN_FATE = frozenset(map(str, (51011, 51016, 51054, 51068, 51149, 51410)))


def place(order: OrderEvent, listed: Listed) -> Call:
    """The call that places an order, or a stop; raises Unsupported for a combination that OKX does not have."""
    if order.order_type in _STOPS:
        return _ordered("privatePostTradeOrderAlgo", _stop(order, listed))
    params = {**_named(order, listed), "clOrdId": order.order_id, "ordType": _kind(order)}
    if order.order_type is OrderType.LIMIT:
        params["px"] = _price(order, order.price_raw, "price")
    return _ordered("privatePostTradeOrder", params)


def amend(amend: AmendEvent, listed: Listed) -> Call:
    """The call that changes a resting order in place: `newSz` is the new total, what has traded included."""
    instrument = amend.instrument
    named: dict[str, Any] = {
        "instId": listed.market_id,
        "newSz": to_text(amend.quantity_raw, instrument.quantity_places),
    }
    price = None if amend.price_raw is None else to_text(amend.price_raw, instrument.price_places)
    if amend.stop_raw is None:
        params = {**named, "clOrdId": amend.order_id, **({"newPx": price} if price else {})}
        return _ordered("privatePostTradeAmendOrder", params)
    stop = to_text(amend.stop_raw, instrument.price_places)
    params = {**named, "algoClOrdId": amend.order_id, "newSlTriggerPx": stop, "newSlOrdPx": price or _AT_MARKET}
    return _ordered("privatePostTradeAmendAlgos", params)


def cancel(order_id: str, listed: Listed, *, stop: bool) -> Call:
    """The call that takes an order back, or a stop that waits."""
    if stop:
        row = {"instId": listed.market_id, "algoClOrdId": order_id}
        return Call(endpoint="privatePostTradeCancelAlgos", rows=(row,), urgency=Urgency.CANCEL)
    return _cancel({"instId": listed.market_id, "clOrdId": order_id})


def cancel_became(venue_order_id: str, listed: Listed) -> Call:
    """The call that takes back the order that a stop became."""
    return _cancel({"instId": listed.market_id, "ordId": venue_order_id})


def queries(order_id: str, listed: Listed) -> tuple[Call, ...]:
    """The calls that ask for an order by its client id: among orders, then among stops."""
    return (
        _fate("privateGetTradeOrder", instId=listed.market_id, clOrdId=order_id),
        _fate("privateGetTradeOrderAlgo", algoClOrdId=order_id),
    )


def _fate(endpoint: str, **params: Any) -> Call:
    return Call(endpoint=endpoint, params=params, urgency=Urgency.FATE)


def read_order(answer: Answer, listed: Listed) -> HeardOrder | Call | None:
    """The order, the call that asks for what the stop became, or None where the venue says that it knows none."""
    said = reply(answer)
    if said is not None and said.code == NO_SUCH_ORDER:
        return None
    with Reading("okx", answer.body):
        found = rows(answer, dict[str, Any])
        if not found:
            return None
        if "accFillSz" in found[0]:
            return order_heard(taken(found[0], Order))
        stop = taken(found[0], Algo)
        if stop.ord_id in ("", "0"):
            return algo_heard(stop)
    return _fate("privateGetTradeOrder", instId=listed.market_id, ordId=stop.ord_id)


OPEN_ORDERS = (
    Call(endpoint="privateGetTradeOrdersPending", params={"limit": str(_PAGE)}),
    Call(
        endpoint="privateGetTradeOrdersAlgoPending",
        params={"ordType": "conditional", "limit": str(_PAGE)},
    ),
)


def read_open_orders(answer: Answer) -> list[HeardOrder]:
    """Every open order of a page, or every stop that waits."""
    with Reading("okx", answer.body):
        return [
            order_heard(taken(each, Order)) if "accFillSz" in each else algo_heard(taken(each, Algo))
            for each in rows(answer, dict[str, Any])
        ]


def further_open_orders(answer: Answer) -> Call | None:
    """The call for the next page, None after the last."""
    page = rows(answer, dict[str, Any])
    if len(page) < _PAGE:
        return None
    first = OPEN_ORDERS[0 if "accFillSz" in page[-1] else 1]
    after = page[-1]["ordId" if "accFillSz" in page[-1] else "algoId"]
    return msgspec.structs.replace(first, params={**first.params, "after": after})


def verdict(answer: Answer, order_id: str) -> Verdict:
    """What an answer to a placed, amended or cancelled order proves; all that is no proof is UNKNOWN."""
    said = reply(answer)
    if said is None:
        if answer.status == 429:
            return Verdict(outcome=Outcome.REJECTED, code="429", reason=f"too fast: {shown(answer)}")
        return Verdict(
            outcome=Outcome.UNKNOWN, code=str(answer.status), reason=f"status {answer.status}: {shown(answer)}"
        )
    try:
        acks = msgspec.json.decode(said.data, type=list[Ack])
    except msgspec.DecodeError as error:
        return Verdict(outcome=Outcome.UNKNOWN, code=said.code, reason=f"{error}: {shown(answer)}")
    if len(acks) != 1:
        return _judged(said.code, said.msg)
    return _accepted(acks[0], order_id) if acks[0].s_code == DONE else _judged(*_fault(acks[0], said))


def _ordered(endpoint: str, params: dict[str, Any]) -> Call:
    return Call(endpoint=endpoint, params=params, urgency=Urgency.ORDER, orders=1)


def _cancel(params: dict[str, Any]) -> Call:
    return Call(endpoint="privatePostTradeCancelOrder", params=params, urgency=Urgency.CANCEL)


def _named(order: OrderEvent, listed: Listed) -> dict[str, Any]:
    """What orders and stops share. On spot nothing can be reduced below nothing, so that wish is left unsaid."""
    spot = kind_of(listed.market_id) == "SPOT"
    terms: dict[str, Any] = {
        "instId": listed.market_id,
        "tdMode": "cash" if spot else "cross",
        "side": order.side.value,
        "sz": to_text(order.quantity_raw, order.instrument.quantity_places),
    }
    if spot and order.order_type in (OrderType.MARKET, OrderType.STOP):
        terms["tgtCcy"] = "base_ccy"  # a market buy is counted in quote currency otherwise
    if order.reduce_only and not spot:
        terms["reduceOnly"] = True
    return terms


def _kind(order: OrderEvent) -> str:
    if order.post_only:
        if order.order_type is not OrderType.LIMIT or order.time_in_force is not TimeInForce.GTC:
            raise Unsupported(f"okx: only a limit order until cancelled can be post-only, not {order.order_type}")
        return "post_only"
    return "market" if order.order_type is OrderType.MARKET else _FORCES[order.time_in_force]


def _stop(order: OrderEvent, listed: Listed) -> dict[str, Any]:
    if order.post_only or order.time_in_force is not TimeInForce.GTC:
        raise Unsupported("okx: a stop becomes a plain market or limit order, neither post-only nor for an instant")
    price = _AT_MARKET if order.order_type is OrderType.STOP else _price(order, order.price_raw, "price")
    return {
        **_named(order, listed),
        "ordType": "conditional",
        "algoClOrdId": order.order_id,
        "clOrdId": order.order_id,
        "slTriggerPx": _price(order, order.stop_raw, "stop"),
        "slTriggerPxType": "last",
        "slOrdPx": price,
    }


def _price(order: OrderEvent, raw: int | None, what: str) -> str:
    if raw is None:
        raise DataError(f"okx: order {order.order_id}: a {order.order_type} order needs a {what}")
    return to_text(raw, order.instrument.price_places)


def _fault(ack: Ack, said: Reply) -> tuple[str, str]:
    return ack.s_code, ack.s_msg or said.msg


def _accepted(ack: Ack, order_id: str) -> Verdict:
    named = {ack.cl_ord_id, ack.algo_cl_ord_id} - {""}
    if named and order_id not in named:
        return Verdict(outcome=Outcome.UNKNOWN, reason=f"the answer is about another order, {sorted(named)}")
    return Verdict(outcome=Outcome.ACCEPTED, venue_order_id=ack.ord_id or ack.algo_id)


def _judged(code: str, reason: str) -> Verdict:
    refused = code in _REFUSED or (code.startswith("51") and code not in _UNKNOWN_FATE)
    return Verdict(
        outcome=Outcome.REJECTED if refused else Outcome.UNKNOWN,
        code=code,
        reason=reason,
        stale_terms=code in _TERMS,
        clock=code in _CLOCK,
        key=code in _KEY,
    )
