"""Market data of Kraken spot: the sockets v1 and v2, and pages of the REST API.

A market is named as its source names it: XBT/USD by v1, BTC/USD by v2, XXBTZUSD by REST. Neither socket numbers
its updates; a checksum over the digits of the ten best levels proves a book, which is as deep as it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, unknown
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardQuote, HeardTrade
from workbench.core.clock import MINUTE, SECOND, parse_instant
from workbench.core.errors import DataError
from workbench.core.order import Side

SILENT_EVENTS = frozenset({"systemStatus", "subscriptionStatus", "heartbeat", "pong"})  # of v1
SILENT_CHANNELS = frozenset({"status", "heartbeat", "instrument"})  # of v2

_SIDES = {"b": Side.BUY, "s": Side.SELL}


def hear(message: Any) -> Iterable[Heard]:
    """What one message of either version says; raises DataError for one that is unknown, unreadable or an error."""
    with Reading("kraken", message):
        if type(message) is list:
            return list(_v1(message))
        if "channel" in message:
            return list(_v2(message))
        return _answered(message)


def read_book(answer: Any, market_id: str) -> HeardBook:
    """The snapshot that `Depth` answers."""
    with Reading("kraken", answer):
        page = _result(answer)[market_id]
        return _book(market_id, page["bids"], page["asks"], snapshot=True)


def read_bars(answer: Any, market_id: str, *, interval_ns: int, now: int) -> list[HeardBar]:
    """What `OHLC` answers, oldest first; one whose time is not over at `now` (UTC ns) is not closed."""
    with Reading("kraken", answer):
        return [_row(row, market_id, interval_ns, now) for row in _result(answer)[market_id]]


def read_trades(answer: Any, market_id: str) -> tuple[list[HeardTrade], str]:
    """What `Trades` answers, oldest first, and what the next page is asked `since`."""
    with Reading("kraken", answer):
        result = _result(answer)
        return [_row_trade(row, market_id, int(row[6])) for row in result[market_id]], str(result["last"])


def _result(answer: Any) -> Any:
    if answer["error"]:
        raise DataError(f"refused: {', '.join(answer['error'])}")
    return answer["result"]


def _answered(message: Any) -> Iterable[Heard]:
    """Acknowledgements and errors of both versions."""
    if message.get("success") is False or message.get("status") == "error" or message.get("event") == "error":
        raise DataError(f"refused: {message.get('error') or message.get('errorMessage', '')}")
    if "method" not in message and message.get("event") not in SILENT_EVENTS:
        raise unknown(message)
    return ()


# --- version 1: lists of [channel id, payload, ..., channel, market] --------------------------------


def _v1(message: list[Any]) -> Iterator[Heard]:
    *payloads, channel, market_id = message[1:]
    name = channel.partition("-")[0]
    if name not in _V1_READERS:
        raise unknown(message)
    return _V1_READERS[name](market_id, payloads, channel)


def _v1_trades(market_id: str, payloads: list[Any], channel: str) -> Iterator[Heard]:
    for row in payloads[0]:
        yield _row_trade(row, market_id, None)


def _v1_quote(market_id: str, payloads: list[Any], channel: str) -> Iterator[Heard]:
    bid, ask = payloads[0]["b"], payloads[0]["a"]  # price, whole lots, size
    yield HeardQuote(market_id, exact(bid[0]), exact(bid[2]), exact(ask[0]), exact(ask[2]), 0)


def _v1_spread(market_id: str, payloads: list[Any], channel: str) -> Iterator[Heard]:
    bid, ask, at, bid_size, ask_size = map(exact, payloads[0])
    yield HeardQuote(market_id, bid, bid_size, ask, ask_size, _seconds(at))


def _v1_book(market_id: str, payloads: list[Any], channel: str) -> Iterator[Heard]:
    said = {name: value for payload in payloads for name, value in payload.items()}  # each side may come apart
    if "as" in said or "bs" in said:
        yield _book(market_id, said.get("bs", ()), said.get("as", ()), snapshot=True)
    else:
        checksum = int(said["c"])
        yield _book(market_id, said.get("b", ()), said.get("a", ()), snapshot=False, checksum=checksum)


def _v1_bar(market_id: str, payloads: list[Any], channel: str) -> Iterator[Heard]:
    at, end, opened, high, low, close, _, volume, *_ = map(exact, payloads[0])
    length = int(channel.partition("-")[2] or "1") * MINUTE
    yield HeardBar(
        market_id=market_id,
        start=_seconds(end) - length,
        interval_ns=length,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        closed=False,  # v1 never says when a candle is done
        at=_seconds(at),
    )


_V1_READERS: Mapping[str, Callable[[str, list[Any], str], Iterator[Heard]]] = {
    "trade": _v1_trades,
    "ticker": _v1_quote,
    "spread": _v1_spread,
    "book": _v1_book,
    "ohlc": _v1_bar,
}


# --- version 2: objects that name their fields ------------------------------------------------------


def _v2(message: Any) -> Iterator[Heard]:
    channel = message["channel"]
    if channel in SILENT_CHANNELS:
        return
    if channel not in _V2_READERS:
        raise unknown(message)
    for row in message["data"]:
        yield _V2_READERS[channel](row, message["type"] == "snapshot")


def _v2_trade(row: Any, snapshot: bool) -> Heard:
    number, at = int(row["trade_id"]), parse_instant(row["timestamp"])
    return HeardTrade(row["symbol"], exact(row["price"]), exact(row["qty"]), at, Side(row["side"]), str(number), number)


def _v2_quote(row: Any, snapshot: bool) -> Heard:
    at = parse_instant(row["timestamp"]) if "timestamp" in row else 0
    bid, bid_size, ask, ask_size = (exact(row[name]) for name in ("bid", "bid_qty", "ask", "ask_qty"))
    return HeardQuote(row["symbol"], bid, bid_size, ask, ask_size, at)


def _v2_book(row: Any, snapshot: bool) -> Heard:
    bids, asks = (
        tuple([(exact(level["price"]), exact(level["qty"])) for level in row[side]]) for side in ("bids", "asks")
    )
    at = parse_instant(row["timestamp"]) if "timestamp" in row else 0
    checksum = int(row["checksum"])
    return HeardBook(market_id=row["symbol"], bids=bids, asks=asks, at=at, snapshot=snapshot, checksum=checksum)


def _v2_bar(row: Any, snapshot: bool) -> Heard:
    return HeardBar(
        market_id=row["symbol"],
        start=parse_instant(row["interval_begin"]),
        interval_ns=int(row["interval"]) * MINUTE,
        open=exact(row["open"]),
        high=exact(row["high"]),
        low=exact(row["low"]),
        close=exact(row["close"]),
        volume=exact(row["volume"]),
        closed=False,  # nor does v2
    )


_V2_READERS: Mapping[str, Callable[[Any, bool], Heard]] = {
    "trade": _v2_trade,
    "ticker": _v2_quote,
    "book": _v2_book,
    "ohlc": _v2_bar,
}


# --- what rows share --------------------------------------------------------------------------------


def _row_trade(row: Any, market_id: str, number: int | None) -> HeardTrade:
    price, quantity, at = exact(row[0]), exact(row[1]), _seconds(row[2])
    return HeardTrade(market_id, price, quantity, at, _SIDES[row[3]], "" if number is None else str(number), number)


def _book(
    market_id: str, bids: Iterable[Any], asks: Iterable[Any], *, snapshot: bool, checksum: int | None = None
) -> HeardBook:
    """A book whose levels are [price, size, time, ...]; it is as old as its newest level."""
    times = [_seconds(row[2]) for side in (bids, asks) for row in side]
    return HeardBook(
        market_id=market_id,
        bids=levels(bids),
        asks=levels(asks),
        at=max(times, default=0),
        snapshot=snapshot,
        checksum=checksum,
    )


def _row(row: Any, market_id: str, length: int, now: int) -> HeardBar:
    start, (opened, high, low, close) = _seconds(row[0]), map(exact, row[1:5])
    return HeardBar(
        market_id=market_id,
        start=start,
        interval_ns=length,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=exact(row[6]),
        closed=start + length <= now,
    )


def _seconds(stamp: Any) -> int:
    """UTC nanoseconds of decimal seconds, digit by digit."""
    whole, _, fraction = exact(stamp).partition(".")
    return int(whole) * SECOND + int(fraction[:9].ljust(9, "0"))
