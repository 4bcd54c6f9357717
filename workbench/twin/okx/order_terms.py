"""What an order must say and may say, and the order that comes of it; raises Rejected for anything else."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from workbench.twin.okx import errors
from workbench.twin.okx.formats import CLIENT_ID
from workbench.twin.okx.parameters import Parameters
from workbench.twin.words import Force, Listing, OrderKind, SelfTrade, Wanted

Chosen = TypeVar("Chosen")

_UNKNOWN_HERE = ("attachAlgoOrds", "closeFraction", "pxUsd", "pxVol")  # what must not be overlooked
_KINDS: dict[str, tuple[OrderKind, Force]] = {
    "market": (OrderKind.MARKET, Force.GTC),
    "optimal_limit_ioc": (OrderKind.MARKET, Force.GTC),
    "limit": (OrderKind.LIMIT, Force.GTC),
    "post_only": (OrderKind.LIMIT_MAKER, Force.GTC),
    "ioc": (OrderKind.LIMIT, Force.IOC),
    "fok": (OrderKind.LIMIT, Force.FOK),
}
_STP = {
    "cancel_maker": SelfTrade.EXPIRE_MAKER,
    "cancel_taker": SelfTrade.EXPIRE_TAKER,
    "cancel_both": SelfTrade.EXPIRE_BOTH,
}
_AT_MARKET = "-1"  # what a stop's order price says instead of one
_STOPS = {  # takes profit, at the market: kind
    (False, False): OrderKind.STOP_LOSS_LIMIT,
    (False, True): OrderKind.STOP_LOSS,
    (True, False): OrderKind.TAKE_PROFIT_LIMIT,
    (True, True): OrderKind.TAKE_PROFIT,
}


def wanted_order(sent: Parameters, listing: Listing) -> Wanted:
    """The order that a client asks for, checked for form only."""
    side = _common(sent, listing)
    kind, force = _choice(_KINDS, sent, "ordType")
    size, price = _needed(sent, "sz"), None
    if kind is not OrderKind.MARKET:
        price = sent.amount("px")
        if price is None:
            raise errors.NO_PRICE()
    by_money = kind is OrderKind.MARKET and listing.is_spot and _counts_quote(sent, side)
    return Wanted(
        symbol=listing.symbol,
        side=side,
        kind=kind,
        quantity=None if by_money else size,
        quote_quantity=size if by_money else None,
        price=price,
        force=force,
        client_id=sent.matching("clOrdId", CLIENT_ID),
        stp=_choice(_STP, sent, "stpMode") if sent.text("stpMode") else listing.stp_default,
        reduce_only=_reduces(sent, listing),
    )


def wanted_stop(sent: Parameters, listing: Listing, *, last: Decimal) -> tuple[Wanted, bool]:
    """The stop that a client asks for, and whether as a trigger order; of two conditions the stop loss counts.

    A trigger order goes off when the price gets there from wherever it is now.
    """
    side = _common(sent, listing, margins=("cash", "cross") if listing.is_spot else ("cross",))
    kind = sent.matching("ordType", "conditional|trigger") or "conditional"
    if kind == "trigger":
        stop, order_price = _needed(sent, "triggerPx"), sent.text("orderPx")
        takes_profit = (stop < last) is (side == "BUY")
        _only_last(sent, "triggerPxType")
    else:
        which = "sl" if sent.text("slTriggerPx") else "tp"
        stop, order_price = _needed(sent, f"{which}TriggerPx"), sent.text(f"{which}OrdPx")
        takes_profit = which == "tp"
        _only_last(sent, f"{which}TriggerPxType")
    at_market = order_price == _AT_MARKET
    if not at_market and not order_price:
        raise errors.NO_PRICE()
    if at_market and listing.is_spot and side == "BUY" and sent.text("tgtCcy") == "quote_ccy":
        raise errors.WRONG("tgtCcy")
    wanted = Wanted(
        symbol=listing.symbol,
        side=side,
        kind=_STOPS[takes_profit, at_market],
        quantity=_needed(sent, "sz"),
        price=None if at_market else Parameters({"px": order_price}).amount("px"),
        stop_price=stop,
        client_id=sent.matching("algoClOrdId", CLIENT_ID) or sent.matching("clOrdId", CLIENT_ID),
        stp=listing.stp_default,
        reduce_only=_reduces(sent, listing),
    )
    return wanted, kind == "trigger"


def _common(sent: Parameters, listing: Listing, margins: tuple[str, ...] = ()) -> str:
    """Checks what every order says, and gives its side."""
    for name in _UNKNOWN_HERE:
        if sent.has(name):
            raise errors.WRONG(name)
    margin = sent.text("tdMode")
    if margin not in (margins or (("cash",) if listing.is_spot else ("cross",))):
        raise errors.WRONG("tdMode")
    if sent.text("posSide") not in ("", "net"):
        raise errors.WRONG("posSide")
    side = sent.text("side").upper()
    if side not in ("BUY", "SELL"):
        raise errors.WRONG("side")
    return side


def _choice(table: dict[str, Chosen], sent: Parameters, name: str) -> Chosen:
    text = sent.text(name)
    if text not in table:
        raise errors.WRONG(name)
    return table[text]


def _needed(sent: Parameters, name: str) -> Decimal:
    value = sent.amount(name)
    if value is None:
        raise errors.WRONG(name)
    return value


def _only_last(sent: Parameters, name: str) -> None:
    """Stops here look at the last price only."""
    if sent.text(name) not in ("", "last"):
        raise errors.WRONG(name)


def _counts_quote(sent: Parameters, side: str) -> bool:
    """Whether the size of a spot market order is money: a purchase's is, unless it says otherwise."""
    target = sent.matching("tgtCcy", "base_ccy|quote_ccy")
    return target == "quote_ccy" or (not target and side == "BUY")


def _reduces(sent: Parameters, listing: Listing) -> bool:
    reduces = sent.yes("reduceOnly")
    if reduces and listing.is_spot:
        raise errors.SPOT_REDUCES_NOTHING()
    return reduces
