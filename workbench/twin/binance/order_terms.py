"""What an order of each kind must say and may say, and the order that comes of it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from workbench.twin.binance import errors
from workbench.twin.binance.parameters import Parameters
from workbench.twin.words import Force, OrderKind, SelfTrade, Wanted


class Terms:
    """What an order of a kind must say and may say."""

    def __init__(self, needs: str, may: str = "") -> None:
        self.needs, self.may = needs.split(), may.split()


ORDER_TERMS: dict[OrderKind, Terms] = {
    OrderKind.LIMIT: Terms("timeInForce quantity price", "icebergQty"),
    OrderKind.LIMIT_MAKER: Terms("quantity price", "icebergQty"),
    OrderKind.MARKET: Terms("", "quantity quoteOrderQty"),
    OrderKind.STOP_LOSS: Terms("quantity", "stopPrice trailingDelta"),
    OrderKind.TAKE_PROFIT: Terms("quantity", "stopPrice trailingDelta"),
    OrderKind.STOP_LOSS_LIMIT: Terms("timeInForce quantity price", "stopPrice trailingDelta icebergQty"),
    OrderKind.TAKE_PROFIT_LIMIT: Terms("timeInForce quantity price", "stopPrice trailingDelta icebergQty"),
}
_ORDER_FIELDS = ("timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice", "trailingDelta", "icebergQty")
_POSITIVE = {
    "quantity": errors.INVALID_QUANTITY,
    "quoteOrderQty": errors.INVALID_QUANTITY,
    "price": errors.INVALID_PRICE,
    "stopPrice": errors.INVALID_STOP_PRICE,
}


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


def wanted_order(sent: Parameters, symbol: str) -> Wanted:
    """The order that a client asks for, checked for form only; raises ApiError."""
    side = sent.choice("side", Side, errors.INVALID_SIDE)
    kind = sent.choice("type", OrderKind, errors.INVALID_KIND)
    if side is None or kind is None:
        raise errors.MISSING("side" if side is None else "type")
    amounts = _check_terms(sent, kind)
    force = sent.choice("timeInForce", Force, errors.INVALID_FORCE)
    trailing = sent.whole("trailingDelta")
    return Wanted(
        symbol=symbol,
        side=side.value,
        kind=kind,
        quantity=amounts["quantity"],
        quote_quantity=amounts["quoteOrderQty"],
        price=amounts["price"],
        stop_price=amounts["stopPrice"],
        trailing_bips=trailing,
        iceberg=amounts["icebergQty"] or None,
        force=force or Force.GTC,
        client_id=sent.client_id("newClientOrderId") or "",
        stp=sent.choice("selfTradePreventionMode", SelfTrade, errors.INVALID_VALUE),
    )


def _check_terms(sent: Parameters, kind: OrderKind) -> dict[str, Decimal | None]:
    terms = ORDER_TERMS[kind]
    texts = {name: sent.text(name) for name in _ORDER_FIELDS}
    for name in terms.needs:
        if texts[name] is None:
            raise errors.MISSING(name)
    for name in _ORDER_FIELDS:
        if texts[name] is not None and name not in terms.needs and name not in terms.may:
            raise errors.SUPERFLUOUS(name)
    for either, other in (("quantity", "quoteOrderQty"), ("stopPrice", "trailingDelta")):
        if other in terms.may and either not in terms.needs and texts[either] is None and texts[other] is None:
            raise errors.EITHER_MISSING(either, other)
    if texts["quantity"] is not None and texts["quoteOrderQty"] is not None:
        raise errors.SUPERFLUOUS("quoteOrderQty")
    amounts = {name: sent.amount(name) for name in _ORDER_FIELDS if name not in ("timeInForce", "trailingDelta")}
    for name, error in _POSITIVE.items():
        if amounts[name] == 0:
            raise error()
    return amounts
