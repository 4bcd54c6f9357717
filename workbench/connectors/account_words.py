"""What a venue says of this account's own orders, as events; one that cannot be read exactly is an error."""

from __future__ import annotations

import hashlib
from typing import Any

from workbench.connectors.heard import HeardFill, HeardFunding, HeardOrder
from workbench.core.errors import DataError
from workbench.core.events import FillEvent, FundingEvent, Liquidation, OrderReport
from workbench.core.instrument import Instrument
from workbench.core.money import to_scaled

Stamp = tuple[str, int, int, int]  # source, sequence, ts_event, ts_init


def event_of(
    heard: HeardOrder | HeardFill | HeardFunding, instrument: Instrument, stamp: Stamp
) -> OrderReport | FillEvent | Liquidation | FundingEvent:
    """The event that this is; raises DataError naming the order or fill and the field that cannot be read.

    A fee or amount finer than the instrument's `fee_places` is such an error: it would be lost in silence.
    """
    if isinstance(heard, HeardOrder):
        return _report(heard, instrument, stamp)
    return _fill(heard, instrument, stamp) if isinstance(heard, HeardFill) else _funding(heard, instrument, stamp)


def _report(heard: HeardOrder, instrument: Instrument, stamp: Stamp) -> OrderReport:
    what = f"{heard.market_id} order {heard.order_id or heard.venue_order_id}"
    price, quantity = instrument.price_places, instrument.quantity_places
    return OrderReport(
        *stamp,
        order_id=heard.order_id,
        status=heard.status,
        instrument=instrument,
        venue_order_id=heard.venue_order_id,
        reason=heard.reason,
        quantity_raw=_if_said(heard.quantity, quantity, f"{what} quantity"),
        price_raw=_if_said(heard.price, price, f"{what} price"),
        stop_raw=_if_said(heard.stop, price, f"{what} stop"),
        filled_raw=_if_said(heard.filled, quantity, f"{what} filled"),
    )


def _fill(heard: HeardFill, instrument: Instrument, stamp: Stamp) -> FillEvent | Liquidation:
    what = f"{heard.market_id} fill {heard.trade_id}"
    price = to_scaled(heard.price, instrument.price_places, f"{what} price")
    quantity = to_scaled(heard.quantity, instrument.quantity_places, f"{what} quantity")
    if price <= 0 or quantity <= 0:
        raise DataError(f"{what}: expected a price and a quantity above 0, got {heard.price} and {heard.quantity}")
    trade: dict[str, Any] = {
        "trade_id": heard.trade_id or _unnamed(heard, quantity, price),
        "instrument": instrument,
        "side": heard.side,
        "quantity_raw": quantity,
        "price_raw": price,
        "fee_raw": to_scaled(heard.fee, instrument.fee_places, f"{what} fee in {heard.fee_currency}"),
        "fee_currency": heard.fee_currency,
    }
    if heard.forced:
        return Liquidation(*stamp, **trade)
    return FillEvent(*stamp, order_id=heard.order_id, venue_order_id=heard.venue_order_id, maker=heard.maker, **trade)


def _unnamed(heard: HeardFill, quantity: int, price: int) -> str:
    """The name of a fill that its venue gave none: the same however often and in whatever words it is told."""
    what = f"{heard.venue_order_id or heard.order_id}|{heard.side}|{quantity}|{price}|{heard.at}"
    return f"unnamed-{hashlib.blake2b(what.encode(), digest_size=8).hexdigest()}"


def _funding(heard: HeardFunding, instrument: Instrument, stamp: Stamp) -> FundingEvent:
    what = f"{heard.market_id} funding {heard.funding_id} in {heard.currency}"
    amount = to_scaled(heard.amount, instrument.fee_places, what)
    return FundingEvent(*stamp, instrument=instrument, amount_raw=amount, funding_id=heard.funding_id)


def _if_said(value: str | None, places: int, what: str) -> int | None:
    return None if value is None else to_scaled(value, places, what)
