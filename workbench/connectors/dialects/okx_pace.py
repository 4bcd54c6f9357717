"""How often OKX lets each endpoint be asked in two seconds, by account or by address."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.connectors.dialect import RateLimit
from workbench.core.clock import SECOND

WINDOW_NS = 2 * SECOND

# As documented. Limits that hold for each market apart are kept for all of them together.
_MOST: Mapping[str, int] = {
    "publicGetPublicTime": 10,
    "publicGetPublicInstruments": 20,
    "publicGetMarketBooks": 40,
    "publicGetMarketHistoryCandles": 20,
    "privateGetAccountConfig": 5,
    "privateGetAccountBalance": 10,
    "privateGetAccountPositions": 10,
    "privateGetAccountBills": 10,
    "privatePostTradeOrder": 60,
    "privatePostTradeAmendOrder": 60,
    "privatePostTradeCancelOrder": 60,
    "privateGetTradeOrder": 60,
    "privateGetTradeOrdersPending": 60,
    "privateGetTradeFillsHistory": 10,
    "privatePostTradeOrderAlgo": 20,
    "privatePostTradeAmendAlgos": 20,
    "privatePostTradeCancelAlgos": 20,
    "privateGetTradeOrderAlgo": 20,
    "privateGetTradeOrdersAlgoPending": 20,
}

LIMITS = tuple(
    RateLimit(name=endpoint, most=most, window_ns=WINDOW_NS, endpoint=endpoint) for endpoint, most in _MOST.items()
)
