"""ccxt's unified methods, for a venue without streams of its own here: one call, and watching in a loop.

ccxt merges and drops on the way: what it watches is a hint, and only asking again proves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import localcontext
from typing import Any

import msgspec

from workbench.connectors.line import SHOWN, Hear
from workbench.connectors.redial import Redial
from workbench.connectors.wire import Frame, Link, Topic
from workbench.core.errors import Unsupported

UNIFIED = "unified:"  # of an endpoint that names a unified method; its params are {"args": [...]}
SETTLED_S = 2.0  # a subscription that was not refused by then stands: ccxt does not tell when it is granted

_WATCHES = {"trades": "watch_trades", "quotes": "watch_ticker", "book": "watch_order_book"}
_ACCOUNT = {"orders": "watch_orders", "my_trades": "watch_my_trades", "balance": "watch_balance"}


class Watch:
    """One unified `watch` method, called again and again; each break is a new generation."""

    def __init__(self, channel: str, call: Callable[[], Awaitable[Any]], *, hear: Hear, now: Callable[[], int]) -> None:
        self.channel, self.generation = channel, 0
        self._call, self._hear, self._now, self._up = call, hear, now, False
        self._key = channel.partition("account/")[2]
        self._again = asyncio.Event()

    def end(self, reason: str) -> None:
        """Asks anew."""
        self._down(reason)
        self._again.set()

    async def keep(self) -> None:
        """Watches until cancelled."""
        redial = Redial()
        with localcontext():  # ccxt changes the decimal context whenever it rounds
            while True:
                try:
                    await self._next()
                except Exception as error:  # of any kind: ask again, a little later each time
                    stood = self._up
                    self._down(f"{type(error).__name__}: {error}")
                    await asyncio.sleep(redial.pause_s(self._now(), stood=stood, chance=0.0))

    async def _next(self) -> None:
        watching = asyncio.ensure_future(self._call())
        again = asyncio.ensure_future(self._again.wait())
        try:
            await asyncio.wait({watching, again}, timeout=SETTLED_S, return_when=asyncio.FIRST_COMPLETED)
            if not watching.done() and not self._again.is_set():
                self._rise()
                await asyncio.wait({watching, again}, return_when=asyncio.FIRST_COMPLETED)
            self._again.clear()
            if watching.done():
                self._said(msgspec.to_builtins(watching.result()))  # a copy: ccxt goes on changing its own
        finally:
            watching.cancel()
            again.cancel()

    def _said(self, message: Any) -> None:
        self._rise()
        told = {self._key: message} if self._key else message
        self._hear(Frame(self.channel, self.generation, self._now(), told))

    def _rise(self) -> None:
        if not self._up:
            self._up = True
            self.generation += 1
            self._say(up=True)

    def _down(self, reason: str) -> None:
        if self._up:
            self._up = False
            self._say(up=False, reason=reason[:SHOWN])

    def _say(self, *, up: bool, reason: str = "") -> None:
        self._hear(Link(self.channel, self.generation, self._now(), up, bool(self._key), reason))


def watches(exchange: Any, topic: Topic, *, hear: Hear, now: Callable[[], int]) -> list[Watch]:
    """What has to be watched for a topic; raises Unsupported where ccxt cannot watch it at that venue."""
    methods: dict[str, tuple[str, tuple[str, ...]]]
    if topic.kind == "account":
        methods = {f"account/{key}": (name, ()) for key, name in _ACCOUNT.items() if _has(exchange, name)}
    else:
        name = _WATCHES.get(topic.kind, "")
        methods = {f"{topic.kind}/{topic.symbol}": (name, (topic.symbol,))} if _has(exchange, name) else {}
    if not methods:
        raise Unsupported(f"{exchange.id}: ccxt cannot watch {topic.kind} there")
    return [
        Watch(channel, _bound(exchange, name, args), hear=hear, now=now) for channel, (name, args) in methods.items()
    ]


def _bound(exchange: Any, name: str, args: tuple[Any, ...]) -> Callable[[], Awaitable[Any]]:
    return lambda: getattr(exchange, name)(*args)


def _has(exchange: Any, name: str) -> bool:
    first, *rest = name.split("_")
    return bool(name) and bool(exchange.has.get(first + "".join(each.title() for each in rest)))
