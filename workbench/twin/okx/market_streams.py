"""Market channels: trades and best prices are told at once, books, tickers, candles and marks at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from workbench.twin.actions import Where
from workbench.twin.floor import Floor
from workbench.twin.funding import next_at
from workbench.twin.okx.formats import SWAP, Instruments, Json, ms, number
from workbench.twin.okx.market import funding_row
from workbench.twin.okx.market_views import INTERVALS, book_view, candle_row, levels, ticker_row, trade_row
from workbench.twin.okx.subscriptions import Listener, Subscriptions, say
from workbench.twin.tape import closing
from workbench.twin.words import BookChange, Event, Print

CANDLE = "candle"
PUBLIC = frozenset({"trades", "books", "books5", "bbo-tbt", "tickers", "mark-price", "funding-rate"})
_OF_SWAPS = frozenset({"mark-price", "funding-rate"})
_FIVE = 5


class Changes:
    """The levels of one book that changed since they were last told; `told` is the sequence number up to there."""

    def __init__(self, told: int) -> None:
        self.told = self._last = told
        self._sides: dict[str, dict[Decimal, Decimal]] = {"SELL": {}, "BUY": {}}

    def add(self, change: BookChange) -> None:
        """Takes in a change; the last of a level counts."""
        self._last = change.update_id
        self._sides[change.side][change.price] = change.quantity

    def taken(self, now: int) -> Json | None:
        """The update with everything gathered, None where nothing changed; starts anew."""
        if self._last == self.told:
            return None
        asks, bids = (levels(tuple(side.items())) for side in self._sides.values())
        row = {"asks": asks, "bids": bids, **_sequence(self.told, self._last, now)}
        self.told, self._sides = self._last, {"SELL": {}, "BUY": {}}
        return {"action": "update", "data": [row]}


class MarketStreams:
    """Hears the exchange and tells listeners what their channels are about."""

    def __init__(self, floor: Floor, instruments: Instruments, subscriptions: Subscriptions) -> None:
        self._floor, self._instruments, self._subscriptions = floor, instruments, subscriptions
        self._changes = {each: Changes(floor.exchange.book(each, 0).update_id) for each in instruments.native}
        self._moved: dict[str, None] = {}  # symbols whose ticker has news
        self._unsettled: dict[str, None] = {}  # symbols whose best prices may differ once the command is done
        self._best: dict[str, object] = {}  # as they were told last
        self._marks: dict[str, Decimal] = {}
        self._fundings: dict[str, int] = {}  # the settlement that was announced last
        self._candles: dict[str, int] = {}  # by name: the opening of the candle told last
        self._loop: asyncio.AbstractEventLoop | None = None  # once the server runs
        floor.exchange.listen(self._hear)

    async def run(self) -> None:
        """Tells what goes by the clock, until it is cancelled."""
        timing, self._loop = self._floor.timing, asyncio.get_running_loop()
        self._settle()
        await asyncio.gather(_every(timing.fast_s, self._tell_fast), _every(timing.slow_s, self._tell_slow))

    def offers(self, channel: str, native: str) -> bool:
        """Whether there is such a channel of that instrument."""
        symbol = self._instruments.unified.get(native)
        if symbol is None:
            return False
        if channel.startswith(CANDLE):
            return channel.removeprefix(CANDLE) in INTERVALS
        return channel in PUBLIC and (channel not in _OF_SWAPS or self._instruments.kind[symbol] == SWAP)

    def welcome(self, name: str, listener: Listener) -> None:
        """Tells a listener from now on, and first the present state, where its channel has one."""
        channel, native = name.split(":")
        symbol = self._instruments.unified[native]
        self._tell_book(symbol)  # to the others, so that everybody's next update follows this snapshot
        self._subscriptions.add(name, listener)
        first = self._present(channel, symbol)
        if first is not None:
            say(listener, Where.STREAM, name, first)

    def _present(self, channel: str, symbol: str) -> Json | None:
        now = self._floor.clock.now()
        if channel == "books":
            book = self._floor.exchange.book(symbol)
            row = {**book_view(book), **_sequence(-1, book.update_id, now)}
            return {"action": "snapshot", "data": [row]}
        views: dict[str, Callable[[], Json]] = {
            "books5": lambda: self._top(symbol, _FIVE),
            "bbo-tbt": lambda: self._top(symbol, 1),
            "tickers": lambda: ticker_row(self._floor, symbol, now),
            "mark-price": lambda: self._mark(symbol),
            "funding-rate": lambda: funding_row(self._instruments.native[symbol], now),
        }
        return {"data": [views[channel]()]} if channel in views else None

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Print | BookChange) or event.symbol not in self._changes:
            return
        if isinstance(event, BookChange):
            self._changes[event.symbol].add(event)
        else:
            self._tell_trade(event)
        self._moved[event.symbol] = None
        if not self._unsettled and self._loop is not None:
            self._loop.call_soon(self._settle)
        self._unsettled[event.symbol] = None

    def _tell_trade(self, trade: Print) -> None:
        name = self._name("trades", trade.symbol)
        if self._subscriptions.wants(name):
            row = {**trade_row(trade, self._instruments.native[trade.symbol]), "count": "1"}
            self._subscriptions.tell(name, {"data": [row]})

    def _settle(self) -> None:
        """Best prices can only be told once a command is done."""
        unsettled, self._unsettled = self._unsettled, {}
        for symbol in unsettled:
            name = self._name("bbo-tbt", symbol)
            book = self._floor.exchange.book(symbol, 1) if self._subscriptions.wants(name) else None
            if book is not None and self._best.get(symbol) != (book.bids, book.asks):
                self._best[symbol] = (book.bids, book.asks)
                self._subscriptions.tell(name, {"data": [self._top(symbol, 1)]})

    def _tell_fast(self) -> None:
        moved, self._moved = self._moved, {}
        for symbol in self._changes:
            self._tell_book(symbol)
        for symbol in moved:
            self._tell_ticker(symbol)
        for symbol in self._instruments.of(SWAP):
            self._tell_mark(symbol)

    def _tell_book(self, symbol: str) -> None:
        update = self._changes[symbol].taken(self._floor.clock.now())
        if update is None:
            return
        self._subscriptions.tell(self._name("books", symbol), update)
        five = self._name("books5", symbol)
        if self._subscriptions.wants(five):
            self._subscriptions.tell(five, {"data": [self._top(symbol, _FIVE)]})

    def _tell_ticker(self, symbol: str) -> None:
        name = self._name("tickers", symbol)
        if self._subscriptions.wants(name):
            self._subscriptions.tell(name, {"data": [ticker_row(self._floor, symbol, self._floor.clock.now())]})

    def _tell_mark(self, symbol: str) -> None:
        name, mark = self._name("mark-price", symbol), self._floor.exchange.mark_price(symbol)
        if self._subscriptions.wants(name) and self._marks.get(symbol) != mark:
            self._marks[symbol] = mark
            self._subscriptions.tell(name, {"data": [self._mark(symbol)]})

    def _tell_slow(self) -> None:
        for name in self._subscriptions.names():
            if name.startswith(CANDLE):
                self._tell_candle(name)
        for symbol in self._instruments.of(SWAP):
            self._tell_funding(symbol)

    def _tell_candle(self, name: str) -> None:
        """The candle in the making, and before it the one that closed since."""
        channel, native = name.split(":")
        symbol, interval = self._instruments.unified[native], INTERVALS[channel.removeprefix(CANDLE)]
        now, listing = self._floor.clock.now(), self._floor.exchange.listings[symbol]
        told = self._candles.get(name, now)
        for each in self._floor.tape.candles(symbol, interval, now=now, limit=2):
            if each.opened >= told or closing(each.opened, interval) > now:
                self._subscriptions.tell(name, {"data": [candle_row(each, interval, listing, now)]})
                self._candles[name] = each.opened

    def _tell_funding(self, symbol: str) -> None:
        name, now = self._name("funding-rate", symbol), self._floor.clock.now()
        if self._subscriptions.wants(name) and self._fundings.get(symbol) != next_at(now):
            self._fundings[symbol] = next_at(now)
            self._subscriptions.tell(name, {"data": [funding_row(self._instruments.native[symbol], now)]})

    def _top(self, symbol: str, depth: int) -> Json:
        book = self._floor.exchange.book(symbol, depth)
        native = self._instruments.native[symbol]
        return {**book_view(book), "instId": native, "seqId": book.update_id, "ts": ms(self._floor.clock.now())}

    def _mark(self, symbol: str) -> Json:
        mark, native = self._floor.exchange.mark_price(symbol), self._instruments.native[symbol]
        return {"instId": native, "instType": SWAP, "markPx": number(mark), "ts": ms(self._floor.clock.now())}

    def _name(self, channel: str, symbol: str) -> str:
        return f"{channel}:{self._instruments.native[symbol]}"


def _sequence(previous: int, last: int, now: int) -> Json:
    """How an update follows the one before; the checksum is retired and always 0."""
    return {"checksum": 0, "prevSeqId": previous, "seqId": last, "ts": ms(now)}


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        act()
