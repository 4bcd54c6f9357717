"""Binance spot's listings and its published limits: filters become the terms that an order has to meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from workbench.connectors.dialect import Listed, RateLimit
from workbench.connectors.dialects.binance_words import ExchangeInfo, Symbol, read, taken
from workbench.connectors.dialects.reading import readable
from workbench.connectors.wire import Answer, Call, Urgency
from workbench.core.clock import DAY, HOUR, MINUTE, SECOND
from workbench.core.errors import DataError, WorkbenchError
from workbench.core.instrument import CASH_PLACES, FeeCurrency, Instrument
from workbench.core.money import canonical, dec

_INTERVALS = {"SECOND": SECOND, "MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}
_LIMITS = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders"}

LISTINGS = Call(endpoint="publicGetExchangeInfo", urgency=Urgency.MARKET, weight=20, timeout_s=30)  # 6 MB of JSON

# As documented; what the venue publishes replaces them.
LIMITS = (
    RateLimit(name="weight", most=6_000, window_ns=MINUTE),
    RateLimit(name="orders", most=50, window_ns=10 * SECOND),
    RateLimit(name="orders", most=160_000, window_ns=DAY),
)


def read_listings(answer: Answer, venue: str, account: str) -> list[Listed]:
    """Every symbol that spot orders are allowed on; raises DataError naming one where none can be read."""
    symbols = read(answer, ExchangeInfo).symbols
    return readable("binance", symbols, lambda each: _allowed(taken(each, Symbol), venue=venue, account=account))


def published_limits(answer: Answer) -> list[RateLimit]:
    """The limits on weight and on orders, as the venue states them now."""
    return [
        RateLimit(
            name=_LIMITS[each.rate_limit_type],
            most=each.limit,
            window_ns=each.interval_num * _INTERVALS[each.interval],
        )
        for each in read(answer, ExchangeInfo).rate_limits
        if each.rate_limit_type in _LIMITS and each.interval in _INTERVALS
    ]


def _allowed(symbol: Symbol, *, venue: str, account: str) -> Listed | None:
    return _listed(symbol, venue=venue, account=account) if symbol.is_spot_trading_allowed else None


def _listed(symbol: Symbol, *, venue: str, account: str) -> Listed:
    filters = {str(each.get("filterType")): each for each in symbol.filters}
    price, lot, market = (filters.get(name, {}) for name in ("PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"))
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    try:
        return Listed(
            instrument=Instrument(
                venue=venue,
                account=account,
                symbol=f"{symbol.base_asset}/{symbol.quote_asset}",
                tick=_limit(price, "tickSize") or Decimal((0, (1,), -symbol.quote_asset_precision)),
                lot=_limit(lot, "stepSize") or Decimal((0, (1,), -symbol.base_asset_precision)),
                min_quantity=_limit(lot, "minQty") or Decimal(0),
                min_notional=_limit(notional, "minNotional") or Decimal(0),
                fee_currency=FeeCurrency.RECEIVED,
                fee_places=max(CASH_PLACES, symbol.base_commission_precision, symbol.quote_commission_precision),
                price_places=symbol.quote_asset_precision,  # the tick may become finer while we hold a position
                amendable=False,
            ),
            market_id=symbol.symbol,
            open=symbol.status == "TRADING",
            min_price=_limit(price, "minPrice"),
            max_price=_limit(price, "maxPrice"),
            max_quantity=_limit(lot, "maxQty"),
            max_market_quantity=_limit(market, "maxQty"),
            max_notional=_limit(notional, "maxNotional"),
            max_open_orders=filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders"),
        )
    except WorkbenchError as error:
        raise DataError(f"binance {symbol.symbol}: {error}") from None


def _limit(terms: Mapping[str, Any], name: str) -> Decimal | None:
    """A filter's number; the venue writes 0 where the rule is switched off."""
    number = dec(terms.get(name, 0), name)
    return Decimal(canonical(number)) if number > 0 else None


def weight_of_book(depth: int) -> int:
    """What a snapshot of so many levels costs."""
    return next((weight for levels, weight in _BOOK_WEIGHTS if depth <= levels), _BOOK_WEIGHTS[-1][1])


_BOOK_WEIGHTS: Sequence[tuple[int, int]] = ((100, 5), (500, 25), (1_000, 50), (5_000, 250))
