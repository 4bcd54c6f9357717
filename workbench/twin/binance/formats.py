"""Orders, trades and numbers in Binance's own words: amounts as text with 8 decimals, times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.core.money import round_scaled
from workbench.twin.binance import errors
from workbench.twin.words import Execution, Happened, Listing, Order, OwnTrade, Print, SelfTrade

PLACES = 8
_ONE = 10**PLACES
_MILLISECOND = 1_000_000

Json = dict[str, Any]


class Symbols:
    """Binance's names of the spot listings, both ways."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self.unified = {each.base + each.quote: each.symbol for each in listings.values() if each.is_spot}
        self.native = {unified: native for native, unified in self.unified.items()}

    def find(self, native: str) -> str:
        """The unified symbol; raises ApiError where it is not listed."""
        unified = self.unified.get(native)
        if unified is None:
            raise errors.INVALID_SYMBOL()
        return unified


def amount(value: Decimal | None) -> str:
    """A number as Binance writes it: 8 decimals, digits beyond cut off."""
    return units(0 if value is None else round_scaled(value, PLACES, up=False))


def units(scaled: int) -> str:
    """The text of a number of units of 10^-8."""
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), _ONE)
    return f"{sign}{whole}.{rest:08d}"


def ms(ns: int) -> int:
    """Milliseconds of UTC nanoseconds."""
    return ns // _MILLISECOND


def placed(order: Order, native: str, *, detail: str, trades: list[OwnTrade]) -> Json:
    """The answer to a new order; `detail` is ACK, RESULT or FULL."""
    brief = {
        "symbol": native,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": ms(order.updated),
    }
    if detail == "ACK":
        return brief
    whole = {**brief, **_amounts(order), "workingTime": _working(order), **_stp(order)}
    return whole if detail == "RESULT" else {**whole, "fills": [_fill(each) for each in trades]}


def cancelled(order: Order, native: str, *, cancel_id: str) -> Json:
    """The answer to a cancel."""
    return {
        "symbol": native,
        "origClientOrderId": order.client_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": ms(order.updated),
        **_amounts(order),
        **_stp(order),
    }


def queried(order: Order, native: str) -> Json:
    """An order as queries show it."""
    return {
        "symbol": native,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_amounts(order),
        "stopPrice": amount(order.wanted.stop_price),
        "icebergQty": amount(order.wanted.iceberg),
        "time": ms(order.created),
        "updateTime": ms(order.updated),
        "isWorking": not order.waiting,
        "workingTime": _working(order),
        **_stp(order),
    }


def own_trade(trade: OwnTrade, native: str) -> Json:
    """A row of myTrades."""
    public = trade.print
    return {
        "symbol": native,
        "id": public.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": amount(public.price),
        "qty": amount(public.quantity),
        "quoteQty": turnover(public),
        "commission": amount(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": ms(public.at),
        "isBuyer": trade.side == "BUY",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def public_trade(trade: Print) -> Json:
    """A row of trades."""
    return {
        "id": trade.trade_id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": turnover(trade),
        "time": ms(trade.at),
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def turnover(trade: Print) -> str:
    """Price times quantity."""
    price, quantity = round_scaled(trade.price, PLACES, up=False), round_scaled(trade.quantity, PLACES, up=False)
    return units(price * quantity // _ONE)


def execution_report(execution: Execution, native: str, now: int) -> Json:
    """The user event for anything that happens to an order."""
    order, trade = execution.order, execution.trade
    wanted = order.wanted
    is_cancel = execution.what is Happened.CANCELED
    report = {
        "e": "executionReport",
        "E": ms(now),
        "s": native,
        "c": cancel_id_of(execution) if is_cancel else order.client_id,
        "S": wanted.side,
        "o": wanted.kind.value,
        "f": wanted.force.value,
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": amount(wanted.stop_price),
        "F": amount(wanted.iceberg),
        "g": -1,
        "C": order.client_id if is_cancel else "",
        "x": (Happened.NEW if execution.what is Happened.TRIGGERED else execution.what).value,
        "X": order.state.value,
        "r": "NONE",
        "i": order.order_id,
        "l": amount(trade.print.quantity if trade else None),
        "z": amount(order.filled),
        "L": amount(trade.print.price if trade else None),
        "n": amount(trade.commission) if trade else "0",
        "N": trade.commission_asset if trade else None,
        "T": ms(execution.at),
        "t": trade.print.trade_id if trade else -1,
        "I": execution.execution_id,
        "w": order.open and not order.waiting,
        "m": trade.maker if trade else False,
        "M": False,
        "O": ms(order.created),
        "Z": amount(order.spent),
        "Y": turnover(trade.print) if trade else amount(None),
        "Q": amount(wanted.quote_quantity),
        "V": _stp_of(order).value,
    }
    return {**report, **_sometimes(execution)}


def cancel_id_of(execution: Execution) -> str:
    """The client id of a cancel: its own, else one that names the execution."""
    return execution.cancel_id or f"cancel-{execution.execution_id}"


def _sometimes(execution: Execution) -> Json:
    """Fields that only some reports carry."""
    order = execution.order
    found: Json = {}
    if order.working_since:
        found["W"] = ms(order.working_since)
    if order.wanted.trailing_bips is not None:
        found["d"] = order.wanted.trailing_bips
    if execution.what is Happened.TRADE_PREVENTION:
        found |= {"v": execution.execution_id, "A": amount(order.prevented), "B": amount(order.prevented)}
    if execution.what is Happened.EXPIRED and execution.reason:
        found["eR"] = execution.reason
    return found


def _amounts(order: Order) -> Json:
    return {
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.filled),
        "origQuoteOrderQty": amount(order.wanted.quote_quantity),
        "cummulativeQuoteQty": amount(order.spent),
        "status": order.state.value,
        "timeInForce": order.wanted.force.value,
        "type": order.wanted.kind.value,
        "side": order.wanted.side,
    }


def _stp(order: Order) -> Json:
    mode: Json = {"selfTradePreventionMode": _stp_of(order).value}
    return {**mode, "preventedQuantity": amount(order.prevented)} if order.prevented else mode


def _stp_of(order: Order) -> SelfTrade:
    return order.wanted.stp or SelfTrade.NONE


def _working(order: Order) -> int:
    return ms(order.working_since) if order.working_since else -1


def _fill(trade: OwnTrade) -> Json:
    return {
        "price": amount(trade.print.price),
        "qty": amount(trade.print.quantity),
        "commission": amount(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.print.trade_id,
    }
