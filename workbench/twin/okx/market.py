"""Answers that anybody may have: time, listings, books, trades, candles, tickers, marks and funding."""

from __future__ import annotations

from workbench.twin.funding import RATE, next_at
from workbench.twin.okx import errors
from workbench.twin.okx.asked import Asked
from workbench.twin.okx.formats import SWAP, Json, ms, native_id, number
from workbench.twin.okx.listings import instrument_row, tier_row
from workbench.twin.okx.market_views import INTERVALS, book_view, candle_row, ticker_row, trade_row

_LEVELS, _MOST_LEVELS = 1, 400
_TRADES, _MOST_TRADES = 100, 500
_CANDLES, _MOST_CANDLES = 100, 300


def time(asked: Asked) -> list[Json]:
    """The exchange's clock."""
    return [{"ts": ms(asked.now)}]


def instruments(asked: Asked) -> list[Json]:
    """What is listed of one instrument type."""
    asked.sent.needed("instType")
    listings = asked.floor.exchange.listings
    return [instrument_row(listings[each]) for each in asked.wanted()]


def position_tiers(asked: Asked) -> list[Json]:
    """How much margin positions need."""
    listings = asked.floor.exchange.listings
    return [tier_row(listings[each]) for each in _swaps(asked)]


def books(asked: Asked) -> list[Json]:
    """The book of an instrument."""
    _, symbol = asked.instrument()
    size = asked.sent.whole("sz") or _LEVELS
    book = asked.floor.exchange.book(symbol, min(size, _MOST_LEVELS))
    return [{**book_view(book), "ts": ms(asked.now), "seqId": book.update_id}]


def trades(asked: Asked) -> list[Json]:
    """The last public trades, newest first."""
    native, symbol = asked.instrument()
    found = asked.floor.exchange.prints(symbol, asked.sent.limit(default=_TRADES, most=_MOST_TRADES))
    return [trade_row(each, native) for each in reversed(found)]


def history_trades(asked: Asked) -> list[Json]:
    """Public trades before a trade id, newest first."""
    native, symbol = asked.instrument()
    before, limit = asked.sent.whole("after"), asked.sent.limit(default=_TRADES, most=_TRADES)
    found = [each for each in asked.floor.exchange.prints(symbol) if before is None or each.trade_id < before]
    return [trade_row(each, native) for each in reversed(found[-limit:])]


def candles(asked: Asked) -> list[list[str]]:
    """Candles of an instrument, newest first; those of six hours and more in UTC only."""
    _, symbol = asked.instrument()
    interval = INTERVALS.get(asked.sent.text("bar") or "1m")
    if interval is None:
        raise errors.WRONG("bar")
    older, newer = asked.sent.instant("after"), asked.sent.instant("before")
    limit = asked.sent.limit(default=_CANDLES, most=_MOST_CANDLES)
    found = asked.floor.tape.candles(
        symbol,
        interval,
        now=asked.now,
        limit=limit,
        start=None if newer is None else newer + 1,
        end=None if older is None else older - 1,
    )
    listing = asked.floor.exchange.listings[symbol]
    return [candle_row(each, interval, listing, asked.now) for each in reversed(found)]


def ticker(asked: Asked) -> list[Json]:
    """Statistics of the last 24 hours of one instrument."""
    _, symbol = asked.instrument()
    return [ticker_row(asked.floor, symbol, asked.now)]


def tickers(asked: Asked) -> list[Json]:
    """Statistics of the last 24 hours of all instruments of a type."""
    asked.sent.needed("instType")
    return [ticker_row(asked.floor, each, asked.now) for each in asked.wanted()]


def mark_price(asked: Asked) -> list[Json]:
    """Mark prices of perpetuals."""
    exchange = asked.floor.exchange
    return [
        {
            "instId": native_id(exchange.listings[each]),
            "instType": SWAP,
            "markPx": number(exchange.mark_price(each)),
            "ts": ms(asked.now),
        }
        for each in _swaps(asked)
    ]


def funding_rate(asked: Asked) -> list[Json]:
    """When a perpetual settles funding next, and at which rate."""
    native, symbol = asked.instrument()
    if asked.instruments.kind[symbol] != SWAP:
        raise errors.WRONG("instId")
    return [funding_row(native, asked.now)]


def funding_row(native: str, now: int) -> Json:
    """The funding to come of a perpetual."""
    due = next_at(now)
    return {
        "formulaType": "noRate",
        "fundingRate": number(RATE),
        "fundingTime": ms(due),
        "instId": native,
        "instType": SWAP,
        "interestRate": number(RATE),
        "maxFundingRate": "0.00375",
        "method": "current_period",
        "minFundingRate": "-0.00375",
        "nextFundingRate": "",
        "nextFundingTime": ms(next_at(due)),
        "premium": "0",
        "settFundingRate": number(RATE),
        "settState": "settled",
        "ts": ms(now),
    }


def _swaps(asked: Asked) -> list[str]:
    return [each for each in asked.wanted() if asked.instruments.kind[each] == SWAP]
