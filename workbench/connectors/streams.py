"""What a venue's sockets are asked for: which connection a topic belongs on, where it is, and the words that ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from workbench.connectors.wire import Topic
from workbench.core.errors import Unsupported

PER_LINE = 200  # topics on one connection; Binance allows 1,024 and closes what cannot keep up


class Streams(Protocol):
    """One venue's streams. The account's connection is signed in by ccxt and then carries all of the account."""

    account: str  # the path into ccxt's `urls['api']['ws']` of the account's connection
    login: Mapping[str, str]  # what ccxt's `authenticate` is told
    market: str  # the path of the market's connections

    def name(self, topic: Topic) -> str:
        """The venue's name of a market topic; raises Unsupported for one that it does not have."""

    def subscribe(self, names: Sequence[str], number: int) -> Mapping[str, Any]:
        """The message that asks for them, numbered."""

    def refused(self, message: Any) -> str | None:
        """None for data; for the venue's answer to what was asked, why it refused, '' if it did not."""


class BinanceStreams:
    """Binance spot: raw market streams, and the account through the WebSocket API."""

    account = "ws-api.spot"
    login: Mapping[str, str] = {"type": "spot"}
    market = "spot"

    _NAMES: Mapping[str, str] = {
        "trades": "{id}@trade",
        "quotes": "{id}@bookTicker",
        "book": "{id}@depth@100ms",
        "bars": "{id}@kline_{interval}",
    }

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


STREAMS: Mapping[str, Streams] = {"binance": BinanceStreams()}
