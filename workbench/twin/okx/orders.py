"""Orders, stops and fills in OKX's words.

A stop is an algo order of its own id; once triggered it is also an order, which carries the id of the algo order and
no client id of its own.
"""

from __future__ import annotations

from decimal import Decimal

from workbench.twin.okx.formats import SPOT, Json, client_id, flag, kind_of, ms, native_id, number, product, ratio
from workbench.twin.okx.records import Fill, Records
from workbench.twin.ticket import BY_MARKET, STOPS
from workbench.twin.words import Force, Listing, Order, OrderKind, OwnTrade, SelfTrade, State

ALGO_IDS = 1_000_000_000  # algo ids begin here, so that none is an order id too
LIQUIDATION = "liquidation-"  # how client ids of the exchange's own closing orders begin

_STATES = {
    State.NEW: "live",
    State.PARTIALLY_FILLED: "partially_filled",
    State.FILLED: "filled",
    State.CANCELED: "canceled",
    State.EXPIRED: "canceled",
    State.EXPIRED_IN_MATCH: "canceled",
    State.REJECTED: "canceled",
}
_BY_USER, _BY_SYSTEM, _FOK, _IOC, _PREVENTED = "1", "0", "13", "14", "32"  # cancelSource
TAKES_PROFIT = frozenset({OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT})
_STP = {
    SelfTrade.EXPIRE_MAKER: "cancel_maker",
    SelfTrade.EXPIRE_TAKER: "cancel_taker",
    SelfTrade.EXPIRE_BOTH: "cancel_both",
}
# Fields of an order row that this exchange has nothing to say for.
_BLANK = dict.fromkeys(
    [
        *("amendSource", "attachAlgoClOrdId", "cancelSourceReason", "pxType", "pxUsd", "pxVol", "quickMgnType"),
        *("slOrdPx", "slTriggerPx", "slTriggerPxType", "stpId", "tpOrdPx", "tpTriggerPx", "tpTriggerPxType", "tag"),
    ],
    "",
)


def state_of(order: Order) -> str:
    """The state of an order that works or has worked."""
    return _STATES[order.state]


def is_algo(order: Order) -> bool:
    """Whether it was asked for as a stop."""
    return order.wanted.kind in STOPS


def is_order(order: Order) -> bool:
    """Whether it is an order as OKX sees it: not a stop, or one that has triggered."""
    return not is_algo(order) or order.working_since > 0


def algo_id(order: Order) -> str:
    """A stop's own id."""
    return str(ALGO_IDS + order.order_id)


def order_row(order: Order, listing: Listing, records: Records) -> Json:
    """An order as queries and pushes show it."""
    wanted, fills, stop = order.wanted, records.of_order(order.order_id), is_algo(order)
    last = fills.last
    by_money = wanted.quote_quantity is not None
    row = {
        "accFillSz": number(order.filled),
        "algoClOrdId": client_id(order.client_id) if stop else "",
        "algoId": algo_id(order) if stop else "",
        "attachAlgoOrds": [],
        "avgPx": number(_average(order, listing)) if order.filled else "",
        "cTime": ms(order.working_since if stop else order.created),
        "cancelSource": _cancel_source(order),
        "category": "full_liquidation" if order.client_id.startswith(LIQUIDATION) else "normal",
        "ccy": "" if listing.is_spot else listing.quote,
        "clOrdId": "" if stop else client_id(order.client_id),
        "fee": number(fills.fee.copy_negate()),
        "feeCcy": last.commission_asset if last else _fee_currency(order, listing),
        "fillPx": number(last.print.price) if last else "",
        "fillSz": number(last.print.quantity) if last else "0",
        "fillTime": ms(last.print.at) if last else "",
        "instId": native_id(listing),
        "instType": kind_of(listing),
        "isTpLimit": "false",
        "lever": "" if listing.is_spot else str(listing.leverage),
        "linkedAlgoOrd": {"algoId": algo_id(order) if stop else ""},
        "ordId": str(order.order_id),
        "ordType": _order_type(order),
        "pnl": "0",
        "posSide": "net",
        "px": number(order.price) if order.price else "",
        "rebate": "0",
        "rebateCcy": listing.quote,
        "reduceOnly": flag(wanted.reduce_only),
        "side": wanted.side.lower(),
        "source": ("6" if records.is_trigger(order.order_id) else "7") if stop else "",
        "state": state_of(order),
        "stpMode": _STP.get(wanted.stp or listing.stp_default, ""),
        "sz": number(wanted.quote_quantity if by_money else order.quantity),
        "tdMode": "cash" if listing.is_spot else "cross",
        "tgtCcy": ("quote_ccy" if by_money else "base_ccy") if _has_target(order, listing) else "",
        "tradeId": str(last.print.trade_id) if last else "",
        "uTime": ms(order.updated),
    }
    return {**_BLANK, **row}


def pushed_row(order: Order, listing: Listing, records: Records, *, trade: OwnTrade | None, amended: bool) -> Json:
    """An order as the account's socket tells it: with the trade that happened, if one did."""
    row = order_row(order, listing, records)
    told = {
        "amendResult": "0" if amended else "",
        "code": "0",
        "execType": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "lastPx": row["fillPx"],
        "msg": "",
        "notionalUsd": number(product(order.price, order.quantity, size_of(listing))),
        "reqId": "",
    }
    if trade is None:
        return {**row, **told, "fillPx": "", "fillSz": "0", "fillTime": "", "tradeId": "", "fillNotionalUsd": ""}
    charged = trade.commission.copy_negate()
    told |= {"execType": _role(trade), "fillFee": number(charged), "fillFeeCcy": trade.commission_asset}
    turnover = product(trade.print.price, trade.print.quantity, size_of(listing))
    return {**row, **told, "fillNotionalUsd": number(turnover)}


