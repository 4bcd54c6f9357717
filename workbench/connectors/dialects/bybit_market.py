"""Market data of Bybit: the topics of v5, and those of the retired v2 that recordings still speak.

A book of v5 counts its updates by one. v2 gives a number shared by all markets, which grows but not by one,
so it proves nothing about a single book and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, micros, millis, text, unknown, whole
from workbench.connectors.heard import Heard, HeardBook, HeardTrade
from workbench.core.errors import DataError
from workbench.core.order import Side

SILENT = frozenset({"subscribe", "unsubscribe", "ping", "pong"})  # what an answer may be to

_V2_CHANGES = ("delete", "update", "insert")  # in the order they apply


def hear(message: Any) -> Iterator[Heard]:
    """What one message says; raises DataError for one that is unknown or cannot be read."""
    with Reading("bybit", message):
        return iter(list(_words(message)))


def _words(message: Any) -> Iterator[Heard]:
    if "topic" not in message:
        return _acknowledged(message)
    topic = message["topic"].partition(".")[0]
    if topic not in _READERS:
        raise unknown(message)
    return _READERS[topic](message)


def _acknowledged(message: Any) -> Iterator[Heard]:
    operation = message.get("op") or message.get("request", {}).get("op")
    if operation not in SILENT:
        raise unknown(message)
    if message.get("success") is False:
        raise DataError(f"{operation} refused: {message.get('ret_msg', '')}")
    return iter(())


def _book(message: Any) -> Iterator[Heard]:
    data = message["data"]
    update = whole(data["u"])
    yield HeardBook(
        market_id=text(data["s"]),
        bids=levels(data["b"]),
        asks=levels(data["a"]),
        at=millis(message.get("cts", message["ts"])),  # of the matching engine where it is told
        snapshot=message["type"] == "snapshot" or update == 1,  # 1: the service began anew
        first=update,
        last=update,
    )


def _trades(message: Any) -> Iterator[Heard]:
    for each in message["data"]:
        side = Side(each["S"].lower())
        yield HeardTrade(text(each["s"]), exact(each["p"]), exact(each["v"]), millis(each["T"]), side, text(each["i"]))


def _v2_book(message: Any) -> Iterator[Heard]:
    data, at = message["data"], micros(message["timestamp_e6"])
    snapshot = message["type"] == "snapshot"
    if snapshot:
        rows = data["order_book"] if isinstance(data, dict) else data
    else:
        rows = [row for change in _V2_CHANGES for row in data[change]]
    sides: dict[str, list[Any]] = {"Buy": [], "Sell": []}
    for row in rows:
        sides[row["side"]].append((row["price"], row.get("size", "0")))  # what is deleted has no size
    bids, asks = levels(sides["Buy"]), levels(sides["Sell"])
    yield HeardBook(market_id=message["topic"].partition(".")[2], bids=bids, asks=asks, at=at, snapshot=snapshot)


def _v2_trades(message: Any) -> Iterator[Heard]:
    for each in message["data"]:
        price, size, at = exact(each["price"]), exact(each["size"]), millis(each["trade_time_ms"])
        yield HeardTrade(text(each["symbol"]), price, size, at, Side(each["side"].lower()), text(each["trade_id"]))


_READERS: Mapping[str, Callable[[Any], Iterator[Heard]]] = {
    "orderbook": _book,
    "publicTrade": _trades,
    "orderBookL2_25": _v2_book,
    "trade": _v2_trades,
}
