"""What OKX v5 answers and reports of an account, field by field, as it documents it; numbers stay text.

Every answer is an envelope of code, message and rows; a request for several things has a code for each of its own.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from workbench.connectors.wire import Answer
from workbench.core.clock import interval_ns
from workbench.core.errors import DataError, Unsupported

_SHOWN = 200  # characters of a body that an error quotes: enough to recognise it, little enough for a log

_T = TypeVar("_T")

DONE = "0"
NO_SUCH_ORDER = "51603"


class Reply(msgspec.Struct):
    """The envelope."""

    code: str
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class Ack(msgspec.Struct, rename="camel"):
    """What became of one order in a request."""

    s_code: str
    s_msg: str = ""
    ord_id: str = ""
    cl_ord_id: str = ""
    algo_id: str = ""
    algo_cl_ord_id: str = ""


class Order(msgspec.Struct, rename="camel"):
    """An order as it is pushed, listed or asked for; `fill_...` tell the trade that a push is about."""

    inst_id: str
    ord_id: str
    state: str
    side: str
    sz: str
    u_time: str
    ord_type: str = ""
    cl_ord_id: str = ""
    algo_cl_ord_id: str = ""  # of the stop that became this order
    px: str = ""
    acc_fill_sz: str = ""
    tgt_ccy: str = ""
    category: str = "normal"
    cancel_source: str = ""
    cancel_source_reason: str = ""
    trade_id: str = ""
    fill_sz: str = ""
    fill_px: str = ""
    fill_time: str = ""
    fill_fee: str | None = None
    fill_fee_ccy: str = ""
    fee: str = ""  # of all its trades together
    fee_ccy: str = ""
    exec_type: str = ""


class Algo(msgspec.Struct, rename="camel"):
    """A stop as it is pushed, listed or asked for; `ord_id` is the order that it became."""

    inst_id: str
    algo_id: str
    state: str
    c_time: str
    algo_cl_ord_id: str = ""
    ord_id: str = ""
    sz: str = ""
    sl_trigger_px: str = ""
    sl_ord_px: str = ""
    trigger_px: str = ""
    ord_px: str = ""
    u_time: str = ""
    trigger_time: str = ""
    fail_code: str = ""
    fail_reason: str = ""


class OwnTrade(msgspec.Struct, rename="camel"):
    inst_id: str
    trade_id: str
    ord_id: str
    bill_id: str
    side: str
    fill_sz: str
    fill_px: str
    fee: str
    fee_ccy: str
    exec_type: str
    ts: str
    fill_time: str = ""
    sub_type: str = ""


class Holding(msgspec.Struct, rename="camel"):
    ccy: str
    cash_bal: str
    u_time: str = "0"


class Balances(msgspec.Struct):
    details: list[Holding] = []


class Position(msgspec.Struct, rename="camel"):
    inst_id: str
    pos: str
    inst_type: str = "SWAP"
    pos_side: str = "net"
    avg_px: str = ""


class Changed(msgspec.Struct, rename="camel"):
    """Balances and positions that something touched, and what touched them."""

    event_type: str
    p_time: str
    bal_data: list[Holding] = []
    pos_data: list[Position] = []


class Bill(msgspec.Struct, rename="camel"):
    inst_id: str
    bill_id: str
    ccy: str
    bal_chg: str
    type: str
    ts: str


class Config(msgspec.Struct, rename="camel"):
    """The account's settings; `perm` lists what the key that asks may do."""

    perm: str = ""
    pos_mode: str = "net_mode"


class Time(msgspec.Struct):
    ts: str


class Terms(msgspec.Struct, rename="camel"):
    """An instrument with the steps it trades in; what does not apply to its kind is empty."""

    inst_id: str
    inst_type: str
    tick_sz: str
    lot_sz: str
    min_sz: str
    state: str
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    ct_type: str = ""
    ct_val: str = ""
    ct_mult: str = ""
    ct_val_ccy: str = ""
    lever: str = ""
    uly: str = ""
    max_lmt_sz: str = ""
    max_mkt_sz: str = ""


def reply(answer: Answer) -> Reply | None:
    """The envelope of any answer, None where the body is not of that form."""
    try:
        return msgspec.json.decode(answer.body, type=Reply)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def rows(answer: Answer, kind: type[_T]) -> list[_T]:
    """The rows of an answer without fault; DataError says what came instead, or which field does not fit."""
    said = reply(answer)
    if answer.status != 200 or said is None or said.code != DONE:
        raise DataError(f"okx: expected rows and code 0, got status {answer.status}: {shown(answer)}")
    try:
        return msgspec.json.decode(said.data, type=list[kind])  # type: ignore[valid-type]
    except msgspec.DecodeError as error:
        raise DataError(f"okx: cannot read {kind.__name__}: {error}: {shown(answer)}") from None


def taken(row: Any, kind: type[_T]) -> _T:
    """A parsed row as a struct; raises DataError naming the field that does not fit."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise DataError(f"okx: {kind.__name__}: {error}: {str(row)[:_SHOWN]}") from None


def shown(answer: Answer) -> str:
    """The beginning of a body, for an error."""
    return answer.body[:_SHOWN].decode(errors="replace")


def given(number: str) -> str | None:
    """A number, None where the venue writes nothing, or the -1 that stands for the market's price."""
    return None if number in ("", "-1") else number


def charged(fee: str) -> str:
    """What was charged, of a fee that the venue writes as what the account got: negative for a charge."""
    if fee.strip("-0.") == "":
        return "0"
    return fee[1:] if fee.startswith("-") else f"-{fee}"


def kind_of(market_id: str) -> str:
    """The kind of instrument that an id names, as requests need it."""
    return "SWAP" if market_id.endswith("-SWAP") else "SPOT"


def candle(interval: str) -> str:
    """OKX's word for bars such as '1h'; raises Unsupported for a length that it does not have."""
    word = _CANDLES.get(interval_ns(interval))
    if word is None:
        raise Unsupported(f"okx: no bars of {interval!r}; there are {', '.join(_CANDLES.values())}")
    return word


# From six hours on, candles open at midnight in Hong Kong unless they are asked for in UTC.
_CANDLES = {
    interval_ns(each.removesuffix("utc").lower()): each
    for each in (
        *("1s", "1m", "3m", "5m", "15m", "30m", "1H", "2H", "4H"),
        *("6Hutc", "12Hutc", "1Dutc", "2Dutc", "3Dutc", "1Wutc"),
    )
}
