"""Answers to orders, cancels and questions about orders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from workbench.core.clock import DAY
from workbench.twin.binance import errors, formats
from workbench.twin.binance.asked import Asked
from workbench.twin.binance.errors import ApiError
from workbench.twin.binance.formats import Json
from workbench.twin.binance.order_terms import wanted_order
from workbench.twin.limits import Limited
from workbench.twin.words import Execution, Order, OrderKind, Problem, Refusal, Wanted

_FULL_BY_DEFAULT = frozenset({OrderKind.MARKET, OrderKind.LIMIT})
_DETAILS = ("ACK", "RESULT", "FULL")
_ROWS, _MOST_ROWS = 500, 1_000


def place(asked: Asked) -> Json:
    """A new order."""
    native, symbol = asked.symbol()
    wanted, detail = _wanted(asked, symbol)
    asked.sent.all_read()
    return _place(asked, wanted, native=native, detail=detail)


def test(asked: Asked) -> Json:
    """Checks an order's form and places nothing."""
    _, symbol = asked.symbol()
    _wanted(asked, symbol)
    asked.sent.text("computeCommissionRates")
    asked.sent.all_read()
    return {}


def query(asked: Asked) -> Json:
    """One order, by its id or its client id."""
    native, symbol = asked.symbol()
    order_id, client_id = _which(asked)
    try:
        order = asked.floor.exchange.order(asked.account, symbol=symbol, order_id=order_id, client_id=client_id)
    except Refusal:
        raise errors.NO_SUCH_ORDER() from None
    if not asked.floor.shows(order):
        raise errors.NO_SUCH_ORDER()
    return formats.queried(order, native)


def cancel(asked: Asked) -> Json:
    """Takes one order back."""
    native, symbol = asked.symbol()
    order_id, client_id = _which(asked)
    cancel_id = asked.sent.client_id("newClientOrderId") or ""
    return _cancel(asked, native=native, symbol=symbol, order_id=order_id, client_id=client_id, cancel_id=cancel_id)


def cancel_replace(asked: Asked) -> Json:
    """Takes one order back and places another; says what became of each."""
    native, symbol = asked.symbol()
    sent = asked.sent
    stops = sent.needed("cancelReplaceMode", "STOP_ON_FAILURE|ALLOW_FAILURE") == "STOP_ON_FAILURE"
    order_id, client_id = sent.whole("cancelOrderId"), sent.client_id("cancelOrigClientOrderId")
    if order_id is None and client_id is None:
        raise errors.EITHER_MISSING("cancelOrigClientOrderId", "cancelOrderId")
    wanted, detail = _wanted(asked, symbol)
    cancel_id = sent.client_id("cancelNewClientOrderId") or ""
    cancelling = partial(
        _cancel, asked, native=native, symbol=symbol, order_id=order_id, client_id=client_id, cancel_id=cancel_id
    )
    cancelled = _tried(cancelling)
    if stops and isinstance(cancelled, ApiError):
        return _both(cancelled, None)
    return _both(cancelled, _tried(partial(_place, asked, wanted, native=native, detail=detail)))


def open_orders(asked: Asked) -> list[Json]:
    """The account's open orders, of one symbol or of all."""
    native = asked.sent.text("symbol")
    symbol = None if native is None else asked.symbols.find(native)
    return _shown(asked, asked.floor.exchange.open_orders(asked.account, symbol))


def cancel_all(asked: Asked) -> list[Json]:
    """Takes back all open orders of a symbol."""
    native, symbol = asked.symbol()
    gone = asked.floor.exchange.cancel_all(asked.account, now=asked.now, symbol=symbol)
    if not gone:
        raise errors.refused(Refusal(Problem.UNKNOWN_ORDER))
    return [formats.cancelled(each, native, cancel_id=f"cancel-{each.order_id}") for each in gone]


def all_orders(asked: Asked) -> list[Json]:
    """Orders of a symbol, final ones too: the last ones, or from an id or a time on."""
    _, symbol = asked.symbol()
    sent = asked.sent
    first, start, end = sent.whole("orderId"), sent.instant("startTime"), sent.instant("endTime")
    check_span(start, end)
    limit = sent.limit(default=_ROWS, most=_MOST_ROWS)
    found = [
        each
        for each in asked.floor.exchange.all_orders(asked.account, symbol)
        if (first is None or each.order_id >= first)
        and (start is None or each.created >= start)
        and (end is None or each.created <= end)
    ]
    return _shown(asked, found[-limit:] if first is None and start is None else found[:limit])


