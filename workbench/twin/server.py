"""The local exchange as a server on 127.0.0.1, which speaks a real venue's REST and WebSocket words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from ssl import SSLContext
from typing import Protocol, Self

from aiohttp import web

from workbench.core.clock import Clock
from workbench.core.errors import ConfigError
from workbench.core.secret import Credentials, Secret
from workbench.twin.binance.dialect import BinanceDialect
from workbench.twin.clock import TwinClock
from workbench.twin.exchange import Exchange
from workbench.twin.faults import Faults
from workbench.twin.floor import Floor
from workbench.twin.keys import ApiKey, Keys
from workbench.twin.limits import Limits, Meter
from workbench.twin.meddling import Door
from workbench.twin.okx.dialect import OkxDialect
from workbench.twin.opening import ACCOUNTS, LISTINGS, MAIN, OKX_ACCOUNTS, OKX_LISTINGS, Opening
from workbench.twin.sockets import Timing
from workbench.twin.words import Listing, Truth
from workbench.twin.worlds import WorldMaker, world_maker

_LONGEST_BODY = 1 << 20  # of a request: an order is a few hundred bytes
_GOODBYE_S = 1.0  # for connections to end when the server closes


class Dialect(Protocol):
    """The doors of one venue."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The venue's own names, for certificates and host maps."""

    def routes(self) -> list[web.RouteDef]: ...
    async def run(self) -> None: ...
    def end_account_streams(self, account: str) -> int: ...
    def announce_shutdown(self) -> None: ...
    def listeners(self, account: str) -> int: ...


DIALECTS: dict[str, Callable[[Floor], Dialect]] = {"binance": BinanceDialect, "okx": OkxDialect}
OPENINGS = {"binance": (LISTINGS, ACCOUNTS), "okx": (OKX_LISTINGS, OKX_ACCOUNTS)}  # where nothing else is said


