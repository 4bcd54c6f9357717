"""Market data of OKX v5: messages of the public and business sockets, and pages of the REST API.

Quantities are as OKX says them: base currency on spot, contracts on swaps and futures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, millis, unknown
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardEnd, HeardMark, HeardQuote, HeardTrade
from workbench.core.clock import DAY, HOUR, MINUTE, SECOND
from workbench.core.errors import DataError
from workbench.core.order import Side

SILENT_EVENTS = frozenset({"subscribe", "unsubscribe", "channel-conn-count", "login"})
SILENT_CHANNELS = frozenset(
    [
        "instruments",
        "status",
        "estimated-price",
        "funding-rate",
        "index-tickers",
        "liquidation-orders",
        "open-interest",
        "opt-summary",
        "price-limit",
    ]
)

INTERVALS = {  # candles of 6 hours and more begin at midnight in Hong Kong unless asked for in UTC
    "1s": SECOND,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1H": HOUR,
    "2H": 2 * HOUR,
    "4H": 4 * HOUR,
    "6H": 6 * HOUR,
    "12H": 12 * HOUR,
    "1D": DAY,
    "2D": 2 * DAY,
    "3D": 3 * DAY,
    "5D": 5 * DAY,
    "1W": 7 * DAY,
}


def hear(message: Any) -> Iterable[Heard]:
    """What one message says; raises DataError for one that is unknown, unreadable or an error of the venue."""
    if message == "pong":
        return ()
    with Reading("okx", message):
        return list(_event(message) if "event" in message else _pushed(message))


def read_book(answer: Any, market_id: str) -> HeardBook:
    """The snapshot that `market/books` answers."""
    with Reading("okx", answer):
        return _book_of(_rows(answer)[0], market_id, snapshot=True)


def read_bars(answer: Any, market_id: str, *, interval_ns: int) -> list[HeardBar]:
    """What `market/candles` or `market/history-candles` answers, oldest first."""
    with Reading("okx", answer):
        return [_bar(row, market_id, interval_ns) for row in reversed(_rows(answer))]


def read_trades(answer: Any) -> list[HeardTrade]:
    """What `market/trades` or `market/history-trades` answers, oldest first."""
    with Reading("okx", answer):
        return [_trade(row) for row in reversed(_rows(answer))]


def _rows(answer: Any) -> Any:
    if answer["code"] != "0":
        raise DataError(f"refused: {answer['code']} {answer.get('msg', '')}")
    return answer["data"]


def _event(message: Any) -> Iterator[Heard]:
    event = message["event"]
    if event == "error":
        raise DataError(f"refused: {message.get('code', '')} {message.get('msg', '')}")
    if event == "notice":  # the service is about to be upgraded and closes the connection
        yield HeardEnd(reason=f"{message.get('code', '')} {message.get('msg', '')}")
    elif event not in SILENT_EVENTS:
        raise unknown(message)


def _pushed(message: Any) -> Iterable[Heard]:
    channel = message["arg"]["channel"]
    if channel in SILENT_CHANNELS:
        return ()
    if channel.startswith("candle"):
        return _bars(message, channel.removeprefix("candle"))
    if channel not in _READERS:
        raise unknown(message)
    return _READERS[channel](message)


def _trades(message: Any) -> Iterator[Heard]:
    return map(_trade, message["data"])


def _trade(row: Any) -> HeardTrade:
    number, at = row["tradeId"], millis(row["ts"])
    return HeardTrade(row["instId"], exact(row["px"]), exact(row["sz"]), at, Side(row["side"]), number, int(number))


def _tickers(message: Any) -> Iterator[Heard]:
    for row in message["data"]:
        bid, bid_size, ask, ask_size = (exact(row[name]) for name in ("bidPx", "bidSz", "askPx", "askSz"))
        yield HeardQuote(row["instId"], bid, bid_size, ask, ask_size, millis(row["ts"]))


def _best(message: Any) -> Iterator[Heard]:
    for row in message["data"]:
        (bid, bid_size), (ask, ask_size) = (next(iter(levels(row[side])), ("", "")) for side in ("bids", "asks"))
        yield HeardQuote(
            message["arg"]["instId"], bid, bid_size, ask, ask_size, millis(row["ts"]), _number(row, "seqId")
        )


def _books(message: Any) -> Iterator[Heard]:
    for row in message["data"]:
        yield _book_of(row, message["arg"]["instId"], snapshot=message["action"] == "snapshot")


def _first_levels(message: Any) -> Iterator[Heard]:
    for row in message["data"]:
        yield _book_of(row, message["arg"]["instId"], snapshot=True)


def _book_of(row: Any, market_id: str, *, snapshot: bool) -> HeardBook:
    return HeardBook(
        market_id=market_id,
        bids=levels(row["bids"]),
        asks=levels(row["asks"]),
        at=millis(row["ts"]),
        snapshot=snapshot,
        last=_number(row, "seqId"),
        previous=_number(row, "prevSeqId"),
        checksum=_number(row, "checksum"),
    )


def _number(row: Any, name: str) -> int | None:
    return int(row[name]) if name in row else None


def _bars(message: Any, interval: str) -> Iterator[Heard]:
    length = INTERVALS.get(interval.removesuffix("utc"))
    if length is None:
        raise DataError(f"candles of {interval!r}: expected one of {', '.join(INTERVALS)}")
    for row in message["data"]:
        yield _bar(row, message["arg"]["instId"], length)


def _bar(row: Any, market_id: str, length: int) -> HeardBar:
    opened, high, low, close, volume = map(exact, row[1:6])
    return HeardBar(
        market_id=market_id,
        start=millis(row[0]),
        interval_ns=length,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        closed=row[-1] == "1",
    )


def _marks(message: Any) -> Iterator[Heard]:
    for row in message["data"]:
        yield HeardMark(row["instId"], exact(row["markPx"]), millis(row["ts"]))


_READERS: Mapping[str, Callable[[Any], Iterator[Heard]]] = {
    "trades": _trades,
    "trades-all": _trades,
    "tickers": _tickers,
    "bbo-tbt": _best,
    "books": _books,
    "books-l2-tbt": _books,
    "books50-l2-tbt": _books,
    "books5": _first_levels,
    "mark-price": _marks,
}
