"""Market data in ccxt's unified structures, for a venue that has no dialect of its own here.

The market id is the unified symbol. Have ccxt keep numbers as text (`number=str`); order books and candles
it makes floats of all the same, so there alone a float is read, and only while it still proves its digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, millis, text, unknown
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardMark, HeardQuote, HeardTrade, Level
from workbench.core.errors import DataError
from workbench.core.order import Side

FLOAT_DIGITS = 15  # every decimal number of so many digits comes back from a float unchanged


def hear(message: Any) -> Iterator[Heard]:
    """What a unified trade, ticker or order book says, or a list of them; DataError for anything else."""
    with Reading("ccxt", message):
        return iter([word for each in _each(message) for word in _words(each)])


def read_bars(rows: Any, market_id: str, *, interval_ns: int, now: int) -> list[HeardBar]:
    """Unified candles; one whose time is not over at `now` (UTC ns) is not closed."""
    with Reading("ccxt", rows):
        return [_bar(row, market_id, interval_ns, now) for row in rows]


def _each(message: Any) -> Iterable[Any]:
    return message if isinstance(message, list) else [message]


def _words(message: Any) -> Iterator[Heard]:
    if "bids" in message:
        yield _book(message)
    elif "amount" in message:
        yield _trade(message)
    elif "bid" in message:
        yield from _ticker(message)
    else:
        raise unknown(message)


def _trade(trade: Any) -> HeardTrade:
    side = Side(trade["side"]) if trade["side"] else None
    return HeardTrade(
        text(trade["symbol"]), exact(trade["price"]), exact(trade["amount"]), _at(trade), side, text(trade["id"] or "")
    )


def _book(book: Any) -> HeardBook:
    """ccxt keeps the book and gives the whole of it each time."""
    bids, asks = _levels(book["bids"]), _levels(book["asks"])
    return HeardBook(market_id=text(book["symbol"]), bids=bids, asks=asks, at=_at(book), snapshot=True)


def _levels(rows: Any) -> tuple[Level, ...]:
    return tuple((_digits(row[0]), _digits(row[1])) for row in rows)


def _ticker(ticker: Any) -> Iterator[Heard]:
    best = [ticker.get(name) for name in ("bid", "bidVolume", "ask", "askVolume")]
    if None not in best:  # without sizes it is no quote
        bid, bid_quantity, ask, ask_quantity = map(exact, best)
        yield HeardQuote(text(ticker["symbol"]), bid, bid_quantity, ask, ask_quantity, _at(ticker))
    if ticker.get("markPrice") is not None:
        yield HeardMark(text(ticker["symbol"]), exact(ticker["markPrice"]), _at(ticker))


def _bar(row: Any, market_id: str, interval_ns: int, now: int) -> HeardBar:
    start = millis(row[0])
    first, high, low, last, volume = [_digits(number) for number in row[1:6]]
    return HeardBar(
        market_id=market_id,
        start=start,
        interval_ns=interval_ns,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=volume,
        closed=start + interval_ns <= now,
    )


def _digits(number: Any) -> str:
    """The decimal text behind a float: certain up to 15 digits, refused beyond."""
    if type(number) is not float:
        return exact(number)
    shortest = repr(number)
    if len(shortest.partition("e")[0].replace(".", "").strip("-0")) > FLOAT_DIGITS:
        raise DataError(f"{shortest} has more than the {FLOAT_DIGITS} digits that a float keeps")
    return shortest


def _at(message: Any) -> int:
    return millis(message["timestamp"]) if message["timestamp"] is not None else 0
