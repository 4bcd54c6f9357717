"""Orders, fills and holdings in ccxt's unified structures, and what ccxt's errors prove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from workbench.connectors.dialect import Verdict
from workbench.connectors.dialects.reading import Reading, exact, millis
from workbench.connectors.heard import Heard, HeardBalance, HeardFill, HeardOrder
from workbench.connectors.sending import CCXT_ERROR
from workbench.connectors.wire import Answer
from workbench.core.errors import DataError, Unsupported
from workbench.core.events import OrderEvent
from workbench.core.money import dec, to_text
from workbench.core.order import OrderStatus, OrderType, Side, TimeInForce
from workbench.core.ports import Outcome

NOT_FOUND = "OrderNotFound"
TOO_FAST = frozenset({"DDoSProtection", "RateLimitExceeded"})

# What ccxt calls a whole answer in which the venue said no. A duplicate id is none: it may be this very order.
_REFUSED = frozenset(
    [
        "AccountNotEnabled",
        "AccountSuspended",
        "BadRequest",
        "BadSymbol",
        "ContractUnavailable",
        "InsufficientFunds",
        "InvalidNonce",
        "InvalidOrder",
        "MarketClosed",
        "OperationRejected",
        "OrderImmediatelyFillable",
        "OrderNotFillable",
        NOT_FOUND,
    ]
)
_KEY = frozenset({"AuthenticationError", "PermissionDenied"})
_SHOWN = 200  # characters of a body that a reason quotes

_ENDED = {
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


def parameters(order: OrderEvent) -> list[Any]:
    """What `create_order` is told: symbol, type, side, amount, price and what ccxt takes besides."""
    limit = order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    if order.post_only and (not limit or order.time_in_force is not TimeInForce.GTC):
        raise Unsupported(f"order {order.order_id}: only a limit order until cancelled can be post-only")
    extra: dict[str, Any] = {"clientOrderId": order.order_id}
    if limit:
        extra["timeInForce"] = order.time_in_force.value.upper()
    if order.post_only:
        extra["postOnly"] = True
    if order.reduce_only and not order.instrument.is_spot:
        extra["reduceOnly"] = True
    if order.stop_raw is not None:
        extra["triggerPrice"] = to_text(order.stop_raw, order.instrument.price_places)
    price = to_text(order.price_raw, order.instrument.price_places) if limit and order.price_raw is not None else None
    quantity = to_text(order.quantity_raw, order.instrument.quantity_places)
    return [order.instrument.symbol, "limit" if limit else "market", order.side.value, quantity, price, extra]


def verdict(answer: Answer, order_id: str) -> Verdict:
    """What an answer proves; an error of ccxt's that may stand for anything is UNKNOWN."""
    error = answer.headers.get(CCXT_ERROR, "")
    if error:
        return _refusal(answer, error)
    try:
        heard = order_of(read(answer))
    except DataError as problem:
        return Verdict(outcome=Outcome.UNKNOWN, reason=str(problem))
    cancelled = heard.status is OrderStatus.CANCELLED  # an answer to a cancel may carry an id of the cancel's own
    if not (heard.order_id or heard.venue_order_id) or not (cancelled or heard.order_id in ("", order_id)):
        return Verdict(outcome=Outcome.UNKNOWN, reason=f"the answer is about another order, {heard.order_id!r}")
    return Verdict(outcome=Outcome.ACCEPTED, heard=(msgspec.structs.replace(heard, order_id=order_id),))


def read(answer: Answer) -> Any:
    """A unified structure; raises DataError where ccxt raised or its JSON cannot be read."""
    error = answer.headers.get(CCXT_ERROR, "")
    if error:
        raise DataError(f"ccxt: {error}, status {answer.status}: {_shown(answer)}")
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise DataError(f"ccxt: {problem}: {_shown(answer)}") from None


def order_of(order: Any) -> HeardOrder:
    """A unified order; one that has just been placed may lack its status, and is then taken as open."""
    with Reading("ccxt", order):
        filled, amount = _number(order.get("filled")), _number(order.get("amount"))
        return HeardOrder(
            market_id=str(order["symbol"] or ""),
            order_id=str(order.get("clientOrderId") or ""),
            venue_order_id=str(order.get("id") or ""),
            status=_status(order.get("status"), filled, amount),
            at=_at(order, "lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"),
            quantity=amount,
            price=_number(order.get("price")),
            stop=_number(order.get("triggerPrice")),
            filled=filled,
        )


def fill_of(trade: Any) -> HeardFill:
    """A unified trade of this account; raises DataError for one without a fee, which nobody may guess."""
    with Reading("ccxt", trade):
        fee = trade.get("fee") or next(iter(trade.get("fees") or ()), None)
        if not fee or fee.get("cost") is None:
            raise DataError(f"trade {trade.get('id')!r} does not say its fee")
        return HeardFill(
            market_id=str(trade["symbol"]),
            order_id="",
            venue_order_id=str(trade["order"]),
            trade_id=str(trade["id"]),
            side=Side(trade["side"]),
            quantity=exact(trade["amount"]),
            price=exact(trade["price"]),
            fee=exact(fee["cost"]),
            fee_currency=str(fee["currency"]),
            maker=trade.get("takerOrMaker") == "maker",
            at=_at(trade, "timestamp"),
        )


def totals(balance: Any) -> Mapping[str, Decimal]:
    """Each asset's total in a unified balance."""
    with Reading("ccxt", balance):
        return {asset: dec(exact(total), asset) for asset, total in balance["total"].items() if total is not None}


def account_words(message: Mapping[str, Any]) -> Iterator[Heard]:
    """What is watched of the account: its orders, its trades, or its balance."""
    yield from (order_of(each) for each in _rows(message.get("orders")))
    yield from (fill_of(each) for each in _rows(message.get("my_trades")))
    if "balance" in message:
        at = _at(message["balance"], "timestamp")
        for asset, total in totals(message["balance"]).items():
            yield HeardBalance(asset=asset, total=str(total), at=at)


def _refusal(answer: Answer, error: str) -> Verdict:
    slowed = error in TOO_FAST and answer.status in (418, 429)
    certain = error in _REFUSED or error in _KEY or slowed
    lost = answer.status >= 500 or answer.status in (408, 409)
    return Verdict(
        outcome=Outcome.REJECTED if certain and not lost else Outcome.UNKNOWN,
        code=error,
        reason=_shown(answer),
        clock=error == "InvalidNonce",
        key=error in _KEY,
    )


def _status(word: str | None, filled: str | None, amount: str | None) -> OrderStatus:
    traded = dec(filled or "0")
    if word == "closed":  # of an order that did not trade whole, ccxt says closed where the venue ended it
        whole = amount is None or filled is None or traded >= dec(amount)
        return OrderStatus.FILLED if whole else OrderStatus.CANCELLED
    if word in (None, "open"):
        return OrderStatus.PARTIALLY_FILLED if traded else OrderStatus.ACKNOWLEDGED
    if word not in _ENDED:
        raise DataError(f"order status {word!r} is unknown")
    return _ENDED[str(word)]


def _number(number: Any) -> str | None:
    return None if number is None else exact(number)


def _at(told: Any, *names: str) -> int:
    return next((millis(told[name]) for name in names if told.get(name) is not None), 0)


def _rows(rows: Any) -> Iterable[Any]:
    return rows or ()


def _shown(answer: Answer) -> str:
    return answer.body[:_SHOWN].decode(errors="replace")
