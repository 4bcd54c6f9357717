"""Market data of Bitfinex, whose messages name a channel by a number that an earlier message explained.

Ask for the flag `SEQUENCE` on each connection: its messages, heartbeats included, are then counted by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from workbench.connectors.dialects.reading import Reading, exact, levels, millis, text, unknown, whole
from workbench.connectors.heard import Heard, HeardBar, HeardBook, HeardEnd, HeardTrade
from workbench.core.errors import DataError
from workbench.core.order import Side

SEQUENCE = 65536  # the flag of `conf` that has every message counted

SILENT = frozenset({"subscribed", "unsubscribed", "conf", "info", "pong"})  # events that carry no market data

_ENDS = {20051: "the server restarts", 20061: "maintenance has ended"}  # codes of `info`


class BitfinexMarket:
    """The ears of one connection; a new one announces itself and is heard with an empty memory."""

    def __init__(self) -> None:
        self._channels: dict[int, tuple[str, str]] = {}  # number -> its kind and market; as many as were subscribed
        self._counted = False
        self._sequence = 0

    def hear(self, message: Any) -> Iterator[Heard]:
        """What one message says; raises DataError for one that is unknown or cannot be read.

        A number left out of the count is a HeardEnd: a message was lost, and it may have been any channel's.
        """
        with Reading("bitfinex", message):
            return iter(list(self._words(message)))

    def _words(self, message: Any) -> Iterator[Heard]:
        if isinstance(message, dict):
            yield from self._event(message)
            return
        if self._counted:
            yield from self._count(whole(message[-1]))
            message = message[:-1]
        yield from self._channel(*message)

    def _event(self, message: Any) -> Iterator[Heard]:
        event = message["event"]
        if event == "error":
            raise DataError(f"refused: {message.get('code', '')} {message.get('msg', '')}")
        if event not in SILENT:
            raise unknown(message)
        if "version" in message:  # a connection's first words
            self._channels.clear()
            self._counted, self._sequence = False, 0
        if event == "subscribed":
            self._channels[whole(message["chanId"])] = text(message["channel"]), text(message["symbol"])
        if event == "unsubscribed":
            self._channels.pop(message["chanId"], None)
        if event == "conf":
            self._counted = bool(message["flags"] & SEQUENCE)
        if message.get("code") in _ENDS:
            yield HeardEnd(reason=_ENDS[message["code"]])

    def _count(self, sequence: int) -> Iterator[Heard]:
        before, self._sequence = self._sequence, sequence
        if before and sequence != before + 1:
            yield HeardEnd(reason=f"message {sequence} came after {before}")

    def _channel(self, number: int, payload: Any, *rest: Any) -> Iterator[Heard]:
        if payload == "hb":
            return iter(())  # may come before its channel was explained
        if number not in self._channels:
            raise DataError(f"channel {number} was never explained")
        kind, market_id = self._channels[number]
        if kind not in _READERS:
            raise unknown([number, kind, market_id])
        return _READERS[kind](market_id, payload, *rest)


def read_bars(page: Any, market_id: str, *, interval_ns: int, now: int) -> list[HeardBar]:
    """The candles of a REST page; one whose time is not over at `now` (UTC ns) is not closed."""
    with Reading("bitfinex", page):
        return [_bar(row, market_id, interval_ns, now) for row in page]


def _bar(row: Any, market_id: str, interval_ns: int, now: int) -> HeardBar:
    start, (first, last, high, low, volume) = millis(row[0]), [exact(number) for number in row[1:]]
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


def _book(market_id: str, payload: Any) -> Iterator[Heard]:
    snapshot = not payload or isinstance(payload[0], list)
    sides: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for price, orders, amount in payload if snapshot else [payload]:
        quantity, is_bid = _signed(amount)
        sides[is_bid].append((price, quantity if orders else "0"))  # no orders left: the amount is only a sign
    bids, asks = levels(sides[True]), levels(sides[False])
    yield HeardBook(market_id=market_id, bids=bids, asks=asks, at=0, snapshot=snapshot)


def _trades(market_id: str, payload: Any, *rest: Any) -> Iterator[Heard]:
    if payload == "tu":
        return  # the same trade again, once it is settled
    if payload != "te" and not isinstance(payload, list):
        raise unknown([market_id, payload])
    for number, stamp, amount, price in reversed(payload) if isinstance(payload, list) else rest:  # newest first
        quantity, bought = _signed(amount)
        side = Side.BUY if bought else Side.SELL
        yield HeardTrade(market_id, exact(price), quantity, millis(stamp), side, exact(number), whole(number))


def _ticker(market_id: str, payload: Any) -> Iterator[Heard]:
    """Nothing: its sizes are those of the 25 best levels together, so it is no quote."""
    return iter(())


def _signed(amount: Any) -> tuple[str, bool]:
    """The size of an amount, and whether it is above zero: a bid, or a trade that bought."""
    signed = exact(amount)
    return signed.removeprefix("-"), not signed.startswith("-")


_READERS: Mapping[str, Callable[..., Iterator[Heard]]] = {"book": _book, "trades": _trades, "ticker": _ticker}
