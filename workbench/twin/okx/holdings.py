"""Balances and positions in OKX's words; the account is in futures mode, with net positions on cross margin."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from workbench.twin.exchange import Exchange
from workbench.twin.okx.formats import Json, ms, native_id, number, product, ratio, total
from workbench.twin.words import Balance, Listing, PositionChanged

USD = frozenset({"USD", "USDT", "USDC"})  # what counts as a dollar in totals; the exchange itself converts nothing


def balance_data(exchange: Exchange, account: str, balances: Iterable[Balance], now: int) -> Json:
    """The account with the given balances."""
    positions = exchange.positions(account)
    details = [_detail(each, positions, exchange, now) for each in balances]
    equity = total(*(Decimal(each["eq"]) for each in details if each["ccy"] in USD))
    blank = dict.fromkeys(("adjEq", "availEq", "borrowFroz", "imr", "isoEq", "mgnRatio", "mmr", "notionalUsd"), "")
    return {**blank, "details": details, "ordFroz": "", "totalEq": number(equity), "uTime": ms(now), "upl": ""}


def position_row(position: PositionChanged, listing: Listing, *, last: Decimal, leverage: int) -> Json:
    """A position; `pos` is signed contracts, 0 once it is closed."""
    value = product(abs(position.quantity), position.mark, listing.contract_size)
    return {
        "adl": "1",
        "availPos": "",
        "avgPx": number(position.entry_price) if position.quantity else "",
        "cTime": ms(position.at),
        "ccy": listing.quote,
        "fee": "",
        "fundingFee": "",
        "imr": number(ratio(value, Decimal(listing.leverage))),
        "instId": native_id(listing),
        "instType": "SWAP",
        "last": number(last),
        "lever": str(leverage),
        "liqPx": "",
        "margin": "",
        "markPx": number(position.mark),
        "mgnMode": "cross",
        "mgnRatio": "",
        "mmr": number(product(value, listing.maintenance)),
        "notionalUsd": number(value),
        "pnl": "",
        "pos": number(position.quantity),
        "posCcy": "",
        "posId": native_id(listing),
        "posSide": "net",
        "realizedPnl": "",
        "tradeId": "",
        "uTime": ms(position.at),
        "upl": number(position.unrealised),
        "uplRatio": "",
    }


def _detail(balance: Balance, positions: list[PositionChanged], exchange: Exchange, now: int) -> Json:
    held = [each for each in positions if exchange.listings[each.symbol].quote == balance.asset]
    profit = total(*(each.unrealised for each in held))
    cash = total(balance.free, balance.locked)
    available = total(balance.free, min(profit, Decimal(0)))
    blank = dict.fromkeys(("crossLiab", "interest", "isoEq", "isoLiab", "liab", "maxLoan", "mgnRatio", "uplLiab"), "")
    return {
        **blank,
        "availBal": number(available),
        "availEq": number(available),
        "cashBal": number(cash),
        "ccy": balance.asset,
        "disEq": "0",
        "eq": number(total(cash, profit)),
        "eqUsd": number(total(cash, profit)) if balance.asset in USD else "0",
        "fixedBal": "0",
        "frozenBal": number(balance.locked),
        "imr": "0",
        "isoUpl": "0",
        "mmr": "0",
        "ordFrozen": number(balance.locked),
        "stgyEq": "0",
        "uTime": ms(now),
        "upl": number(profit),
    }
