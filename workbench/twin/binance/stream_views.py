"""What the market streams say; `head` is the event's name, time and symbol."""

from __future__ import annotations

from workbench.twin.binance.formats import Json, amount, ms, units
from workbench.twin.binance.market import aggregate_view
from workbench.twin.floor import Floor
from workbench.twin.tape import Aggregate, Candle, closing
from workbench.twin.words import Book, Print


def trade(one: Print, head: Json) -> Json:
    """A trade."""
    return {
        **head,
        "t": one.trade_id,
        "p": amount(one.price),
        "q": amount(one.quantity),
        "b": one.buyer_order,
        "a": one.seller_order,
        "T": ms(one.at),
        "m": one.buyer_is_maker,
        "M": True,
    }


def aggregate(one: Aggregate, head: Json) -> Json:
    """Trades of one taker order at one price."""
    return {**head, **aggregate_view(one)}


def quote(book: Book, native: str) -> Json:
    """Best bid and ask; this event has no name."""
    bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
    best = {"b": amount(bid[0]), "B": amount(bid[1]), "a": amount(ask[0]), "A": amount(ask[1])}
    return {"u": book.update_id, "s": native, **best}


def average(floor: Floor, symbol: str, head: Json) -> Json:
    """The mean price of five minutes."""
    price = floor.exchange.average_price(symbol, floor.clock.now())
    return {**head, "i": "5m", "w": amount(price), "T": ms(floor.tape.last_at(symbol))}


def candle(one: Candle, interval: str, *, head: Json, now: int) -> Json:
    """A candle, closed or in the making."""
    ends = closing(one.opened, interval)
    return {
        **head,
        "k": {
            "t": ms(one.opened),
            "T": ms(ends) - 1,
            "s": head["s"],
            "i": interval,
            "f": one.first_id,
            "L": one.last_id,
            "o": units(one.open),
            "c": units(one.close),
            "h": units(one.high),
            "l": units(one.low),
            "v": units(one.volume),
            "n": one.trades,
            "x": ends <= now,
            "q": units(one.turnover // 10**8),
            "V": units(one.bought),
            "Q": units(one.bought_turnover // 10**8),
            "B": "0",
        },
    }
