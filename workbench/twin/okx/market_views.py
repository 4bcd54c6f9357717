"""Books, trades, candles and tickers in OKX's words, the same over REST and over sockets."""

from __future__ import annotations

from decimal import Decimal

from workbench.core.clock import DAY
from workbench.twin.floor import Floor
from workbench.twin.okx.formats import Json, kind_of, ms, native_id, number, product, units
from workbench.twin.okx.orders import size_of
from workbench.twin.tape import Candle, closing
from workbench.twin.words import Book, Listing, Print

_TURNOVER_PLACES = 16

# OKX's names of candles: the tape's. Plain names from six hours on mean candles of Hong Kong days, which are not kept.
INTERVALS = {
    "1s": "1s",
    "1m": "1m",
    "3m": "3m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1H": "1h",
    "2H": "2h",
    "4H": "4h",
    "6Hutc": "6h",
    "12Hutc": "12h",
    "1Dutc": "1d",
    "3Dutc": "3d",
    "1Wutc": "1w",
    "1Mutc": "1M",
}


def book_view(book: Book) -> Json:
    """Both sides of a book."""
    return {"asks": levels(book.asks), "bids": levels(book.bids)}


def levels(side: tuple[tuple[Decimal, Decimal], ...]) -> list[list[str]]:
    """Price, quantity, a retired zero and how many orders; each level counts as one order, one that is gone as none."""
    return [[number(price), number(quantity), "0", "1" if quantity else "0"] for price, quantity in side]


def trade_row(trade: Print, native: str) -> Json:
    """A public trade; its side is the taker's."""
    return {
        "instId": native,
        "px": number(trade.price),
        "side": "sell" if trade.buyer_is_maker else "buy",
        "sz": number(trade.quantity),
        "tradeId": str(trade.trade_id),
        "ts": ms(trade.at),
    }


def candle_row(candle: Candle, interval: str, listing: Listing, now: int) -> list[str]:
    """Opening time, four prices, volume in units, in base or quote currency, in quote currency, and whether it closed.

    On spot the second volume is money too, as OKX has it.
    """
    money = product(Decimal(units(candle.turnover, _TURNOVER_PLACES)), size_of(listing))
    volume = Decimal(units(candle.volume))
    second = money if listing.is_spot else product(volume, size_of(listing))
    prices = (candle.open, candle.high, candle.low, candle.close)
    closed = "1" if closing(candle.opened, interval) <= now else "0"
    return [ms(candle.opened), *map(units, prices), number(volume), number(second), number(money), closed]


def ticker_row(floor: Floor, symbol: str, now: int) -> Json:
    """The last 24 hours and the best prices; before the first trade the prices are empty."""
    listing, day, book = floor.exchange.listings[symbol], floor.tape.day(symbol, now), floor.exchange.book(symbol, 1)
    bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
    volume = Decimal(units(day.volume if day else 0))
    money = product(Decimal(units(day.turnover if day else 0, _TURNOVER_PLACES)), size_of(listing))
    opened = units(_at_midnight(floor, symbol, now) or (day.open if day else 0)) if day else ""
    return {
        "askPx": number(ask[0]),
        "askSz": number(ask[1]),
        "bidPx": number(bid[0]),
        "bidSz": number(bid[1]),
        "high24h": units(day.high) if day else "",
        "instId": native_id(listing),
        "instType": kind_of(listing),
        "last": units(day.close) if day else "",
        "lastSz": units(floor.tape.last_quantity(symbol)) if day else "",
        "low24h": units(day.low) if day else "",
        "open24h": units(day.open) if day else "",
        "sodUtc0": opened,
        "sodUtc8": opened,
        "ts": ms(now),
        "vol24h": number(volume),
        "volCcy24h": number(money if listing.is_spot else product(volume, size_of(listing))),
    }


def _at_midnight(floor: Floor, symbol: str, now: int) -> int:
    """The first price of the UTC day, 0 where nobody traded in it."""
    found = floor.tape.candles(symbol, "1d", now=now, limit=1, start=now // DAY * DAY)
    return found[0].open if found else 0
