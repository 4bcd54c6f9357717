"""A wire through ccxt.pro: it signs, dials and signs in as ccxt does, and hands on what the venue said, untouched.

ccxt's own view of an answer - its exceptions, caches, floats and roundings - is not asked.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from workbench.connectors.line import Line
from workbench.connectors.sending import answered, send
from workbench.connectors.streams import PER_LINE, STREAMS, Door
from workbench.connectors.tap import dial, exact_json
from workbench.connectors.unified import UNIFIED, Watch, watches
from workbench.connectors.wire import Answer, Call, Frame, Link, Topic
from workbench.core.errors import ConfigError, VenueUnavailable
from workbench.core.secret import Credentials

WAITING = 65_536  # frames nobody has taken yet: seconds of the busiest market; beyond it, its channel starts over
KEEP_ALIVE_MS = 10_000  # a dead socket is noticed within half a minute; ccxt waits 9 to 12 minutes for Binance
TIMEOUT_MS = 120_000  # of ccxt; each call has its own, shorter one

_QUIET = logging.Logger("ccxt", logging.CRITICAL)  # ccxt logs requests with key and signature

_Kept = TypeVar("_Kept", Line, Watch)

_EVERYWHERE = {"maxRetriesOnFailure": 0, "warnOnFetchOpenOrdersWithoutSymbol": False}  # weights are counted here
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "binance": {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "fetchCurrencies": False,
        "createOrder": {"quoteOrderQty": False},
        "ws": {"compress": 0},
    },
    "okx": {"defaultType": "spot", "fetchMarkets": {"types": ["spot", "swap"]}, "ws": {"compress": 0}},
}


# Where a request itself can say until when it counts: the header, and what is worth nothing later than wanted.
_DEADLINES: Mapping[str, tuple[str, frozenset[str]]] = {
    "okx": ("expTime", frozenset({"trade/order", "trade/amend-order"})),
}


class CcxtWire:
    """One account of one exchange that ccxt knows, such as `binance`.

    `rest_url` and `stream_url` replace scheme and host of everything ccxt would call, and nothing else is then
    reachable. `hosts` leaves the URLs and maps their host names, and no others, to ports on this machine, where
    `ca_file` vouches for the certificates. `clock_offset` says by how many nanoseconds the venue's clock is ahead.
    With `unified`, and where there are no streams of its own here, ccxt's unified methods are watched.
    """

    def __init__(
        self,
        exchange: str,
        *,
        credentials: Credentials | None = None,
        rest_url: str = "",
        stream_url: str = "",
        hosts: Mapping[str, int] | None = None,
        ca_file: str = "",
        recv_window_ms: int = 5_000,
        clock_offset: Callable[[], int] = lambda: 0,
        now: Callable[[], int] = time.time_ns,
        chance: Callable[[], float] = random.random,
        waiting: int = WAITING,
        unified: bool = False,
    ) -> None:
        if bool(rest_url) != bool(stream_url):
            raise ConfigError(f"{exchange}: rest_url and stream_url replace the venue's together or not at all")
        self.name = exchange
        self._credentials, self._urls = credentials, (rest_url.rstrip("/"), stream_url.rstrip("/"))
        self._hosts = {} if rest_url and hosts is None else hosts
        self._ca_file, self._recv_window_ms = ca_file, recv_window_ms
        self._clock_offset, self._now, self._chance = clock_offset, now, chance
        self._streams = None if unified else STREAMS.get(exchange)
        self._exchange: Any = None
        self._session: Any = None
        self._channels: dict[str, tuple[Line | Watch, asyncio.Task[None]]] = {}
        self._market: dict[str, list[Line]] = {}  # by the URL of their kind
        self._topics: set[Topic] = set()
        self._heard: deque[Frame | Link] = deque()  # bounded by `_hear`
        self._waiting, self._some = waiting, asyncio.Event()
        self._failure: BaseException | None = None  # a mistake of ours that ended a channel for good

    async def open(self) -> None:
        """Makes ccxt's exchange, once; raises ConfigError where ccxt is missing or knows no such exchange."""
        if self._exchange is not None:
            return
        try:
            ccxt = await asyncio.to_thread(importlib.import_module, "ccxt.pro")  # a second or more: others go on
            from workbench.connectors.reach import open_session
        except ImportError as error:
            raise ConfigError(f"{self.name}: a venue needs the extra 'live' to be installed: {error}") from None
        if self.name not in ccxt.exchanges:
            raise ConfigError(f"{self.name}: ccxt knows no such exchange")
        self._session = open_session(hosts=self._hosts, ca_file=self._ca_file)
        self._exchange = _prepared(getattr(ccxt, self.name), self._terms(), *self._urls)
        self._exchange.on_rest_response = self._answered
        if self.name in _DEADLINES:
            _bounded(self._exchange, *_DEADLINES[self.name], window_ms=self._recv_window_ms)
        self._exchange.milliseconds = self._milliseconds  # what is signed is stamped by our clock, which may not step
        self._exchange.open()

    async def close(self) -> None:
        """Lets every connection go; safe to call twice."""
        tasks, self._channels, self._market = [task for _, task in self._channels.values()], {}, {}
        self._topics.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()
            await self._session.close()
        self._some.set()

    async def call(self, call: Call) -> Answer:
        """Sends one request, once; raises WireBroken where no whole answer came back.

        An endpoint `unified:name` is ccxt's unified method with the list `args`: its result is the body, as JSON. Where
        ccxt raised, the body is the venue's own and the header `x-ccxt-error` names the error.
        """
        exchange = self._opened()
        exchange.options["timeDifference"] = -(self._clock_offset() // 1_000_000)
        return await send(
            self._work(exchange, call), name=f"{self.name} {call.endpoint}", timeout_s=call.timeout_s, now=self._now
        )

    async def subscribe(self, topic: Topic) -> None:
        """Listens to a topic from now on, across reconnects; raises Unsupported for one the venue does not have."""
        exchange = self._opened()
        if topic in self._topics:
            return
        if self._streams is None:
            for watch in watches(exchange, topic, hear=self._hear, now=self._now):
                self._keep(watch)
        elif topic.kind == "account":
            for door in self._streams.account(exchange.urls["api"]["ws"]):
                self._keep(self._line(door.channel, door.url, login=partial(self._sign_in, door), first=door.topics))
        else:
            name = self._streams.name(topic)
            self._market_line(self._streams.market(exchange.urls["api"]["ws"], topic)).add(name)
        self._topics.add(topic)

    async def receive(self) -> AsyncIterator[Frame | Link]:
        """Frames and link changes in the order they came; one reader; ends when the wire is closed."""
        while self._heard or self._exchange is not None:
            while self._heard:
                yield self._heard.popleft()
            if self._failure is not None:
                raise self._failure
            self._some.clear()
            if self._exchange is not None:
                await self._some.wait()

    async def reconnect(self, channel: str, reason: str) -> None:
        """Makes a connection anew: it was silent, or its life is about to end."""
        if channel in self._channels:
            self._channels[channel][0].end(reason)

    # --- requests ---------------------------------------------------------------------------------

    def _milliseconds(self) -> int:
        return self._now() // 1_000_000

    def _work(self, exchange: Any, call: Call) -> Callable[[], Awaitable[bytes | None]]:
        method = getattr(exchange, call.endpoint.removeprefix(UNIFIED), None)
        if method is None:
            raise ConfigError(f"{self.name}: ccxt has no endpoint {call.endpoint!r}")

        async def implicit() -> None:
            await method([dict(each) for each in call.rows] if call.rows else dict(call.params))

        async def unified() -> bytes:
            return msgspec.json.encode(await method(*call.params["args"]))

        return unified if call.endpoint.startswith(UNIFIED) else implicit

    def _answered(
        self, status: int, _reason: str, _url: str, _method: str, headers: Mapping[str, str], body: str, *_: Any
    ) -> str:
        answered(status, headers, body, self._now())
        return body.strip()

    # --- streams ----------------------------------------------------------------------------------

    async def _sign_in(self, door: Door) -> None:
        self._exchange.options["timeDifference"] = -(self._clock_offset() // 1_000_000)
        await self._exchange.authenticate(dict(door.login))

    def _market_line(self, url: str) -> Line:
        """The last line of a kind that still has room, or a new one."""
        assert self._streams is not None
        lines = self._market.setdefault(url, [])
        if not lines or len(lines[-1].topics) >= PER_LINE:
            number = sum(map(len, self._market.values()))
            lines.append(self._keep(self._line(f"market/{number}", self._streams.numbered(url, number))))
        return lines[-1]

    def _line(
        self,
        channel: str,
        url: str,
        *,
        login: Callable[[], Awaitable[Any]] | None = None,
        first: Sequence[str] = (),
    ) -> Line:
        assert self._streams is not None
        return Line(
            channel,
            url=url,
            streams=self._streams,
            dial=partial(dial, self._exchange),
            hear=self._hear,
            now=self._now,
            chance=self._chance,
            login=login,
            first=first,
        )

    def _keep(self, kept: _Kept) -> _Kept:
        task = asyncio.create_task(kept.keep(), name=f"{self.name} {kept.channel}")
        task.add_done_callback(self._ended)
        self._channels[kept.channel] = kept, task
        return kept

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._some.set()

    def _hear(self, heard: Frame | Link) -> None:
        """Frames beyond the bound are lost, and their channel starts over so that everybody knows."""
        if len(self._heard) >= self._waiting and isinstance(heard, Frame):
            self._channels[heard.channel][0].end(f"{self._waiting} messages wait to be read")
            return
        self._heard.append(heard)
        self._some.set()

    # --- ccxt -------------------------------------------------------------------------------------

    def _terms(self) -> dict[str, Any]:
        keys = self._credentials
        return {
            "session": self._session,
            "logger": _QUIET,
            "enableRateLimit": False,
            "timeout": TIMEOUT_MS,
            "timeout_on_exit": 0,
            "number": str,
            "streaming": {"keepAlive": KEEP_ALIVE_MS, "maxPingPongMisses": 2},
            "options": {"recvWindow": self._recv_window_ms, **_EVERYWHERE, **_OPTIONS.get(self.name, {})},
            **({"apiKey": keys.key.reveal(), "secret": keys.secret.reveal()} if keys else {}),
            **({"password": keys.passphrase.reveal()} if keys and keys.passphrase else {}),
        }

    def _opened(self) -> Any:
        if self._exchange is None:
            raise VenueUnavailable(f"{self.name}: the wire is not open")
        return self._exchange


def _prepared(kind: Any, terms: dict[str, Any], rest_url: str, stream_url: str) -> Any:
    exchange = kind(terms)
    exchange.on_json_response = exact_json
    if rest_url:
        exchange.urls["api"] = _moved(exchange.urls["api"], rest_url, stream_url)
    return exchange


def _bounded(exchange: Any, header: str, paths: frozenset[str], *, window_ms: int) -> None:
    """From now on requests to these paths carry their deadline, in milliseconds of the venue's clock."""
    sign = exchange.sign

    def signed(path: str, api: Any, method: str, params: Any, *more: Any) -> dict[str, Any]:
        request: dict[str, Any] = sign(path, api, method, params, *more)
        if method == "POST" and path in paths:
            request["headers"][header] = str(exchange.nonce() + window_ms)
        return request

    exchange.sign = signed


def _moved(urls: Any, rest_url: str, stream_url: str) -> Any:
    """Every URL, nested ones too, with its path but at another host: none is left that leads elsewhere."""
    if isinstance(urls, Mapping):
        return {name: _moved(each, rest_url, stream_url) for name, each in urls.items()}
    parts = urlsplit(urls)
    return (stream_url if parts.scheme.startswith("ws") else rest_url) + parts.path
