"""exchangeInfo: what is listed, under which filters and limits, as Binance writes it."""

from __future__ import annotations

from workbench.twin.binance.formats import Json, amount
from workbench.twin.limits import Limits
from workbench.twin.words import Listing, OrderKind, SelfTrade, Trading

_STATUS = {Trading.TRADING: "TRADING", Trading.HALT: "HALT", Trading.CANCEL_ONLY: "CANCEL_ONLY"}


def rate_limits(limits: Limits) -> list[Json]:
    """The limits that clients must keep."""
    return [
        rate_limit("REQUEST_WEIGHT", 60, limits.weight),
        *(rate_limit("ORDERS", rule.seconds, rule.limit) for rule in limits.orders),
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
    ]


def rate_limit(kind: str, seconds: int, limit: int) -> Json:
    """One limit, its interval in the longest unit that fits."""
    lengths = {"DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1}
    unit = next(name for name, length in lengths.items() if seconds % length == 0)
    return {"rateLimitType": kind, "interval": unit, "intervalNum": seconds // lengths[unit], "limit": limit}


def symbol_info(listing: Listing) -> Json:
    """One symbol with its filters."""
    return {
        "symbol": listing.base + listing.quote,
        "status": _STATUS[listing.trading],
        "baseAsset": listing.base,
        "baseAssetPrecision": listing.places,
        "quoteAsset": listing.quote,
        "quotePrecision": listing.places,
        "quoteAssetPrecision": listing.places,
        "baseCommissionPrecision": listing.places,
        "quoteCommissionPrecision": listing.places,
        "orderTypes": [kind.value for kind in OrderKind],
        "icebergAllowed": True,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": listing.stp_default.value,
        "allowedSelfTradePreventionModes": [each.value for each in SelfTrade if each in listing.stp_allowed],
    }


def _filters(listing: Listing) -> list[Json]:
    zero = amount(None)
    found: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(listing.min_price),
            "maxPrice": amount(listing.max_price),
            "tickSize": amount(listing.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": amount(listing.min_quantity),
            "maxQty": amount(listing.max_quantity),
            "stepSize": amount(listing.lot),
        },
        {"filterType": "ICEBERG_PARTS", "limit": listing.iceberg_parts},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": zero,
            "maxQty": amount(listing.market_max_quantity),
            "stepSize": zero,
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": listing.min_trailing_bips,
            "maxTrailingAboveDelta": listing.max_trailing_bips,
            "minTrailingBelowDelta": listing.min_trailing_bips,
            "maxTrailingBelowDelta": listing.max_trailing_bips,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": f"{listing.bid_up:f}",
            "bidMultiplierDown": f"{listing.bid_down:f}",
            "askMultiplierUp": f"{listing.ask_up:f}",
            "askMultiplierDown": f"{listing.ask_down:f}",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(listing.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(listing.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": listing.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": listing.max_stop_orders},
    ]
    if listing.max_position:
        found.append({"filterType": "MAX_POSITION", "maxPosition": amount(listing.max_position)})
    return found
