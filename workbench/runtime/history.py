"""What a live run listens to, and the bars it missed: before it began, and while a venue could not be heard."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.core.clock import Clock, interval_ns
from workbench.core.errors import Unsupported
from workbench.core.events import Bar, Event
from workbench.core.instrument import Instrument
from workbench.core.ports import ExchangeConnector
from workbench.trading.engine import Engine

MOST = 5_000  # bars asked for at once: what an engine keeps to rebuild a strategy's state


class History:
    """Subscribes the topics of each instrument, and knows which bars are still missing."""

    def __init__(self, topics: Mapping[str, tuple[str, ...]], engine: Engine, *, clock: Clock) -> None:
        self._topics, self._engine, self._clock = topics, engine, clock
        self._last: dict[tuple[str, int], int] = {}

    def is_new(self, bar: Bar) -> bool:
        """Whether this bar was not taken in before; from now on it was."""
        series = bar.instrument.key, bar.interval_ns
        if bar.ts_event <= self._last.get(series, 0):
            return False
        self._last[series] = bar.ts_event
        return True

    def seen(self, event: Event) -> None:
        """Hears what a recovered run took in."""
        if isinstance(event, Bar):
            self.is_new(event)

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

    async def missed(self, connector: ExchangeConnector, account: str) -> list[Bar]:
        """The finished bars since the last one taken in, or those that warm the strategies up, oldest first."""
        found: list[Bar] = []
        for instrument, topic in self._of(account):
            kind, _, interval = topic.partition(":")
            if kind != "bars":
                continue
            step = interval_ns(interval)
            end = self._clock.now() // step * step
            last = self._last.get((instrument.key, step))
            start = last if last is not None else end - min(MOST, self._warmup(instrument)) * step
            try:
                bars = await connector.fetch_bars(instrument.symbol, interval, start, end) if start < end else []
            except Unsupported:
                continue
            found += [each for each in bars if each.ts_event <= end and each.ts_event > (last or 0)]
        return sorted(found, key=lambda bar: (bar.ts_event, bar.instrument.key))

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