def check_span(start: int | None, end: int | None) -> None:
    """Refuses histories of more than a day at once."""
    if start is not None and end is not None and not 0 <= end - start <= DAY:
        raise errors.SPAN_TOO_LONG(24)


def _wanted(asked: Asked, symbol: str) -> tuple[Wanted, str]:
    wanted = wanted_order(asked.sent, symbol)
    if wanted.stp is None:
        wanted = msgspec.structs.replace(wanted, stp=asked.floor.exchange.listings[symbol].stp_default)
    default = "FULL" if wanted.kind in _FULL_BY_DEFAULT else "ACK"
    detail = asked.sent.text("newOrderRespType") or default
    if detail not in _DETAILS:
        raise errors.INVALID_VALUE("newOrderRespType")
    asked.sent.text("strategyId")
    asked.sent.text("strategyType")
    return wanted, detail


def _place(asked: Asked, wanted: Wanted, *, native: str, detail: str) -> Json:
    asked.floor.meter.may_order(asked.account, asked.floor.clock.now())
    executions = asked.floor.exchange.place(asked.account, wanted, asked.now)
    trades = [each.trade for each in executions if each.trade is not None]
    return formats.placed(_after(executions), native, detail=detail, trades=trades)


def _after(executions: list[Execution]) -> Order:
    return executions[-1].order


def _cancel(
    asked: Asked, *, native: str, symbol: str, order_id: int | None, client_id: str | None, cancel_id: str
) -> Json:
    exchange, account = asked.floor.exchange, asked.account
    restriction = asked.sent.text("cancelRestrictions", "ONLY_NEW|ONLY_PARTIALLY_FILLED")
    order = exchange.order(account, symbol=symbol, order_id=order_id, client_id=client_id)
    if not order.open:
        raise Refusal(Problem.UNKNOWN_ORDER)
    if restriction and restriction != f"ONLY_{order.state.value}":
        raise ApiError(400, errors.CANCEL_REJECTED, "Order was not canceled due to cancel restrictions.")
    cancel_id = cancel_id or f"cancel-{order.order_id}"
    gone = exchange.cancel(account, symbol=symbol, now=asked.now, order_id=order.order_id, cancel_id=cancel_id)
    return formats.cancelled(gone, native, cancel_id=cancel_id)


def _tried(act: Callable[[], Json]) -> Json | ApiError:
    try:
        return act()
    except (ApiError, Refusal, Limited) as problem:
        return errors.error_of(problem)


def _both(cancelled: Json | ApiError, placed: Json | ApiError | None) -> Json:
    both = {
        "cancelResult": "FAILURE" if isinstance(cancelled, ApiError) else "SUCCESS",
        "newOrderResult": "NOT_ATTEMPTED" if placed is None else "FAILURE" if _failed(placed) else "SUCCESS",
        "cancelResponse": cancelled.body() if isinstance(cancelled, ApiError) else cancelled,
        "newOrderResponse": placed.body() if isinstance(placed, ApiError) else placed,
    }
    if not _failed(cancelled) and not _failed(placed):
        return both
    error = errors.REPLACE_PARTLY_FAILED() if "SUCCESS" in both.values() else errors.REPLACE_FAILED()
    error.data = both
    raise error


def _failed(result: Json | ApiError | None) -> bool:
    return isinstance(result, ApiError)


def _which(asked: Asked) -> tuple[int | None, str | None]:
    order_id, client_id = asked.sent.whole("orderId"), asked.sent.client_id("origClientOrderId")
    if order_id is None and client_id is None:
        raise errors.EITHER_MISSING("origClientOrderId", "orderId")
    return order_id, None if order_id is not None else client_id


def _shown(asked: Asked, orders: list[Order]) -> list[Json]:
    native = asked.symbols.native
    return [
        formats.queried(each, native[each.wanted.symbol])
        for each in orders
        if each.wanted.symbol in native and asked.floor.shows(each)
    ]
