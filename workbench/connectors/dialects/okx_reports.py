"""What OKX v5 says of orders, stops and own trades, in words of ours."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.connectors.dialects.okx_words import Algo, Order, OwnTrade, charged, given
from workbench.connectors.dialects.reading import millis
from workbench.connectors.heard import Heard, HeardFill, HeardOrder
from workbench.core.errors import DataError
from workbench.core.order import OrderStatus, Side

_FORCED = frozenset({"full_liquidation", "partial_liquidation", "adl", "delivery"})
# What own trades write of the same: liquidations in part and whole, and what was taken for others' profit.
_FORCED_TRADES = frozenset(str(kind) for kind in (*range(100, 108), *range(112, 114), *range(125, 129)))

_STATES = {
    "live": OrderStatus.ACKNOWLEDGED,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "mmp_canceled": OrderStatus.CANCELLED,
}
_STOP_STATES = {
    "live": OrderStatus.ACKNOWLEDGED,
    "pause": OrderStatus.ACKNOWLEDGED,
    "partially_effective": OrderStatus.ACKNOWLEDGED,
    "effective": OrderStatus.ACKNOWLEDGED,  # it became an order, which reports for itself
    "order_placed": OrderStatus.ACKNOWLEDGED,
    "filled": OrderStatus.ACKNOWLEDGED,
    "canceled": OrderStatus.CANCELLED,
    "order_failed": OrderStatus.REJECTED,
    "partially_failed": OrderStatus.REJECTED,
}
_AT_ONCE = frozenset({"market", "ioc", "fok", "optimal_limit_ioc"})  # what of these does not trade at once expires
_BY_US = "1"
_WOULD_TAKE = "31"  # a post-only order, refused only after it was taken in
_SOURCES = {_WOULD_TAKE: "it would have taken", "32": "self-trade prevention"}


def reported(order: Order) -> Iterator[Heard]:
    """What a push about an order says: its last trade, if that is what happened, and how it stands.

    An order that the venue made to close a position by force is told by its trades alone: nobody here ordered it.
    """
    forced = order.category in _FORCED
    fill = _last_trade(order, forced=forced)
    if fill is not None:
        yield fill
    if not forced:
        yield order_heard(order)


def order_heard(order: Order) -> HeardOrder:
    """How an order stands, under our id also where it came from a stop."""
    status = _STATES.get(order.state)
    if status is None:
        raise DataError(f"okx: order state {order.state!r} is unknown; expected one of {', '.join(_STATES)}")
    ended = status is OrderStatus.CANCELLED
    return HeardOrder(
        market_id=order.inst_id,
        order_id=order.algo_cl_ord_id or order.cl_ord_id,
        venue_order_id=order.ord_id,
        status=_end(order) if ended else status,
        at=millis(order.u_time),
        quantity=None if order.tgt_ccy == "quote_ccy" else given(order.sz),
        price=given(order.px),
        filled=order.acc_fill_sz or "0",
        reason=_reason(order) if ended else "",
    )


def algo_heard(stop: Algo) -> HeardOrder:
    """How a stop stands."""
    if stop.state not in _STOP_STATES:
        raise DataError(f"okx: stop state {stop.state!r} is unknown; expected one of {', '.join(_STOP_STATES)}")
    became = stop.ord_id if stop.ord_id != "0" else ""
    return HeardOrder(
        market_id=stop.inst_id,
        order_id=stop.algo_cl_ord_id,
        venue_order_id=became or stop.algo_id,
        status=_STOP_STATES[stop.state],
        at=millis(stop.u_time or stop.trigger_time or stop.c_time),
        quantity=given(stop.sz),
        price=given(stop.sl_ord_px or stop.ord_px),
        stop=given(stop.sl_trigger_px or stop.trigger_px),
        reason="" if stop.fail_code in ("", "0") else f"{stop.fail_code} {stop.fail_reason}".strip(),
    )


def own_trade(trade: OwnTrade) -> HeardFill:
    """A trade of this account; of its order the venue's id counts, since one that came from a stop has no other."""
    return HeardFill(
        market_id=trade.inst_id,
        order_id="",
        venue_order_id=trade.ord_id,
        trade_id=trade.trade_id,
        side=Side(trade.side),
        quantity=trade.fill_sz,
        price=trade.fill_px,
        fee=charged(trade.fee),
        fee_currency=trade.fee_ccy,
        maker=trade.exec_type == "M",
        at=millis(trade.fill_time or trade.ts),
        forced=trade.sub_type in _FORCED_TRADES,
    )


def _last_trade(order: Order, *, forced: bool) -> HeardFill | None:
    """The trade that a push is about; None where it is about none, or does not tell what that one cost."""
    if order.trade_id in ("", "0") or given(order.fill_sz) in (None, "0"):
        return None
    fee, currency = order.fill_fee, order.fill_fee_ccy
    if fee is None:
        if order.fill_sz != order.acc_fill_sz:
            return None  # the order's fees so far are of several trades: own trades tell them apart
        fee, currency = order.fee, order.fee_ccy
    return HeardFill(
        market_id=order.inst_id,
        order_id="" if forced else order.algo_cl_ord_id or order.cl_ord_id,
        venue_order_id=order.ord_id,
        trade_id=order.trade_id,
        side=Side(order.side),
        quantity=order.fill_sz,
        price=order.fill_px,
        fee=charged(fee),
        fee_currency=currency,
        maker=order.exec_type == "M",
        at=millis(order.fill_time or order.u_time),
        forced=forced,
    )


def _end(order: Order) -> OrderStatus:
    if order.cancel_source == _WOULD_TAKE:
        return OrderStatus.REJECTED
    if order.ord_type in _AT_ONCE and order.cancel_source != _BY_US:
        return OrderStatus.EXPIRED
    return OrderStatus.CANCELLED


def _reason(order: Order) -> str:
    return order.cancel_source_reason or _SOURCES.get(order.cancel_source, "")
