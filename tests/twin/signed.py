"""Raw calls, signed by hand: what a client sends and what comes back, byte for byte."""

from __future__ import annotations

import hmac
from hashlib import sha256
from itertools import count
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientWebSocketResponse

from workbench.twin.server import LocalExchange

LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "50000",
}

_numbers = count(1)


def sign(payload: str, secret: str = "twin-secret") -> str:
    return hmac.new(secret.encode(), payload.encode(), sha256).hexdigest()


def stamp(twin: LocalExchange) -> int:
    return twin.clock.now() // 1_000_000


async def call(
    twin: LocalExchange, session: ClientSession, verb: str, path: str, *, key: str = "twin-key", **params: Any
) -> tuple[int, Any]:
    """A signed REST call: status and parsed body."""
    query = urlencode({"timestamp": stamp(twin), **params})
    url = f"{twin.rest_url}{path}?{query}&signature={sign(query)}"
    async with session.request(verb, url, headers={"X-MBX-APIKEY": key}) as answer:
        return answer.status, await answer.json()


def signed(twin: LocalExchange, **params: Any) -> dict[str, Any]:
    """Parameters of a WebSocket call, signed."""
    whole = {"apiKey": "twin-key", "timestamp": stamp(twin), **params}
    payload = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
    return {**whole, "signature": sign(payload)}


async def ask(socket: ClientWebSocketResponse, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """A WebSocket call and the answer to it; events that come between are passed over."""
    number = next(_numbers)
    await socket.send_json({"id": number, "method": method, **({} if params is None else {"params": params})})
    while True:
        said: dict[str, Any] = await socket.receive_json(timeout=3)
        if said.get("id") == number:
            return said
