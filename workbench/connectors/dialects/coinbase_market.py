"""Market data of Coinbase's Exchange feed: level 2, matches and tickers, and a whole book over REST.

A level 2 difference has neither number nor checksum: that nothing was lost only the connection can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, text, unknown, whole
from workbench.connectors.heard import Heard, HeardBook, HeardQuote, HeardTrade
from workbench.core.clock import parse_instant
from workbench.core.errors import DataError
from workbench.core.order import Side

SILENT = frozenset({"subscriptions", "heartbeat", "status"})  # types that carry no market data


def hear(message: Any) -> Iterator[Heard]:
    """What one message of the feed says; raises DataError for one that is unknown or cannot be read."""
    with Reading("coinbase", message):
        return iter(list(_words(message)))


def read_book(page: Any, market_id: str) -> HeardBook:
    """The book that REST gives, whole, as a snapshot."""
    with Reading("coinbase", page):
        bids, asks, last = levels(page["bids"]), levels(page["asks"]), whole(page["sequence"])
        return HeardBook(market_id=market_id, bids=bids, asks=asks, at=_at(page), snapshot=True, last=last)


def _words(message: Any) -> Iterator[Heard]:
    kind = message["type"]
    if kind in SILENT:
        return
    if kind == "error":
        raise DataError(f"refused: {message.get('message', '')} {message.get('reason', '')}".strip())
    if kind not in _READERS:
        raise unknown(message)
    yield from _READERS[kind](message)


def _snapshot(message: Any) -> Iterator[Heard]:
    bids, asks = levels(message["bids"]), levels(message["asks"])
    yield HeardBook(market_id=text(message["product_id"]), bids=bids, asks=asks, at=_at(message), snapshot=True)


def _changes(message: Any) -> Iterator[Heard]:
    sides: dict[str, list[Any]] = {"buy": [], "sell": []}
    for side, price, quantity in message["changes"]:
        sides[side].append((price, quantity))
    bids, asks = levels(sides["buy"]), levels(sides["sell"])
    yield HeardBook(market_id=text(message["product_id"]), bids=bids, asks=asks, at=_at(message))


def _match(message: Any) -> Iterator[Heard]:
    yield HeardTrade(
        text(message["product_id"]),
        exact(message["price"]),
        exact(message["size"]),
        _at(message),
        Side(message["side"]).opposite,  # a match names the side of the order that stood in the book
        exact(message["trade_id"]),
        whole(message["trade_id"]),
    )


def _ticker(message: Any) -> Iterator[Heard]:
    if "best_bid_size" not in message:
        return  # as the feed was before it gave sizes: prices without them are no quote
    yield HeardQuote(
        text(message["product_id"]),
        exact(message["best_bid"]),
        exact(message["best_bid_size"]),
        exact(message["best_ask"]),
        exact(message["best_ask_size"]),
        _at(message),
        whole(message["sequence"]),
    )


def _at(message: Any) -> int:
    return parse_instant(text(message["time"])) if "time" in message else 0


_READERS: Mapping[str, Callable[[Any], Iterator[Heard]]] = {
    "snapshot": _snapshot,
    "l2update": _changes,
    "match": _match,
    "last_match": _match,  # the one before the subscription: after a reconnect it may be one already heard
    "ticker": _ticker,
}
