"""What a symbol accepts: shape, precision and filters of an order, checked before anything changes."""

from __future__ import annotations

from decimal import Decimal

from workbench.core.errors import DataError
from workbench.twin.accounts import Account
from workbench.twin.amounts import GRAIN, ONE, units
from workbench.twin.terms import Market, Terms
from workbench.twin.ticket import STOPS, Ticket
from workbench.twin.words import Force, OrderKind, Problem, Refusal, SelfTrade, Trading, Wanted

_PRICED = frozenset({OrderKind.LIMIT, OrderKind.LIMIT_MAKER, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT_LIMIT})
_CHOOSES_FORCE = _PRICED - {OrderKind.LIMIT_MAKER}


def ticket_for(wanted: Wanted, holder: Account, market: Market, *, order_id: int, now: int) -> Ticket:
    """The order that `wanted` asks for, with every filter passed; raises Refusal."""
    terms = market.terms
    if terms.listing.trading is not Trading.TRADING:
        raise Refusal(Problem.CLOSED)
    _check_shape(wanted)
    stp = wanted.stp or terms.listing.stp_default
    if stp not in terms.listing.stp_allowed:
        raise Refusal(Problem.STP_MODE)
    ticket = Ticket(
        order_id=order_id,
        account=holder.name,
        symbol=wanted.symbol,
        wanted=wanted,
        client_id=wanted.client_id or f"exchange-{order_id}",
        buy=wanted.side == "BUY",
        # a market order by money has no quantity that prevention could take from
        stp=SelfTrade.EXPIRE_MAKER if stp is SelfTrade.DECREMENT and wanted.quote_quantity is not None else stp,
        quantity=_exact(wanted.quantity, terms),
        price=_exact(wanted.price, terms),
        stop=_exact(wanted.stop_price, terms),
        slice=_exact(wanted.iceberg, terms),
        budget=None if wanted.quote_quantity is None else _exact(wanted.quote_quantity, terms) * GRAIN,
        waiting=wanted.kind in STOPS,
        created=now,
        updated=now,
    )
    ticket.reserve = ticket.price or (ticket.stop or market.last if ticket.waiting else 0)
    check_numbers(ticket, terms, average=market.average(now), crowd=holder.crowd)
    if not holder.crowd:
        _check_counts(ticket, holder, terms)
    if holder.has_open_client(ticket.client_id):
        raise Refusal(Problem.DUPLICATE_ID)
    return ticket


def check_numbers(ticket: Ticket, terms: Terms, *, average: int, crowd: bool = False) -> None:
    """Prices, quantities and their product against the filters; raises Refusal."""
    for price in filter(None, (ticket.price, ticket.stop)):
        _check_price(price, terms)
    if ticket.budget is None:
        _check_quantity(ticket, terms)
    if ticket.slice:
        _check_iceberg(ticket, terms)
    if not crowd:
        _check_percent(ticket, terms, average)
        _check_notional(ticket, terms, average)
    delta, listing = ticket.wanted.trailing_bips, terms.listing
    if delta is not None and not listing.min_trailing_bips <= delta <= listing.max_trailing_bips:
        raise Refusal(Problem.TRAILING_DELTA)


