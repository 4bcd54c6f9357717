"""What a run on venues listens to, and the bars it missed: before it began, and while a venue could not be heard."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from workbench.core.clock import Clock, interval_ns
from workbench.core.errors import Unsupported, WorkbenchError
from workbench.core.events import Bar, Event
from workbench.core.instrument import Instrument
from workbench.core.ports import ExchangeConnector
from workbench.trading.engine import Engine

MOST = 5_000  # bars asked for at once: what an engine keeps to rebuild a strategy's state
PAUSE_S = 1.0  # between two questions for bars that are missing

log = logging.getLogger(__name__)

Series = tuple[str, int]  # instrument key, interval in ns


class History:
    """Subscribes the topics of each instrument, and lets every bar through once, in order, with none left out.

    A bar that comes with others missing before it is held back until the venue was asked for those.
    """

    def __init__(self, topics: Mapping[str, tuple[str, ...]], engine: Engine, *, clock: Clock) -> None:
        self._topics, self._engine, self._clock = topics, engine, clock
        self._last: dict[Series, int] = {}  # the close of the newest bar taken in
        self._whole: dict[Series, int] = {}  # up to when nothing is missing
        self._ahead: dict[Series, deque[Bar]] = {}  # bars that others are missing before
        self._gaps: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)  # by account key

    def is_new(self, bar: Bar) -> bool:
        """Whether this bar is the next to be taken in; from now on it was."""
        series = bar.instrument.key, bar.interval_ns
        if bar.ts_event <= self._last.get(series, 0):
            return False
        if bar.ts_event > self._whole.get(series, 0) + bar.interval_ns:
            self._ahead.setdefault(series, deque(maxlen=MOST)).append(bar)
            self._gaps[bar.instrument.account_key].set()
            return False
        self._take(series, bar.ts_event)
        return True

    def seen(self, event: Event) -> None:
        """Hears what a recovered run took in."""
        if isinstance(event, Bar):
            self._take((event.instrument.key, event.interval_ns), event.ts_event)

    def resume(self, bars: Mapping[Series, int]) -> None:
        """Stands where the closes of the newest bars taken in say; what a recovered run takes in after is `seen`."""
        for series, close in bars.items():
            self._take(series, close)

    async def subscribe(self, connector: ExchangeConnector, account: str) -> None:
        """Listens to everything that the instruments of an account are wanted for."""
        for instrument, topic in self._of(account):
            kind, _, detail = topic.partition(":")
            if kind == "bars":
                await connector.subscribe_bars(instrument.symbol, detail)
            elif kind == "trades":
                await connector.subscribe_trades(instrument.symbol)
            elif kind == "quotes":
                await connector.subscribe_quotes(instrument.symbol)
            else:
                await connector.subscribe_orderbook(instrument.symbol, int(detail or 0))

    async def keep(self, connector: ExchangeConnector, account: str, tell: Callable[[Event], None]) -> None:
        """Fills every gap in the bars of an account, for as long as the run lasts."""
        gap = self._gaps[account]
        while True:
            await gap.wait()
            gap.clear()
            try:
                for bar in await self.missed(connector, account):
                    tell(bar)
            except WorkbenchError as error:
                log.info("%s: missing bars could not be had, they are asked for again: %s", account, error)
                gap.set()
            await asyncio.sleep(PAUSE_S)

    async def missed(self, connector: ExchangeConnector, account: str) -> list[Bar]:
        """The finished bars since the last one taken in, or those that warm the strategies up, oldest first."""
        found: list[Bar] = []
        for instrument, topic in self._of(account):
            kind, _, interval = topic.partition(":")
            if kind == "bars":
                found += await self._missed(connector, instrument, interval)
        return sorted(found, key=lambda bar: (bar.ts_event, bar.instrument.key))

    async def _missed(self, connector: ExchangeConnector, instrument: Instrument, interval: str) -> list[Bar]:
        step = interval_ns(interval)
        series = instrument.key, step
        ahead = self._ahead.get(series)
        end = max(self._clock.now(), ahead[-1].ts_event if ahead else 0) // step * step
        start = self._last.get(series, end - min(MOST, self._warmup(instrument)) * step)
        bars: list[Bar] = []
        if start < end:
            try:
                bars = await connector.fetch_bars(instrument.symbol, interval, max(start, end - MOST * step), end)
            except Unsupported:
                log.info("%s: %s bars that were missed cannot be asked for", instrument.key, interval)
        self._whole[series] = max(end, self._whole.get(series, 0))
        return [bar for bar in bars if bar.ts_event <= end] + self._contiguous(series)

    def _contiguous(self, series: Series) -> list[Bar]:
        """The bars held back that nothing is missing before any more."""
        ahead: deque[Bar] = self._ahead.get(series, deque())
        found: list[Bar] = []
        while ahead and ahead[0].ts_event <= self._whole[series] + series[1]:
            found.append(ahead.popleft())
            self._whole[series] = max(self._whole[series], found[-1].ts_event)
        if ahead:
            self._gaps[ahead[0].instrument.account_key].set()
        return found

    def _take(self, series: Series, close: int) -> None:
        self._last[series] = close
        self._whole[series] = max(close, self._whole.get(series, 0))

    def _of(self, account: str) -> list[tuple[Instrument, str]]:
        instruments = self._engine.ledger.instruments
        return [
            (instruments[key], topic)
            for key, topics in self._topics.items()
            if instruments[key].account_key == account
            for topic in topics
        ]

    def _warmup(self, instrument: Instrument) -> int:
        """How many bars the hungriest strategy on the instrument wants before its first thought."""
        seated = self._engine.portfolio.by_instrument[instrument.key]
        return max((trader.strategy.warmup() for trader, _ in seated), default=0)
