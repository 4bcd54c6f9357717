"""What the simulated venue refuses at its door, each refusal with its figures."""

from __future__ import annotations

from workbench.connectors.book import Market, WorkingOrder
from workbench.core import rules
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.money import to_text
from workbench.core.order import OrderType, TimeInForce

_PRICES = {  # whether an order of this type carries a price and a stop
    OrderType.MARKET: (False, False),
    OrderType.LIMIT: (True, False),
    OrderType.STOP: (False, True),
    OrderType.STOP_LIMIT: (True, True),
}


def refused_order(request: OrderEvent, market: Market) -> str:
    """Why the venue refuses an order; empty if it takes it."""
    if _PRICES[request.order_type] != (request.price_raw is not None, request.stop_raw is not None):
        return _wrong_prices(request)
    resting = request.order_type is OrderType.LIMIT and request.time_in_force is TimeInForce.GTC
    if request.post_only and not resting:
        return f"post-only needs a resting limit order, got {request.order_type} {request.time_in_force}"
    return refused_terms(request, market, quantity=request.quantity_raw, price=request.price_raw, stop=request.stop_raw)


def _wrong_prices(request: OrderEvent) -> str:
    for name, value, due in zip(
        ("price", "stop"), (request.price_raw, request.stop_raw), _PRICES[request.order_type], strict=True
    ):
        if due and value is None:
            return f"{request.order_type} order without a {name}"
        if value is not None and not due:
            return f"{request.order_type} order with a {name}"
    return ""


def refused_amendment(order: WorkingOrder, amend: AmendEvent, market: Market) -> str:
    """Why the venue refuses to change an order; empty if it does change it."""
    if order.price is None and not order.waiting:
        return "only a resting order can be amended; this one takes at market"
    if amend.price_raw is not None and order.price is None:
        return f"{order.request.order_type} order with a price"
    if amend.stop_raw not in (None, order.stop) and not order.waiting:
        return f"the order waits for no stop, got {_price(market, amend.stop_raw)}"
    price, stop = amended_prices(order, amend)
    return refused_terms(order.request, market, quantity=amend.quantity_raw, price=price, stop=stop)


def amended_prices(order: WorkingOrder, amend: AmendEvent) -> tuple[int | None, int | None]:
    """The price and stop in force after an amendment; what it leaves out stays."""
    price = order.price if amend.price_raw is None else amend.price_raw
    stop = order.stop if amend.stop_raw is None else amend.stop_raw
    return price, stop


def refused_terms(request: OrderEvent, market: Market, *, quantity: int, price: int | None, stop: int | None) -> str:
    """Why these figures break the instrument's terms; empty if they keep them."""
    terms = market.terms
    for name, value in (("price", price), ("stop", stop)):
        if value is not None and value <= 0:
            return f"{name}: expected more than 0, got {_price(market, value)}"
        if value is not None and value % terms.tick:
            return f"{name} {_price(market, value)} is off the tick of {_price(market, terms.tick)}"
    if quantity <= 0:
        return f"quantity: expected more than 0, got {_quantity(market, quantity)}"
    if quantity % terms.lot:
        return f"quantity {_quantity(market, quantity)} is off the lot of {_quantity(market, terms.lot)}"
    if quantity < terms.min_quantity:
        return f"quantity {_quantity(market, quantity)} is below the minimum of {_quantity(market, terms.min_quantity)}"
    reference = market.reference(request.side.sign)
    known = request.post_only and price is not None and reference is not None
    if known and rules.crosses(request.side.sign, price or 0, reference or 0):
        return f"post-only at {_price(market, price)} would cross {_price(market, reference)}"
    return _too_small(request, market, quantity=quantity, price=price or stop or reference)


def _too_small(request: OrderEvent, market: Market, *, quantity: int, price: int | None) -> str:
    """Compares with the minimum notional, at the last known price where the order names none."""
    terms = market.terms
    if request.reduce_only or price is None:
        return ""
    worth = rules.notional(price, quantity, terms.multiplier, terms.divisor)
    if worth >= terms.min_notional:
        return ""
    places = market.cash_places
    return f"notional {to_text(worth, places)} is below the minimum of {to_text(terms.min_notional, places)}"


def _price(market: Market, raw: int | None) -> str:
    return "none" if raw is None else to_text(raw, market.instrument.price_places)


def _quantity(market: Market, raw: int) -> str:
    return to_text(raw, market.instrument.quantity_places)
