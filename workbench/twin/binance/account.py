"""Answers about the account: balances, trades, commissions, limits and what the key may do."""

from __future__ import annotations

from decimal import Decimal
from typing import NoReturn

from workbench.core.money import round_scaled
from workbench.twin.binance import errors, formats
from workbench.twin.binance.asked import Asked
from workbench.twin.binance.formats import Json, amount, ms
from workbench.twin.binance.info import rate_limit
from workbench.twin.binance.trading import check_span
from workbench.twin.keys import Permission
from workbench.twin.words import Listing

_ROWS, _MOST_ROWS = 500, 1_000
_NO_RATES = dict.fromkeys(("maker", "taker", "buyer", "seller"), amount(None))


def account(asked: Asked) -> Json:
    """Balances and what the account may do."""
    exchange = asked.floor.exchange
    maker, taker = _rates(next(iter(exchange.listings.values())))
    omit_zero = asked.sent.text("omitZeroBalances") == "true"
    may_trade = asked.key is not None and Permission.TRADE in asked.key.permissions
    return {
        "makerCommission": _bips(maker),
        "takerCommission": _bips(taker),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": amount(maker),
            "taker": amount(taker),
            "buyer": amount(None),
            "seller": amount(None),
        },
        "canTrade": may_trade,
        "canWithdraw": asked.key is not None and Permission.WITHDRAW in asked.key.permissions,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ms(asked.now),
        "accountType": "SPOT",
        "balances": [
            {"asset": each.asset, "free": amount(each.free), "locked": amount(each.locked)}
            for each in exchange.balances(asked.account)
            if each.total or not omit_zero
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def my_trades(asked: Asked) -> list[Json]:
    """The account's trades of a symbol: the last ones, or from an id or a time on, or of one order."""
    native, symbol = asked.symbol()
    sent = asked.sent
    order_id, first = sent.whole("orderId"), sent.whole("fromId")
    start, end = sent.instant("startTime"), sent.instant("endTime")
    check_span(start, end)
    if first is not None and (start is not None or end is not None):
        raise errors.BAD_COMBINATION()
    limit = sent.limit(default=_ROWS, most=_MOST_ROWS)
    found = [
        each
        for each in asked.floor.exchange.trades_of(asked.account, symbol, order_id)
        if (first is None or each.print.trade_id >= first)
        and (start is None or each.print.at >= start)
        and (end is None or each.print.at <= end)
    ]
    found.sort(key=lambda each: each.print.trade_id)
    rows = found[-limit:] if first is None and start is None else found[:limit]
    return [formats.own_trade(each, native) for each in rows]


def commission(asked: Asked) -> Json:
    """What the account pays on a symbol."""
    native, symbol = asked.symbol()
    maker, taker = _rates(asked.floor.exchange.listings[symbol])
    return {
        "symbol": native,
        "standardCommission": {**_NO_RATES, "maker": amount(maker), "taker": amount(taker)},
        "taxCommission": _NO_RATES,
        "discount": {
            "enabledForAccount": True,
            "enabledForSymbol": True,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }


def order_limits(asked: Asked) -> list[Json]:
    """How many unfilled orders count at present."""
    now = asked.floor.clock.now()
    return [
        {**rate_limit("ORDERS", rule.seconds, rule.limit), "count": count}
        for rule, count in asked.floor.meter.orders(asked.account, now)
    ]


def restrictions(asked: Asked) -> Json:
    """What the key may do, and from where."""
    key = asked.key
    assert key is not None
    return {
        "ipRestrict": key.ip_restricted,
        "createTime": ms(key.created),
        "enableReading": Permission.READ in key.permissions,
        "enableSpotAndMarginTrading": Permission.TRADE in key.permissions,
        "enableWithdrawals": Permission.WITHDRAW in key.permissions,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
    }


def coins(asked: Asked) -> list[Json]:
    """The coins there are; none can be moved in or out this way."""
    assets = dict.fromkeys(
        asset for each in asked.floor.exchange.listings.values() if each.is_spot for asset in (each.base, each.quote)
    )
    return [
        {
            "coin": each,
            "name": each,
            "trading": True,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "networkList": [],
        }
        for each in assets
    ]


def nothing(asked: Asked) -> list[Json]:
    """An empty list, where Binance offers what this exchange does not."""
    return []


def retired(asked: Asked) -> NoReturn:
    """Listen keys are no more: account events come by the WebSocket API."""
    raise errors.RETIRED()


def _rates(listing: Listing) -> tuple[Decimal, Decimal]:
    return listing.maker, listing.taker


def _bips(rate: Decimal) -> int:
    return round_scaled(rate, 4, up=False)
