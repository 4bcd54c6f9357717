"""Real ccxt.pro OKX clients of a local exchange, and raw calls signed by hand."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from workbench.core.clock import SECOND, instant_text
from workbench.twin.server import LocalExchange

BTC, SWAP = "BTC/USDT", "BTC/USDT:USDT"
LIMIT = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "50000"}


def okx_client(twin: LocalExchange, *, key: str = "twin-key", **options: Any) -> Any:
    """A ccxt.pro OKX client that can reach nothing but this exchange; close it."""
    import ccxt.pro

    client = ccxt.pro.okx(
        {
            "apiKey": key,
            "secret": "twin-secret",
            "password": "twin-pass",
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot", "swap"]}, "ws": {"compress": 0}, **options},
        }
    )
    client.number = str
    client.urls["api"] = {"rest": twin.rest_url, "ws": f"{twin.stream_url}/ws/v5"}
    return client


@asynccontextmanager
async def trading(twin: LocalExchange, **how: Any) -> AsyncIterator[Any]:
    """A client with its markets loaded, closed afterwards."""
    client = okx_client(twin, **how)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def play(scene: Callable[[LocalExchange, Any], Awaitable[None]], **how: Any) -> None:
    """Plays a scene between a fresh exchange and one ccxt client of it."""

    async def whole() -> None:
        async with LocalExchange(dialect="okx", **how) as twin, trading(twin) as client:
            await scene(twin, client)

    asyncio.run(whole())


def sign(payload: str, secret: str = "twin-secret") -> str:
    return base64.b64encode(hmac.new(secret.encode(), payload.encode(), sha256).digest()).decode()


async def call(
    twin: LocalExchange, session: ClientSession, verb: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """A signed REST call: status and parsed body; a header given as '' is left out."""
    stamp = headers.pop("stamp", instant_text(twin.clock.now() // SECOND * SECOND))
    text = "" if body is None else json.dumps(body)
    whole = {
        "OK-ACCESS-KEY": "twin-key",
        "OK-ACCESS-PASSPHRASE": "twin-pass",
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-SIGN": sign(f"{stamp}{verb}/api/v5/{path}{text}"),
        **headers,
    }
    sent = {name: each for name, each in whole.items() if each}
    async with session.request(verb, f"{twin.rest_url}/api/v5/{path}", data=text or None, headers=sent) as answer:
        return answer.status, await answer.json()


def login(twin: LocalExchange, **changes: str) -> dict[str, Any]:
    """The message that logs a socket in."""
    stamp = changes.pop("timestamp", str(twin.clock.now() // SECOND))
    args = {"apiKey": "twin-key", "passphrase": "twin-pass", "timestamp": stamp}
    return {"op": "login", "args": [{**args, "sign": sign(f"{stamp}GET/users/self/verify"), **changes}]}


@asynccontextmanager
async def connected(twin: LocalExchange, room: str) -> AsyncIterator[ClientWebSocketResponse]:
    """A raw socket in one of the rooms."""
    async with ClientSession() as session, session.ws_connect(f"{twin.stream_url}/ws/v5/{room}") as socket:
        yield socket


async def ask(socket: ClientWebSocketResponse, message: dict[str, Any]) -> dict[str, Any]:
    """Says something and gives the first event that answers; data that comes between is passed over."""
    await socket.send_json(message)
    while True:
        said: dict[str, Any] = await socket.receive_json(timeout=5)
        if "event" in said:
            return said


async def heard(socket: ClientWebSocketResponse, channel: str) -> dict[str, Any]:
    """The next push of a channel; what comes between is passed over."""
    while True:
        said: dict[str, Any] = await socket.receive_json(timeout=5)
        if said.get("arg", {}).get("channel") == channel and "data" in said:
            return said
