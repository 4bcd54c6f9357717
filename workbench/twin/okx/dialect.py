"""OKX v5, all doors of it: REST, and the public, private and business sockets."""

from __future__ import annotations

from aiohttp import web

from workbench.twin.floor import Floor
from workbench.twin.okx.account_streams import AccountStreams
from workbench.twin.okx.formats import Instruments
from workbench.twin.okx.market_streams import MarketStreams
from workbench.twin.okx.records import Records
from workbench.twin.okx.rest import RestDoor
from workbench.twin.okx.socket_door import SocketDoor
from workbench.twin.okx.subscriptions import Subscriptions
from workbench.twin.okx.voice import OKX


class OkxDialect:
    """What clients of OKX expect to find."""

    hosts = ("www.okx.com", "ws.okx.com")

    def __init__(self, floor: Floor) -> None:
        floor.meddler.voice = OKX
        instruments, subscriptions = Instruments(floor.exchange.listings), Subscriptions()
        records = Records(floor.exchange)
        self._markets = MarketStreams(floor, instruments, subscriptions)
        self._accounts = AccountStreams(floor, instruments, records, subscriptions)
        self._rest = RestDoor(floor, instruments, records)
        self._sockets = SocketDoor(floor, instruments, subscriptions, self._markets, self._accounts)

    def routes(self) -> list[web.RouteDef]:
        """Every path that is served."""
        return [*self._rest.routes(), web.get("/ws/v5/{room:public|private|business}", self._sockets.serve)]

    async def run(self) -> None:
        """Does what goes by the clock, until it is cancelled."""
        await self._markets.run()

    def end_account_streams(self, account: str) -> int:
        """Ends all subscriptions to an account's events with a notice; how many there were."""
        return self._accounts.terminate(account)

    def announce_shutdown(self) -> None:
        """Tells account listeners that their connection is closed soon."""
        self._accounts.announce_shutdown()

    def listeners(self, account: str) -> int:
        """How many subscriptions hear the account's events."""
        return self._accounts.listeners(account)
