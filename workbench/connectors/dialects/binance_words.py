"""What Binance spot answers and reports, field by field, as it documents it; numbers stay the text they came as."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from workbench.connectors.wire import Answer
from workbench.core.errors import DataError
from workbench.core.order import OrderStatus

_SHOWN = 200  # characters of a body that an error quotes: enough to recognise it, little enough for a log

_T = TypeVar("_T")

STATUS = {
    "NEW": OrderStatus.ACKNOWLEDGED,
    "PENDING_NEW": OrderStatus.ACKNOWLEDGED,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "PENDING_CANCEL": OrderStatus.CANCEL_PENDING,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}


class Refused(msgspec.Struct):
    """The body of an answer that says no."""

    code: int
    msg: str = ""


class Time(msgspec.Struct, rename="camel"):
    server_time: int


class PublishedLimit(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class Symbol(msgspec.Struct, rename="camel"):
    """A symbol with its filters, each a mapping that names its `filterType`."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    base_asset_precision: int
    quote_asset_precision: int
    base_commission_precision: int = 8
    quote_commission_precision: int = 8
    is_spot_trading_allowed: bool = True
    filters: list[dict[str, Any]] = []


class ExchangeInfo(msgspec.Struct, rename="camel"):
    symbols: list[Any]  # each a Symbol: one that is not must not hide the others
    rate_limits: list[PublishedLimit] = []


class Execution(msgspec.Struct, rename="camel"):
    """One of the trades that a new order made at once."""

    price: str
    qty: str
    commission: str
    commission_asset: str
    trade_id: int


class Order(msgspec.Struct, rename="camel"):
    """An order as it is placed, cancelled or asked for; the three answers differ in what they leave out."""

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    side: str
    price: str
    orig_qty: str
    executed_qty: str
    orig_client_order_id: str = ""  # of a cancel: the order's own id; `client_order_id` is then the cancel's
    stop_price: str = ""
    transact_time: int = 0
    update_time: int = 0
    time: int = 0
    fills: list[Execution] = []


class OwnTrade(msgspec.Struct, rename="camel"):
    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class Holding(msgspec.Struct):
    asset: str
    free: str
    locked: str


class Account(msgspec.Struct, rename="camel"):
    balances: list[Holding]


class Restrictions(msgspec.Struct, rename="camel"):
    enable_spot_and_margin_trading: bool | None = None
    enable_withdrawals: bool | None = None


class ExecutionReport(
    msgspec.Struct,
    rename={
        "symbol": "s",
        "client_id": "c",
        "original_id": "C",
        "side": "S",
        "quantity": "q",
        "price": "p",
        "stop": "P",
        "what": "x",
        "status": "X",
        "reject_reason": "r",
        "order_id": "i",
        "last_quantity": "l",
        "last_price": "L",
        "filled": "z",
        "fee": "n",
        "fee_currency": "N",
        "at": "T",
        "trade_id": "t",
        "execution_id": "I",
        "maker": "m",
        "prevented": "A",
        "expiry_reason": "eR",
    },
):
    """What happened to an order; on a cancel `client_id` is the cancel's and `original_id` the order's."""

    symbol: str
    client_id: str
    side: str
    quantity: str
    price: str
    what: str
    status: str
    order_id: int
    last_quantity: str
    last_price: str
    filled: str
    fee: str
    at: int
    trade_id: int
    maker: bool
    original_id: str | None = None
    stop: str = ""
    reject_reason: str = "NONE"
    fee_currency: str | None = None
    execution_id: int | None = None
    prevented: str = "0"
    expiry_reason: str | None = None


class Held(msgspec.Struct, rename={"asset": "a", "free": "f", "locked": "l"}):
    asset: str
    free: str
    locked: str


class AccountPosition(msgspec.Struct, rename={"at": "u", "balances": "B"}):
    at: int
    balances: list[Held]


class BalanceUpdate(msgspec.Struct, rename={"asset": "a", "change": "d", "at": "T"}):
    asset: str
    change: str
    at: int


def read(answer: Answer, kind: type[_T]) -> _T:
    """The body of an answer with status 200; DataError says what came instead, or which field does not fit."""
    if answer.status != 200:
        raise DataError(f"binance: expected an answer with status 200, got {answer.status}: {shown(answer)}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"binance: cannot read {kind}: {error}: {shown(answer)}") from None


def taken(message: Any, kind: type[_T]) -> _T:
    """A parsed message as a struct; raises DataError naming the field that does not fit."""
    try:
        return msgspec.convert(message, kind)
    except msgspec.ValidationError as error:
        raise DataError(f"binance: {kind.__name__}: {error}: {str(message)[:_SHOWN]}") from None


def refusal(answer: Answer) -> Refused | None:
    """What an answer with an error code says, None where its body is not of that form."""
    try:
        return msgspec.json.decode(answer.body, type=Refused)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def status_of(word: str) -> OrderStatus:
    """Our word for an order's status; raises DataError for one that Binance does not document."""
    if word not in STATUS:
        raise DataError(f"binance: order status {word!r} is unknown; expected one of {', '.join(STATUS)}")
    return STATUS[word]


def shown(answer: Answer) -> str:
    """The beginning of a body, for an error."""
    return answer.body[:_SHOWN].decode(errors="replace")
