"""What a venue's sockets are asked for: which connection a topic belongs on, where it is, and the words that ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from workbench.connectors.dialects.okx_words import candle
from workbench.connectors.wire import Topic
from workbench.core.errors import Unsupported

PER_LINE = 200  # topics on one connection; Binance allows 1,024 and closes what cannot keep up


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that carries the account, or a part of it: ccxt signs it in, then these topics are asked for."""

    channel: str
    url: str
    login: Mapping[str, str]  # what ccxt's `authenticate` is told
    topics: Sequence[str] = ()


class Streams(Protocol):
    """One venue's streams; `urls` is ccxt's `urls['api']['ws']`."""

    def account(self, urls: Any) -> Sequence[Door]:
        """The connections that carry the account together."""

    def market(self, urls: Any, topic: Topic) -> str:
        """The URL of the connections that a topic can be had on."""

    def numbered(self, url: str, number: int) -> str:
        """Where the market's connection of that number, counted from 0, is dialled."""

    def name(self, topic: Topic) -> str:
        """The venue's name of a market topic; raises Unsupported for one that it does not have."""

    def subscribe(self, names: Sequence[str], number: int) -> Mapping[str, Any]:
        """The message that asks for them, numbered."""

    def refused(self, message: Any) -> str | None:
        """None for data; for the venue's answer to what was asked, why it refused, '' if it did not."""


class BinanceStreams:
    """Binance spot: raw market streams, and the account through the WebSocket API."""

    _NAMES: Mapping[str, str] = {
        "trades": "{id}@trade",
        "quotes": "{id}@bookTicker",
        "book": "{id}@depth@100ms",
        "bars": "{id}@kline_{interval}",
    }

    def account(self, urls: Any) -> Sequence[Door]:
        """One; signing in asks for all of the account."""
        return (Door(channel="account", url=urls["ws-api"]["spot"], login={"type": "spot"}),)

    def market(self, urls: Any, topic: Topic) -> str:
        """Every topic can be had on every connection."""
        return str(urls["spot"])

    def numbered(self, url: str, number: int) -> str:
        """ccxt keeps its connections apart by this tail, which Binance takes no notice of."""
        return f"{url}/{number}"

    def name(self, topic: Topic) -> str:
        """Such as `btcusdt@trade`."""
        if topic.kind not in self._NAMES:
            raise Unsupported(f"binance: no stream of {topic.kind}; there are {', '.join(self._NAMES)}")
        return self._NAMES[topic.kind].format(id=topic.market_id.lower(), interval=topic.interval)

    def subscribe(self, names: Sequence[str], number: int) -> Mapping[str, Any]:
        """SUBSCRIBE with all of the names."""
        return {"method": "SUBSCRIBE", "params": list(names), "id": number}

    def refused(self, message: Any) -> str | None:
        """Answers carry the number of what they answer, data never does."""
        if type(message) is not dict or "id" not in message:
            return None
        error = message.get("error")
        return f"{error.get('code')} {error.get('msg')}" if isinstance(error, dict) else ""


class OkxStreams:
    """OKX v5: public topics, candles and stops each on a connection of their own; a name is `channel instrument`."""

    _CHANNELS: Mapping[str, str] = {
        "trades": "trades",
        "quotes": "bbo-tbt",
        "book": "books",
        "bars": "candle{interval}",
        "marks": "mark-price",
    }
    _OF_ALL = "ANY"  # in place of an instrument: a channel of the account, about every kind

    def account(self, urls: Any) -> Sequence[Door]:
        """Orders and holdings on one, stops that wait on the other."""
        orders, stops = ("orders ANY", "balance_and_position"), ("orders-algo ANY",)
        return (
            Door(channel="account", url=f"{urls}/private", login={"access": "private"}, topics=orders),
            Door(channel="account/stops", url=f"{urls}/business", login={"access": "business"}, topics=stops),
        )

    def market(self, urls: Any, topic: Topic) -> str:
        """Candles have a door of their own."""
        return f"{urls}/{'business' if topic.kind == 'bars' else 'public'}"

    def numbered(self, url: str, number: int) -> str:
        """All at one address."""
        return url

    def name(self, topic: Topic) -> str:
        """Such as `trades BTC-USDT`."""
        if topic.kind not in self._CHANNELS:
            raise Unsupported(f"okx: no stream of {topic.kind}; there are {', '.join(self._CHANNELS)}")
        interval = candle(topic.interval) if topic.kind == "bars" else ""
        return f"{self._CHANNELS[topic.kind].format(interval=interval)} {topic.market_id}"

    def subscribe(self, names: Sequence[str], number: int) -> Mapping[str, Any]:
        """`subscribe` with all of the names; every one has an answer of its own."""
        return {"op": "subscribe", "args": [self._argument(each) for each in names]}

    def refused(self, message: Any) -> str | None:
        """Answers are events; data and notices are not answers."""
        if type(message) is not dict or message.get("event") not in ("subscribe", "login", "error"):
            return None
        return f"{message.get('code')} {message.get('msg')}" if message["event"] == "error" else ""

    def _argument(self, name: str) -> Mapping[str, str]:
        channel, _, instrument = name.partition(" ")
        if not instrument:
            return {"channel": channel}
        return {"channel": channel, "instType" if instrument == self._OF_ALL else "instId": instrument}


STREAMS: Mapping[str, Streams] = {"binance": BinanceStreams(), "okx": OkxStreams()}
