"""What is listed, as OKX writes it."""

from __future__ import annotations

from decimal import Decimal

from workbench.twin.okx.formats import Json, kind_of, native_id, number, ratio
from workbench.twin.words import Listing, Trading

_STATES = {Trading.TRADING: "live", Trading.HALT: "suspend", Trading.CANCEL_ONLY: "suspend"}
_NO_LIMIT = Decimal(9_999_999_999)
# Fields of contracts that expire, of options and of auctions.
_BLANK = dict.fromkeys(
    [
        *("alias", "auctionEndTime", "contTdSwTime", "expTime", "maxPlatOILmt", "openType", "optType"),
        *("posLmtAmt", "posLmtPct", "preMktSwTime", "stk", "upcChg"),
    ],
    "",
)


def instrument_row(listing: Listing) -> Json:
    """One instrument; quantities of a perpetual count contracts of `ctVal` base currency."""
    spot, base, quote = listing.is_spot, listing.base, listing.quote
    most, at_market = (number(each or _NO_LIMIT) for each in (listing.max_quantity, listing.market_max_quantity))
    row = {
        "baseCcy": base if spot else "",
        "category": "1",
        "ctMult": "" if spot else "1",
        "ctType": "" if spot else "linear",
        "ctVal": "" if spot else number(listing.contract_size),
        "ctValCcy": "" if spot else base,
        "futureSettlement": False,
        "instFamily": "" if spot else f"{base}-{quote}",
        "instId": native_id(listing),
        "instType": kind_of(listing),
        "lever": "" if spot else str(listing.leverage),
        "listTime": "1611907686000",
        "lotSz": number(listing.lot),
        "maxIcebergSz": most,
        "maxLmtAmt": number(listing.max_notional or _NO_LIMIT),
        "maxLmtSz": most,
        "maxMktAmt": number(listing.max_notional or _NO_LIMIT) if spot else "",
        "maxMktSz": at_market,
        "maxStopSz": at_market,
        "maxTriggerSz": most,
        "maxTwapSz": most,
        "minSz": number(listing.min_quantity),
        "quoteCcy": quote if spot else "",
        "ruleType": "normal",
        "settleCcy": "" if spot else quote,
        "state": _STATES[listing.trading],
        "tickSz": number(listing.tick),
        "tradeQuoteCcyList": [quote] if spot else [],
        "uly": "" if spot else f"{base}-{quote}",
    }
    return {**_BLANK, **row}


def tier_row(listing: Listing) -> Json:
    """The one tier of margin that there is."""
    return {
        "baseMaxLoan": "",
        "imr": number(ratio(Decimal(1), Decimal(listing.leverage))),
        "instFamily": f"{listing.base}-{listing.quote}",
        "instId": native_id(listing),
        "maxLever": str(listing.leverage),
        "maxSz": number(_NO_LIMIT),
        "minSz": "0",
        "mmr": number(listing.maintenance),
        "optMgnFactor": "0",
        "quoteMaxLoan": "",
        "tier": "1",
        "uly": f"{listing.base}-{listing.quote}",
    }
