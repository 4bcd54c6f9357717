"""Rows of Tardis CSV files, as `csv.DictReader` gives them: trades, quotes, books whole or by difference.

The columns of a file say which it is; its stamps are microseconds, its market ids the exchange's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count, groupby, takewhile

from workbench.connectors.dialects.reading import Reading, exact, micros, text
from workbench.connectors.heard import Heard, HeardBook, HeardQuote, HeardTrade, Level
from workbench.core.errors import DataError
from workbench.core.order import Side

Row = Mapping[str, str]
_Numbered = tuple[int, Row]  # the line of the file, and what stands there

_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "unknown": None}
_SNAPSHOT = {"true": True, "false": False}


def read(rows: Iterable[Row]) -> Iterator[Heard]:
    """What the rows of one file say, in their order; raises DataError naming the line that cannot be read."""
    numbered = enumerate(rows, start=2)  # line 1 holds the columns
    first = next(numbered, None)
    if first:
        yield from _reader(first[1])(chain([first], numbered))


def _reader(row: Row) -> Callable[[Iterable[_Numbered]], Iterator[Heard]]:
    for columns, reader in _READERS.items():
        if columns <= row.keys():
            return reader
    raise DataError(f"tardis: columns {', '.join(row)} are those of no known file")


def _trades(rows: Iterable[_Numbered]) -> Iterator[Heard]:
    for line, row in rows:
        with _at(line, row):
            price, quantity, side = exact(row["price"]), exact(row["amount"]), _SIDES[row["side"]]
            trade = HeardTrade(text(row["symbol"]), price, quantity, micros(row["timestamp"]), side, text(row["id"]))
        yield trade


def _quotes(rows: Iterable[_Numbered]) -> Iterator[Heard]:
    for line, row in rows:
        with _at(line, row):
            bid, bid_quantity = exact(row["bid_price"]), exact(row["bid_amount"])
            ask, ask_quantity = exact(row["ask_price"]), exact(row["ask_amount"])
            quote = HeardQuote(text(row["symbol"]), bid, bid_quantity, ask, ask_quantity, micros(row["timestamp"]))
        yield quote


def _books(rows: Iterable[_Numbered]) -> Iterator[Heard]:
    for line, row in rows:
        with _at(line, row):
            bids, asks, at = _depth(row, "bids"), _depth(row, "asks"), micros(row["timestamp"])
            book = HeardBook(market_id=text(row["symbol"]), bids=bids, asks=asks, at=at, snapshot=True)
        yield book


def _depth(row: Row, side: str) -> tuple[Level, ...]:
    depths = takewhile(lambda depth: f"{side}[{depth}].price" in row, count())
    found = ((row[f"{side}[{depth}].price"], row[f"{side}[{depth}].amount"]) for depth in depths)
    return tuple((exact(price), exact(amount)) for price, amount in found if price != "")  # '': the book ends there


def _differences(rows: Iterable[_Numbered]) -> Iterator[Heard]:
    """Rows that arrived together are one message: a book, or a difference to it."""
    for _, together in groupby(
        rows, key=lambda each: (each[1]["symbol"], each[1]["local_timestamp"], each[1]["is_snapshot"])
    ):
        yield _difference(list(together))


def _difference(rows: list[_Numbered]) -> HeardBook:
    sides: dict[str, list[Level]] = {"bid": [], "ask": []}
    for line, row in rows:
        with _at(line, row):
            sides[row["side"]].append((exact(row["price"]), exact(row["amount"])))
            at, snapshot = micros(row["timestamp"]), _SNAPSHOT[row["is_snapshot"]]
    bids, asks = tuple(sides["bid"]), tuple(sides["ask"])
    return HeardBook(market_id=text(row["symbol"]), bids=bids, asks=asks, at=at, snapshot=snapshot)


def _at(line: int, row: Row) -> Reading:
    return Reading(f"tardis line {line}", row)


_READERS: Mapping[frozenset[str], Callable[[Iterable[_Numbered]], Iterator[Heard]]] = {
    frozenset({"symbol", "timestamp", "id", "side", "price", "amount"}): _trades,
    frozenset({"symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount"}): _differences,
    frozenset({"symbol", "timestamp", "bid_price", "bid_amount", "ask_price", "ask_amount"}): _quotes,
    frozenset({"symbol", "timestamp", "bids[0].price", "bids[0].amount", "asks[0].price", "asks[0].amount"}): _books,
}
