"""Market data of Deribit: books, trades and tickers of its subscriptions.

A book names the update before it, so a loss shows in the next one. Numbers arrive unquoted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, millis, text, unknown, whole
from workbench.connectors.heard import Heard, HeardBook, HeardMark, HeardQuote, HeardTrade, Level
from workbench.core.errors import DataError
from workbench.core.order import Side

SILENT = frozenset({"heartbeat"})  # methods that carry no market data


def hear(message: Any) -> Iterator[Heard]:
    """What one message says; raises DataError for one that is unknown or cannot be read."""
    with Reading("deribit", message):
        return iter(list(_words(message)))


def _words(message: Any) -> Iterator[Heard]:
    if "error" in message:
        raise DataError(f"refused: {message['error']}")
    if "result" in message or message["method"] in SILENT:
        return iter(())
    if message["method"] != "subscription":
        raise unknown(message)
    channel = message["params"]["channel"].partition(".")[0]
    if channel not in _READERS:
        raise unknown(message)
    return _READERS[channel](message["params"]["data"])


def _book(data: Any) -> Iterator[Heard]:
    yield HeardBook(
        market_id=text(data["instrument_name"]),
        bids=_side(data["bids"]),
        asks=_side(data["asks"]),
        at=millis(data["timestamp"]),
        snapshot=data["type"] == "snapshot",
        last=whole(data["change_id"]),
        previous=whole(data["prev_change_id"]) if "prev_change_id" in data else None,
    )


def _side(rows: Any) -> tuple[Level, ...]:
    return levels((price, "0" if action == "delete" else amount) for action, price, amount in rows)


def _trades(data: Any) -> Iterator[Heard]:
    for each in data:
        yield HeardTrade(
            text(each["instrument_name"]),
            exact(each["price"]),
            exact(each["amount"]),
            millis(each["timestamp"]),
            Side(each["direction"]),
            text(each["trade_id"]),
            whole(each["trade_seq"]),
        )


def _ticker(data: Any) -> Iterator[Heard]:
    market_id, at = text(data["instrument_name"]), millis(data["timestamp"])
    bid, bid_quantity = _or_empty(data["best_bid_price"]), exact(data["best_bid_amount"])
    ask, ask_quantity = _or_empty(data["best_ask_price"]), exact(data["best_ask_amount"])
    yield HeardQuote(market_id, bid, bid_quantity, ask, ask_quantity, at)
    yield HeardMark(market_id, exact(data["mark_price"]), at)


def _or_empty(number: Any) -> str:
    return "" if number is None else exact(number)


_READERS: Mapping[str, Callable[[Any], Iterator[Heard]]] = {"book": _book, "trades": _trades, "ticker": _ticker}
