"""Binance spot, all doors of it: REST, market streams and the WebSocket API."""

from __future__ import annotations

from aiohttp import web

from workbench.twin.binance.formats import Symbols
from workbench.twin.binance.listeners import Listeners
from workbench.twin.binance.market_door import MarketDoor
from workbench.twin.binance.rest import RestDoor
from workbench.twin.binance.streams import MarketStreams
from workbench.twin.binance.user import UserStreams
from workbench.twin.binance.wsapi import WsApiDoor
from workbench.twin.floor import Floor


class BinanceDialect:
    """What clients of Binance spot expect to find."""

    hosts = ("api.binance.com", "stream.binance.com", "ws-api.binance.com")

    def __init__(self, floor: Floor) -> None:
        symbols = Symbols(floor.exchange.listings)
        listeners = Listeners()
        self._streams = MarketStreams(floor, symbols, listeners)
        self._users = UserStreams(floor, symbols)
        self._rest = RestDoor(floor, symbols)
        self._market = MarketDoor(floor, listeners)
        self._wsapi = WsApiDoor(floor, symbols, self._users)

    def routes(self) -> list[web.RouteDef]:
        """Every path that is served."""
        return [
            *self._rest.routes(),
            web.get("/ws-api/{tail:.*}", self._wsapi.serve),
            web.get("/{tail:(ws|stream).*}", self._market.serve),
        ]

    async def run(self) -> None:
        """Does what goes by the clock, until it is cancelled."""
        await self._streams.run()

    def end_account_streams(self, account: str) -> int:
        """Ends all subscriptions to an account's events, as the venue does on its own; how many there were."""
        return self._users.terminate(account)

    def announce_shutdown(self) -> None:
        """Tells account listeners that the server goes down soon."""
        self._users.announce_shutdown()

    def listeners(self, account: str) -> int:
        """How many subscriptions hear the account's events."""
        return self._users.listeners(account)