class LocalExchange:
    """A running exchange: `async with LocalExchange() as twin`, then trade on `twin.rest_url`.

    With a `journal` it comes back as it was, also in another process; without one it lives in memory only. `world`
    is None, `synthetic`, `replay:FILE`, or makes a world of an exchange. `speed` scales timers, not the clock.
    Listens on 127.0.0.1 only; port 0 takes any that is free and keeps it through a restart.
    """

    def __init__(
        self,
        *,
        dialect: str = "binance",
        port: int = 0,
        listings: Sequence[Listing] | None = None,
        accounts: Sequence[Opening] | None = None,
        world: str | WorldMaker | None = None,
        seed: int = 0,
        journal: Path | None = None,
        clock: Clock | None = None,
        speed: float = 1,
        limits: Limits | None = None,
        timing: Timing | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        if dialect not in DIALECTS:
            raise ConfigError(f"dialect: expected one of {', '.join(DIALECTS)}, got {dialect!r}")
        if speed <= 0:
            raise ConfigError(f"speed: expected more than 0, got {speed}")
        self.clock = TwinClock(clock)
        self.keys = Keys()
        self.faults = Faults(seed)
        self.meter = Meter(limits or Limits())
        self.exchange: Exchange
        self._dialect_name, self._tls, self._journal = dialect, tls, journal
        usual_listings, usual_accounts = OPENINGS[dialect]
        self._listings = tuple(usual_listings if listings is None else listings)
        self._accounts = tuple(usual_accounts if accounts is None else accounts)
        self._world = world_maker(world, seed=seed, speed=speed) if isinstance(world, str) else world
        self._timing = (timing or Timing()).at(speed)
        self._port = port
        self._paused = False
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        for each in self._accounts:
            self.keys.add(_key_of(each, self.clock.now()))
        self._furnish(self._exchange())

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def rest_url(self) -> str:
        """Where REST is, without a path."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        """Where WebSockets are, without a path."""
        return f"ws{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port, once it is known."""
        return self._port

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which the real venue is reached."""
        return self._dialect.hosts

    @property
    def dialect(self) -> str:
        """Whose words it speaks, such as `binance`."""
        return self._dialect_name

    def credentials(self, account: str = MAIN) -> Credentials:
        """The key of an account, for a client of it."""
        opened = next((each for each in self._accounts if each.name == account), None)
        if opened is None:
            known = ", ".join(each.name for each in self._accounts)
            raise ConfigError(f"account: expected one of {known}, got {account!r}")
        return Credentials(Secret(opened.key), opened.secret, opened.passphrase)

    def truth(self, account: str = MAIN) -> Truth:
        """All that an account did and has."""
        return self.exchange.truth(account)

    async def open(self) -> None:
        """Listens and lets the world go; without effect while it does."""
        if self._runner is not None:
            return
        app = web.Application(middlewares=[self._floor.meddler.middleware()], client_max_size=_LONGEST_BODY)
        app.add_routes(self._dialect.routes())
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_GOODBYE_S)
        await self._runner.setup()
        door = self._floor.meddler.door = Door(self._runner, port=self._port, tls=self._tls)
        await door.open()
        self._port = door.port
        self._tasks = [asyncio.create_task(self._dialect.run()), asyncio.create_task(self._turn())]

    async def close(self) -> None:
        """Ends every connection, and the exchange with it; safe to call twice."""
        await self._stop()
        self.exchange.close()

    async def restart(self, down_s: float = 0.0) -> None:
        """Goes away without a word and comes back on the same port, from its journal if it keeps one."""
        self.kick()
        await self._stop()
        if self._journal is not None:
            self.exchange.close()
        await asyncio.sleep(down_s)
        if self._journal is not None:
            self._furnish(self._exchange())
        await self.open()

    def pause(self, paused: bool = True) -> None:
        """Lets the world rest, or go on; clients trade meanwhile."""
        self._paused = paused

    def kick(self, path: str = "*") -> int:
        """Cuts the WebSockets whose path matches a glob, without a word; how many there were."""
        return self._floor.cut(path)

    async def part(self, path: str = "*", *, code: int = 1001, text: str = "") -> int:
        """Closes the WebSockets whose path matches a glob, in good order; how many there were."""
        return await self._floor.close(path, code=code, text=text)

    def end_account_streams(self, account: str = MAIN) -> int:
        """Ends the account's event subscriptions with the venue's word for it; how many there were."""
        return self._dialect.end_account_streams(account)

    def announce_shutdown(self) -> None:
        """Tells account listeners that the server goes down soon."""
        self._dialect.announce_shutdown()

    def connections(self) -> int:
        """How many WebSockets are open."""
        return self._floor.connections()

    def listeners(self, account: str = MAIN) -> int:
        """How many subscriptions hear the account's events."""
        return self._dialect.listeners(account)

    def _exchange(self) -> Exchange:
        """The one the journal tells of, else a new one; accounts that are missing are opened."""
        journal = self._journal
        if journal is not None and journal.exists() and journal.stat().st_size:
            exchange = Exchange.recovered(self._listings, journal)
        else:
            exchange = Exchange(self._listings, journal=journal)
        for each in self._accounts:
            if each.name not in exchange.accounts:
                exchange.open_account(each.name, each.balances, now=self.clock.now(), bnb_fees=each.bnb_fees)
        return exchange

    def _furnish(self, exchange: Exchange) -> None:
        """Builds everything that stands around an exchange."""
        self.exchange = exchange
        self._floor = Floor(
            exchange,
            keys=self.keys,
            meter=self.meter,
            clock=self.clock,
            faults=self.faults,
            timing=self._timing,
        )
        self._dialect = DIALECTS[self._dialect_name](self._floor)
        self._living = self._world(exchange) if self._world else None

    async def _turn(self) -> None:
        """Lets the world act until it is cancelled."""
        while self._living is not None:
            if not self._paused:
                self._living.step(self.clock.now())
            await asyncio.sleep(self._timing.world_s)

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._floor.close()
        await self._floor.meddler.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def _key_of(opening: Opening, now: int) -> ApiKey:
    return ApiKey(
        key=opening.key,
        secret=opening.secret,
        passphrase=opening.passphrase,
        account=opening.name,
        permissions=opening.permissions,
        created=now,
    )
