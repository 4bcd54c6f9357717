"""Every error that the Binance doors can answer, with Binance's codes, words and HTTP statuses."""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.core.clock import SECOND
from workbench.twin.limits import Excess, Limited
from workbench.twin.words import Problem, Refusal


class ApiError(Exception):
    """An error answer; `data` is what Binance adds to it, `until` when it may be tried again (UTC ns)."""

    def __init__(self, status: int, code: int, text: str, *, data: Any = None, until: int = 0) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.data, self.until = status, code, text, data, until

    def body(self) -> dict[str, Any]:
        """As REST answers it."""
        return {"code": self.code, "msg": self.text, **({} if self.data is None else {"data": self.data})}


class Error(msgspec.Struct, frozen=True):
    """An error with blanks to fill in."""

    status: int
    code: int
    text: str

    def __call__(self, *blanks: object) -> ApiError:
        """The error to raise."""
        return ApiError(self.status, self.code, self.text.format(*blanks))


UNAUTHORIZED = Error(401, -1002, "You are not authorized to execute this request.")
WEIGHT_USED = Error(
    429,
    -1003,
    "Too much request weight used; current limit is {} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API.",
)
BANNED = Error(
    418,
    -1003,
    "Way too much request weight used; IP banned until {}. "
    "Please use WebSocket Streams for live updates to avoid bans.",
)
TOO_MANY_CONNECTIONS = Error(429, -1003, "Too many requests queued.")
INVALID_QUANTITY = Error(400, -1013, "Invalid quantity.")
INVALID_PRICE = Error(400, -1013, "Invalid price.")
INVALID_STOP_PRICE = Error(400, -1013, "Invalid stopPrice.")
TOO_MANY_ORDERS = Error(429, -1015, "Too many new orders; current limit is {} orders per {}.")
OUTSIDE_WINDOW = Error(400, -1021, "Timestamp for this request is outside of the recvWindow.")
AHEAD_OF_TIME = Error(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
BAD_SIGNATURE = Error(400, -1022, "Signature for this request is not valid.")
ILLEGAL = Error(400, -1100, "Illegal characters found in parameter '{}'; legal range is '{}'.")
TWICE = Error(400, -1101, "Duplicate values for a parameter detected.")
MISSING = Error(400, -1102, "Mandatory parameter '{}' was not sent, was empty/null, or malformed.")
EITHER_MISSING = Error(400, -1102, "Param '{}' or '{}' must be sent, but both were empty/null!")
UNREAD = Error(400, -1104, "Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'.")
EMPTY = Error(400, -1105, "Parameter '{}' was empty.")
SUPERFLUOUS = Error(400, -1106, "Parameter '{}' sent when not required.")
TOO_PRECISE = Error(400, -1111, "Parameter '{}' has too much precision.")
INVALID_FORCE = Error(400, -1115, "Invalid timeInForce.")
INVALID_KIND = Error(400, -1116, "Invalid orderType.")
INVALID_SIDE = Error(400, -1117, "Invalid side.")
INVALID_INTERVAL = Error(400, -1120, "Invalid interval.")
INVALID_SYMBOL = Error(400, -1121, "Invalid symbol.")
SPAN_TOO_LONG = Error(400, -1127, "More than {} hours between startTime and endTime.")
BAD_COMBINATION = Error(400, -1128, "Combination of optional parameters invalid.")
INVALID_VALUE = Error(400, -1130, "Data sent for parameter '{}' is not valid.")
LONG_WINDOW = Error(400, -1131, "recvWindow must be less than 60000.")
INVALID_JSON = Error(400, -1135, "Invalid JSON Request")
NO_SUCH_ORDER = Error(400, -2013, "Order does not exist.")
BAD_KEY_FORMAT = Error(401, -2014, "API-key format invalid.")
BAD_KEY = Error(401, -2015, "Invalid API-key, IP, or permissions for action.")
REPLACE_PARTLY_FAILED = Error(409, -2021, "Order cancel-replace partially failed.")
REPLACE_FAILED = Error(400, -2022, "Order cancel-replace failed.")
HMAC_KEY = Error(400, -4056, "HMAC_SHA256 API key is not supported.")
INVALID_METHOD = Error(400, -5000, "Method {} is invalid")
RETIRED = Error(410, -1016, "This service is no longer available.")

CANCEL_REJECTED = -2011
_FILTER = "Filter failure: "

REFUSED: dict[Problem, Error] = {
    Problem.UNKNOWN_SYMBOL: INVALID_SYMBOL,
    Problem.CLOSED: Error(400, -2010, "Market is closed."),
    Problem.BAD_PARAMETERS: Error(400, -1014, "Unsupported order combination."),
    Problem.PRECISION: Error(400, -1111, "Parameter 'quantity' has too much precision."),
    Problem.ICEBERG_PARTS: Error(400, -1013, _FILTER + "ICEBERG_PARTS"),
    Problem.STP_MODE: Error(400, -1013, "This symbol does not allow the specified self-trade prevention mode."),
    Problem.INSUFFICIENT_BALANCE: Error(400, -2010, "Account has insufficient balance for requested action."),
    Problem.INSUFFICIENT_MARGIN: Error(400, -2010, "Account has insufficient balance for requested action."),
    Problem.DUPLICATE_ID: Error(400, -2010, "Duplicate order sent."),
    Problem.WOULD_TAKE: Error(400, -2010, "Order would immediately match and take."),
    Problem.WOULD_TRIGGER: Error(400, -2010, "Order would trigger immediately."),
    Problem.UNKNOWN_ORDER: Error(400, CANCEL_REJECTED, "Unknown order sent."),
    Problem.NOTHING_TO_REDUCE: Error(400, -2010, "This action is disabled on this account."),
    Problem.NOT_AMENDABLE: Error(400, -2010, "This action is disabled on this account."),
    **{
        each: Error(400, -1013, _FILTER + each.value)
        for each in (
            Problem.PRICE_FILTER,
            Problem.PERCENT_PRICE,
            Problem.LOT_SIZE,
            Problem.MARKET_LOT_SIZE,
            Problem.NOTIONAL,
            Problem.TRAILING_DELTA,
            Problem.MAX_ORDERS,
            Problem.MAX_STOP_ORDERS,
            Problem.MAX_POSITION,
        )
    },
}

_INTERVALS = {10: "10 SECOND", 60: "1 MINUTE", 86_400: "1 DAY"}


def error_of(problem: ApiError | Refusal | Limited) -> ApiError:
    """What Binance answers to any of them."""
    if isinstance(problem, Refusal):
        return refused(problem)
    return limited(problem) if isinstance(problem, Limited) else problem


def refused(refusal: Refusal) -> ApiError:
    """What Binance answers where the exchange refuses."""
    return REFUSED[refusal.problem]()


def limited(limit: Limited) -> ApiError:
    """What Binance answers where too much was asked."""
    until_ms = limit.until * 1_000 // SECOND
    if limit.excess is Excess.BAN:
        error = BANNED(until_ms)
    elif limit.rule is not None:
        seconds = limit.rule.seconds
        error = TOO_MANY_ORDERS(limit.rule.limit, _INTERVALS.get(seconds, f"{seconds} SECOND"))
    elif limit.excess is Excess.CONNECTS:
        error = TOO_MANY_CONNECTIONS()
    else:
        error = WEIGHT_USED(limit.allowed)
    error.until = limit.until
    return error
