"""The tape: public trades added up to candles, aggregates and day statistics, in whole units.

Prices and quantities count units of 10^-8, turnover (price times quantity) units of 10^-16.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from datetime import UTC, datetime

import msgspec

from workbench.core.clock import DAY, HOUR, MINUTE, SECOND, interval_ns
from workbench.core.money import to_scaled
from workbench.twin.words import Print

PLACES = 8
INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")

_KEPT_SECONDS = 3_600  # 1s candles: an hour is more than any chart of them shows
_KEPT_MINUTES = 10_080  # a week: the longest a local exchange is likely to run in one go
_KEPT_AGGREGATES = 10_000
_MONDAY = 4 * DAY  # the epoch was a Thursday; exchange weeks start on Mondays


class Candle(msgspec.Struct, kw_only=True):
    """A bar that opened at `opened` (UTC ns); without trades its ids are -1 and its prices the last close."""

    opened: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    turnover: int = 0
    bought: int = 0  # volume that takers bought
    bought_turnover: int = 0
    trades: int = 0
    first_id: int = -1
    last_id: int = -1

    def add(self, later: Candle) -> None:
        """Takes in a candle that follows."""
        if later.trades:
            self.first_id = later.first_id if self.first_id < 0 else self.first_id
            self.last_id = later.last_id
        self.high, self.low, self.close = max(self.high, later.high), min(self.low, later.low), later.close
        self.volume += later.volume
        self.turnover += later.turnover
        self.bought += later.bought
        self.bought_turnover += later.bought_turnover
        self.trades += later.trades


class Aggregate(msgspec.Struct, kw_only=True):
    """Trades of one taker order at one price, as one."""

    number: int
    price: int
    quantity: int
    first_id: int
    last_id: int
    at: int
    taker: int
    buyer_is_maker: bool


class _Spool:
    """The history of one symbol."""

    def __init__(self) -> None:
        self.seconds: deque[Candle] = deque(maxlen=_KEPT_SECONDS)
        self.minutes: deque[Candle] = deque(maxlen=_KEPT_MINUTES)
        self.aggregates: deque[Aggregate] = deque(maxlen=_KEPT_AGGREGATES)
        self.last_quantity = 0
        self.last_at = 0


class Tape:
    """Everything that is told of past trades, by unified symbol."""

    def __init__(self) -> None:
        self._spools: dict[str, _Spool] = {}

    def add(self, trade: Print) -> None:
        """Takes in a trade."""
        spool = self._spools.setdefault(trade.symbol, _Spool())
        price, quantity = to_scaled(trade.price, PLACES), to_scaled(trade.quantity, PLACES)
        candle = _candle_of(trade, price, quantity)
        _append(spool.seconds, candle, trade.at // SECOND * SECOND)
        _append(spool.minutes, candle, trade.at // MINUTE * MINUTE)
        spool.last_quantity, spool.last_at = quantity, trade.at
        _aggregate(spool.aggregates, trade, price, quantity)

    def last_at(self, symbol: str) -> int:
        """When the last trade was, 0 before the first."""
        spool = self._spools.get(symbol)
        return spool.last_at if spool else 0

    def last_quantity(self, symbol: str) -> int:
        """The quantity of the last trade."""
        spool = self._spools.get(symbol)
        return spool.last_quantity if spool else 0

    def aggregates(self, symbol: str) -> list[Aggregate]:
        """Aggregates, oldest first; the last may still grow."""
        spool = self._spools.get(symbol)
        return list(spool.aggregates) if spool else []

    def newest(self, symbol: str) -> Aggregate:
        """The aggregate that the last trade belongs to; there must have been one."""
        return self._spools[symbol].aggregates[-1]

    def candles(
        self, symbol: str, interval: str, *, now: int, limit: int, start: int | None = None, end: int | None = None
    ) -> list[Candle]:
        """Candles that opened in [start, end], oldest first: the first of them from a start on, else the last ones.

        Where nobody traded, a candle is flat at the last close. Nothing is known from before the first trade kept.
        """
        spool = self._spools.get(symbol)
        fine = spool and (spool.seconds if interval == "1s" else spool.minutes)
        if not fine:
            return []
        until = min(now if end is None else end, now)
        earliest = opening(until, interval) - limit * _length(interval) if start is None else opening(start, interval)
        found = [
            each for each in _whole(_from(fine, earliest), interval, until) if start is None or each.opened >= start
        ]
        return found[-limit:] if start is None else found[:limit]

    def day(self, symbol: str, now: int) -> Candle | None:
        """The last 24 hours as one candle, to the minute; None where nothing was traded yet."""
        spool = self._spools.get(symbol)
        if not spool or not spool.minutes:
            return None
        minutes = list(spool.minutes)
        recent = minutes[bisect_left(minutes, now - DAY, key=lambda each: each.opened) :]
        if not recent:
            return _flat(minutes[-1], now - DAY)
        whole = msgspec.structs.replace(recent[0])
        for each in recent[1:]:
            whole.add(each)
        return whole


def opening(at: int, interval: str) -> int:
    """When the candle that holds an instant opened, in UTC ns; weeks open on Monday, months on the first."""
    if interval == "1M":
        moment = datetime.fromtimestamp(at // SECOND, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * SECOND
    length, shift = interval_ns(interval), _MONDAY if interval == "1w" else 0
    return (at - shift) // length * length + shift


def closing(opened: int, interval: str) -> int:
    """When the next candle opens."""
    if interval != "1M":
        return opened + interval_ns(interval)
    return opening(opened + 31 * DAY + HOUR, interval)


def _length(interval: str) -> int:
    return 31 * DAY if interval == "1M" else interval_ns(interval)


def _from(fine: deque[Candle], earliest: int) -> list[Candle]:
    """What opened since then, and one before, whose close a quiet start needs."""
    candles = list(fine)
    return candles[max(0, bisect_left(candles, earliest, key=lambda each: each.opened) - 1) :]


def _candle_of(trade: Print, price: int, quantity: int) -> Candle:
    bought = 0 if trade.buyer_is_maker else quantity
    return Candle(
        opened=trade.at,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=quantity,
        turnover=price * quantity,
        bought=bought,
        bought_turnover=price * bought,
        trades=1,
        first_id=trade.trade_id,
        last_id=trade.trade_id,
    )


def _append(candles: deque[Candle], one: Candle, opened: int) -> None:
    if candles and candles[-1].opened >= opened:  # also where the clock was set back
        candles[-1].add(one)
    else:
        candles.append(msgspec.structs.replace(one, opened=opened))


def _aggregate(aggregates: deque[Aggregate], trade: Print, price: int, quantity: int) -> None:
    taker = trade.seller_order if trade.buyer_is_maker else trade.buyer_order
    last = aggregates[-1] if aggregates else None
    if last and (last.taker, last.price, last.at) == (taker, price, trade.at):
        last.quantity += quantity
        last.last_id = trade.trade_id
        return
    aggregates.append(
        Aggregate(
            number=last.number + 1 if last else 1,
            price=price,
            quantity=quantity,
            first_id=trade.trade_id,
            last_id=trade.trade_id,
            at=trade.at,
            taker=taker,
            buyer_is_maker=trade.buyer_is_maker,
        )
    )


def _whole(fine: list[Candle], interval: str, until: int) -> list[Candle]:
    """Candles of an interval without holes, up to the one that holds `until`."""
    found: list[Candle] = []
    for each in fine:
        if each.opened > until:
            break
        opened = opening(each.opened, interval)
        _fill(found, opened, interval)
        if found and found[-1].opened == opened:
            found[-1].add(each)
        else:
            found.append(msgspec.structs.replace(each, opened=opened))
    _fill(found, closing(opening(until, interval), interval), interval)
    return found


def _fill(found: list[Candle], opened: int, interval: str) -> None:
    """Flat candles up to before `opened`."""
    while found and closing(found[-1].opened, interval) < opened:
        found.append(_flat(found[-1], closing(found[-1].opened, interval)))


def _flat(last: Candle, opened: int) -> Candle:
    close = last.close
    return Candle(opened=opened, open=close, high=close, low=close, close=close)