def algo_row(order: Order, listing: Listing, records: Records) -> Json:
    """A stop as queries and pushes show it."""
    wanted = order.wanted
    trigger, worked = records.is_trigger(order.order_id), order.working_since > 0
    price = "-1" if wanted.kind in BY_MARKET else number(order.price)
    stop = number(wanted.stop_price)
    sides = {"sl": ("", ""), "tp": ("", "")}
    if not trigger:
        sides["tp" if wanted.kind in TAKES_PROFIT else "sl"] = (stop, price)
    return {
        "activePx": "",
        "actualPx": number(order.price) if worked and order.price else "",
        "actualSide": ("tp" if wanted.kind in TAKES_PROFIT else "sl") if worked and not trigger else "",
        "actualSz": number(order.quantity) if worked else "0",
        "algoClOrdId": client_id(order.client_id),
        "algoId": algo_id(order),
        "cTime": ms(order.created),
        "ccy": "" if listing.is_spot else listing.quote,
        "clOrdId": "",
        "closeFraction": "",
        "failCode": "",
        "instId": native_id(listing),
        "instType": kind_of(listing),
        "last": "",
        "lever": "" if listing.is_spot else str(listing.leverage),
        "ordId": str(order.order_id) if worked else "",
        "ordIdList": [str(order.order_id)] if worked else [],
        "ordPx": price if trigger else "",
        "ordType": algo_type(order, records),
        "posSide": "net",
        "reduceOnly": flag(wanted.reduce_only),
        "side": wanted.side.lower(),
        "slOrdPx": sides["sl"][1],
        "slTriggerPx": sides["sl"][0],
        "slTriggerPxType": "last" if sides["sl"][0] else "",
        "state": algo_state(order),
        "sz": number(order.quantity),
        "tag": "",
        "tdMode": "cash" if listing.is_spot else "cross",
        "tgtCcy": "base_ccy" if _has_target(order, listing) else "",
        "tpOrdPx": sides["tp"][1],
        "tpTriggerPx": sides["tp"][0],
        "tpTriggerPxType": "last" if sides["tp"][0] else "",
        "triggerPx": stop if trigger else "",
        "triggerPxType": "last" if trigger else "",
        "triggerTime": ms(order.working_since) if worked else "",
        "uTime": ms(order.updated),
    }


def algo_state(order: Order) -> str:
    """The state of a stop: live until it triggers or is taken back."""
    if order.working_since:
        return "effective"
    return "live" if order.waiting else "canceled"


def algo_type(order: Order, records: Records) -> str:
    """What a stop was asked for as."""
    return "trigger" if records.is_trigger(order.order_id) else "conditional"


def fill_row(fill: Fill, listing: Listing, order: Order | None) -> Json:
    """A trade of the account; `order` is the one it belongs to, where it is still remembered."""
    trade = fill.trade
    buying = trade.side == "BUY"
    subtype = ("106" if buying else "107") if trade.forced else "1" if buying else "2"
    return {
        "billId": str(fill.bill),
        "clOrdId": "" if order is not None and is_algo(order) else client_id(trade.client_id),
        "execType": _role(trade),
        "fee": number(trade.commission.copy_negate()),
        "feeCcy": trade.commission_asset,
        "feeRate": number((listing.maker if trade.maker else listing.taker).copy_negate()),
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillPnl": "0",
        "fillPx": number(trade.print.price),
        "fillSz": number(trade.print.quantity),
        "fillTime": ms(trade.print.at),
        "instId": native_id(listing),
        "instType": kind_of(listing),
        "ordId": str(trade.order_id),
        "posSide": "net",
        "side": trade.side.lower(),
        "subType": subtype,
        "tag": "",
        "tradeId": str(trade.print.trade_id),
        "ts": ms(trade.print.at),
    }


def size_of(listing: Listing) -> Decimal:
    """Base currency in one unit of quantity."""
    return Decimal(1) if listing.is_spot else listing.contract_size


def _average(order: Order, listing: Listing) -> Decimal:
    return ratio(order.spent, product(order.filled, size_of(listing)))


def _order_type(order: Order) -> str:
    wanted = order.wanted
    if wanted.kind in BY_MARKET:
        return "market"
    if wanted.kind is OrderKind.LIMIT_MAKER:
        return "post_only"
    return "limit" if wanted.force is Force.GTC else wanted.force.value.lower()


def _cancel_source(order: Order) -> str:
    if state_of(order) != "canceled":
        return ""
    if order.state is State.CANCELED:
        return _BY_USER
    if order.state is State.EXPIRED_IN_MATCH:
        return _PREVENTED
    if order.wanted.force is Force.FOK:
        return _FOK
    return _IOC if order.wanted.force is Force.IOC or order.wanted.kind in BY_MARKET else _BY_SYSTEM


def _fee_currency(order: Order, listing: Listing) -> str:
    return listing.base if listing.is_spot and order.wanted.side == "BUY" else listing.quote


def _has_target(order: Order, listing: Listing) -> bool:
    return kind_of(listing) == SPOT and order.wanted.kind in BY_MARKET


def _role(trade: OwnTrade) -> str:
    return "M" if trade.maker else "T"
