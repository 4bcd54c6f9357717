"""Every error that the OKX doors can answer: of a whole call, or of one order in an answer that is itself fine."""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.twin.limits import Limited
from workbench.twin.words import Problem, Refusal


class ApiError(Exception):
    """A call that failed as a whole, with its HTTP status."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text

    def body(self) -> dict[str, Any]:
        """As REST answers it."""
        return {"code": self.code, "data": [], "msg": self.text}


class Rejected(Exception):
    """One order of a call failed; the call as a whole is answered with status 200."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Error(msgspec.Struct, frozen=True):
    """An error of a call, with blanks to fill in."""

    status: int
    code: str
    text: str

    def __call__(self, *blanks: object) -> ApiError:
        """The error to raise."""
        return ApiError(self.status, self.code, self.text.format(*blanks))


class Rejection(msgspec.Struct, frozen=True):
    """An error of one order, with blanks to fill in."""

    code: str
    text: str

    def __call__(self, *blanks: object) -> Rejected:
        """The rejection to raise."""
        return Rejected(self.code, self.text.format(*blanks))


NOT_JSON = Error(400, "50002", "JSON syntax error")
TOO_FAST = Error(429, "50011", "Too Many Requests")
EMPTY = Error(400, "50014", "Parameter {} can not be empty.")
EITHER_EMPTY = Error(400, "50015", "Either parameter {} or {} is required")
TOO_MANY_ROWS = Error(400, "50025", "Parameter args count exceeds the limit {}")
EXPIRED = Error(
    400, "50036", "The expTime can't be earlier than the current system time. Please adjust the expTime and try again."
)
TOO_LATE = Error(401, "50102", "Timestamp request expired")
NO_KEY = Error(401, "50103", 'Request header "OK-ACCESS-KEY" can not be empty.')
NO_PASSPHRASE = Error(401, "50104", 'Request header "OK-ACCESS-PASSPHRASE" can not be empty.')
BAD_PASSPHRASE = Error(401, "50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.')
NO_SIGNATURE = Error(401, "50106", 'Request header "OK-ACCESS-SIGN" can not be empty.')
NO_TIME = Error(401, "50107", 'Request header "OK-ACCESS-TIMESTAMP" can not be empty.')
BAD_ADDRESS = Error(401, "50110", "Your IP {} is not included in your API key's IP whitelist.")
BAD_KEY = Error(401, "50111", "Invalid OK-ACCESS-KEY")
BAD_TIME = Error(401, "50112", "Invalid OK-ACCESS-TIMESTAMP")
BAD_SIGNATURE = Error(401, "50113", "Invalid Sign")
FORBIDDEN = Error(401, "50120", "This API key doesn't have permission to use this function")
NO_SUCH_ORDER = Error(200, "51603", "Order does not exist")
LEVERAGE = Error(200, "59102", "Leverage exceeds the maximum limit. Please lower the leverage.")
POSITION_MODE = Error(200, "59000", "Setting failed. Cancel any open orders or close any positions first.")

WRONG = Rejection("51000", "Parameter {} error")
UNKNOWN_INSTRUMENT = Rejection("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
NO_IDS = Rejection("51003", "Either client order ID or order ID is required.")
PRICE_LIMIT = Rejection("51006", "Order price is not within the price limit.")
BELOW_MINIMUM = Rejection("51020", "Your order should meet or exceed the minimum order amount.")
SUSPENDED = Rejection("51022", "Contract suspended.")
DUPLICATE = Rejection("51016", "Client order ID already exists.")
DUPLICATE_ALGO = Rejection("51068", "algoClOrdId already exists within algoClOrdId and attachAlgoClOrdId")
NOT_WHOLE_LOTS = Rejection("51121", "Order quantity must be a multiple of the lot size.")
SPOT_REDUCES_NOTHING = Rejection("51139", "Reduce-only feature is unavailable for spot transactions.")
NO_PRICE = Rejection("51204", "The price for the limit order cannot be empty.")
NOT_THERE = Rejection("51400", "Cancellation failed as the order does not exist.")
CANCELED_ALREADY = Rejection("51401", "Cancellation failed as the order is already canceled.")
COMPLETED_ALREADY = Rejection("51402", "Cancellation failed as the order is already completed.")
NOTHING_NEW = Rejection("51500", "You must enter a price, quantity, or TP/SL.")
AMENDS_NOTHING = Rejection("51503", "Your order has already been filled or canceled.")

WRONG_SIDE = {  # of the last price: whether it takes profit, and its side
    (True, "BUY"): Rejection("51277", "TP trigger price cannot be higher than the last price."),
    (False, "BUY"): Rejection("51278", "SL trigger price cannot be lower than the last price."),
    (True, "SELL"): Rejection("51279", "TP trigger price cannot be lower than the last price."),
    (False, "SELL"): Rejection("51280", "SL trigger price cannot be higher than the last price."),
}

REFUSED: dict[Problem, Rejection] = {
    Problem.UNKNOWN_SYMBOL: UNKNOWN_INSTRUMENT,
    Problem.CLOSED: SUSPENDED,
    Problem.BAD_PARAMETERS: WRONG,
    Problem.PRECISION: NOT_WHOLE_LOTS,
    Problem.PRICE_FILTER: Rejection("51000", "Parameter px error"),
    Problem.PERCENT_PRICE: PRICE_LIMIT,
    Problem.LOT_SIZE: NOT_WHOLE_LOTS,
    Problem.MARKET_LOT_SIZE: Rejection("51202", "Market order amount exceeds the maximum amount."),
    Problem.NOTIONAL: BELOW_MINIMUM,
    Problem.ICEBERG_PARTS: WRONG,
    Problem.TRAILING_DELTA: WRONG,
    Problem.MAX_ORDERS: Rejection("51174", "The number of pending orders reached the upper limit."),
    Problem.MAX_STOP_ORDERS: Rejection("51261", "The number of pending stop orders reached the upper limit."),
    Problem.MAX_POSITION: Rejection("51004", "Order failed. Your position would exceed the limit of your tier."),
    Problem.STP_MODE: Rejection("51000", "Parameter stpMode error"),
    Problem.INSUFFICIENT_BALANCE: Rejection("51008", "Order failed. Insufficient {} balance in account"),
    Problem.INSUFFICIENT_MARGIN: Rejection("51008", "Order failed. Insufficient {} margin in account"),
    Problem.DUPLICATE_ID: DUPLICATE,
    Problem.WOULD_TAKE: Rejection(
        "51511", "Operation failed as the order price doesn't meet the Post Only requirement."
    ),
    Problem.WOULD_TRIGGER: WRONG_SIDE[False, "SELL"],
    Problem.UNKNOWN_ORDER: NOT_THERE,
    Problem.NOTHING_TO_REDUCE: Rejection("51169", "Order failed: you have no position in this direction to reduce."),
    Problem.NOT_AMENDABLE: Rejection("51506", "Order modification unavailable for the order type."),
}


def refused(refusal: Refusal, *blanks: object) -> Rejected:
    """What OKX answers where the exchange refuses an order."""
    return REFUSED[refusal.problem](*(blanks or ("",)))


def limited(limit: Limited) -> ApiError:
    """What OKX answers where too much was asked."""
    return TOO_FAST()
