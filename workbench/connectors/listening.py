"""What is listened to and since when it is silent: a connection may answer every ping and yet carry nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from workbench.connectors.wire import Topic
from workbench.core.clock import HOUR, MINUTE, SECOND
from workbench.core.instrument import Instrument

# Seconds without a word after which a market's data no longer counts. Trades and bars may be quiet for hours.
SILENCE_S: Mapping[str, float] = {"quotes": 5.0, "book": 5.0}
ANEW = 3  # so many silences long: connect anew

LIFE_NS = 24 * HOUR - 10 * MINUTE  # venues end a connection after a day: ours end before, not all at once
SPREAD_NS = 10 * MINUTE


class _Heard(msgspec.Struct):
    topic: Topic
    instrument: Instrument
    last: int  # when something came, or when it began to be waited for
    channel: str = ""  # where it comes in, once something came
    stale_at: int = 0  # when it was last called stale; 0: it is not
    anew_at: int = 0  # when its channel was last made anew for it


class Silent(msgspec.Struct, frozen=True):
    """A market whose data no longer counts."""

    instrument: Instrument
    reason: str
    topic: str  # the kind of data that is missing


class Listening:
    """The topics of one connector; times are UTC nanoseconds of our clock."""

    def __init__(self, silence_s: Mapping[str, float] = SILENCE_S) -> None:
        self._silence_ns = {kind: round(seconds * SECOND) for kind, seconds in silence_s.items()}
        self._topics: dict[tuple[str, str, str], _Heard] = {}
        self._by_market: dict[tuple[str, str], list[_Heard]] = {}
        self._market_last: dict[str, int] = {}  # when anything of a market came
        self._ends: dict[str, int] = {}  # channel that is up -> when it is to be made anew
        self._public: dict[str, None] = {}  # channels that are up and carry market data
        self._down: set[str] = set()

    def add(self, topic: Topic, instrument: Instrument, now: int) -> bool:
        """Listens to a topic from now on; False if it already does."""
        key = (topic.kind, topic.market_id, topic.interval)
        if key in self._topics:
            return False
        heard = self._topics[key] = _Heard(topic, instrument, now)
        self._by_market.setdefault((topic.kind, topic.market_id), []).append(heard)
        return True

    def heard(self, kind: str, market_id: str, channel: str, now: int) -> None:
        """Something of a topic came in on a channel."""
        self._market_last[market_id] = now
        for each in self._by_market.get((kind, market_id), ()):
            each.last, each.channel, each.stale_at = now, channel, 0

    def came_up(self, channel: str, now: int, chance: float, *, public: bool) -> None:
        """A channel is up; `chance` in [0, 1) spreads the ends of their lives."""
        self._ends[channel] = now + LIFE_NS - round(chance * SPREAD_NS)
        if not public:
            return
        self._down.discard(channel)
        self._public[channel] = None
        for each in self._on(channel):
            each.last = now

    def went_down(self, channel: str) -> None:
        """A channel is gone: its silence says nothing until it is back."""
        self._down.add(channel)
        self._ends.pop(channel, None)
        self._public.pop(channel, None)

    def on(self, channel: str) -> Sequence[Instrument]:
        """The markets that come in on a channel, and those that came in on none yet."""
        return list({each.instrument.key: each.instrument for each in self._on(channel)}.values())

    def silent(self, now: int) -> Sequence[Silent]:
        """The markets to be called stale now: newly silent ones, and those that other data made seem alive."""
        found = []
        for each in self._waited_for():
            limit = self._silence_ns[each.topic.kind]
            revived = self._market_last.get(each.topic.market_id, 0) > each.stale_at
            if now - each.last > limit and (not each.stale_at or revived):
                each.stale_at = now
                found.append(
                    Silent(
                        each.instrument, f"no {each.topic.kind} for {(now - each.last) // SECOND} s", each.topic.kind
                    )
                )
        return found

    def due(self, now: int) -> Mapping[str, str]:
        """The channels to be made anew now, with the reason: silent too long, or near the end of their life."""
        found = {channel: "planned" for channel, end in self._ends.items() if now >= end}
        for channel in found:
            self._ends[channel] = now + MINUTE  # once a minute, until it is up anew
        for each in self._waited_for():
            limit = self._silence_ns[each.topic.kind] * ANEW
            if now - max(each.last, each.anew_at) > limit:
                each.anew_at = now
                channels = [each.channel] if each.channel else list(self._public)
                reason = f"no {each.topic.kind} of {each.topic.market_id} for {(now - each.last) // SECOND} s"
                found |= {channel: reason for channel in channels if channel not in found}
        return found

    def channel_of(self, kind: str, market_id: str) -> str:
        """Where a topic comes in; empty if nothing came yet."""
        return next((each.channel for each in self._by_market.get((kind, market_id), ())), "")

    def is_down(self, channel: str) -> bool:
        """Whether a channel that was there is gone."""
        return channel in self._down

    def _on(self, channel: str) -> list[_Heard]:
        return [each for each in self._topics.values() if each.channel in (channel, "")]

    def _waited_for(self) -> list[_Heard]:
        """Topics that may not be silent, on channels that are there."""
        return [
            each
            for each in self._topics.values()
            if each.topic.kind in self._silence_ns and each.channel not in self._down
        ]
