"""Answers about the account: what the key may do, balances, positions, fills, funding, fees and leverage."""

from __future__ import annotations

from workbench.twin.keys import Permission
from workbench.twin.okx import errors
from workbench.twin.okx.asked import Asked
from workbench.twin.okx.formats import SWAP, Json, ms, native_id, number
from workbench.twin.okx.holdings import balance_data, position_row
from workbench.twin.okx.orders import fill_row
from workbench.twin.okx.paging import page
from workbench.twin.okx.records import Fill
from workbench.twin.words import FundingPaid, Order, PositionChanged, Refusal

_ROWS = 100
_PERMISSIONS = {Permission.READ: "read_only", Permission.TRADE: "trade", Permission.WITHDRAW: "withdraw"}
_FUNDING, _PAID, _RECEIVED = "8", "173", "174"  # bill type and its two subtypes


def config(asked: Asked) -> list[Json]:
    """The account's mode, and what the key may do and from where."""
    key = asked.key
    assert key is not None
    return [
        {
            "acctLv": "2",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "greeksType": "PA",
            "ip": ",".join(key.addresses),
            "kycLv": "3",
            "label": key.key,
            "level": "Lv1",
            "levelTmp": "",
            "mainUid": "1",
            "mgnIsoMode": "automatic",
            "opAuth": "0",
            "perm": ",".join(text for each, text in _PERMISSIONS.items() if each in key.permissions),
            "posMode": "net_mode",
            "roleType": "0",
            "type": "0",
            "uid": "1",
        }
    ]


def balance(asked: Asked) -> list[Json]:
    """Balances of some currencies, or of all that the account ever had."""
    wanted = asked.sent.text("ccy")
    chosen = wanted.split(",") if wanted else None
    found = asked.floor.exchange.balances(asked.account)
    kept = [each for each in found if chosen is None or each.asset in chosen]
    return [balance_data(asked.floor.exchange, asked.account, kept, asked.now)]


def positions(asked: Asked) -> list[Json]:
    """Open positions."""
    symbols = asked.wanted()
    found = [each for each in asked.floor.exchange.positions(asked.account) if each.symbol in symbols]
    return [_position(asked, each) for each in found]


def fills(asked: Asked) -> list[Json]:
    """The account's trades, newest first."""
    symbols, order_id = asked.wanted(), asked.sent.whole("ordId")
    listings = asked.floor.exchange.listings
    rows = [
        fill_row(each, listings[each.trade.print.symbol], _order_of(asked, each))
        for each in asked.records.fills(asked.account)
        if each.trade.print.symbol in symbols and order_id in (None, each.trade.order_id)
    ]
    return page(rows, asked.sent, number="billId", time="ts", limit=_ROWS)


def bills(asked: Asked) -> list[Json]:
    """Funding that was paid and received, newest first; other bills are not kept."""
    if asked.sent.text("type") not in ("", _FUNDING):
        return []
    subtype, symbols = asked.sent.text("subType"), asked.wanted()
    paid = [each for each in reversed(asked.floor.exchange.funding_of(asked.account)) if each.symbol in symbols]
    rows = [_bill(asked, each) for each in paid]
    chosen = [each for each in rows if subtype in ("", each["subType"])]
    return page(chosen, asked.sent, number="billId", time="ts", limit=_ROWS)


def trade_fee(asked: Asked) -> list[Json]:
    """Maker and taker rates; what is charged is negative."""
    symbols = asked.wanted()
    listing = asked.floor.exchange.listings[symbols[0]] if symbols else None
    if listing is None:
        raise errors.UNKNOWN_INSTRUMENT()
    maker, taker = (number(each.copy_negate()) for each in (listing.maker, listing.taker))
    spot = listing.is_spot
    return [
        {
            "category": "1",
            "delivery": "",
            "exercise": "",
            "instType": asked.instruments.kind[listing.symbol],
            "level": "Lv1",
            "maker": maker if spot else "",
            "makerU": "" if spot else maker,
            "taker": taker if spot else "",
            "takerU": "" if spot else taker,
            "ts": ms(asked.now),
        }
    ]


def leverage_info(asked: Asked) -> list[Json]:
    """The leverage of instruments."""
    natives = asked.sent.needed("instId").split(",")
    symbols = [asked.instruments.find(each) for each in natives]
    return [_leverage(asked, each) for each in symbols]


def set_leverage(asked: Asked) -> list[Json]:
    """Chooses a leverage up to the listing's.

    It is remembered and shown; margin is bound at the listing's own leverage, whatever is chosen.
    """
    _, symbol = asked.instrument()
    wanted = asked.sent.whole("lever")
    if asked.sent.text("mgnMode") != "cross" or asked.instruments.kind[symbol] != SWAP or not wanted:
        raise errors.WRONG("mgnMode" if wanted else "lever")
    if wanted > asked.floor.exchange.listings[symbol].leverage:
        raise errors.LEVERAGE()
    asked.records.leverage[asked.account, symbol] = wanted
    return [{name: each for name, each in _leverage(asked, symbol).items() if name != "ccy"}]


def set_position_mode(asked: Asked) -> list[Json]:
    """Positions are net; nothing else can be chosen."""
    if asked.sent.text("posMode") != "net_mode":
        raise errors.POSITION_MODE()
    return [{"posMode": "net_mode"}]


def currencies(asked: Asked) -> list[Json]:
    """Nothing: no coin can be moved in or out this way."""
    return []


def _order_of(asked: Asked, fill: Fill) -> Order | None:
    trade = fill.trade
    try:
        return asked.floor.exchange.order(asked.account, symbol=trade.print.symbol, order_id=trade.order_id)
    except Refusal:
        return None


def _position(asked: Asked, position: PositionChanged) -> Json:
    listing = asked.floor.exchange.listings[position.symbol]
    printed = asked.floor.exchange.prints(position.symbol, 1)
    last = printed[-1].price if printed else position.mark
    leverage = asked.records.leverage.get((asked.account, position.symbol), listing.leverage)
    return position_row(position, listing, last=last, leverage=leverage)


def _leverage(asked: Asked, symbol: str) -> Json:
    listing = asked.floor.exchange.listings[symbol]
    lever = asked.records.leverage.get((asked.account, symbol), listing.leverage)
    return {"ccy": "", "instId": native_id(listing), "lever": str(lever), "mgnMode": "cross", "posSide": "net"}


def _bill(asked: Asked, paid: FundingPaid) -> Json:
    listing = asked.floor.exchange.listings[paid.symbol]
    change = number(paid.amount)
    return {
        "bal": "",
        "balChg": change,
        "billId": str(paid.bill_id),
        "ccy": listing.quote,
        "fee": "0",
        "instId": native_id(listing),
        "instType": SWAP,
        "mgnMode": "cross",
        "ordId": "",
        "pnl": change,
        "px": "",
        "subType": _PAID if paid.amount < 0 else _RECEIVED,
        "sz": "",
        "ts": ms(paid.at),
        "type": _FUNDING,
    }
