"""Events in words: one short sentence each, exact numbers as canonical text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workbench.core import events
from workbench.core.instrument import Instrument
from workbench.core.money import canonical, to_text
from workbench.core.order import Role
from workbench.core.rules import PPM

_PPM_OF_A_PERCENT_PLACES = 4  # a percent is 10^4 millionths
_PURPOSES = {
    Role.ENTRY: "to target",
    Role.STOP: "protective stop",
    Role.FLATTEN: "flatten",
    Role.BID: "quote",
    Role.ASK: "quote",
}
assert PPM == 100 * 10**_PPM_OF_A_PERCENT_PLACES


def said(event: events.Event) -> str:
    """What an event says, without its time and id."""
    word = _WORDS.get(type(event))
    return word(event) if word is not None else _named_fields(event)


def _bar(bar: events.Bar) -> str:
    prices = ", ".join(
        f"{name} {_price(getattr(bar, f'{name}_raw'), bar.instrument)}" for name in ("open", "high", "low", "close")
    )
    return f"{bar.symbol} {prices}, volume {_quantity(bar.volume_raw, bar.instrument)}"


def _trade(trade: events.Trade) -> str:
    size = _quantity(trade.quantity_raw, trade.instrument)
    return f"{size} {trade.symbol} at {_price(trade.price_raw, trade.instrument)}"


def _quote(quote: events.Quote) -> str:
    bid, ask = (_price(raw, quote.instrument) for raw in (quote.bid_raw, quote.ask_raw))
    return f"{quote.symbol} bid {bid}, ask {ask}"


def _mark(mark: events.MarkPrice) -> str:
    return f"{mark.symbol} is valued at {_price(mark.price_raw, mark.instrument)}"


def _rate(rate: events.FundingRate) -> str:
    return f"{rate.symbol} funding at {canonical(rate.rate)}"


def _funding(funding: events.FundingEvent) -> str:
    instrument = funding.instrument
    amount = to_text(abs(funding.amount_raw), instrument.fee_places)
    done = "paid" if funding.amount_raw < 0 else "received"
    return f"{instrument.symbol} funding of {amount} {instrument.quote} {done}"


def _liquidation(taken: events.Liquidation) -> str:
    instrument = taken.instrument
    size, price = _quantity(taken.quantity_raw, instrument), _price(taken.price_raw, instrument)
    fee = f"fee {to_text(taken.fee_raw, instrument.fee_places)} {taken.fee_currency}"
    return f"liquidation: {taken.side} {size} {instrument.symbol} at {price}, {fee}"


def _signal(signal: events.SignalEvent) -> str:
    says = signal.says
    if isinstance(says, events.Quotes):
        return f"{signal.strategy_id} quotes {len(says.bids)} bids and {len(says.asks)} asks in {says.symbol}"
    if says.ppm is not None:
        wants = f"{to_text(says.ppm, _PPM_OF_A_PERCENT_PLACES)} % of its budget"
    else:
        wants = canonical(says.quantity) if says.quantity is not None else "nothing"
    bounds = [
        f"{name} {canonical(value)}"
        for name, value in (("limit", says.limit), ("stop", says.stop))
        if value is not None
    ]
    return ", ".join([f"{signal.strategy_id} wants {wants} in {says.symbol}", *bounds])


def _order(order: events.OrderEvent) -> str:
    prices = [
        f"{name} {_price(raw, order.instrument)}"
        for name, raw in (("at", order.price_raw), ("stop", order.stop_raw))
        if raw is not None
    ]
    kind = str(order.order_type).replace("_", " ")
    size = _quantity(order.quantity_raw, order.instrument)
    trailing = " ".join([f"{kind} {order.side} {size} {order.instrument.symbol}", *prices])
    return f"{trailing} ({_PURPOSES[order.role]}) for {order.strategy_id}"


def _fill(fill: events.FillEvent) -> str:
    size, price = _quantity(fill.quantity_raw, fill.instrument), _price(fill.price_raw, fill.instrument)
    fee = f"fee {to_text(fill.fee_raw, fill.instrument.fee_places)} {fill.fee_currency}"
    met = f", met {fill.cause}" if fill.cause else ""
    return f"{fill.side} {size} {fill.symbol} at {price}, {fee}, {'maker' if fill.maker else 'taker'}{met}"


def _report(report: events.OrderReport) -> str:
    return f"venue says {report.status}" + (f": {report.reason}" if report.reason else "")


def _update(update: events.OrderUpdate) -> str:
    return f"{update.old} -> {update.new}" + (f": {update.reason}" if update.reason else "")


def _risk(risk: events.RiskEvent) -> str:
    return f"{risk.action} by {risk.rule}: {risk.reason}"


def _named_fields(event: events.Event) -> str:
    """The fields that are neither its identity nor its instrument, by name."""
    values = {
        field.name: getattr(event, field.name)
        for field in msgspec.structs.fields(type(event))
        if field.name not in _IDENTITY
    }
    return ", ".join(f"{name} {value}" for name, value in values.items() if value not in ("", (), None)) or "happened"


_IDENTITY = frozenset({"source", "sequence", "ts_event", "ts_init", "cause", "instrument", "instruments"})
_WORDS: Mapping[type[events.Event], Callable[[Any], str]] = {
    events.Bar: _bar,
    events.Trade: _trade,
    events.Quote: _quote,
    events.MarkPrice: _mark,
    events.FundingRate: _rate,
    events.FundingEvent: _funding,
    events.Liquidation: _liquidation,
    events.SignalEvent: _signal,
    events.OrderEvent: _order,
    events.FillEvent: _fill,
    events.OrderReport: _report,
    events.OrderUpdate: _update,
    events.RiskEvent: _risk,
}


def _price(raw: int, instrument: Instrument) -> str:
    return to_text(raw, instrument.price_places)


def _quantity(raw: int, instrument: Instrument) -> str:
    return to_text(raw, instrument.quantity_places)
