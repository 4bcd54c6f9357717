"""Answers that anybody may have: time, listings, books, trades, candles and tickers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from workbench.core.clock import HOUR
from workbench.twin.binance import errors, formats
from workbench.twin.binance.asked import Asked
from workbench.twin.binance.formats import Json, amount, ms, units
from workbench.twin.binance.info import rate_limits, symbol_info
from workbench.twin.binance.parameters import Parameters
from workbench.twin.binance.tickers import day_ticker
from workbench.twin.tape import INTERVALS, Aggregate, Candle, closing
from workbench.twin.words import Book

_ROWS, _MOST_ROWS = 500, 1_000
_LEVELS, _MOST_LEVELS = 100, 5_000
_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1_000, 50), (_MOST_LEVELS, 250))  # up to so many levels: so much


def ping(asked: Asked) -> Json:
    """Nothing, to show that somebody is there."""
    return {}


def time(asked: Asked) -> Json:
    """The exchange's clock."""
    return {"serverTime": ms(asked.now)}


def exchange_info(asked: Asked) -> Json:
    """What is listed, with filters and limits."""
    natives = _natives(asked)
    listings = asked.floor.exchange.listings
    return {
        "timezone": "UTC",
        "serverTime": ms(asked.now),
        "rateLimits": rate_limits(asked.floor.meter.limits),
        "exchangeFilters": [],
        "symbols": [symbol_info(listings[asked.symbols.find(each)]) for each in natives],
    }


def depth_weight(sent: Parameters) -> int:
    """The deeper, the dearer."""
    levels = sent.limit(default=_LEVELS, most=_MOST_LEVELS)
    return next(weight for most, weight in _DEPTH_WEIGHTS if levels <= most)


def depth(asked: Asked) -> Json:
    """The book of a symbol."""
    _, symbol = asked.symbol()
    levels = asked.sent.limit(default=_LEVELS, most=_MOST_LEVELS)
    return book_view(asked.floor.exchange.book(symbol, levels))


def book_view(book: Book) -> Json:
    """A book as REST and the partial depth streams show it."""
    return {
        "lastUpdateId": book.update_id,
        "bids": [[amount(price), amount(quantity)] for price, quantity in book.bids],
        "asks": [[amount(price), amount(quantity)] for price, quantity in book.asks],
    }


def trades(asked: Asked) -> list[Json]:
    """The last public trades."""
    _, symbol = asked.symbol()
    found = asked.floor.exchange.prints(symbol, asked.sent.limit(default=_ROWS, most=_MOST_ROWS))
    return [formats.public_trade(each) for each in found]


def historical_trades(asked: Asked) -> list[Json]:
    """Public trades from an id on."""
    _, symbol = asked.symbol()
    limit, first = asked.sent.limit(default=_ROWS, most=_MOST_ROWS), asked.sent.whole("fromId")
    found = asked.floor.exchange.prints(symbol, limit if first is None else None)
    later = found if first is None else [each for each in found if each.trade_id >= first][:limit]
    return [formats.public_trade(each) for each in later]


def aggregated_trades(asked: Asked) -> list[Json]:
    """Public trades, those of one taker order at one price as one."""
    _, symbol = asked.symbol()
    sent = asked.sent
    first, start, end = sent.whole("fromId"), sent.instant("startTime"), sent.instant("endTime")
    if start is not None and end is not None and end - start > HOUR:
        raise errors.SPAN_TOO_LONG(1)
    limit = sent.limit(default=_ROWS, most=_MOST_ROWS)
    found = [
        each
        for each in asked.floor.tape.aggregates(symbol)
        if (first is None or each.number >= first)
        and (start is None or each.at >= start)
        and (end is None or each.at <= end)
    ]
    rows = found[-limit:] if first is None and start is None else found[:limit]
    return [aggregate_view(each) for each in rows]


def aggregate_view(one: Aggregate) -> Json:
    """An aggregate as REST and its stream show it."""
    return {
        "a": one.number,
        "p": units(one.price),
        "q": units(one.quantity),
        "f": one.first_id,
        "l": one.last_id,
        "T": ms(one.at),
        "m": one.buyer_is_maker,
        "M": True,
    }


def klines(asked: Asked) -> list[list[Any]]:
    """Candles of a symbol."""
    _, symbol = asked.symbol()
    sent = asked.sent
    interval = sent.needed("interval")
    if interval not in INTERVALS:
        raise errors.INVALID_INTERVAL()
    found = asked.floor.tape.candles(
        symbol,
        interval,
        now=asked.now,
        limit=sent.limit(default=_ROWS, most=_MOST_ROWS),
        start=sent.instant("startTime"),
        end=sent.instant("endTime"),
    )
    return [_kline(each, interval) for each in found]


def average_price(asked: Asked) -> Json:
    """The mean price of the last five minutes."""
    _, symbol = asked.symbol()
    price = asked.floor.exchange.average_price(symbol, asked.now)
    return {"mins": 5, "price": amount(price), "closeTime": ms(asked.floor.tape.last_at(symbol))}


def day_tickers(asked: Asked) -> Any:
    """Statistics of the last 24 hours."""
    return _each(asked, lambda native, symbol: day_ticker(asked.floor, native, symbol, asked.now))


def price_tickers(asked: Asked) -> Any:
    """Last prices."""

    def last(native: str, symbol: str) -> Json:
        found = asked.floor.exchange.prints(symbol, 1)
        return {"symbol": native, "price": amount(found[-1].price if found else None)}

    return _each(asked, last)


def book_tickers(asked: Asked) -> Any:
    """Best bids and asks."""

    def best(native: str, symbol: str) -> Json:
        book = asked.floor.exchange.book(symbol, 1)
        bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
        return {
            "symbol": native,
            "bidPrice": amount(bid[0]),
            "bidQty": amount(bid[1]),
            "askPrice": amount(ask[0]),
            "askQty": amount(ask[1]),
        }

    return _each(asked, best)


def _each(asked: Asked, view: Callable[[str, str], Json]) -> Any:
    """One view for the symbol that was asked for, else a list for all."""
    natives = _natives(asked)
    views = [view(native, asked.symbols.find(native)) for native in natives]
    return views[0] if asked.sent.text("symbol") else views


def _natives(asked: Asked) -> list[str]:
    one, several = asked.sent.text("symbol"), asked.sent.text("symbols")
    if one is not None and several is not None:
        raise errors.BAD_COMBINATION()
    if one is not None:
        return [one]
    return list(asked.symbols.unified) if several is None else _list(several)


def _list(text: str) -> list[str]:
    try:
        return msgspec.json.decode(re.sub(r"\s", "", text), type=list[str])
    except msgspec.MsgspecError:
        raise errors.ILLEGAL("symbols", '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$') from None


def _kline(candle: Candle, interval: str) -> list[Any]:
    return [
        ms(candle.opened),
        units(candle.open),
        units(candle.high),
        units(candle.low),
        units(candle.close),
        units(candle.volume),
        ms(closing(candle.opened, interval)) - 1,
        units(candle.turnover // 10**8),
        candle.trades,
        units(candle.bought),
        units(candle.bought_turnover // 10**8),
        "0",
    ]
