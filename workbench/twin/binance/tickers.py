"""Statistics of the last 24 hours, as REST and the ticker streams show them."""

from __future__ import annotations

from workbench.core.clock import DAY
from workbench.twin.binance.formats import Json, amount, ms, units
from workbench.twin.floor import Floor

_ONE = 10**8

# What the ticker stream calls the fields of REST.
_STREAM = {
    "priceChange": "p",
    "priceChangePercent": "P",
    "weightedAvgPrice": "w",
    "prevClosePrice": "x",
    "lastPrice": "c",
    "lastQty": "Q",
    "bidPrice": "b",
    "bidQty": "B",
    "askPrice": "a",
    "askQty": "A",
    "openPrice": "o",
    "highPrice": "h",
    "lowPrice": "l",
    "volume": "v",
    "quoteVolume": "q",
    "openTime": "O",
    "closeTime": "C",
    "firstId": "F",
    "lastId": "L",
    "count": "n",
}
_MINI = "cohlvq"


def day_ticker(floor: Floor, native: str, symbol: str, now: int) -> Json:
    """The last 24 hours of a symbol, all zero before its first trade."""
    day, book = floor.tape.day(symbol, now), floor.exchange.book(symbol, 1)
    bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
    first, last = (day.open, day.close) if day else (0, 0)
    change, volume = last - first, day.volume if day else 0
    return {
        "symbol": native,
        "priceChange": units(change),
        "priceChangePercent": _percent(change, first),
        "weightedAvgPrice": units(day.turnover // volume if day and volume else 0),
        "prevClosePrice": units(first),
        "lastPrice": units(last),
        "lastQty": units(floor.tape.last_quantity(symbol)),
        "bidPrice": amount(bid[0]),
        "bidQty": amount(bid[1]),
        "askPrice": amount(ask[0]),
        "askQty": amount(ask[1]),
        "openPrice": units(first),
        "highPrice": units(day.high if day else 0),
        "lowPrice": units(day.low if day else 0),
        "volume": units(volume),
        "quoteVolume": units(day.turnover // _ONE if day else 0),
        "openTime": ms(now - DAY),
        "closeTime": ms(now),
        "firstId": day.first_id if day else -1,
        "lastId": day.last_id if day else -1,
        "count": day.trades if day else 0,
    }


def ticker_event(ticker: Json, now: int) -> Json:
    """The same as the ticker stream tells it."""
    fields = {short: ticker[name] for name, short in _STREAM.items()}
    return {"e": "24hrTicker", "E": ms(now), "s": ticker["symbol"], **fields}


def mini_ticker_event(ticker: Json, now: int) -> Json:
    """The few of it that the mini ticker tells."""
    event = ticker_event(ticker, now)
    return {"e": "24hrMiniTicker", "E": event["E"], "s": event["s"], **{name: event[name] for name in _MINI}}


def _percent(change: int, first: int) -> str:
    """Per cent with three decimals."""
    thousandths = abs(change) * 100_000 // first if first else 0
    return f"{'-' if change < 0 and thousandths else ''}{thousandths // 1_000}.{thousandths % 1_000:03d}"