def _check_shape(wanted: Wanted) -> None:
    kind, stop = wanted.kind, wanted.kind in STOPS
    by_money = wanted.quote_quantity is not None
    wrong = {
        "side": wanted.side not in ("BUY", "SELL"),
        "price": (wanted.price is not None) is not (kind in _PRICED),
        "quantity": (wanted.quantity is not None) is by_money,
        "quote quantity": by_money and kind is not OrderKind.MARKET,
        "stop price": (wanted.stop_price is not None) and not stop,
        "stop price or trailing delta": stop and wanted.stop_price is None and wanted.trailing_bips is None,
        "trailing delta": wanted.trailing_bips is not None and not stop,
        "time in force": wanted.force is not Force.GTC and kind not in _CHOOSES_FORCE,
        "iceberg quantity": wanted.iceberg is not None and (kind not in _PRICED or wanted.force is not Force.GTC),
        "quote quantity of a contract": by_money and ":" in wanted.symbol,
        "reduce only on spot": wanted.reduce_only and ":" not in wanted.symbol,
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise Refusal(Problem.BAD_PARAMETERS, f"{kind.value}: {what}")
    numbers = (wanted.price, wanted.quantity, wanted.quote_quantity, wanted.stop_price, wanted.iceberg)
    if any(each is not None and each <= 0 for each in numbers):
        raise Refusal(Problem.BAD_PARAMETERS, f"{kind.value}: expected positive numbers")


def _exact(value: Decimal | None, terms: Terms) -> int:
    return 0 if value is None else exact(value, terms)


def exact(value: Decimal, terms: Terms) -> int:
    """`value` in 10^-8; raises Refusal(PRECISION) where it has more places than the listing writes."""
    try:
        scaled = units(value, "amount")
    except DataError:
        raise Refusal(Problem.PRECISION) from None
    if scaled % 10 ** (8 - terms.listing.places):
        raise Refusal(Problem.PRECISION)
    return scaled


def _check_price(price: int, terms: Terms) -> None:
    low, high = terms.numbers["min_price"], terms.numbers["max_price"]
    if price < low or (high and price > high) or price % terms.numbers["tick"]:
        raise Refusal(Problem.PRICE_FILTER)


def _check_quantity(ticket: Ticket, terms: Terms) -> None:
    limits, quantity = terms.numbers, ticket.quantity
    most = limits["max_quantity"]
    if quantity < limits["min_quantity"] or (most and quantity > most) or quantity % limits["lot"]:
        raise Refusal(Problem.LOT_SIZE)
    if ticket.by_market and 0 < limits["market_max_quantity"] < quantity:
        raise Refusal(Problem.MARKET_LOT_SIZE)


def _check_iceberg(ticket: Ticket, terms: Terms) -> None:
    if ticket.slice % terms.numbers["lot"] or ticket.slice > ticket.quantity:
        raise Refusal(Problem.LOT_SIZE)
    if -(-ticket.quantity // ticket.slice) > terms.listing.iceberg_parts:
        raise Refusal(Problem.ICEBERG_PARTS)


def _check_percent(ticket: Ticket, terms: Terms, average: int) -> None:
    if not (ticket.price and average):
        return
    side = "bid" if ticket.buy else "ask"
    up, down = terms.numbers[f"{side}_up"], terms.numbers[f"{side}_down"]
    too_high = up and ticket.price * ONE > average * up
    if too_high or ticket.price * ONE < average * down:
        raise Refusal(Problem.PERCENT_PRICE)


def _check_notional(ticket: Ticket, terms: Terms, average: int) -> None:
    price = ticket.price or ticket.stop or average
    notional = ticket.budget if ticket.budget is not None else terms.value(price, ticket.quantity)
    low, high = terms.numbers["min_notional"] * GRAIN, terms.numbers["max_notional"] * GRAIN
    if notional and not ticket.wanted.reduce_only and (notional < low or (high and notional > high)):
        raise Refusal(Problem.NOTIONAL)


def _check_counts(ticket: Ticket, holder: Account, terms: Terms) -> None:
    here = [each for each in holder.open.values() if each.symbol == ticket.symbol]
    if 0 < terms.listing.max_orders <= len(here):
        raise Refusal(Problem.MAX_ORDERS)
    if ticket.waiting and 0 < terms.listing.max_stop_orders <= sum(each.waiting for each in here):
        raise Refusal(Problem.MAX_STOP_ORDERS)
    most = terms.numbers["max_position"]
    if most and ticket.buy and terms.listing.is_spot:
        held = holder.total.get(terms.listing.base, 0) // GRAIN
        if held + sum(each.remaining for each in here if each.buy) + ticket.quantity > most:
            raise Refusal(Problem.MAX_POSITION)
