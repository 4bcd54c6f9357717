"""Market data of Binance, spot and USD-M futures: messages of the streams and pages of the REST API.

Both speak the same words; a futures book says besides which update came before (`pu`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, millis, unknown
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardMark, HeardQuote, HeardTrade, Level
from workbench.core.clock import interval_ns
from workbench.core.order import Side

# Kinds of message that say nothing this project listens to.
SILENT = frozenset(
    [
        "24hrTicker",
        "24hrMiniTicker",
        "1hTicker",
        "4hTicker",
        "1dTicker",
        "avgPrice",
        "forceOrder",
        "compositeIndex",
        "contractInfo",
        "assetIndexUpdate",
    ]
)

_NOBODY = "NA"  # futures print what the insurance fund takes over as trades of this kind: nobody traded


def hear(message: Any) -> Iterable[Heard]:
    """What one message says, combined streams unwrapped; raises DataError for one that is unknown or unreadable."""
    with Reading("binance", message):
        data = message["data"] if "stream" in message else message
        reader = _READERS.get(data.get("e", "")) if type(data) is dict else None
        return reader(data) if reader else _others(data, message)


def read_book(page: Any, market_id: str) -> HeardBook:
    """The snapshot that `depth` answers; spot gives no time."""
    with Reading("binance", page):
        at = millis(page.get("E", 0))
        last = int(page["lastUpdateId"])
        bids, asks = levels(page["bids"]), levels(page["asks"])
        return HeardBook(market_id=market_id, bids=bids, asks=asks, at=at, snapshot=True, last=last)


def read_bars(page: Any, market_id: str, *, interval_ns: int, now: int) -> list[HeardBar]:
    """The rows that `klines` answers, oldest first; one whose time is not over at `now` (UTC ns) is not closed."""
    with Reading("binance", page):
        return [_row(row, market_id, interval_ns, now) for row in page]


def read_trades(page: Any, market_id: str) -> list[HeardTrade]:
    """The rows that `aggTrades`, `trades` or `historicalTrades` answers, oldest first."""
    with Reading("binance", page):
        return [_aggregate({**row, "s": market_id}) if "a" in row else _print(row, market_id) for row in page]


def _row(row: Sequence[Any], market_id: str, interval: int, now: int) -> HeardBar:
    start, (opened, high, low, close, volume) = millis(row[0]), map(exact, row[1:6])
    return HeardBar(
        market_id=market_id,
        start=start,
        interval_ns=interval,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        closed=start + interval <= now,
    )


def _print(row: Any, market_id: str) -> HeardTrade:
    number, at = int(row["id"]), millis(row["time"])
    return HeardTrade(
        market_id, exact(row["price"]), exact(row["qty"]), at, _aggressor(row["isBuyerMaker"]), str(number), number
    )


def _trade(data: Any) -> Iterable[Heard]:
    if data.get("X") == _NOBODY:
        return ()
    number = data["t"]
    side = _aggressor(data["m"])
    return (HeardTrade(data["s"], data["p"], data["q"], millis(data["T"]), side, str(number), number),)


def _aggregate(data: Any) -> HeardTrade:
    number = data["a"]
    return HeardTrade(data["s"], data["p"], data["q"], millis(data["T"]), _aggressor(data["m"]), str(number), number)


def _aggressor(buyer_is_maker: bool) -> Side:
    return Side.SELL if buyer_is_maker else Side.BUY


def _difference(data: Any) -> Iterable[Heard]:
    return (
        HeardBook(
            market_id=data["s"],
            bids=_pairs(data["b"]),
            asks=_pairs(data["a"]),
            at=millis(data["E"]),
            first=data["U"],
            last=data["u"],
            previous=data.get("pu"),
        ),
    )


def _quote(data: Any) -> Iterable[Heard]:
    at = millis(data.get("E", 0))  # spot gives none
    return (HeardQuote(data["s"], data["b"], data["B"], data["a"], data["A"], at, data["u"]),)


def _kline(data: Any) -> Iterable[Heard]:
    bar = data["k"]
    return (
        HeardBar(
            market_id=data["s"],
            start=millis(bar["t"]),
            interval_ns=interval_ns(bar["i"]),
            open=bar["o"],
            high=bar["h"],
            low=bar["l"],
            close=bar["c"],
            volume=bar["v"],
            closed=bar["x"],
            at=millis(data["E"]),
        ),
    )


def _mark(data: Any) -> Iterable[Heard]:
    return (HeardMark(data["s"], data["p"], millis(data["E"])),)


def _others(data: Any, message: Any) -> Iterable[Heard]:
    """Messages that do not say what they are, and those that say nothing."""
    if type(data) is list:  # of all markets at once
        return [heard for each in data for heard in hear(each)]
    if "lastUpdateId" in data:  # the first levels of a book, whole each time; only the stream's name tells whose
        return (read_book(data, message["stream"].partition("@")[0].upper()),)
    if "u" in data and "B" in data:
        return _quote(data)
    if data.get("e") in SILENT or ("id" in data and data.get("result", "") is None):
        return ()
    raise unknown(data)


def _pairs(rows: list[Any]) -> tuple[Level, ...]:
    return tuple([(price, quantity) for price, quantity in rows])


_READERS: Mapping[str, Callable[[Any], Iterable[Heard]]] = {
    "trade": _trade,
    "aggTrade": lambda data: (_aggregate(data),),
    "depthUpdate": _difference,
    "bookTicker": _quote,  # of futures; spot's has no kind
    "kline": _kline,
    "markPriceUpdate": _mark,
}
