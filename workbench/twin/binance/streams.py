"""Market streams: trades and quotes are told at once, depth, candles and tickers at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from workbench.twin.binance import stream_views as views
from workbench.twin.binance.diffs import Diff
from workbench.twin.binance.formats import Json, Symbols, ms
from workbench.twin.binance.listeners import Listeners
from workbench.twin.binance.market import book_view
from workbench.twin.binance.tickers import day_ticker, mini_ticker_event, ticker_event
from workbench.twin.floor import Floor
from workbench.twin.tape import INTERVALS, Aggregate, closing
from workbench.twin.words import BookChange, Event, Print

_LEVELS = (5, 10, 20)
_FAST, _SLOW = ("@100ms",), ("", "@1000ms")  # how the names of depth streams end
_TICKERS: dict[str, Callable[[Json, int], Json]] = {"ticker": ticker_event, "miniTicker": mini_ticker_event}


class MarketStreams:
    """Hears the exchange and tells listeners what their streams are about."""

    def __init__(self, floor: Floor, symbols: Symbols, listeners: Listeners) -> None:
        self._floor, self._symbols, self._listeners = floor, symbols, listeners
        self._fast = {symbol: Diff() for symbol in symbols.native}
        self._slow = {symbol: Diff() for symbol in symbols.native}
        self._changed: dict[str, None] = {}  # symbols with something to tell once the command is done
        self._aggregates: dict[tuple[str, int], Aggregate] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # once the server runs
        self._best: dict[str, object] = {}  # as the quote stream told it last
        self._candles: dict[str, int] = {}  # by stream: the opening of the candle told last
        floor.exchange.listen(self._hear)

    async def run(self) -> None:
        """Tells what goes by the clock, until it is cancelled."""
        timing, self._loop = self._floor.timing, asyncio.get_running_loop()
        self._settle()
        await asyncio.gather(_every(timing.fast_s, self._tell_fast), _every(timing.slow_s, self._tell_slow))

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Print | BookChange) or event.symbol not in self._symbols.native:
            return
        if isinstance(event, BookChange):
            self._fast[event.symbol].add(event)
            self._slow[event.symbol].add(event)
        else:
            self._tell_trade(event)
        if not self._changed and self._loop is not None:
            self._loop.call_soon(self._settle)
        self._changed[event.symbol] = None

    def _tell_trade(self, trade: Print) -> None:
        newest = self._floor.tape.newest(trade.symbol)
        self._aggregates[trade.symbol, newest.number] = newest
        stream = self._name(trade.symbol, "trade")
        if self._listeners.wants(stream):
            self._listeners.tell(stream, views.trade(trade, self._head("trade", trade.symbol)))

    def _settle(self) -> None:
        """What can only be told once a command is done: aggregates at their full size, and best prices."""
        changed, self._changed = self._changed, {}
        aggregates, self._aggregates = self._aggregates, {}
        for (symbol, _), one in aggregates.items():
            stream = self._name(symbol, "aggTrade")
            if self._listeners.wants(stream):
                self._listeners.tell(stream, views.aggregate(one, self._head("aggTrade", symbol)))
        for symbol in changed:
            self._tell_quote(symbol)

    def _tell_quote(self, symbol: str) -> None:
        stream = self._name(symbol, "bookTicker")
        if not self._listeners.wants(stream):
            return
        book = self._floor.exchange.book(symbol, 1)
        if self._best.get(symbol) != (book.bids, book.asks):
            self._best[symbol] = (book.bids, book.asks)
            self._listeners.tell(stream, views.quote(book, self._symbols.native[symbol]))

    def _tell_fast(self) -> None:
        for symbol, diff in self._fast.items():
            self._tell_depth(symbol, diff, _FAST)

    def _tell_slow(self) -> None:
        for symbol, diff in self._slow.items():
            self._tell_depth(symbol, diff, _SLOW)
            self._tell_candles(symbol)
            stream = self._name(symbol, "avgPrice")
            if self._listeners.wants(stream):
                self._listeners.tell(stream, views.average(self._floor, symbol, self._head("avgPrice", symbol)))
        self._tell_tickers()

    def _tell_depth(self, symbol: str, diff: Diff, endings: tuple[str, ...]) -> None:
        message = diff.taken(self._symbols.native[symbol], self._floor.clock.now())
        if message is None:
            return
        for ending in endings:
            self._listeners.tell(self._name(symbol, f"depth{ending}"), message)
            for levels in _LEVELS:
                stream = self._name(symbol, f"depth{levels}{ending}")
                if self._listeners.wants(stream):
                    self._listeners.tell(stream, book_view(self._floor.exchange.book(symbol, levels)))

    def _tell_candles(self, symbol: str) -> None:
        for interval in INTERVALS:
            stream = self._name(symbol, f"kline_{interval}")
            if self._listeners.wants(stream):
                self._tell_candle(symbol, interval, stream)

    def _tell_candle(self, symbol: str, interval: str, stream: str) -> None:
        """The candle in the making, and before it the one that closed since."""
        now, head = self._floor.clock.now(), self._head("kline", symbol)
        told = self._candles.get(stream, now)
        for each in self._floor.tape.candles(symbol, interval, now=now, limit=2):
            if each.opened >= told or closing(each.opened, interval) > now:
                self._listeners.tell(stream, views.candle(each, interval, head=head, now=now))
                self._candles[stream] = each.opened

    def _tell_tickers(self) -> None:
        now = self._floor.clock.now()
        for kind, view in _TICKERS.items():
            whole = self._listeners.wants(f"!{kind}@arr")
            wanted = [each for each in self._symbols.native if whole or self._listeners.wants(self._name(each, kind))]
            told = {
                symbol: view(day_ticker(self._floor, self._symbols.native[symbol], symbol, now), now)
                for symbol in wanted
            }
            for symbol, ticker in told.items():
                self._listeners.tell(self._name(symbol, kind), ticker)
            self._listeners.tell(f"!{kind}@arr", list(told.values()))

    def _head(self, event: str, symbol: str) -> Json:
        return {"e": event, "E": ms(self._floor.clock.now()), "s": self._symbols.native[symbol]}

    def _name(self, symbol: str, kind: str) -> str:
        return f"{self._symbols.native[symbol].lower()}@{kind}"


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        act()
