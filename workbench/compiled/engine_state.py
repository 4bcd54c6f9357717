"""Where the compiled engine keeps what it knows: one int64 array, the book, and the names of its places.

The same words as in the event engine: a desk and its wishes, five orders by role, the venue's side of
each, requests on their way, and what risk has latched. `None` of a price or an instant is `NONE`.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from workbench.compiled.machine import small
from workbench.compiled.wide import narrow, widen
from workbench.core.clock import MINUTE, SECOND

NONE = -(2**63)
FLATTEN_RETRY_NS = SECOND
RATE_WINDOW_NS = MINUTE

# --- terms, costs, limits, budget: written once --------------------------------------------------

_place = count()
TICK, LOT, MIN_QUANTITY, MIN_NOTIONAL = (next(_place) for _ in range(4))
MULTIPLIER, DIVISOR, CASH_QUANTUM, BASE_QUANTUM = (next(_place) for _ in range(4))
AMENDABLE, FEE_IN_BASE = next(_place), next(_place)
MAKER_RATE, TAKER_RATE, SLIPPAGE_RATE, LATENCY, VOLUME_SHARE = (next(_place) for _ in range(5))
ALLOWED, MAX_DATA_AGE, MAX_ORDER_NOTIONAL, MAX_POSITION_NOTIONAL = (next(_place) for _ in range(4))
PRICE_COLLAR, COVERED_SPOT, MAX_REJECTIONS, MAX_ORDERS = (next(_place) for _ in range(4))
CAP, MAX_DRAWDOWN, REBALANCE_BAND, PORTFOLIO_DRAWDOWN = (next(_place) for _ in range(4))
PRICE_UNIT, QUANTITY_UNIT = next(_place), next(_place)  # 10**places: what a kernel sees as the market's scales

# --- money and marks -----------------------------------------------------------------------------

NOW, ROW, CASH, QUANTITY, COST, VALUE, PEAK, MARK, FRESH_UNTIL, ONE_SIDED = (next(_place) for _ in range(10))
HALTED, LOCKED = next(_place), next(_place)
FILL_NUMBER, FILL_PRICE, FILL_QUANTITY, FILL_TIME = (next(_place) for _ in range(4))
ORDERS, REFUSALS, TRADED_LOW, TRADED_HIGH = (next(_place) for _ in range(4))  # all that traded: 2^62 x HIGH + LOW

# --- the desk ------------------------------------------------------------------------------------

SAID, SAID_A, SAID_B, SAID_C, SAID_D, HEARD = (next(_place) for _ in range(6))
DESIRED, EXPIRES, CLOSE_AGAIN_AT, WISH, FLATTEN_WISH = (next(_place) for _ in range(5))
LIMIT, STOP, AMENDED, ASKED, ASKED_QUANTITY, ASKED_STOP = (next(_place) for _ in range(6))
QUOTES_WISHED, QUOTE_PRICE, QUOTE_SIZE = next(_place), next(_place), next(_place)  # of the bid; of the ask 3 further on
_ASK_WISH = next(_place), next(_place), next(_place)
QUOTE_WIDTH = 3

NO_OPINION, TARGET, QUOTES = 0, 1, 2

# --- the venue -----------------------------------------------------------------------------------

LAST, BID_PRICE, ASK_PRICE, QUOTED = (next(_place) for _ in range(4))
VENUE_CASH, VENUE_QUANTITY, RESERVED_CASH, RESERVED_BASE, PRIORITY = (next(_place) for _ in range(5))
BID_POOL, ASK_POOL = next(_place), next(_place)  # what an event offers; a bar and a trade have one pool, the first

# --- what the hot loop asks before it goes on ----------------------------------------------------

WAKE_LOW, WAKE_HIGH = next(_place), next(_place)  # a lower low or a higher high meets an order
LARGEST_HELD, SIZE, FIRST_ROW, ENTRY_WHOLE, ENTRY_REST = (next(_place) for _ in range(5))
INVERSE, INVERSE_SHIFT = next(_place), next(_place)  # of the divisor: a product times it is one of twice the bits

# --- queues --------------------------------------------------------------------------------------

LOGGING, LOGGED = next(_place), next(_place)
POST_FIRST, POST_LAST, SENT_FIRST, SENT_LAST, WAY_FIRST, WAY_LAST = (next(_place) for _ in range(6))
RECENT_FIRST, RECENT_LAST, REFUSED_FIRST, REFUSED_LAST = (next(_place) for _ in range(4))
FIGURE, FIGURE_2, FIGURE_3 = next(_place), next(_place), next(_place)  # of the last refusal

# --- orders, by role -----------------------------------------------------------------------------

ENTRY, PROTECTION, FLATTEN, BID, ASK = range(5)
ROLES = 5

_column = count()
NUMBER, STATUS, SIDE, KIND, TOTAL, PRICE, STOP_PRICE, FILLED, ASKED_TOTAL, MADE = (next(_column) for _ in range(10))
REDUCE_ONLY, POST_ONLY = next(_column), next(_column)
AT_VENUE, VENUE_TOTAL, VENUE_PRICE, VENUE_STOP, VENUE_FILLED = (next(_column) for _ in range(5))
RESERVED, ACTIVE_AT, WAITING, ARRIVING, RANK = (next(_column) for _ in range(5))
ORDER_WIDTH = next(_column)

MARKET_ORDER, LIMIT_ORDER, STOP_ORDER = range(3)

(
    FREE,
    PENDING,
    SUBMITTED,
    ACKNOWLEDGED,
    PARTIALLY_FILLED,
    CANCEL_PENDING,
    AMEND_PENDING,
    FILLED_UP,
    CANCELLED,
    EXPIRED,
    REJECTED,
    DENIED,
) = range(12)

# --- the book's regions --------------------------------------------------------------------------

ORDER_TABLE = 128
POST = ORDER_TABLE + ROLES * ORDER_WIDTH  # what the venue said and the engine has not heard
POST_WIDTH, POST_SIZE = 10, 256  # an event leads to a handful: five orders, each reported a few times
SENT = POST + POST_WIDTH * POST_SIZE  # what one step of the engine asks for
REQUEST_WIDTH, SENT_SIZE = 7, 64  # a request or two for each of five orders
WAY = SENT + REQUEST_WIDTH * SENT_SIZE  # amendments and cancels that latency holds back
WAY_SIZE = 4096  # more under way at once than any latency of a real venue leads to
REJECTIONS_KEPT = 100
REFUSED = WAY + REQUEST_WIDTH * WAY_SIZE
RECENT = REFUSED + REJECTIONS_KEPT  # as long as the limit of orders a minute
MAX_RATE_LIMIT = 1_000_000  # orders a minute; beyond it a limit says nothing

assert next(_place) <= ORDER_TABLE, "the book's places do not reach into its orders"


@small
def order_at(role: Any) -> Any:
    """Where the order of a role stands in the book."""
    return ORDER_TABLE + (role & 7) * ORDER_WIDTH  # never negative, as the machine sees: indices need no second look


@small
def living(book: Any, role: Any) -> Any:
    """Whether the desk has an order of this role."""
    status = book[order_at(role) + STATUS]
    return SUBMITTED <= status <= AMEND_PENDING


@small
def plus(first: Any, second: Any) -> Any:
    """A sum, or OverflowError."""
    return narrow(widen(first) + widen(second))


@small
def minus(first: Any, second: Any) -> Any:
    """A difference, or OverflowError."""
    return narrow(widen(first) - widen(second))


@small
def opposed(first: Any, second: Any) -> Any:
    """Whether one is above nothing and the other below."""
    return (first > 0 and second < 0) or (first < 0 and second > 0)


@small
def aligned(first: Any, second: Any) -> Any:
    """Whether both are above nothing, or both below."""
    return (first > 0 and second > 0) or (first < 0 and second < 0)
