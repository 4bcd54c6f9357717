"""Real ccxt.pro clients of a local exchange, and small waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from workbench.twin.server import LocalExchange


def binance_client(twin: LocalExchange, *, key: str = "twin-key", secret: str = "twin-secret", **options: Any) -> Any:
    """A ccxt.pro Binance spot client that can reach nothing but this exchange; close it."""
    import ccxt.pro

    rest, stream = twin.rest_url, twin.stream_url
    client = ccxt.pro.binance(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "options": {
                "fetchMarkets": {"types": ["spot"]},
                "fetchMargins": False,
                "fetchCurrencies": False,
                "defaultType": "spot",
                "createOrder": {"quoteOrderQty": False},
                "ws": {"compress": 0},
                **options,
            },
            "streaming": {"keepAlive": 10_000, "maxPingPongMisses": 2},
        }
    )
    client.number = str
    client.urls["api"] = {name: "http://127.0.0.1:9" for name in client.urls["api"] if name != "ws"}
    client.urls["api"] |= {
        "public": f"{rest}/api/v3",
        "private": f"{rest}/api/v3",
        "v1": f"{rest}/api/v1",
        "sapi": f"{rest}/sapi/v1",
        "ws": {"spot": f"{stream}/stream.spot/ws", "ws-api": {"spot": f"{stream}/ws-api/v3"}},
    }
    return client


@asynccontextmanager
async def trading(twin: LocalExchange, **how: Any) -> AsyncIterator[Any]:
    """A client with its markets loaded, closed afterwards."""
    client = binance_client(twin, **how)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def play(scene: Callable[[LocalExchange, Any], Awaitable[None]], **how: Any) -> None:
    """Plays a scene between a fresh exchange and one ccxt client of it."""

    async def whole() -> None:
        async with LocalExchange(**how) as twin, trading(twin) as client:
            await scene(twin, client)

    asyncio.run(whole())


async def until(holds: Callable[[], Any], what: str, seconds: float = 5.0) -> None:
    """Waits for something to hold; fails with its name where it does not in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.005)
