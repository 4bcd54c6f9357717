"""The words of the local exchange: listings, orders, executions and refusals, the same for every dialect.

Amounts are exact Decimals at this edge; times are UTC nanoseconds.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec


class Problem(StrEnum):
    """Why the exchange refuses; each dialect has its own code for each."""

    UNKNOWN_SYMBOL = "unknown symbol"
    CLOSED = "market is closed"  # halted or cancel-only
    BAD_PARAMETERS = "bad parameters"
    PRECISION = "too many decimals"
    PRICE_FILTER = "PRICE_FILTER"
    PERCENT_PRICE = "PERCENT_PRICE_BY_SIDE"
    LOT_SIZE = "LOT_SIZE"
    MARKET_LOT_SIZE = "MARKET_LOT_SIZE"
    NOTIONAL = "NOTIONAL"
    ICEBERG_PARTS = "ICEBERG_PARTS"
    TRAILING_DELTA = "TRAILING_DELTA"
    MAX_ORDERS = "MAX_NUM_ORDERS"
    MAX_STOP_ORDERS = "MAX_NUM_ALGO_ORDERS"
    MAX_POSITION = "MAX_POSITION"
    STP_MODE = "self-trade prevention mode not allowed"
    INSUFFICIENT_BALANCE = "insufficient balance"
    INSUFFICIENT_MARGIN = "insufficient margin"
    DUPLICATE_ID = "duplicate client order id"
    WOULD_TAKE = "would immediately match and take"
    WOULD_TRIGGER = "would trigger immediately"
    UNKNOWN_ORDER = "unknown order"
    NOTHING_TO_REDUCE = "nothing to reduce"
    NOT_AMENDABLE = "cannot be amended"


class Refusal(Exception):
    """The exchange said no; nothing was changed."""

    def __init__(self, problem: Problem, text: str = "") -> None:
        super().__init__(text or problem.value)
        self.problem = problem


class OrderKind(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class Force(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(StrEnum):
    """What happens when both sides of a match are one account; the taker's mode decides."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"


class State(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    REJECTED = "REJECTED"


OPEN = frozenset({State.NEW, State.PARTIALLY_FILLED})


class Trading(StrEnum):
    """What a symbol allows now."""

    TRADING = "TRADING"
    HALT = "HALT"  # nothing, but cancels
    CANCEL_ONLY = "CANCEL_ONLY"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol and its filters; `BTC/USDT` is spot, `BTC/USDT:USDT` a linear perpetual. 0 switches a filter off."""

    symbol: str
    tick: Decimal
    lot: Decimal
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    min_quantity: Decimal = Decimal("0.00001")
    max_quantity: Decimal = Decimal(9_000)
    market_max_quantity: Decimal = Decimal(100)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    bid_up: Decimal = Decimal(5)  # PERCENT_PRICE_BY_SIDE: a bid may be so many times the average price
    bid_down: Decimal = Decimal("0.2")
    ask_up: Decimal = Decimal(5)
    ask_down: Decimal = Decimal("0.2")
    max_orders: int = 200
    max_stop_orders: int = 5
    iceberg_parts: int = 10
    max_position: Decimal = Decimal(0)
    min_trailing_bips: int = 10
    max_trailing_bips: int = 2_000
    stp_default: SelfTrade = SelfTrade.EXPIRE_MAKER
    stp_allowed: frozenset[SelfTrade] = frozenset(SelfTrade)
    trading: Trading = Trading.TRADING
    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    places: int = 8  # of prices, quantities and commissions as the venue writes them
    contract_size: Decimal = Decimal(1)  # of a perpetual: base currency in one contract
    leverage: int = 10  # of a perpetual: what an account may use at most
    maintenance: Decimal = Decimal("0.004")  # of a perpetual: maintenance margin as a fraction of notional

    @property
    def base(self) -> str:
        return self.symbol.split("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.split("/")[1].split(":")[0]

    @property
    def is_spot(self) -> bool:
        return ":" not in self.symbol


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An order as an account asks for it; contracts on a perpetual, base currency on spot."""

    symbol: str
    side: str  # BUY or SELL
    kind: OrderKind
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None  # a market order may say what to spend or get instead
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_bips: int | None = None
    iceberg: Decimal | None = None
    force: Force = Force.GTC
    client_id: str = ""  # empty: the exchange makes one
    stp: SelfTrade | None = None
    reduce_only: bool = False


class Order(msgspec.Struct, kw_only=True):
    """An order as the exchange keeps it; `quantity` is the total, `spent` the quote currency of its trades."""

    order_id: int
    account: str
    wanted: Wanted
    client_id: str
    quantity: Decimal
    price: Decimal  # 0 for a market order
    state: State = State.NEW
    filled: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    prevented: Decimal = Decimal(0)  # by self-trade prevention
    on_book: bool = False
    waiting: bool = False  # a stop that has not triggered
    created: int = 0
    updated: int = 0
    working_since: int = 0

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled - self.prevented

    @property
    def open(self) -> bool:
        return self.state in OPEN


class Happened(StrEnum):
    """What an execution report tells."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"  # amended in place
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"
    TRIGGERED = "TRIGGERED"  # a stop went live; Binance says NEW again


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """A public trade."""

    trade_id: int
    symbol: str
    price: Decimal
    quantity: Decimal
    at: int
    buyer_order: int
    seller_order: int
    buyer_is_maker: bool


class OwnTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a trade, as its account sees it; a negative commission is a rebate."""

    account: str
    order_id: int
    client_id: str
    side: str
    maker: bool
    commission: Decimal
    commission_asset: str
    print: Print
    forced: bool = False  # a liquidation


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an order: a copy of the order after it, numbered per exchange."""

    execution_id: int
    at: int
    what: Happened
    order: Order
    trade: OwnTrade | None = None
    cancel_id: str = ""  # the client id that the cancel itself carried
    reason: str = ""


class BookChange(msgspec.Struct, frozen=True, kw_only=True):
    """A level's total is now `quantity`; 0 removes it. `update_id` grows by one each time, per symbol."""

    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    update_id: int
    at: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of an asset."""

    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


class BalancesChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The balances an event touched; `transfer` is set where an outside transfer did it, per asset."""

    account: str
    at: int
    balances: tuple[Balance, ...]
    transfer: Decimal | None = None


class PositionChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A perpetual position after a trade, a mark or funding; `quantity` is signed contracts."""

    account: str
    symbol: str
    at: int
    quantity: Decimal
    entry_price: Decimal
    mark: Decimal
    unrealised: Decimal


class FundingPaid(msgspec.Struct, frozen=True, kw_only=True):
    """Funding that an account received (negative: paid)."""

    account: str
    symbol: str
    at: int
    bill_id: int
    rate: Decimal
    amount: Decimal


class ListingChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's filters or trading state are now these."""

    listing: Listing
    at: int


Event = Print | Execution | BookChange | BalancesChanged | PositionChanged | FundingPaid | ListingChanged


class Listener(Protocol):
    """Hears everything the exchange does, in order, while it happens."""

    def __call__(self, event: Event) -> None: ...


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The book of a symbol, best levels first."""

    symbol: str
    update_id: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All that an account did and has, for comparing with anybody's ledger."""

    orders: tuple[Order, ...]
    trades: tuple[OwnTrade, ...]
    balances: tuple[Balance, ...]
    positions: tuple[PositionChanged, ...] = ()
    funding: tuple[FundingPaid, ...] = ()
