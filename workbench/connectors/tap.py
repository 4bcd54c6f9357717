"""ccxt's sockets, tapped: each frame is taken as it arrives, exactly, before ccxt's caches drop, merge or round it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from workbench.connectors.line import Ear

_PONG = "pong"  # what OKX answers to a ping; of all that venues send, it alone is no JSON

_decode: Callable[[str | bytes], Any] = msgspec.json.Decoder(float_hook=str).decode


def exact_json(text: str | bytes) -> Any:
    """Parsed JSON whose numbers are int or the text they came as; raises ValueError for what is no JSON."""
    return _decode(text)


def dial(exchange: Any, url: str, ear: Ear) -> tuple[Any, Awaitable[Any]]:
    """Starts a connection of ccxt's that speaks to `ear`: ccxt's client, and what is awaited until it stands.

    ccxt itself sees only the venue's answers to requests, which its sign-in waits for.
    """
    exchange.clients = exchange.clients or {}
    exchange.clients.pop(url, None)  # the one that broke
    client = exchange.client(url)
    client.future = partial(_heeded, client.future)
    client.handle_text_or_binary_message = partial(_take, exchange, client, ear)
    client.on_connected_callback = partial(_up, ear)
    client.on_error_callback = lambda _, error: ear.down(f"{type(error).__name__}: {error}")
    client.on_close_callback = lambda _, code: ear.down(f"closed, code {code}")
    return client, client.connect(exchange.session, 0)


def _take(exchange: Any, client: Any, ear: Ear, data: str | bytes) -> None:
    if data == _PONG:
        exchange.handle_message(client, data)
        return
    try:
        message = _decode(data)
    except ValueError as error:  # ccxt would stop reading without a word
        ear.down(f"unreadable message: {error}")
        return
    if not ear.take(message):
        exchange.handle_message(client, message)


def _up(ear: Ear, client: Any) -> None:
    if not ear.up():  # it was given up while it was being dialled
        task = asyncio.ensure_future(client.close())
        task.add_done_callback(_heed)


def _heeded(make: Callable[[str], asyncio.Future[Any]], name: str) -> asyncio.Future[Any]:
    """A future of ccxt's whose failure is noticed even if nobody awaits it any more."""
    future = make(name)
    future.add_done_callback(_heed)
    return future


def _heed(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
