"""What a venue would refuse, refused before it is sent: with figures, in exact numbers, and without rounding."""

from __future__ import annotations

from decimal import Decimal

from workbench.connectors.dialect import Listed
from workbench.core.events import AmendEvent, OrderEvent
from workbench.core.instrument import Instrument
from workbench.core.money import canonical, places_of, to_decimal, to_scaled, to_text
from workbench.core.order import OrderType, TimeInForce

_PRICES = {  # whether an order of this type carries a price and a stop
    OrderType.MARKET: (False, False),
    OrderType.LIMIT: (True, False),
    OrderType.STOP: (False, True),
    OrderType.STOP_LIMIT: (True, True),
}


def refused_order(order: OrderEvent, listed: Listed, *, open_orders: int = 0) -> str:
    """Why an order must not be sent; empty if it may. `open_orders` is how many rest in its market now."""
    return (
        _closed(listed)
        or _wrong_shape(order)
        or _wrong_prices(order, listed)
        or _wrong_quantity(order, listed, at_market=order.order_type in (OrderType.MARKET, OrderType.STOP))
        or _wrong_notional(order, listed, exempt=order.reduce_only)
        or _too_many(listed, open_orders)
    )


def refused_amendment(amend: AmendEvent, listed: Listed) -> str:
    """Why an amendment must not be sent; empty if it may."""
    return (
        _closed(listed)
        or _wrong_prices(amend, listed)
        or _wrong_quantity(amend, listed, at_market=False)
        or _wrong_notional(amend, listed, exempt=False)
    )


def _closed(listed: Listed) -> str:
    return "" if listed.open else f"{listed.instrument.key}: the market is closed"


def _wrong_shape(order: OrderEvent) -> str:
    for name, value, due in zip(
        ("price", "stop"), (order.price_raw, order.stop_raw), _PRICES[order.order_type], strict=True
    ):
        if due and value is None:
            return f"{order.order_type} order without a {name}"
        if value is not None and not due:
            return f"{order.order_type} order with a {name} of {to_text(value, order.instrument.price_places)}"
    if order.post_only and (order.order_type, order.time_in_force) != (OrderType.LIMIT, TimeInForce.GTC):
        return f"post-only needs a resting limit order, got {order.order_type} {order.time_in_force}"
    return ""


def _wrong_prices(order: OrderEvent | AmendEvent, listed: Listed) -> str:
    places, tick = order.instrument.price_places, listed.instrument.tick
    for name, raw in (("price", order.price_raw), ("stop", order.stop_raw)):
        if raw is None:
            continue
        if raw <= 0:
            return f"{name}: expected more than 0, got {to_text(raw, places)}"
        if _off_step(raw, places, tick):
            return f"{name} {to_text(raw, places)} is off the tick of {canonical(tick)}"
        refused = _outside(name, to_decimal(raw, places), listed.min_price, listed.max_price)
        if refused:
            return refused
    return ""


def _wrong_quantity(order: OrderEvent | AmendEvent, listed: Listed, *, at_market: bool) -> str:
    places, lot = order.instrument.quantity_places, listed.instrument.lot
    if order.quantity_raw <= 0:
        return f"quantity: expected more than 0, got {to_text(order.quantity_raw, places)}"
    if _off_step(order.quantity_raw, places, lot):
        return f"quantity {to_text(order.quantity_raw, places)} is off the lot of {canonical(lot)}"
    limits = [each for each in (listed.max_quantity, listed.max_market_quantity if at_market else None) if each]
    quantity = to_decimal(order.quantity_raw, places)
    return _outside("quantity", quantity, listed.instrument.min_quantity, min(limits, default=None))


def _wrong_notional(order: OrderEvent | AmendEvent, listed: Listed, *, exempt: bool) -> str:
    """At the price the order names; a market order names none, and its venue judges it."""
    price = order.stop_raw if order.price_raw is None else order.price_raw
    if price is None or exempt:
        return ""
    worth = _notional(order.instrument, price, order.quantity_raw)
    return _outside("notional", worth, listed.instrument.min_notional, listed.max_notional)


def _too_many(listed: Listed, open_orders: int) -> str:
    if listed.max_open_orders is None or open_orders < listed.max_open_orders:
        return ""
    return f"{open_orders} orders rest in {listed.instrument.key} already, the venue allows {listed.max_open_orders}"


def _outside(name: str, value: Decimal, least: Decimal | None, most: Decimal | None) -> str:
    if least is not None and value < least:
        return f"{name} {canonical(value)} is below the minimum of {canonical(least)}"
    if most is not None and value > most:
        return f"{name} {canonical(value)} is above the maximum of {canonical(most)}"
    return ""


def _off_step(raw: int, places: int, step: Decimal) -> bool:
    """Whether `raw` is no multiple of a step, which may have become finer than the run's fixed places."""
    shared = max(places, places_of(step))
    finer: int = raw * 10 ** (shared - places)
    return finer % to_scaled(step, shared) != 0


def _notional(instrument: Instrument, price: int, quantity: int) -> Decimal:
    """Exact, whatever the places add up to."""
    contract = places_of(instrument.contract_size)
    worth = price * quantity * to_scaled(instrument.contract_size, contract)
    places = instrument.price_places + instrument.quantity_places + contract
    return to_decimal(worth, places)
